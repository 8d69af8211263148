//! Anthropic.

use super::*;

/// Two calls at once after a thought, their results, a picture.
fn good() -> Value {
    let seals = seals();
    let id = |at| seals.id("toolu_", Kind::CallAfterThought, 5, at);
    let signature = seals.seal(Kind::Signature, "hm", 5);
    let picture = json!({"type": "base64", "media_type": "image/png", "data": "aGk="});
    json!({"model": "claude-x", "max_tokens": 2_000, "thinking": {"type": "enabled", "budget_tokens": 1_024},
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "f", "description": "d", "input_schema": schema()}],
        "tool_choice": {"type": "auto"}, "metadata": {"user_id": "u"}, "stream": true,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image", "source": picture}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": signature},
                {"type": "redacted_thinking", "data": seals.seal(Kind::Redacted, "", 5)},
                {"type": "text", "text": "so"},
                {"type": "tool_use", "id": id(0), "name": "f", "input": {}},
                {"type": "tool_use", "id": id(1), "name": "f", "input": {"n": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id(0), "content": "1"},
                {"type": "tool_result", "tool_use_id": id(1), "is_error": true,
                 "content": [{"type": "text", "text": "no"}], "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "go on"}]}]})
}

#[test]
fn fields_and_messages() {
    let door = Door::Messages;
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    faults(
        door,
        &good(),
        vec![
            ("/seed", json!(1), "seed: Extra inputs"),
            ("/metadata/x", json!(1), "metadata.x: Extra"),
            ("/temperature", json!(1.5), "temperature"),
            ("/messages/0/name", json!("n"), "messages.0.name: Extra"),
            ("/messages/0/role", json!("tool"), "messages.0.role"),
            ("/messages/0/role", json!("assistant"), "first message"),
            ("/messages/0/content", json!(""), "non-empty"),
            ("/messages/0/content", json!([]), "non-empty"),
            ("/messages/0/content", json!(null), "Field required"),
            ("/messages/0/content", text(""), "must be non-empty"),
            ("/messages/0/content", text(" \n"), "non-whitespace"),
            ("/system/0/text", json!(""), "must be non-empty"),
            (
                "/messages/0/content/0/type",
                json!("input_text"),
                "Input tag",
            ),
            ("/messages/0/content/0/x", json!(1), "text.x: Extra"),
            (
                "/messages/0/content/1/source/media_type",
                json!("image/tiff"),
                "media_type",
            ),
            ("/messages/0/content/1/source/data", json!("?"), "base64"),
            (
                "/messages/0/content/1/source",
                json!({"type": "path"}),
                "source.type",
            ),
        ],
    );
    let plain =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    fine(
        door,
        &plain,
        vec![
            ("/messages/-", json!({"role": "user", "content": "again"})),
            (
                "/messages/-",
                json!({"role": "system", "content": "in between"}),
            ),
            ("/messages/-", json!({"role": "assistant", "content": ""})),
        ],
    );
}

#[test]
fn tools_choices_and_marks() {
    let mark = json!({"type": "ephemeral"});
    let crowd: Vec<Value> = (0..4)
        .map(|_| json!({"type": "text", "text": "a", "cache_control": mark}))
        .collect();
    faults(
        Door::Messages,
        &good(),
        vec![
            ("/tools/0/name", json!("a b"), "custom.name"),
            ("/tools/0/input_schema", json!(null), "Field required"),
            (
                "/tools/0/input_schema/type",
                json!("string"),
                "Input should be 'object'",
            ),
            ("/tools/0/parameters", json!({}), "parameters: Extra"),
            (
                "/tools/-",
                json!({"name": "f", "input_schema": schema()}),
                "unique",
            ),
            (
                "/tools",
                json!(null),
                "only be specified while providing tools",
            ),
            (
                "/tool_choice",
                json!({"type": "tool", "name": "g"}),
                "'g' not found",
            ),
            (
                "/tool_choice",
                json!({"type": "any"}),
                "Thinking may not be enabled",
            ),
            (
                "/tool_choice",
                json!({"type": "required"}),
                "tool_choice.type",
            ),
            ("/system", json!(crowd), "Found 5"),
        ],
    );
}

#[test]
fn calls_and_results() {
    faults(
        Door::Messages,
        &good(),
        vec![
            (
                "/messages/1/content/3/id",
                json!("a:b"),
                "id: String should match",
            ),
            (
                "/messages/1/content/3/input",
                json!("{}"),
                "valid dictionary",
            ),
            (
                "/messages/1/content/4",
                json!(null),
                "unexpected `tool_use_id`",
            ),
            (
                "/messages/1/content/4/id",
                good()["messages"][1]["content"][3]["id"].clone(),
                "unique",
            ),
            (
                "/messages/2/content/0",
                json!(null),
                "without `tool_result`",
            ),
            (
                "/messages/2/content/0/tool_use_id",
                json!("toolu_x"),
                "unexpected `tool_use_id`",
            ),
            (
                "/messages/2/content/0",
                json!({"type": "text", "text": "first"}),
                "without `tool_result`",
            ),
            ("/messages/2", json!(null), "without `tool_result`"),
            ("/messages/2/role", json!("assistant"), "only be in `user`"),
            (
                "/messages/2/content/1/content/0/type",
                json!("input_text"),
                "Input tag",
            ),
        ],
    );
}

#[test]
fn thoughts() {
    let seals = seals();
    let foreign = Seals::new(8).seal(Kind::Signature, "hm", 5);
    let other = seals.seal(Kind::Signature, "hm", 6);
    let mut adaptive = good();
    adaptive["thinking"] = json!({"type": "adaptive"});
    faults(
        Door::Messages,
        &good(),
        vec![
            ("/thinking/budget_tokens", json!(9), "1024"),
            ("/thinking/budget_tokens", json!(null), "Field required"),
            ("/max_tokens", json!(1_024), "must be greater"),
            ("/temperature", json!(0.5), "temperature"),
            (
                "/messages/1/content/0/signature",
                json!(foreign),
                "Invalid `signature`",
            ),
            (
                "/messages/1/content/0/signature",
                json!(null),
                "Field required",
            ),
            (
                "/messages/1/content/0/thinking",
                json!("hm!"),
                "Invalid `signature`",
            ),
            (
                "/messages/1/content/1/data",
                json!("AAAA"),
                "Invalid `data`",
            ),
            (
                "/messages/1/content/0/cache_control",
                json!({"type": "ephemeral"}),
                "Extra",
            ),
            (
                "/messages/1/content",
                json!([
                    good()["messages"][1]["content"][3],
                    good()["messages"][1]["content"][4]
                ]),
                "Expected `thinking`",
            ),
        ],
    );
    // Without a bound the thought need not come first, but one's own must still be there.
    let calls = json!([
        good()["messages"][1]["content"][3],
        good()["messages"][1]["content"][4]
    ]);
    let mut swapped = good()["messages"][1]["content"].clone();
    swapped[0]["signature"] = json!(other);
    swapped[1] = json!({"type": "text", "text": "so"});
    faults(
        Door::Messages,
        &adaptive,
        vec![
            ("/messages/1/content", calls.clone(), "cannot be modified"),
            ("/messages/1/content", swapped, "cannot be modified"),
        ],
    );
    let mut foreign_calls = adaptive.clone();
    for at in 0..2 {
        let id = json!(format!("call_{at}"));
        foreign_calls["messages"][1]["content"][3 + at]["id"] = id.clone();
        foreign_calls["messages"][2]["content"][at]["tool_use_id"] = id;
    }
    foreign_calls["messages"][1]["content"]
        .as_array_mut()
        .expect("blocks")
        .drain(..3);
    assert_eq!(refusal(Door::Messages, &foreign_calls), None);
    fine(
        Door::Messages,
        &adaptive,
        vec![
            ("/thinking", json!({"type": "disabled"})),
            // Thinking that is off asks for no thoughts.
            ("/thinking", json!(null)),
        ],
    );
    let always = json!({"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    faults(
        Door::Messages,
        &always,
        vec![("/thinking", json!({"type": "disabled"}), "without thinking")],
    );
}
