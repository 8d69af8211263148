//! What is kept of a conversation, and how an answer moves it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answers::Given;
use crate::catalog::CacheRule;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::Hosting;
use crate::domain::facts::Turn;
use crate::domain::ids::{ModelId, RequestId, SessionId, TargetId};
use crate::domain::tokens::{TokenCount, Usage};
use crate::session::identity::Conversation;
use crate::session::prefix::{Prompt, Trunk};
use crate::session::shape::Shape;
use crate::session::warmth::{Answered, Warm, Warmth};

/// How an answer ended, as far as the conversation minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The caller has it.
    Answered,
    /// It was cut off on the way.
    Cut,
    /// There was none: the conversation stands where it stood.
    Failed,
    /// The caller never saw it, for it was plainly wrong. What its model has cached is cached all the same.
    Caught,
}

/// When a call came; of two at one moment, the later one's request sorts behind.
type When = (Timestamp, RequestId);

/// A conversation. `E` is what evidence keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept<E> {
    /// Its name, for records.
    pub name: SessionId,
    /// The newest call.
    pub last: When,
    first: When,
    /// Stands for the system prompt that it began with.
    pub root: u64,
    /// Calls that were answered.
    pub calls: u32,
    /// Those in which the person spoke.
    pub person_turns: u32,
    /// What answered last.
    pub model: Option<ModelId>,
    /// Where.
    pub target: Option<TargetId>,
    /// Who runs that.
    pub hosting: Option<Hosting>,
    /// It signs what its model thinks.
    #[serde(default)]
    pub signs: bool,
    /// The last prompt. Kept beside the rest, for it is the longest part.
    #[serde(skip)]
    pub trunk: Trunk,
    /// The number of the context window, where the client tells it.
    pub window: Option<u32>,
    /// What each model has cached.
    pub warmth: Warmth,
    /// What was seen of how the work goes.
    pub evidence: E,
}

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Observed<E> {
    /// The conversation.
    pub conversation: Conversation,
    /// The call.
    pub request: RequestId,
    /// When it came.
    pub at: Timestamp,
    /// What answered.
    pub model: ModelId,
    /// Where.
    pub target: TargetId,
    /// Who runs that.
    pub hosting: Hosting,
    /// It was asked in a dialect in which thoughts are signed.
    pub signs: bool,
    /// By which rules that target caches.
    pub rule: CacheRule,
    /// What the provider counted, where it did.
    pub usage: Option<Usage>,
    /// Its kind, where that is plain: such a call moves nothing in the conversation, but for what is cached of the prompt that
    /// both have.
    pub shape: Option<Shape>,
    /// How it ended.
    pub end: End,
    /// Stands for the answer's names at a provider that keeps answers, see [`super::Sessions::answer`].
    pub stored: Vec<u64>,
    /// What all that was said until then gave away.
    pub given: Given,
    /// The prompt is only what was new: the rest lies at the provider.
    pub partial: bool,
    /// The prompt that was sent.
    pub prompt: Arc<Prompt>,
    /// How many tokens we took all of it for; `None` where that says nothing of how the model counts.
    pub taken_for: Option<TokenCount>,
    /// What of it was expected to be cached there.
    pub expected: Warm,
    /// Who spoke last.
    pub turn: Turn,
    /// Stands for the system prompt.
    pub system: u64,
    /// The number of the context window.
    pub window: Option<u32>,
    /// What evidence makes of the conversation now.
    pub evidence: E,
}

impl<E: Clone> Kept<E> {
    /// A conversation after its first call.
    pub fn begin(seen: &Observed<E>) -> Self {
        let mut kept = Self {
            name: seen.conversation.name.clone(),
            last: seen.when(),
            first: seen.when(),
            root: seen.system,
            calls: 0,
            person_turns: 0,
            model: None,
            target: None,
            hosting: None,
            signs: false,
            trunk: Trunk::default(),
            window: None,
            warmth: Warmth::default(),
            evidence: seen.evidence.clone(),
        };
        kept.step(seen);
        kept
    }

    /// Takes in a call that has ended. Calls that overlap may be taken in any order: what the newest of them says stands, and
    /// what models have cached is put together.
    pub fn step(&mut self, seen: &Observed<E>) {
        if !seen.counts() {
            return;
        }
        self.warm(seen);
        if !seen.moves() {
            return;
        }
        self.calls = self.calls.saturating_add(1);
        self.person_turns = self
            .person_turns
            .saturating_add((seen.turn != Turn::Tool).into());
        if seen.when() < self.first {
            (self.first, self.root) = (seen.when(), seen.system);
        }
        if seen.when() >= self.last {
            self.go_on(seen);
        }
    }

    fn warm(&mut self, seen: &Observed<E>) {
        if let Some(answered) = seen.answered() {
            self.warmth.observe(&answered);
        }
    }

    fn go_on(&mut self, seen: &Observed<E>) {
        self.last = seen.when();
        self.model = Some(seen.model.clone());
        self.target = Some(seen.target.clone());
        self.hosting = Some(seen.hosting);
        self.signs = seen.signs;
        self.trunk = Trunk::of(&seen.prompt);
        self.window = seen.window;
        self.evidence = seen.evidence.clone();
    }
}

impl<E> Kept<E> {
    /// The last prompt and the number of its window, as [`crate::session::turn::Step::from`] compares with.
    pub fn before(&self) -> (&Trunk, Option<u32>) {
        (&self.trunk, self.window)
    }
}

impl<E> Observed<E> {
    /// Whether it tells anything of its conversation.
    pub(super) fn counts(&self) -> bool {
        self.end != End::Failed && self.shape.is_none_or(Shape::shares_prompt)
    }

    /// Whether the conversation goes on from it: what stands beside one, and what nobody has seen, moves nothing.
    pub(super) fn moves(&self) -> bool {
        self.shape.is_none() && self.end != End::Caught
    }

    /// What the answer tells of the cache.
    pub(super) fn answered(&self) -> Option<Answered<'_>> {
        if self.partial {
            return None;
        }
        Some(Answered {
            model: &self.model,
            rule: self.rule,
            prompt: &self.prompt,
            usage: self.usage?,
            at: self.at,
        })
    }

    fn when(&self) -> When {
        (self.at, self.request)
    }
}
