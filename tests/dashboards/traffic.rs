//! What callers do to a gateway in a bad minute: answers, streams, failures, refusals, hang-ups.

use std::time::Duration;

use serde_json::json;
use tollgate::sim::{Cue, Fault};

use crate::house::{House, TOKEN};

/// More than a minute of it: the dashboards are asked long before.
const ROUNDS: usize = 600;

/// One round after another.
pub(crate) async fn run(house: &House) {
    let callers = Callers::new(house).await;
    for _ in 0..ROUNDS {
        callers.round(house).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Callers {
    client: reqwest::Client,
    key: String,
    calls: String,
    admin: String,
}

impl Callers {
    async fn new(house: &House) -> Self {
        Self {
            client: reqwest::Client::new(),
            key: house.key().await,
            calls: format!("http://{}/v1", house.gateway.address),
            admin: format!("http://{}/admin/v1", house.gateway.admin),
        }
    }

    async fn round(&self, house: &House) {
        // Answered, whole and as a stream.
        self.ask("chat/completions", "auto", false).await;
        self.ask("messages", "claude-sim", true).await;
        self.ask("chat/completions", "unpriced-sim", false).await;
        // Failed at the first target, for its own reasons and for ours.
        house.openai.script([status(503)]);
        self.ask("chat/completions", "auto", false).await;
        house.openai.script([status(401)]);
        self.ask("chat/completions", "auto", false).await;
        // Plainly wrong, and asked for again.
        house.openai.cue([Cue::says("")]);
        self.ask("chat/completions", "auto", false).await;
        // Refused.
        self.ask("chat/completions", "nobody", false).await;
        self.hang_up(house).await;
        let reload = self.client.post(format!("{}/reload", self.admin));
        let _ = reload.bearer_auth(TOKEN).send().await;
    }

    async fn ask(&self, path: &str, model: &str, stream: bool) {
        if let Some(answer) = self.begin(path, model, stream).await {
            // How it ended is the dashboards' to tell.
            let _ = answer.bytes().await;
        }
    }

    /// Leaves in the middle of a slow stream.
    async fn hang_up(&self, house: &House) {
        house
            .anthropic
            .script([Fault::Slow(Duration::from_millis(50))]);
        if let Some(mut answer) = self.begin("messages", "claude-sim", true).await {
            let _ = answer.chunk().await;
        }
    }

    async fn begin(&self, path: &str, model: &str, stream: bool) -> Option<reqwest::Response> {
        let body = json!({
            "model": model,
            "stream": stream,
            "max_tokens": 50,
            "messages": [{ "role": "user", "content": "Fix the loop. ".repeat(500) }],
        });
        let asked = self.client.post(format!("{}/{path}", self.calls));
        let asked = asked.header("content-type", "application/json");
        let asked = asked.bearer_auth(&self.key).body(body.to_string());
        asked.send().await.ok()
    }
}

fn status(code: u16) -> Fault {
    Fault::Status {
        code,
        retry_after: None,
        message: None,
    }
}
