//! What the layers hand each other. The type of a request is the stage that it has reached, so a wrong order of
//! layers does not compile.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::body::Inbound;
use crate::catalog::{Model, Tariff};
use crate::config::Snapshot;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::facts::Facts;
use crate::domain::flaw::{Fate, Flaw};
use crate::domain::ids::{AttemptId, ModelId, RequestId, TargetId};
use crate::domain::money::NanoUsd;
use crate::domain::need::Unmet;
use crate::domain::wire::Wire;
use crate::ledger::{self, CallEnd, CallHead, Closing};
use crate::policy::{Candidate, Hold, Plan};
use crate::protocol::call::Call;
use crate::protocol::fault::Fault;
use crate::protocol::inspect::Looks;
use crate::protocol::translate::dropped::Dropped;
use crate::protocol::translate::echo::Echo;
use crate::session::keep::Given;
use crate::session::talk::Talk;
use crate::telemetry::Record;
use crate::tenant::Key;
use crate::upstream::client::Upstream;
use crate::upstream::load::Share;

/// The future of a service that truly waits.
pub type Waiting<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Where a request wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a model.
    Ask(Endpoint),
    /// To the list of models.
    Models,
    /// To one model of the list.
    Model(String),
    /// To the record of one of the caller's own calls.
    Record(String),
    /// To an answer that was kept.
    Answer(String, Wish),
}

/// What is wanted of an answer that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To see it.
    See,
    /// To see what the call brought that it answered.
    Items,
    /// That it be no more.
    Remove,
    /// That whoever makes it stop.
    Cancel,
}

/// A call from its first byte to its last: when it came, and what is to be told of it in the end.
#[derive(Clone)]
pub struct Trace {
    /// Its id.
    pub request: RequestId,
    /// The time of day at which it came.
    pub at: Timestamp,
    /// The same, to measure from.
    pub started: Instant,
    story: Arc<Mutex<Story>>,
}

/// What has become of a call so far; each layer adds what it knows.
pub struct Story {
    /// The line that is logged at the end.
    pub record: Record,
    /// What the frontier would have cost for what the caller sees; `None` while that is nothing.
    pub baseline: Option<NanoUsd>,
    /// An answer had begun and then broke off.
    pub cut: bool,
    /// What the last attempt was asked in, where that is not the caller's dialect, and what was left out on the way.
    pub translated: Option<(Dialect, Dropped)>,
    /// What was wrong with answers, and what became of those.
    pub flaws: Vec<Flawed>,
    /// The call's facts as the ledger keeps them, once they are known.
    pub head: Option<Arc<CallHead>>,
    /// The place in the ledger's queue for the call's last word; `None` once that is said.
    pub closing: Option<Closing>,
}

/// Something that was wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flawed {
    /// Whose answer.
    pub model: ModelId,
    /// What was wrong.
    pub flaw: Flaw,
    /// What became of it.
    pub fate: Fate,
}

impl Story {
    /// The call's end as the ledger keeps it.
    pub fn end(&self, status: u16, at: Timestamp, took: Duration) -> CallEnd {
        let record = &self.record;
        CallEnd {
            at,
            status,
            model: record.model.clone(),
            hosting: record.hosting,
            baseline: self.baseline,
            first_byte_ms: record.first_byte_ms,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            error: record.error.map(str::to_owned),
            translation: self.translation(),
            flaws: self.flaws(),
        }
    }

    /// Reckons what was saved by what is known so far.
    pub fn saves(&mut self) {
        let cost = self.record.cost;
        self.record.saved = self.baseline.map(|would| would.saturating_sub(cost));
    }

    /// Adds what was left out of an answer.
    pub fn dropped(&mut self, more: &Dropped) {
        if let Some((_, dropped)) = &mut self.translated {
            dropped.extend(more);
        }
    }

    fn flaws(&self) -> Option<Box<str>> {
        let some = !self.flaws.is_empty();
        let text = some.then(|| serde_json::to_string(&self.flaws));
        text?.ok().map(Into::into)
    }

    fn translation(&self) -> Option<Box<str>> {
        #[derive(Serialize)]
        struct Shown<'a> {
            wire: Dialect,
            #[serde(skip_serializing_if = "Dropped::is_empty")]
            dropped: &'a Dropped,
        }
        let (wire, dropped) = self.translated.as_ref()?;
        let shown = Shown {
            wire: *wire,
            dropped,
        };
        serde_json::to_string(&shown).ok().map(Into::into)
    }
}

impl Trace {
    /// Begins a call.
    pub fn new(request: RequestId, at: Timestamp) -> Self {
        let record = Record::new(request);
        let story = Story {
            record,
            baseline: None,
            cut: false,
            translated: None,
            flaws: Vec::new(),
            head: None,
            closing: None,
        };
        Self {
            request,
            at,
            started: Instant::now(),
            story: Arc::new(Mutex::new(story)),
        }
    }

    /// The story, to add to. The lock is never held over an await.
    pub fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({})", self.request)
    }
}

/// A call that is to be decided and not made.
pub struct Question {
    /// The door; guessed from the body where nobody says it.
    pub endpoint: Option<Endpoint>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Who would call.
    pub key: Arc<Key>,
    /// The rules and the catalogue.
    pub snapshot: Arc<Snapshot>,
}

type Rehearsed = Waiting<serde_json::Value, Fault>;

/// Decides calls that are not made, and tells of it.
#[derive(Clone)]
pub struct Rehearse(Arc<dyn Fn(Question) -> Rehearsed + Send + Sync>);

impl Rehearse {
    /// Decides by `decide`.
    pub fn new(decide: impl Fn(Question) -> Rehearsed + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    /// The decision in the words of a record, a refusal too; an error where there is nothing to decide.
    pub async fn ask(&self, question: Question) -> Result<serde_json::Value, Fault> {
        (self.0)(question).await
    }
}

/// A request that found a door.
pub struct Arrived {
    /// As it came.
    pub request: Request<Inbound>,
    /// Where it wants to go.
    pub route: Route,
    /// Its story.
    pub trace: Trace,
}

/// A call that there is room for.
pub struct Entered {
    /// As it came.
    pub request: Request<Inbound>,
    /// Where it wants to go.
    pub route: Route,
    /// Its story.
    pub trace: Trace,
    /// The rules and the catalogue for the whole call.
    pub snapshot: Arc<Snapshot>,
}

/// A call of somebody known.
pub struct Admitted {
    /// As it came.
    pub request: Request<Inbound>,
    /// Where it wants to go.
    pub route: Route,
    /// Who calls.
    pub caller: Caller,
}

/// Who calls, under which rules.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The call's story.
    pub trace: Trace,
    /// The rules and the catalogue for the whole call.
    pub snapshot: Arc<Snapshot>,
    /// The key that was shown.
    pub key: Arc<Key>,
}

/// A call whose body has been read.
pub struct Parsed {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub call: Call,
    /// Who calls.
    pub caller: Caller,
    /// The call as it came, where it named the answer that it goes on from and is told with all that was said before.
    pub short: Option<Box<Short>>,
}

/// A call that brings what is new alone.
pub struct Short {
    /// As it came.
    pub call: Call,
    /// The target that has the rest, and knows it by the name of its last answer.
    pub lies_at: Option<TargetId>,
    /// That target says that it has nothing of it any more.
    pub forgotten: OnceLock<()>,
    /// What the rest gave away when it came.
    pub given: Given,
    /// The room that the whole of it takes.
    pub room: OwnedSemaphorePermit,
}

impl Parsed {
    /// The call as its caller wrote it.
    pub fn as_it_came(&self) -> &Call {
        self.short.as_ref().map_or(&self.call, |short| &short.call)
    }
}

/// A call of which all is known but the kind of work.
pub struct Recalled {
    /// The call.
    pub parsed: Parsed,
    /// What is known of it.
    pub facts: Facts,
    /// Its part in a conversation.
    pub talk: Option<Box<Talk>>,
}

/// A call of which all is known.
pub struct Classified {
    /// The call.
    pub parsed: Parsed,
    /// What is known of it.
    pub facts: Facts,
    /// Its part in a conversation.
    pub talk: Option<Box<Talk>>,
}

/// A call with its candidates in order.
pub struct Planned {
    /// What every attempt of it shares.
    pub work: Arc<Work>,
    /// Who may answer.
    pub plan: Plan,
}

/// What every attempt of a call shares.
pub struct Work {
    /// The call and its caller.
    pub parsed: Parsed,
    /// Its facts as the ledger keeps them.
    pub head: Arc<CallHead>,
    /// The model that the saving is measured against.
    pub baseline: Option<Arc<Model>>,
    /// Its part in a conversation.
    pub talk: Option<Box<Talk>>,
    /// The call in other words, as soon as somebody has to be told it so.
    pub translation: OnceLock<Translation>,
    /// What the first candidate is told, where that is asked in another dialect.
    pub told: Option<Told>,
}

/// What is known of a call once it has been read for whoever speaks another dialect.
pub struct Translation {
    /// What its answers need to know of it; nothing where it cannot be read.
    pub echo: Option<Echo>,
    /// What other dialects have no words for.
    pub unmet: Unmet,
}

/// What a model is told that is asked in another dialect.
pub struct Told {
    /// The model.
    pub model: ModelId,
    /// The body.
    pub body: Bytes,
    /// What was left out of it.
    pub dropped: Dropped,
}

impl Work {
    /// The dialect in which errors are told.
    pub fn dialect(&self) -> Dialect {
        self.parsed.call.endpoint.dialect()
    }

    /// The call's story.
    pub fn trace(&self) -> &Trace {
        &self.parsed.caller.trace
    }
}

/// One try of a call at one model.
pub struct Attempt {
    /// The call.
    pub work: Arc<Work>,
    /// Its id.
    pub id: AttemptId,
    /// Who is asked.
    pub candidate: Candidate,
    /// The way there.
    pub upstream: Arc<Upstream>,
    /// Its part of the machine's time.
    pub share: Share,
    /// What its answer is looked over for.
    pub watch: Option<Watch>,
    /// By when the whole call has to be answered, where it was tried before.
    pub until: Option<Instant>,
}

/// How an answer is looked over on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// For what.
    pub looks: Looks,
    /// How much of a stream waits for the verdict; `None` where nobody else could answer, so that nothing waits.
    pub hold: Option<Hold>,
}

/// An attempt that the ledger knows of.
pub struct Held {
    /// The attempt.
    pub attempt: Attempt,
    /// Its entry, which ends when this does.
    pub hold: ledger::Hold,
    /// What it is billed by.
    pub tariff: Tariff,
}

/// What goes to a target.
pub struct Outbound {
    /// The call.
    pub work: Arc<Work>,
    /// The attempt, by which the target can name it.
    pub id: AttemptId,
    /// Who is asked.
    pub model: Arc<Model>,
    /// How.
    pub wire: Wire,
    /// The way there.
    pub upstream: Arc<Upstream>,
}

macro_rules! opaque {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        })+
    };
}

// Bodies and keys are inside: nothing of them belongs into a log.
opaque!(
    Story,
    Question,
    Rehearse,
    Arrived,
    Entered,
    Admitted,
    Parsed,
    Short,
    Recalled,
    Classified,
    Planned,
    Work,
    Translation,
    Told,
    Attempt,
    Held,
    Outbound
);
