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
use super::cue::Cues;
use super::door::{self, Door, Way};
use super::embeddings::Embed;
use super::fault::{Fault, Instead};
use super::profile::Profile;
use super::prompt::{Fold, Prompt};
use super::refusal::Refusal;
use super::reply::Reply;
use super::request::Text;
use super::seal::{Kind, Seals};
use super::seen::Seen;
use super::strict;
use super::tape::{Cut, Kill, Player, Tape};
use crate::domain::clock::{Entropy, mix};
use crate::domain::dialect::Dialect;
use crate::domain::tokens::Usage;

/// A simulated target, apart from its socket.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) profile: Profile,
    cache: Cache,
    pub(super) bill: Bill,
    pub(super) seen: Seen,
    script: Mutex<VecDeque<Fault>>,
    pub(super) cues: Cues,
    seals: Seals,
    serial: AtomicU64,
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
        let entropy = Entropy::system();
        let secret = profile.secret.unwrap_or_else(|| entropy.u64());
        let seals = match profile.signs {
            true => Seals::new(secret),
            false => Seals::new(secret).unsigned(),
        };
        Self {
            profile,
            cache: Cache::default(),
            bill: Bill::default(),
            seen: Seen::default(),
            script: Mutex::default(),
            cues: Cues::default(),
            seals,
            serial: AtomicU64::new(entropy.u64()),
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

    /// Forgets all answers that it keeps.
    pub(super) fn forget(&self) {
        self.seals.forget();
    }

    /// What an answer goes on from must have come from here, and have been kept. What was said in it is not known any more: no
    /// simulated answer depends on that.
    fn check_previous(&self, ask: &Ask<'_>, door: Door) -> Result<(), Refusal> {
        let previous = ask.previous.as_ref().filter(|_| door == Door::Responses);
        match previous.map(Text::as_str) {
            Some(id) if !self.seals.knows("resp_", Kind::Kept, id) => {
                let text = format!("Previous response with id '{id}' not found.");
                Err(Refusal::bad("previous_response_not_found", text))
            }
            _ => Ok(()),
        }
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
        let path = door::bare(path);
        let Some(way) = door::way(path) else {
            return Ok(self.page(&head, path, &body, kill));
        };
        if head.method != Method::POST {
            // Clients that try a WebSocket here go back to plain requests on 426.
            let upgrade = Refusal::of_status(426, None);
            return Ok(refuse(&upgrade, way.door.dialect(), kill));
        }
        self.model_call(&head, way, &body, kill).await
    }

    async fn model_call(
        &self,
        head: &Parts,
        way: Way<'_>,
        body: &Bytes,
        kill: Kill,
    ) -> Result<Response<Player>, Cut> {
        let dialect = way.door.dialect();
        self.seen.note(head, body, self.profile.keep_requests);
        let fault = self.next_fault();
        match fault.instead(dialect) {
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
        match self.prepare(&head.headers, way, body, &fault) {
            Err(refusal) => Ok(refuse(&refusal, dialect, kill)),
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
                let name = if dialect == Dialect::Messages {
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
        way: Way<'_>,
        body: &[u8],
        fault: &Fault,
    ) -> Result<Ready, Refusal> {
        let door = way.door;
        self.check_key(headers, door.dialect())?;
        let attempt = text(headers, "x-tollgate-attempt-id").map(str::to_owned);
        if door == Door::Embeddings {
            return self.embed(attempt, body, fault);
        }
        let version = text(headers, "anthropic-version").unwrap_or_default();
        let mut ask = Ask::read(way, body, version, self.profile.part.as_ref())?;
        strict::check(self.profile.strictness, way, body, &self.seals)?;
        self.check_previous(&ask, door)?;
        let model = ask.model.clone();
        let model = model.as_str();
        self.check_model(door.dialect(), model, &ask.prompt)?;
        if door.counts() {
            let line = self.open(attempt, model, door, Usage::default());
            let count = fault.told().count(ask.prompt.tokens());
            let body = match door {
                Door::GenerateCount => format!(r#"{{"totalTokens":{count}}}"#),
                _ => format!(r#"{{"input_tokens":{count}}}"#),
            };
            return Ok(Ready {
                tape: Tape::whole(body, 0),
                line: Some(line),
                delay: Duration::ZERO,
            });
        }
        if door == Door::Completions {
            ask.thinking = Thinking::No;
        }
        Ok(self.answer(headers, attempt, door, ask, fault))
    }

    fn answer(
        &self,
        headers: &HeaderMap,
        attempt: Option<String>,
        door: Door,
        ask: Ask<'_>,
        fault: &Fault,
    ) -> Ready {
        let (profile, model) = (&self.profile, ask.model.as_str());
        let usage = self.book(headers, door, model, &ask.prompt);
        let seed = mix(profile.seed ^ Fold::of(model) ^ ask.prompt.key());
        let answer = match self.cues.next() {
            Some(cue) => Answer::cued(cue, ask.thinking, ask.most),
            None => Answer::compose(seed, ask.wanted, ask.thinking, &profile.words, ask.most),
        };
        let usage = answer.usage(usage);
        let reply = Reply {
            door,
            serial: self.serial.fetch_add(1, Ordering::Relaxed),
            created: profile.clock.now().millis() / 1_000,
            model,
            answer: &answer,
            usage,
            told: fault.told(),
            usage_chunk: ask.usage_chunk,
            seals: &self.seals,
            kept: ask.kept,
            sealed: ask.sealed,
            thoughts: profile.thoughts,
            counts_calls: profile.counts_calls,
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
        Ready {
            tape,
            line,
            delay: self.delay(&usage, stream),
        }
    }

    fn embed(&self, attempt: Option<String>, body: &[u8], fault: &Fault) -> Result<Ready, Refusal> {
        let embed = Embed::read(body)?;
        let (model, prompt) = (embed.model.as_str(), embed.prompt());
        self.check_model(Dialect::Chat, model, &prompt)?;
        let usage = super::cache::Split::default().usage(prompt.tokens());
        let line = self.open(attempt, model, Door::Embeddings, usage);
        let body = embed.body(self.profile.seed, fault.told().count(prompt.tokens()));
        Ok(Ready {
            tape: Tape::whole(body, 0),
            line: Some(line),
            delay: self.delay(&usage, true),
        })
    }

    fn open(&self, attempt: Option<String>, model: &str, door: Door, usage: Usage) -> Arc<Line> {
        self.bill
            .open(attempt, model, door, usage, self.profile.keep_bill)
    }

    /// Looks the prompt up in the cache and says what its tokens count as.
    fn book(&self, headers: &HeaderMap, door: Door, model: &str, prompt: &Prompt) -> Usage {
        let explicit = door.dialect() == Dialect::Messages;
        let credential = Fold::of(credential(headers).unwrap_or_default());
        let scope = mix(Fold::of(model) ^ credential.rotate_left(1)) ^ u64::from(explicit);
        let now = self.profile.clock.now();
        if explicit {
            let split = self.cache.explicit(scope, prompt, now);
            return split.usage(prompt.tokens());
        }
        let mut split = self.cache.automatic(scope, prompt, now);
        // Google keeps caches by itself and charges nothing for it.
        if !self.profile.cache_writes || door == Door::Generate {
            split.short = 0;
        }
        split.usage(prompt.tokens())
    }

    pub(super) fn check_key(&self, headers: &HeaderMap, dialect: Dialect) -> Result<(), Refusal> {
        let shown = credential(headers);
        match &self.profile.key {
            Some(key) if shown != Some(key) => Err(Refusal::wrong_key(dialect, shown.is_some())),
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

/// The key that was shown; where several headers came, the one that Google or Anthropic prefers.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let bearer = text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    let own = text(headers, "x-goog-api-key").or(text(headers, "x-api-key"));
    own.or(bearer)
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
