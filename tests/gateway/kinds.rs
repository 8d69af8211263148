//! What servers of the OpenAI kind differ in: each is told what it takes, whoever asks.

use serde_json::{Value, json};

use crate::calls::Heard;
use crate::rig::{House, Plan};
use crate::stub::{Stub, answer, stream};

const SAID: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"alpha-there",
    "choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;

/// One server of a kind, and what it answers.
struct At {
    stub: Stub,
    house: House,
}

impl At {
    async fn kind(kind: &str) -> Self {
        Self::with(kind, "", answer("200 OK", "", SAID)).await
    }

    async fn with(kind: &str, more: &str, said: Vec<u8>) -> Self {
        let stub = Stub::start(said).await;
        let more = format!(", kind: {kind}{more}");
        let plan = Plan::new().target("a", &stub.url(), &more).speaks("chat");
        let house = plan.model("alpha", "a").start().await;
        Self { stub, house }
    }

    async fn ask(&self, path: &str, body: Value) -> Heard {
        let heard = self.house.ask(path, &body).await;
        assert_eq!(heard.status, 200, "{}", heard.text());
        heard
    }

    async fn chat(&self, more: Value) -> Value {
        let mut body = json!({"model": "alpha", "messages": [{"role": "user", "content": "x"}]});
        merge(&mut body, more);
        self.ask("/v1/chat/completions", body).await;
        self.told()
    }

    /// A call of Messages, which is translated.
    async fn messages(&self, more: Value) -> Value {
        let mut body = json!({"model": "alpha", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
        merge(&mut body, more);
        self.ask("/v1/messages", body).await;
        self.told()
    }

    fn told(&self) -> Value {
        serde_json::from_str(&self.stub.told()).expect("JSON")
    }
}

fn merge(body: &mut Value, more: Value) {
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().cloned().expect("an object"));
}

/// A conversation in which a tool was called, as a client of Chat sends it.
fn called(assistant: Value) -> Value {
    let mut said = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_0fypS1hVX", "type": "function", "function": {"name": "look", "arguments": "{}"}}]});
    merge(&mut said, assistant);
    json!({"messages": [{"role": "user", "content": "x"}, said,
        {"role": "tool", "tool_call_id": "call_0fypS1hVX", "content": "y"}]})
}

#[tokio::test]
async fn the_most_output_goes_by_the_name_that_the_server_knows() {
    for (kind, sent, told) in [
        ("openai", "max_tokens", "max_completion_tokens"),
        ("azure", "max_tokens", "max_completion_tokens"),
        ("mistral", "max_completion_tokens", "max_tokens"),
        ("ollama", "max_completion_tokens", "max_tokens"),
        ("deepseek", "max_completion_tokens", "max_tokens"),
        ("zai", "max_completion_tokens", "max_tokens"),
        ("vllm", "max_completion_tokens", "max_completion_tokens"),
        ("other", "max_tokens", "max_tokens"),
    ] {
        let at = At::kind(kind).await;

        let body = at.chat(json!({sent: 9})).await;
        let translated = at.messages(json!({})).await;

        assert_eq!(body[told], 9, "{kind}: {body}");
        let newer = told == "max_completion_tokens" && kind != "vllm";
        let name = if newer { told } else { "max_tokens" };
        assert_eq!(translated[name], 9, "{kind}: {translated}");
    }
}

#[tokio::test]
async fn instructions_of_a_developer_reach_servers_that_refuse_that_role() {
    let developer = json!({"messages": [{"role": "developer", "content": "be brief"}, {"role": "user", "content": "x"}]});
    for (kind, role) in [
        ("openai", "developer"),
        ("other", "developer"),
        ("mistral", "system"),
        ("deepseek", "system"),
        ("alibaba", "system"),
        ("vllm", "system"),
    ] {
        let at = At::kind(kind).await;

        let body = at.chat(developer.clone()).await;

        assert_eq!(body["messages"][0]["role"], role, "{kind}: {body}");
        assert_eq!(body["messages"][0]["content"], "be brief", "{kind}: {body}");
    }
}

#[tokio::test]
async fn mistral_is_sent_nothing_that_it_does_not_know() {
    let at = At::kind("mistral").await;

    let mut more = called(json!({"reasoning_content": "hm"}));
    merge(
        &mut more,
        json!({"store": false, "seed": 1, "top_k": 3, "user": "u", "safe_prompt": true, "temperature": 0}),
    );
    let body = at.chat(more).await;

    let id = body["messages"][1]["tool_calls"][0]["id"].as_str();
    let id = id.expect("an id");
    assert!(id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_eq!(body["messages"][2]["tool_call_id"], id);
    for field in ["store", "seed", "top_k", "user", "safety_identifier"] {
        assert!(body.get(field).is_none(), "{field}: {body}");
    }
    assert!(body["messages"][1].get("reasoning_content").is_none());
    assert_eq!(
        (&body["safe_prompt"], &body["temperature"]),
        (&json!(true), &json!(0))
    );
}

#[tokio::test]
async fn mistrals_usage_is_read_though_nobody_may_ask_for_it() {
    let events = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"yes\"},\"finish_reason\":null}]}\n\n\
        data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"total_tokens\":5,\"completion_tokens\":2}}\n\n\
        data: [DONE]\n\n";
    let at = At::with("mistral", "", stream(events)).await;

    let plain = at.chat(json!({"stream": true})).await;
    let asked = at
        .chat(json!({"stream": true, "stream_options": {"include_usage": true}}))
        .await;
    let translated = at.messages(json!({"stream": true})).await;

    for body in [plain, asked, translated] {
        assert!(body.get("stream_options").is_none(), "{body}");
    }
    for record in at.house.records().await {
        let usage = record.attempts[0].tokens;
        assert_eq!((usage.input.0, usage.output.0), (3, 2));
    }
}

#[tokio::test]
async fn deepseek_gets_thoughts_beside_calls_and_nowhere_else() {
    let at = At::kind("deepseek").await;

    let kept = at.chat(called(json!({"reasoning_content": "hm"}))).await;
    let lost = at.chat(called(json!({}))).await;
    let others = at
        .messages(json!({"messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "text", "text": "let me see"}, {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "y"}]},
            {"role": "assistant", "content": "done"}, {"role": "user", "content": "thanks"}],
            "tools": [{"name": "look", "input_schema": {"type": "object"}}]}))
        .await;

    assert_eq!(kept["messages"][1]["reasoning_content"], "hm");
    // A call that another model made has no thought of its own to show.
    assert_eq!(lost["messages"][1]["reasoning_content"], "");
    assert_eq!(others["messages"][1]["reasoning_content"], "");
    let done = &others["messages"][3];
    assert!(done.get("reasoning_content").is_none(), "{others}");
}

#[tokio::test]
async fn deepseeks_own_name_for_what_was_cached_is_billed() {
    let said = SAID.replace(
        "\"prompt_tokens\":3",
        "\"prompt_tokens\":3,\"prompt_cache_hit_tokens\":2,\"prompt_cache_miss_tokens\":1",
    );
    let at = At::with("deepseek", "", answer("200 OK", "", &said)).await;

    at.chat(json!({})).await;

    let usage = at.house.attempt().await.tokens;
    assert_eq!((usage.input.0, usage.cache_read.0), (1, 2));
}

#[tokio::test]
async fn what_xai_thought_is_billed_though_it_is_not_in_the_completion() {
    let said = SAID.replace(
        r#""prompt_tokens":3,"completion_tokens":1,"total_tokens":4"#,
        r#""prompt_tokens":307,"completion_tokens":26,"total_tokens":560,"completion_tokens_details":{"reasoning_tokens":227}"#,
    );
    let at = At::with("xai", "", answer("200 OK", "", &said)).await;

    at.chat(json!({})).await;

    let usage = at.house.attempt().await.tokens;
    assert_eq!((usage.output.0, usage.reasoning.0), (253, 227));
}

#[tokio::test]
async fn each_is_told_in_its_own_words_not_to_think_and_how_much() {
    let off = json!({"thinking": {"type": "disabled"}});
    let much = json!({"output_config": {"effort": "max"}});
    for (kind, quiet, effort) in [
        ("openai", json!({"reasoning_effort": "none"}), json!("max")),
        (
            "deepseek",
            json!({"thinking": {"type": "disabled"}}),
            json!("max"),
        ),
        (
            "zai",
            json!({"thinking": {"type": "disabled"}}),
            json!("max"),
        ),
        ("alibaba", json!({"enable_thinking": false}), Value::Null),
        (
            "vllm",
            json!({"chat_template_kwargs": {"enable_thinking": false}}),
            json!("high"),
        ),
        (
            "mistral",
            json!({"reasoning_effort": "none"}),
            json!("high"),
        ),
        ("google", json!({"reasoning_effort": "none"}), json!("high")),
    ] {
        let at = At::kind(kind).await;

        let silent = at.messages(off.clone()).await;
        let thoughtful = at.messages(much.clone()).await;

        for (field, value) in quiet.as_object().expect("an object") {
            assert_eq!(&silent[field], value, "{kind}: {silent}");
        }
        assert_eq!(
            thoughtful["reasoning_effort"], effort,
            "{kind}: {thoughtful}"
        );
    }
}

#[tokio::test]
async fn a_tool_is_not_forced_and_no_schema_kept_where_that_is_refused() {
    let forced = json!({"tools": [{"name": "look", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}});
    let schema =
        json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}});
    for (kind, choice, format) in [
        ("openai", "required", "json_schema"),
        ("moonshot", "auto", "json_schema"),
        ("zai", "auto", "json_object"),
        ("deepseek", "required", "json_object"),
    ] {
        let at = At::kind(kind).await;

        let tools = at.messages(forced.clone()).await;
        let formed = at.messages(schema.clone()).await;

        assert_eq!(tools["tool_choice"], choice, "{kind}: {tools}");
        assert_eq!(
            formed["response_format"]["type"], format,
            "{kind}: {formed}"
        );
    }
}

#[tokio::test]
async fn fields_and_tools_that_only_openai_has_go_to_openai_alone() {
    let asked = json!({"model": "alpha", "input": "x", "prompt_cache_key": "k", "safety_identifier": "u",
        "tools": [{"type": "custom", "name": "patch", "description": "Applies a patch."}]});
    for (kind, openai) in [
        ("openai", true),
        ("azure", true),
        ("vllm", false),
        ("xai", false),
    ] {
        let at = At::kind(kind).await;

        at.ask("/v1/responses", asked.clone()).await;

        let body = at.told();
        for field in ["prompt_cache_key", "safety_identifier"] {
            assert_eq!(body.get(field).is_some(), openai, "{kind}: {body}");
        }
        let tool = if openai { "custom" } else { "function" };
        assert_eq!(body["tools"][0]["type"], tool, "{kind}: {body}");
    }
}

#[tokio::test]
async fn how_words_are_drawn_is_not_said_where_it_is_fixed() {
    for (kind, told) in [("moonshot", Value::Null), ("zai", json!(0.5))] {
        let at = At::kind(kind).await;

        let body = at.messages(json!({"temperature": 0.5})).await;

        assert_eq!(body["temperature"], told, "{kind}: {body}");
    }
}

#[tokio::test]
async fn a_model_gets_its_thoughts_back_in_the_field_that_its_server_reads() {
    let said = SAID.replace(
        r#""content":"yes""#,
        r#""content":"yes","reasoning_content":"hm""#,
    );
    for (kind, field) in [
        ("vllm", Some("reasoning_content")),
        ("xai", Some("reasoning_content")),
        ("ollama", Some("reasoning")),
        ("openrouter", Some("reasoning")),
        ("openai", None),
        ("mistral", None),
        ("deepseek", None),
    ] {
        let at = At::with(kind, "", answer("200 OK", "", &said)).await;
        let thinking = json!({"thinking": {"type": "adaptive"}, "model": "alpha", "max_tokens": 9,
            "messages": [{"role": "user", "content": "x"}]});
        let first = at.ask("/v1/messages", thinking).await.json();

        let body = at
            .messages(json!({"messages": [{"role": "user", "content": "x"},
                {"role": "assistant", "content": first["content"]}, {"role": "user", "content": "y"}]}))
            .await;

        let fields = body["messages"][1].as_object().expect("a message");
        let thoughts: Vec<_> = fields.iter().filter(|(_, it)| **it == "hm").collect();
        let names: Vec<_> = thoughts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, Vec::from_iter(field), "{kind}: {body}");
    }
}

#[tokio::test]
async fn azure_finds_key_deployment_and_version_where_it_looks_for_them() {
    let older = ", api_version: 2024-10-21";
    for (more, path) in [
        ("", "/v1/chat/completions "),
        (
            older,
            "/v1/openai/deployments/alpha-there/chat/completions?api-version=2024-10-21 ",
        ),
    ] {
        let at = At::with("azure", more, answer("200 OK", "", SAID)).await;

        at.chat(json!({})).await;

        let head = at.stub.head();
        assert!(head.starts_with(&format!("post {path}")), "{head}");
        assert!(head.contains("api-key: sk-target-secret-a"), "{head}");
        assert!(!head.contains("authorization:"), "{head}");
    }
}

#[tokio::test]
async fn a_server_that_nothing_is_known_of_is_told_the_callers_bytes() {
    let at = At::kind("other").await;
    let body = r#"{"model" : "alpha", "messages":[{"role":"developer","content":"x","reasoning_content":"y"}], "max_tokens" : 5}"#;

    let heard = at
        .house
        .hear(at.house.post("/v1/chat/completions", body))
        .await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    assert_eq!(at.stub.told(), body.replace("alpha", "alpha-there"));
}
