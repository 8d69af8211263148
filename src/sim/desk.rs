//! Takes one request and answers it: the door, the script, the key, the model, the bill.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::answer::{Answer, Thinking};
use super::ask::Ask;
use super::bill::{Bill, Line};
use super::cache::Cache;
use super::embeddings::Embed;
use super::fault::{Fault, Instead};
use super::profile::Profile;
use super::prompt::{Fold, Prompt};
use super::refusal::Refusal;
use super::reply::Reply;
use super::seen::Seen;
use super::tape::{Cut, Kill, Player, Tape};
use crate::domain::clock::{Entropy, mix};
use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::tokens::Usage;

/// A simulated target, apart from its socket.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) profile: Profile,
    cache: Cache,
    pub(super) bill: Bill,
    pub(super) seen: Seen,
    script: Mutex<VecDeque<Fault>>,
    serial: AtomicU64,
    /// The first of them.
    first: u64,
    /// Cloned by whoever works on a request.
    pub(super) running: Arc<()>,
}

/// An answer that is ready to go out.
struct Ready {
    tape: Tape,
    line: Option<Arc<Line>>,
    delay: Duration,
}

impl Desk {
    pub(super) fn new(profile: Profile) -> Self {
        // Ids are unique among all targets, so they do not follow from the seed.
        let first = Entropy::system().u64();
        Self {
            profile,
            cache: Cache::default(),
            bill: Bill::default(),
            seen: Seen::default(),
            script: Mutex::default(),
            serial: AtomicU64::new(first),
            first,
            running: Arc::default(),
        }
    }

    pub(super) fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(faults);
    }

    /// Forgets what is left of the script.
    pub(super) fn clear_script(&self) {
        self.script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Whether an answer of this id came from here. What was said in it is not kept: no simulated answer depends on that.
    fn has_given(&self, id: &str) -> bool {
        let last = self.serial.load(Ordering::Relaxed);
        let number = id.get(id.len().saturating_sub(8)..);
        let Some(low) = number.and_then(|it| u32::from_str_radix(it, 16).ok()) else {
            return false;
        };
        let serial = last.wrapping_sub(u64::from((last as u32).wrapping_sub(low)));
        let given = serial.wrapping_sub(self.first) <= last.wrapping_sub(self.first);
        given && id == super::reply::name("resp_", serial)
    }

    fn next_fault(&self) -> Fault {
        let next = self
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        next.unwrap_or(Fault::None)
    }

    /// Answers one request.
    ///
    /// # Errors
    /// Where the connection has to be dropped.
    pub(super) async fn visit(
        &self,
        kill: Kill,
        request: Request<Incoming>,
    ) -> Result<Response<Player>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let path = head.uri.path();
        // A base URL may end in `/v1` or not, and both kinds of client are taken as they come.
        let door = match path.strip_prefix("/v1").unwrap_or(path) {
            "/chat/completions" => Endpoint::Chat,
            "/responses" => Endpoint::Responses,
            "/messages" | "/v1/messages" => Endpoint::Messages,
            "/messages/count_tokens" | "/v1/messages/count_tokens" => Endpoint::CountTokens,
            "/completions" => Endpoint::Completions,
            "/embeddings" => Endpoint::Embeddings,
            other => return Ok(self.page(&head, other, &body, kill)),
        };
        if head.method != Method::POST {
            // Clients that try a WebSocket here go back to plain requests on 426.
            let upgrade = Refusal::of_status(426, None);
            return Ok(refuse(&upgrade, door.dialect(), kill));
        }
        self.model_call(&head, door, &body, kill).await
    }

    async fn model_call(
        &self,
        head: &Parts,
        door: Endpoint,
        body: &Bytes,
        kill: Kill,
    ) -> Result<Response<Player>, Cut> {
        self.seen.note(head, body, self.profile.keep_requests);
        let fault = self.next_fault();
        match fault.instead(door.dialect()) {
            None => {}
            Some(Instead::Silence) => std::future::pending().await,
            Some(Instead::Reset) => {
                kill.pull();
                return Err(Cut);
            }
            Some(Instead::Page {
                status,
                kind,
                body,
                header,
            }) => {
                let mut response = respond(status, kind, Tape::whole(body, 0), None, kill);
                if let Some((name, value)) = header
                    && let Ok(value) = HeaderValue::from_str(&value)
                {
                    response
                        .headers_mut()
                        .insert(HeaderName::from_static(name), value);
                }
                return Ok(response);
            }
        }
        let running = self.running.clone();
        match self.prepare(&head.headers, door, body, &fault) {
            Err(refusal) => Ok(refuse(&refusal, door.dialect(), kill)),
            Ok(Ready { tape, line, delay }) => {
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                let kind = if tape.declared.is_some() {
                    "application/json"
                } else {
                    "text/event-stream; charset=utf-8"
                };
                let mut response = respond(200, kind, tape, line, kill);
                response.body_mut().hold(running);
                let name = if door.dialect() == Dialect::Messages {
                    "request-id"
                } else {
                    "x-request-id"
                };
                let number = self.serial.load(Ordering::Relaxed);
                let id =
                    HeaderValue::from_str(&format!("req_{:016x}", mix(number))).map_err(|_| Cut)?;
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), id);
                Ok(response)
            }
        }
    }

    /// Everything that happens between reading the request and writing the answer, without a wait.
    fn prepare(
        &self,
        headers: &HeaderMap,
        door: Endpoint,
        body: &[u8],
        fault: &Fault,
    ) -> Result<Ready, Refusal> {
        self.check_key(headers)?;
        let attempt = text(headers, "x-tollgate-attempt-id").map(str::to_owned);
        if door == Endpoint::Embeddings {
            return self.embed(attempt, body, fault);
        }
        let version = text(headers, "anthropic-version").unwrap_or_default();
        let ask = Ask::read(door, body, version, self.profile.part.as_ref())?;
        if let Some(id) = &ask.previous
            && door == Endpoint::Responses
            && !self.has_given(id.as_str())
        {
            let text = format!("Previous response with id '{}' not found.", id.as_str());
            return Err(Refusal::bad("previous_response_not_found", text));
        }
        let model = ask.model.as_str();
        self.check_model(door.dialect(), model, &ask.prompt)?;
        let (profile, prompt) = (&self.profile, &ask.prompt);
        if door == Endpoint::CountTokens {
            let line = self.open(attempt, model, door, Usage::default());
            let count = fault.told().count(prompt.tokens());
            let tape = Tape::whole(format!(r#"{{"input_tokens":{count}}}"#), 0);
            return Ok(Ready {
                tape,
                line: Some(line),
                delay: Duration::ZERO,
            });
        }

        let usage = self.book(headers, door, model, prompt);
        let seed = mix(profile.seed ^ Fold::of(model) ^ prompt.key());
        let thinking = if door == Endpoint::Completions {
            Thinking::No
        } else {
            ask.thinking
        };
        let answer = Answer::compose(seed, ask.wanted, thinking, &profile.words, ask.most);
        let usage = answer.usage(usage);
        let reply = Reply {
            endpoint: door,
            serial: self.serial.fetch_add(1, Ordering::Relaxed),
            created: profile.clock.now().millis() / 1_000,
            model,
            answer: &answer,
            usage,
            told: fault.told(),
            usage_chunk: ask.usage_chunk,
        };
        let stream = fault.streams(ask.stream);
        let mut tape = if stream {
            reply.stream()
        } else {
            reply.whole()
        };
        if stream {
            tape.gap = profile.per_token;
        }
        fault.bend(&mut tape, &reply);
        let line = fault
            .charges()
            .then(|| self.open(attempt, model, door, usage));
        Ok(Ready {
            tape,
            line,
            delay: self.delay(&usage, stream),
        })
    }

    fn embed(&self, attempt: Option<String>, body: &[u8], fault: &Fault) -> Result<Ready, Refusal> {
        let embed = Embed::read(body)?;
        let (model, prompt) = (embed.model.as_str(), embed.prompt());
        self.check_model(Dialect::Chat, model, &prompt)?;
        let usage = super::cache::Split::default().usage(prompt.tokens());
        let line = self.open(attempt, model, Endpoint::Embeddings, usage);
        let body = embed.body(self.profile.seed, fault.told().count(prompt.tokens()));
        Ok(Ready {
            tape: Tape::whole(body, 0),
            line: Some(line),
            delay: self.delay(&usage, true),
        })
    }

    fn open(
        &self,
        attempt: Option<String>,
        model: &str,
        door: Endpoint,
        usage: Usage,
    ) -> Arc<Line> {
        self.bill
            .open(attempt, model, door, usage, self.profile.keep_bill)
    }

    /// Looks the prompt up in the cache and says what its tokens count as.
    fn book(&self, headers: &HeaderMap, door: Endpoint, model: &str, prompt: &Prompt) -> Usage {
        let explicit = door.dialect() == Dialect::Messages;
        let credential = Fold::of(credential(headers).unwrap_or_default());
        let scope = mix(Fold::of(model) ^ credential.rotate_left(1)) ^ u64::from(explicit);
        let now = self.profile.clock.now();
        if explicit {
            let split = self.cache.explicit(scope, prompt, now);
            return split.usage(prompt.tokens());
        }
        let mut split = self.cache.automatic(scope, prompt, now);
        if !self.profile.cache_writes {
            split.short = 0;
        }
        split.usage(prompt.tokens())
    }

    pub(super) fn check_key(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.profile.key {
            Some(key) if credential(headers) != Some(key) => Err(Refusal::wrong_key()),
            _ => Ok(()),
        }
    }

    fn check_model(&self, dialect: Dialect, model: &str, prompt: &Prompt) -> Result<(), Refusal> {
        if !self.profile.knows(model) {
            return Err(Refusal::no_model(model));
        }
        match prompt.tokens() > self.profile.window {
            true => Err(Refusal::too_long(
                dialect,
                prompt.tokens(),
                self.profile.window,
            )),
            false => Ok(()),
        }
    }

    /// How long the caller waits for the first byte.
    fn delay(&self, usage: &Usage, stream: bool) -> Duration {
        let profile = &self.profile;
        let fresh =
            u32::try_from(usage.prompt().saturating_sub(usage.cache_read).0).unwrap_or(u32::MAX);
        let first = profile.first_byte + profile.prefill * fresh / 1_000;
        match stream {
            true => first,
            false => first + profile.per_token * u32::try_from(usage.output.0).unwrap_or(u32::MAX),
        }
    }
}

/// The key that was shown; where both headers came, the one that Anthropic prefers.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let bearer = text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    text(headers, "x-api-key").or(bearer)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn refuse(refusal: &Refusal, dialect: Dialect, kill: Kill) -> Response<Player> {
    let tape = Tape::whole(refusal.body(dialect), 0);
    respond(refusal.status, "application/json", tape, None, kill)
}

pub(super) fn respond(
    status: u16,
    kind: &'static str,
    tape: Tape,
    line: Option<Arc<Line>>,
    kill: Kill,
) -> Response<Player> {
    let declared = tape.declared;
    let mut response = Response::new(Player::new(tape, line, kill));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(length) = declared {
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}
