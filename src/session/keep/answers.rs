//! Answers that lie at their providers: a call that names one goes on from it, and brings nothing of what was said before. So
//! what is known of that is remembered here: where it lies, and what its text gave away.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::open;
use super::ring::Ring;
use super::state::{End, Observed};
use crate::domain::clock::Timestamp;
use crate::domain::facts::DataClass;
use crate::domain::ids::{ModelId, TargetId};
use crate::domain::tokens::TokenCount;
use crate::session::identity::Conversation;

/// How long an answer is remembered: providers throw theirs away after as much.
const LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// An answer that lies at its provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The conversation that it is a part of.
    pub conversation: Conversation,
    /// When its call came.
    pub at: Timestamp,
    /// What answered.
    pub model: ModelId,
    /// Where: it lies there and nowhere else.
    pub target: TargetId,
    /// Tokens of all that was said until then, as far as the provider told.
    pub tokens: TokenCount,
    /// What all of that gave away.
    pub given: Given,
}

/// What a text gives away, as far as rules asked when it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// A secret stands in it.
    pub secrets: bool,
    /// Patterns of paths that fit a file named in it.
    pub paths: Vec<String>,
    /// How far it may go; `None` where nobody said.
    pub class: Option<DataClass>,
}

impl Given {
    /// Adds what another text gives away.
    pub fn add(&mut self, other: &Self) {
        self.secrets |= other.secrets;
        self.class = self.class.max(other.class);
        for path in &other.paths {
            if !self.paths.contains(path) {
                self.paths.push(path.clone());
            }
        }
    }
}

impl Answer {
    pub(super) fn of<E>(seen: &Observed<E>) -> Arc<Self> {
        let told = seen.usage.map(|usage| usage.prompt() + usage.output);
        Arc::new(Self {
            conversation: seen.conversation.clone(),
            at: seen.at,
            model: seen.model.clone(),
            target: seen.target.clone(),
            tokens: told.unwrap_or_default(),
            given: seen.given.clone(),
        })
    }
}

/// Answers by what stands for their names. The room is fixed.
#[derive(Debug)]
pub(super) struct Answers(Mutex<Ring<Arc<Answer>>>);

impl Answers {
    pub(super) fn of(most: usize) -> Self {
        Self(Mutex::new(Ring::of(most)))
    }

    pub(super) fn get(&self, id: u64, now: Timestamp) -> Option<Arc<Answer>> {
        let answer = open(&self.0).get(id).cloned()?;
        (answer.at >= oldest(now)).then_some(answer)
    }

    /// Takes in an answer that the caller is about to have: it may be gone on from at once.
    pub(super) fn keep<E>(&self, seen: &Observed<E>) {
        if seen.end != End::Answered || seen.stored.is_empty() {
            return;
        }
        let answer = Answer::of(seen);
        let mut answers = open(&self.0);
        for id in &seen.stored {
            answers.put(*id, Arc::clone(&answer));
        }
    }

    /// Takes in what an earlier process left.
    pub(super) fn put_back(&self, known: Vec<(u64, Answer)>) {
        let mut answers = open(&self.0);
        for (id, answer) in known {
            if !answers.is_full() && answers.get(id).is_none() {
                answers.put(id, Arc::new(answer));
            }
        }
    }
}

/// Answers that came before this are thrown away.
pub(super) fn oldest(now: Timestamp) -> Timestamp {
    let life = i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.millis().saturating_sub(life))
}
