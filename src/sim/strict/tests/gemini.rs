//! Google.

use super::*;

fn good() -> Value {
    let signature = seals().seal(Kind::Thought, "gemini-4", 5);
    let call = |id: &str| json!({"id": id, "name": "f", "args": {}});
    let result = |id: &str| json!({"functionResponse": {"id": id, "name": "f", "response": {"output": "1"}}});
    json!({"systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema()}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {"maxOutputTokens": 9, "thinkingConfig": {"thinkingLevel": "high"}},
        "contents": [
            {"role": "user", "parts": [{"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]},
            {"role": "model", "parts": [{"text": "hm", "thought": true},
                {"functionCall": call("a"), "thoughtSignature": signature}, {"functionCall": call("b")}]},
            {"role": "user", "parts": [result("b"), result("a"), {"text": "go on"}]}]})
}

#[test]
fn fields_tools_and_parts() {
    faults(
        Door::Generate,
        &good(),
        vec![
            ("/messages", json!([]), "Unknown name \"messages\""),
            (
                "/generationConfig/max_tokens",
                json!(1),
                "Unknown name \"max_tokens\"",
            ),
            (
                "/generationConfig/stopSequences",
                json!(["1", "2", "3", "4", "5", "6"]),
                "stop sequences",
            ),
            (
                "/generationConfig/thinkingConfig/thinkingBudget",
                json!(9),
                "only set one",
            ),
            (
                "/tools/0/functionDeclarations/0/name",
                json!("7up"),
                "Invalid function name",
            ),
            (
                "/tools/0/functionDeclarations/-",
                json!({"name": "f"}),
                "Duplicate",
            ),
            (
                "/tools/0/functionDeclarations/0/parametersJsonSchema/type",
                json!("string"),
                "OBJECT",
            ),
            (
                "/toolConfig/functionCallingConfig/mode",
                json!("required"),
                "mode",
            ),
            (
                "/toolConfig/functionCallingConfig/allowedFunctionNames",
                json!(["f"]),
                "needs the mode ANY",
            ),
            (
                "/toolConfig/functionCallingConfig",
                json!({"mode": "ANY", "allowedFunctionNames": ["g"]}),
                "not declared",
            ),
            ("/contents/0/role", json!("assistant"), "valid role"),
            ("/contents/0/parts", json!([]), "must not be empty"),
            ("/contents/0/parts/0/text", json!(""), "must not be empty"),
            ("/contents/0/parts/0", json!({"thought": true}), "oneof"),
            (
                "/contents/0/parts/0/type",
                json!("text"),
                "Unknown name \"type\"",
            ),
            (
                "/contents/0/parts/1/inlineData/data",
                json!("?"),
                "inline_data",
            ),
            (
                "/contents/1/parts/1/functionCall/args",
                json!("{}"),
                "must be an object",
            ),
            (
                "/contents/2/parts/0/functionResponse/response",
                json!("1"),
                "must be an object",
            ),
        ],
    );
}

#[test]
fn turns_calls_and_signatures() {
    let other_model = seals().seal(Kind::Thought, "gemini-3", 5);
    let foreign = Seals::new(8).seal(Kind::Thought, "gemini-4", 5);
    faults(
        Door::Generate,
        &good(),
        vec![
            ("/contents/0", json!(null), "begin with a user role"),
            ("/contents/2", json!(null), "end with a user role"),
            ("/contents/2/parts/0", json!(null), "is equal to the number"),
            ("/contents/1/parts/2", json!(null), "is equal to the number"),
            (
                "/contents/1/parts",
                json!([{"text": "so"}]),
                "immediately after a function call turn",
            ),
            (
                "/contents/2/parts/0/functionResponse/name",
                json!("g"),
                "match the function call",
            ),
            (
                "/contents/2/parts/0/functionResponse/id",
                json!("c"),
                "match the function call",
            ),
            ("/contents/2/role", json!("model"), "only the role user"),
            (
                "/contents/1/parts/1/thoughtSignature",
                json!(null),
                "missing a thought_signature",
            ),
            (
                "/contents/1/parts/1/thoughtSignature",
                json!(other_model),
                "not valid",
            ),
            (
                "/contents/1/parts/1/thoughtSignature",
                json!(foreign),
                "not valid",
            ),
        ],
    );
    fine(
        Door::Generate,
        &good(),
        vec![
            (
                "/contents/1/parts/1/thoughtSignature",
                json!("skip_thought_signature_validator"),
            ),
            ("/contents/2/parts/0/functionResponse/id", json!(null)),
        ],
    );
    // What came before the person last spoke need not be signed any more.
    let mut later = with(&good(), "/contents/1/parts/1/thoughtSignature", json!(null));
    let more = [
        json!({"role": "model", "parts": [{"text": "done"}]}),
        json!({"role": "user", "parts": [{"text": "next"}]}),
    ];
    later["contents"]
        .as_array_mut()
        .expect("contents")
        .extend(more);
    assert_eq!(refusal(Door::Generate, &later), None);
}
