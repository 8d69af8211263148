//! Google's dialect, as its own clients see it.

use serde_json::{Value, json};

use super::*;
use crate::sim::{Cue, Door};

const WHOLE: &str = "/v1beta/models/gemini-4:generateContent";
const STREAM: &str = "/v1beta/models/gemini-4:streamGenerateContent?alt=sse";

fn ask(words: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": words}]}],
           "generationConfig": {"thinkingConfig": {"includeThoughts": true}}})
}

fn with_tools(words: &str) -> Value {
    let declare = |name: &str| json!({"name": name, "parametersJsonSchema": {"type": "object", "required": ["city"]}});
    let mut body = ask(words);
    body["tools"] =
        json!([{"functionDeclarations": [declare("get_weather"), declare("get_time")]}]);
    body
}

#[tokio::test]
async fn a_stream_adds_up_to_the_whole_and_both_to_the_bill() {
    let sim = sim().await;

    let whole = json_of(&sim, WHOLE, &ask("hi")).await;
    let stream = text(&sim, STREAM, &ask("hi")).await;

    let events = events(&stream);
    let said = |thought: bool| -> String {
        let parts = events
            .iter()
            .filter_map(|event| event["candidates"][0]["content"]["parts"].as_array())
            .flatten();
        parts
            .filter(|part| part["thought"].as_bool().unwrap_or(false) == thought)
            .filter_map(|part| part["text"].as_str())
            .collect()
    };
    let parts = &whole["candidates"][0]["content"]["parts"];
    assert_eq!(
        (&parts[0]["text"], &parts[0]["thought"]),
        (&json!(said(true)), &json!(true))
    );
    assert_eq!(parts[1]["text"], said(false));
    let last = &events[events.len() - 1];
    assert_eq!(last["usageMetadata"], whole["usageMetadata"]);
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    let signed = &last["candidates"][0]["content"]["parts"][0]["thoughtSignature"];
    assert!(signed.is_string() && parts[1]["thoughtSignature"].is_string());
    assert!(!stream.contains("[DONE]"));
    let usage = &whole["usageMetadata"];
    for line in sim.bill() {
        assert_eq!((line.door, line.finished), (Door::Generate, true));
        assert_eq!(
            json!(line.usage.output.0 - line.usage.reasoning.0),
            usage["candidatesTokenCount"]
        );
        assert_eq!(usage["thoughtsTokenCount"], line.usage.reasoning.0);
        assert_eq!(line.produced_output, line.usage.output.0);
    }
}

#[tokio::test]
async fn calls_come_whole_and_the_first_bears_the_signature() {
    let sim = sim().await;
    let body = with_tools("use get_weather and get_time");

    let whole = json_of(&sim, WHOLE, &body).await;
    let events = events(&text(&sim, STREAM, &body).await);

    let calls: Vec<&Value> = whole["candidates"][0]["content"]["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .filter(|part| part["functionCall"].is_object())
        .collect();
    assert_eq!(calls.len(), 2);
    assert!(calls[0]["thoughtSignature"].is_string() && calls[1]["thoughtSignature"].is_null());
    assert_eq!(calls[1]["functionCall"]["name"], "get_time");
    assert!(calls[0]["functionCall"]["args"]["city"].is_null());
    let streamed = events
        .iter()
        .filter(|event| event["candidates"][0]["content"]["parts"][0]["functionCall"].is_object());
    assert_eq!(streamed.count(), 2);
    assert_eq!(whole["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn a_tool_can_be_demanded_or_forbidden_and_a_schema_be_asked_for() {
    let sim = sim().await;
    let mode = |mode: &str| {
        let mut body = with_tools("hi");
        body["toolConfig"] = json!({"functionCallingConfig": {"mode": mode}});
        body
    };
    let mut form = ask("hi");
    form["generationConfig"] = json!({"responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}});

    let any = json_of(&sim, WHOLE, &mode("ANY")).await;
    let none = json_of(&sim, WHOLE, &mode("NONE")).await;
    let form = json_of(&sim, WHOLE, &form).await;

    let last = |answer: &Value| {
        let parts = answer["candidates"][0]["content"]["parts"].as_array();
        parts.and_then(|it| it.last().cloned()).expect("a part")
    };
    assert_eq!(last(&any)["functionCall"]["name"], "get_weather");
    assert!(last(&none)["text"].is_string());
    let object: Value =
        serde_json::from_str(last(&form)["text"].as_str().expect("text")).expect("JSON");
    assert!(object["n"].is_u64());
}

#[tokio::test]
async fn tokens_are_counted_and_models_listed_in_its_own_shape() {
    let profile = Profile {
        models: vec!["gemini-4".into()],
        key: Some("k".into()),
        ..Profile::instant()
    };
    let sim = Sim::start(profile).await.expect("a port");
    let get = async |path: &str, key: &str| {
        let request = client().get(format!("http://{}{path}", sim.addr()));
        let answer = request.header("x-goog-api-key", key).send().await;
        let text = answer.expect("an answer").text().await.expect("a body");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let post = async |path: &str, key: Option<&str>| {
        let mut request = client().post(format!("http://{}{path}", sim.addr()));
        if let Some(key) = key {
            request = request.header("x-goog-api-key", key);
        }
        let answer = request.body(ask("hi").to_string()).send().await;
        let text = answer.expect("an answer").text().await.expect("a body");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };

    let count = post("/v1beta/models/gemini-4:countTokens", Some("k")).await;
    let models = get("/v1beta/models", "k").await;
    let one = get("/v1/models/gemini-4", "k").await;

    assert_eq!(count["totalTokens"], 1);
    assert_eq!(models["models"][0]["name"], "models/gemini-4");
    assert_eq!(one, models["models"][0]);
    let wrong = post(WHOLE, Some("x")).await;
    let unknown = post("/v1beta/models/other:generateContent", Some("k")).await;
    let error = |answer: &Value| {
        (
            answer["error"]["code"].clone(),
            answer["error"]["status"].clone(),
        )
    };
    assert_eq!(error(&wrong), (json!(400), json!("INVALID_ARGUMENT")));
    assert_eq!(
        error(&post(WHOLE, None).await),
        (json!(403), json!("PERMISSION_DENIED"))
    );
    assert_eq!(error(&unknown), (json!(404), json!("NOT_FOUND")));
}

#[tokio::test]
async fn a_second_turn_reads_the_cache_and_a_cut_call_is_not_told() {
    let sim = sim().await;
    let long = "word ".repeat(2_000);
    let mut body = ask(&long);
    body["generationConfig"] = json!({"maxOutputTokens": 3});
    sim.cue([
        Cue::says("x"),
        Cue::says("well").calls("f", r#"{"a": "long enough to be cut"}"#),
    ]);

    let cold = json_of(&sim, WHOLE, &body).await;
    let warm = json_of(&sim, WHOLE, &body).await;

    assert!(cold["usageMetadata"]["cachedContentTokenCount"].is_null());
    assert_eq!(warm["usageMetadata"]["cachedContentTokenCount"], 2_500);
    assert_eq!(warm["candidates"][0]["finishReason"], "MAX_TOKENS");
    let parts = warm["candidates"][0]["content"]["parts"].as_array();
    assert_eq!(parts.map(Vec::len), Some(1));
    let line = &sim.bill()[1].usage;
    assert_eq!((line.cache_read.0, line.output.0), (2_500, 3));
}
