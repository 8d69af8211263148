//! What a writer says that no step tells, and how an answer is named.

use std::borrow::Cow;

use crate::domain::dialect::Dialect;
use crate::domain::ids::RequestId;
use crate::domain::tokens::TokenCount;
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::Start;
use crate::protocol::translate::name;

/// What is said of an answer that was refused without a word.
pub(super) const REFUSED: &str = "The model refused to answer.";

/// What the caller is shown of the call itself.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// The call: ids of the answer that the target does not give are made of it, so that no two answers share one.
    pub request: RequestId,
    /// When the answer begins, in seconds since 1970, where the target does not say it.
    pub created: u64,
    /// How long the prompt is by our own count, where the target does not tell it before it answers.
    pub prompt: TokenCount,
}

impl Shown {
    /// The id of the part of this number.
    pub(super) fn part(&self, prefix: &str, number: u64) -> String {
        format!("{prefix}{:032x}{number:02x}", self.request.0)
    }
}

/// How an answer is named.
#[derive(Debug)]
pub(super) struct Named {
    /// Its id, as the caller's parser expects it.
    pub(super) id: String,
    /// The model that answers, or that was asked for where the target does not say which.
    pub(super) model: String,
    /// When it was made, in seconds since 1970.
    pub(super) created: u64,
    /// Its id, as the target gave it.
    own: String,
}

impl Named {
    /// Names an answer of which nothing is known yet.
    pub(super) fn new(prefix: &str, echo: &Echo, shown: Shown) -> Self {
        Self {
            id: format!("{prefix}{:032x}", shown.request.0),
            model: echo.model.clone(),
            created: shown.created,
            own: String::new(),
        }
    }

    /// Takes over what the target says.
    pub(super) fn begin(&mut self, prefix: &str, start: &Start<'_>) {
        if start.id.starts_with(prefix) {
            self.id = start.id.to_string();
        } else if !start.id.is_empty() {
            self.id = format!("{prefix}{}", name::digest(&[&start.id], 24));
        }
        if !start.model.is_empty() {
            self.model = start.model.to_string();
        }
        self.created = start.created.unwrap_or(self.created);
        self.own = start.id.to_string();
    }

    /// The id that the caller is told for a call. Some servers begin to count anew in each answer, and clients tell the calls of a whole
    /// conversation apart by their ids: a short one gets the answer's own mixed in.
    pub(super) fn call<'a>(&self, caller: Dialect, id: &'a str) -> Cow<'a, str> {
        const TELLING: usize = 9;
        match id.len() >= TELLING {
            true => Cow::Borrowed(id),
            false => Cow::Owned(name::fresh(caller, &[&self.own, id])),
        }
    }
}
