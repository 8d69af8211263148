//! The model changes in the middle of a conversation: what only one provider can read goes back to it, and to nobody else.

use serde_json::{Value, json};
use tollgate::sim::Profile;

use crate::rig::Plan;
use crate::stub::{Stub, answer, stream};

const THOUGHT: &str = r#"{"type":"thinking","thinking":"hm","signature":"c2ln"}"#;
const CALL: &str = r#"{"type":"tool_use","id":"toolu_0123456789","name":"look","input":{"a":1}}"#;

/// What a model of Anthropic's says that thinks and calls a tool.
fn whole() -> Vec<u8> {
    let body = format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{THOUGHT},{CALL}],"stop_reason":"tool_use","stop_sequence":null,"usage":{{"input_tokens":9,"output_tokens":9}}}}"#
    );
    answer("200 OK", "", &body)
}

fn flowing() -> Vec<u8> {
    let events = [
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_0123456789","name":"look","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let named = |data: &&str| {
        let event: Value = serde_json::from_str(data).expect("JSON");
        let kind = event["type"].as_str().expect("a type").to_owned();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    stream(&events.iter().map(named).collect::<String>())
}

fn chat(flows: bool, messages: Value) -> Value {
    json!({"model": "alpha", "stream": flows, "messages": messages,
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]})
}

#[tokio::test]
async fn a_chat_caller_gets_thoughts_back_to_their_owner_without_carrying_them() {
    for (flows, said) in [(false, whole()), (true, flowing())] {
        let stub = Stub::start(said).await;
        let plan = Plan::new().target("a", &stub.url(), "");
        let house = plan.speaks("messages").model("alpha", "a").start().await;
        let ask = json!({"role": "user", "content": "look"});

        let first = house
            .ask("/v1/chat/completions", &chat(flows, json!([ask])))
            .await;
        assert_eq!(first.status, 200, "{}", first.text());
        assert!(!first.text().contains("c2ln"), "{}", first.text());
        let call = json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "toolu_0123456789", "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}}]});
        let result = json!({"role": "tool", "tool_call_id": "toolu_0123456789", "content": "x"});
        let next = chat(flows, json!([ask, call, result]));
        let second = house.ask("/v1/chat/completions", &next).await;

        assert_eq!(second.status, 200, "{}", second.text());
        let said = format!(r#""content":[{THOUGHT},{CALL}]"#);
        assert!(
            stub.told().contains(&said),
            "stream {flows}: {}",
            stub.told()
        );
        house.close().await;
    }
}

#[tokio::test]
async fn another_vendor_is_not_told_what_it_cannot_read_and_its_owner_is_told_the_same_bytes() {
    for (flows, said) in [(false, whole()), (true, flowing())] {
        let stub = Stub::start(said).await;
        let plan = Plan::new().target("a", &stub.url(), "");
        let plan = plan.speaks("messages").model("alpha", "a");
        let plan = plan.sim("b", Profile::instant(), "").await;
        let house = plan.speaks("messages").model("beta", "b").start().await;
        let ask = r#"{"role":"user","content":"look"}"#;
        let body = |model: &str, messages: &str| {
            format!(
                r#"{{"model":"{model}","stream":{flows},"max_tokens":2000,"thinking":{{"type":"adaptive"}},"tools":[{{"name":"look","input_schema":{{"type":"object"}}}}],"messages":[{messages}]}}"#
            )
        };
        let said = format!(
            r#"{ask}, {{"role":"assistant","content":[{THOUGHT}, {CALL}]}}, {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_0123456789","content":"x"}},{{"type":"text","text":"now?"}}]}}"#
        );
        let post = |body: String| house.hear(house.post("/v1/messages", body));

        let first = post(body("alpha", ask)).await;
        assert!(first.text().contains("c2ln"), "{}", first.text());
        let other = post(body("beta", &said)).await;
        assert_eq!(other.status, 200, "{}", other.text());
        let again = post(body("alpha", &said)).await;
        assert_eq!(again.status, 200, "{}", again.text());

        let seen = house.sim("b").seen().pop().expect("a request");
        let seen = String::from_utf8_lossy(&seen.body).into_owned();
        assert!(
            !seen.contains("c2ln") && seen.contains("toolu_0123456789"),
            "{seen}"
        );
        assert_eq!(stub.told(), body("alpha-there", &said));
        house.close().await;
    }
}
