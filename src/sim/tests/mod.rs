//! A simulated target over real sockets.

use serde_json::{Value, json};

use super::{Profile, Sim};

mod dialects;
mod faults;
mod gemini;
mod part;
mod strict;
mod thoughts;

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

async fn sim() -> Sim {
    Sim::start(Profile::instant()).await.expect("a port")
}

async fn send(sim: &Sim, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
    let url = format!("http://{}{path}", sim.addr());
    let request = client().post(url).header("x-tollgate-attempt-id", "att_1");
    request.body(body.to_string()).send().await
}

async fn text(sim: &Sim, path: &str, body: &Value) -> String {
    send(sim, path, body)
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body")
}

async fn json_of(sim: &Sim, path: &str, body: &Value) -> Value {
    serde_json::from_str(&text(sim, path, body).await).expect("JSON")
}

/// The `data` of each event, with `[DONE]` as a string.
fn events(stream: &str) -> Vec<Value> {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
        .collect()
}

fn chat(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "stream_options": {"include_usage": stream},
           "messages": [{"role": "user", "content": "hi"}]})
}

fn weather(anthropic: bool) -> Value {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    match anthropic {
        true => json!([{"name": "get_weather", "input_schema": schema}]),
        false => {
            json!([{"type": "function", "function": {"name": "get_weather", "parameters": schema}}])
        }
    }
}

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
