//! OpenAI's Chat Completions.

use super::*;

fn good() -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}, "parallel_tool_calls": true,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema()}}], "tool_choice": "auto",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
            {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "b", "content": "1"},
            {"role": "tool", "tool_call_id": "a", "content": ""},
            {"role": "user", "content": "go on"}]})
}

#[test]
fn each_fault_is_refused() {
    faults(
        Door::Chat,
        &good(),
        vec![
            (
                "/top_k",
                json!(1),
                "Unrecognized request argument supplied: top_k",
            ),
            ("/stop", json!(["a", "b", "c", "d", "e"]), "'stop'"),
            ("/tools/0/type", json!("web"), "Supported values"),
            (
                "/tools/0/function/name",
                json!("a.b"),
                "does not match pattern",
            ),
            (
                "/tools/0/function/parameters/type",
                json!("array"),
                "must be a JSON Schema",
            ),
            ("/tool_choice", json!("any"), "Supported values"),
            (
                "/tool_choice",
                json!({"type": "function", "function": {"name": "g"}}),
                "'g'",
            ),
            ("/tools", json!(null), "only allowed when 'tools'"),
            ("/messages/1/role", json!("human"), "'human'"),
            ("/messages/1/content", json!(null), "got null"),
            (
                "/messages/1/content/0/type",
                json!("input_text"),
                "'input_text'",
            ),
            (
                "/messages/1/content/1/image_url/url",
                json!("data:image/tiff;base64,aGk="),
                "image_url",
            ),
            (
                "/messages/3/content",
                json!([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]),
                "'image_url'",
            ),
            ("/messages/2/tool_calls", json!([]), "empty array"),
            (
                "/messages/2",
                json!({"role": "assistant", "content": "so"}),
                "must be a response",
            ),
            (
                "/messages/2/tool_calls/0/id",
                json!("x".repeat(41)),
                "maximum length 40",
            ),
            (
                "/messages/2/tool_calls/0/function/arguments",
                json!({}),
                "expected a string",
            ),
            ("/messages/3/tool_call_id", json!("c"), "must be a response"),
            ("/messages/3/tool_call_id", json!("a"), "answered twice"),
            (
                "/messages/3/tool_call_id",
                json!(null),
                "Missing required parameter",
            ),
            (
                "/messages/3",
                json!(null),
                "did not have response messages: b",
            ),
            (
                "/messages/3/role",
                json!("user"),
                "did not have response messages",
            ),
            (
                "/messages/0/role",
                json!("tool"),
                "Missing required parameter",
            ),
        ],
    );
}

#[test]
fn own_servers_overlook_fields_that_nobody_knows() {
    let way = Way {
        door: Door::Chat,
        model: None,
        stream: false,
    };
    let body = with(&good(), "/top_k", json!(1)).to_string();

    let checked = check(Strictness::Server, way, body.as_bytes(), &seals());

    assert_eq!(checked, Ok(()));
}
