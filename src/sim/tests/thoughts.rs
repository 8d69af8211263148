//! What a model thinks, and what it is told to say.

use serde_json::json;

use super::*;
use crate::sim::{Cue, Thoughts};

#[tokio::test]
async fn several_tools_are_called_at_once_unless_the_caller_forbids_it() {
    let sim = sim().await;
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    let mut body = chat(false);
    body["messages"][0]["content"] = json!("call `a` and then call `b`");
    body["tools"] = json!([tool("a"), tool("b"), tool("c")]);
    let mut single = body.clone();
    single["parallel_tool_calls"] = json!(false);

    let both = json_of(&sim, CHAT, &body).await;
    let one = json_of(&sim, CHAT, &single).await;

    let calls = &both["choices"][0]["message"]["tool_calls"];
    assert_eq!(
        (&calls[0]["function"]["name"], &calls[1]["function"]["name"]),
        (&json!("a"), &json!("b"))
    );
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    assert_eq!(
        one["choices"][0]["message"]["tool_calls"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn a_scripted_turn_is_said_in_every_dialect() {
    let sim = sim().await;
    let cue = || {
        Cue::says("well")
            .thinks("hm")
            .calls("a", r#"{"n":1}"#)
            .calls("b", "{}")
    };
    let messages = json!({"model": "m", "max_tokens": 500, "thinking": {"type": "adaptive"},
                          "messages": [{"role": "user", "content": "hi"}]});
    let responses = json!({"model": "m", "input": "hi", "reasoning": {"effort": "high", "summary": "auto"},
                           "include": ["reasoning.encrypted_content"]});
    for stream in [false, true] {
        sim.cue([cue(), cue(), cue()]);
        let mut bodies = [
            (MESSAGES, messages.clone()),
            (RESPONSES, responses.clone()),
            (CHAT, chat(false)),
        ];
        for (path, body) in &mut bodies {
            body["stream"] = json!(stream);
            let said = text(&sim, path, body).await;
            // The block of a stream begins with an empty signature.
            let said = said.replace(r#""signature":"""#, "");
            let sealed = [r#""signature":""#, r#""encrypted_content":""#];
            let sealed = sealed.iter().any(|field| said.contains(field));
            assert_eq!(sealed, *path != CHAT, "{said}");
            assert!(
                said.contains("\"name\":\"a\"") && said.contains("\"name\":\"b\""),
                "{said}"
            );
        }
    }
    let outputs: Vec<u64> = sim.bill().iter().map(|line| line.produced_output).collect();
    // Chat was not asked to think.
    assert_eq!(outputs, [5, 5, 4, 5, 5, 4]);
}

#[tokio::test]
async fn a_thought_may_be_redacted_or_shown_as_own_servers_do() {
    let profile = Profile {
        thoughts: Thoughts::ReasoningContent,
        ..Profile::instant()
    };
    let sim = Sim::start(profile).await.expect("a port");
    sim.cue([
        Cue::says("a").thinks("hm").redacted(),
        Cue::says("a").thinks("hm"),
        Cue::says("a").thinks("hm"),
    ]);
    let redacted = json!({"model": "m", "max_tokens": 500, "stream": true, "thinking": {"type": "adaptive"},
                          "messages": [{"role": "user", "content": "hi"}]});
    let mut shown = chat(false);
    shown["reasoning_effort"] = json!("high");
    let mut stream = chat(true);
    stream["reasoning_effort"] = json!("high");

    let blocks = events(&text(&sim, MESSAGES, &redacted).await);
    let whole = json_of(&sim, CHAT, &shown).await;
    let chunks = events(&text(&sim, CHAT, &stream).await);

    assert_eq!(blocks[1]["content_block"]["type"], "redacted_thinking");
    assert!(blocks[1]["content_block"]["data"].is_string());
    assert_eq!(whole["choices"][0]["message"]["reasoning_content"], "hm");
    assert_eq!(chunks[1]["choices"][0]["delta"]["reasoning_content"], "hm");
    assert!(sim.bill().iter().all(|line| line.produced_output == 2));
}

#[tokio::test]
async fn only_an_answer_that_was_kept_can_be_gone_on_from() {
    let (sim, other) = (sim().await, sim().await);
    let ask = |store: bool| json!({"model": "m", "input": "hi", "store": store});
    let kept = json_of(&sim, RESPONSES, &ask(true)).await["id"].clone();
    let passing = json_of(&sim, RESPONSES, &ask(false)).await["id"].clone();

    let next = |id: &Value| json!({"model": "m", "input": "go on", "previous_response_id": id});

    assert_eq!(
        send(&sim, RESPONSES, &next(&kept))
            .await
            .expect("an answer")
            .status(),
        200
    );
    for (sim, id) in [(&sim, passing), (&other, kept)] {
        let refused = json_of(sim, RESPONSES, &next(&id)).await;
        assert_eq!(refused["error"]["code"], "previous_response_not_found");
    }
}
