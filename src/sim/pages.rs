//! The pages of a target that no model is asked for: its models, its health, and what tests ask it.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method, Response};
use serde_json::json;

use super::cue::Cue;
use super::desk::{Desk, refuse, respond};
use super::fault::Fault;
use super::listing;
use super::refusal::Refusal;
use super::tape::{Kill, Player, Tape};
use crate::domain::dialect::Dialect;

/// Content type and body.
type Page = (&'static str, String);

fn json_page(body: String) -> Page {
    ("application/json", body)
}

impl Desk {
    /// Answers with the page at `path`, which comes without its `/v1`.
    pub(super) fn page(
        &self,
        head: &Parts,
        path: &str,
        body: &[u8],
        kill: Kill,
    ) -> Response<Player> {
        // All kinds of API list their models at one path, in three shapes.
        let headers = &head.headers;
        let dialect =
            if headers.contains_key("x-goog-api-key") || head.uri.path().starts_with("/v1beta/") {
                Dialect::Gemini
            } else if headers.contains_key("anthropic-version") {
                Dialect::Messages
            } else {
                Dialect::Chat
            };
        let found = match head.method {
            Method::GET | Method::HEAD => self.shown(path, &head.headers, dialect),
            Method::DELETE if path == "/sim/script" => {
                self.clear_script();
                Ok(json_page("{}".to_owned()))
            }
            _ => self.posted(path, body),
        };
        match found {
            Ok((kind, body)) => respond(200, kind, Tape::whole(body, 0), None, kill),
            Err(refusal) => refuse(&refusal, dialect, kill),
        }
    }

    fn shown(&self, path: &str, headers: &HeaderMap, dialect: Dialect) -> Result<Page, Refusal> {
        match path {
            "/health" | "/api/hello" => Ok(("text/plain", String::new())),
            "/metrics" => {
                let running = Arc::strong_count(&self.running) - 1;
                Ok(("text/plain; version=0.0.4", listing::metrics(running)))
            }
            "/sim/bill" => Ok(json_page(json!(self.bill.read()).to_string())),
            "/sim/seen" => Ok(json_page(self.seen_json())),
            "/models" => {
                self.check_key(headers, dialect)?;
                Ok(json_page(listing::all(&self.profile, dialect)))
            }
            _ => {
                let model = path.strip_prefix("/models/").ok_or_else(Refusal::no_page)?;
                self.check_key(headers, dialect)?;
                let one = listing::one(&self.profile, model, dialect);
                one.map(json_page).ok_or_else(|| Refusal::no_model(model))
            }
        }
    }

    fn posted(&self, path: &str, body: &[u8]) -> Result<Page, Refusal> {
        let unreadable = |error: serde_json::Error| Refusal::unreadable(&error);
        match path {
            "/sim/script" => {
                let faults: Vec<Fault> = serde_json::from_slice(body).map_err(unreadable)?;
                self.script(faults);
            }
            "/sim/cues" => {
                let cues: Vec<Cue> = serde_json::from_slice(body).map_err(unreadable)?;
                self.cues.add(cues);
            }
            _ => return Err(Refusal::no_page()),
        }
        Ok(json_page("{}".to_owned()))
    }

    fn seen_json(&self) -> String {
        let shown = self.seen.read().into_iter().map(|request| {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            json!({"path": request.path, "headers": request.headers, "body": body})
        });
        serde_json::Value::from_iter(shown).to_string()
    }
}
