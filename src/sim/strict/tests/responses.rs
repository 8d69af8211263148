//! OpenAI's Responses.

use super::*;

fn good() -> Value {
    let sealed = seals().seal(Kind::Reasoning, "", 5);
    json!({"model": "m", "store": false, "include": ["reasoning.encrypted_content"],
        "tools": [{"type": "function", "name": "f", "parameters": schema()}, {"type": "web_search"}],
        "input": [
            {"role": "developer", "content": "Be brief."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk="}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
            {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "b", "output": "1"},
            {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "2"}]}]})
}

#[test]
fn each_fault_is_refused() {
    let foreign = Seals::new(8).seal(Kind::Reasoning, "", 5);
    faults(
        Door::Responses,
        &good(),
        vec![
            ("/stop", json!(["a"]), "Unknown parameter: 'stop'"),
            ("/messages", json!([]), "Unknown parameter"),
            ("/tools/0/name", json!("a.b"), "does not match pattern"),
            ("/tools/0/name", json!(null), "Missing required parameter"),
            (
                "/tools/0/parameters/type",
                json!("array"),
                "must be a JSON Schema",
            ),
            (
                "/tool_choice",
                json!({"type": "function", "name": "g"}),
                "'g' not found",
            ),
            ("/input/0/role", json!("tool"), "'tool'"),
            ("/input/1/content/0/type", json!("text"), "'text'"),
            (
                "/input/1/content/1/image_url",
                json!("file:///x"),
                "image_url",
            ),
            (
                "/input/3/content/0/type",
                json!("input_text"),
                "'input_text'",
            ),
            ("/input/3/id", json!("x1"), "begins with 'msg'"),
            ("/input/4/id", json!("toolu_1"), "begins with 'fc'"),
            (
                "/input/4/call_id",
                json!("x".repeat(65)),
                "maximum length 64",
            ),
            ("/input/4/arguments", json!({}), "arguments"),
            ("/input/6/call_id", json!("c"), "No tool call found"),
            (
                "/input/6",
                json!(null),
                "No tool output found for function call b",
            ),
            ("/input/6/output", json!(null), "output"),
            ("/input/4", json!(null), "No tool call found"),
            ("/input/0", json!({"type": "tool_result"}), "'tool_result'"),
            (
                "/input/2/encrypted_content",
                json!(foreign),
                "could not be verified",
            ),
            ("/input/2/encrypted_content", json!(null), "not found"),
            ("/input/2/summary", json!(null), "summary"),
            (
                "/input/3",
                json!({"role": "user", "content": "hm"}),
                "required following item",
            ),
        ],
    );
}

#[test]
fn what_is_kept_may_be_referred_to() {
    let seals = seals();
    let kept = seals.id("rs_", Kind::Kept, 9, 0);
    let mut good = good();
    good["input"][2] = json!({"type": "reasoning", "id": kept, "summary": []});
    assert_eq!(refusal(Door::Responses, &good), None);

    let passing = seals.id("rs_", Kind::Passing, 9, 0);
    faults(
        Door::Responses,
        &good,
        vec![("/input/2/id", json!(passing), "not persisted")],
    );
}

#[test]
fn a_result_may_answer_a_call_of_the_answer_that_is_gone_on_from() {
    let seals = seals();
    let (call, other) = (
        seals.id("call_", Kind::Call, 9, 0),
        seals.id("call_", Kind::Call, 8, 0),
    );
    let body = json!({"model": "m", "previous_response_id": seals.id("resp_", Kind::Kept, 9, 0),
                      "input": [{"type": "function_call_output", "call_id": call, "output": "1"}]});
    faults(
        Door::Responses,
        &body,
        vec![
            ("/input/0/call_id", json!(other), "No tool call found"),
            ("/previous_response_id", json!(null), "No tool call found"),
        ],
    );
}
