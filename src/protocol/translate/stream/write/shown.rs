//! What a writer says that no step tells, and how an answer is named.

use std::borrow::Cow;

use crate::domain::dialect::Dialect;
use crate::domain::ids::RequestId;
use crate::domain::tokens::TokenCount;
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::Start;
use crate::protocol::translate::said;

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
    /// What stands for the answer's id where the target gives none.
    pub fn unnamed(&self) -> String {
        format!("{:032x}", self.request.0)
    }

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
    /// The tier that it is served in, in the target's word.
    tier: Option<String>,
}

impl Named {
    /// Names an answer of which nothing is known yet.
    pub(super) fn new(prefix: &str, echo: &Echo, shown: Shown) -> Self {
        let own = shown.unnamed();
        Self {
            id: said::id(prefix, &own).into_owned(),
            model: echo.model.clone(),
            created: shown.created,
            own,
            tier: None,
        }
    }

    /// Takes over what the target says.
    pub(super) fn begin(&mut self, prefix: &str, start: &Start<'_>) {
        self.id = said::id(prefix, &start.id).into_owned();
        self.own = start.id.to_string();
        if !start.model.is_empty() {
            self.model = start.model.to_string();
        }
        self.created = start.created.unwrap_or(self.created);
        self.tier = start.tier.as_deref().map(str::to_owned);
    }

    /// The id that the caller is told for a call.
    pub(super) fn call<'a>(&self, caller: Dialect, id: &'a str) -> Cow<'a, str> {
        said::call_id(caller, &self.own, id)
    }

    /// The tier, where OpenAI's parsers know the word.
    pub(super) fn openai_tier(&self) -> Option<&str> {
        self.tier.as_deref().filter(|it| said::is_openai_tier(it))
    }

    /// The tier, where Anthropic's parsers know the word.
    pub(super) fn anthropic_tier(&self) -> Option<&str> {
        self.tier
            .as_deref()
            .filter(|it| said::is_anthropic_tier(it))
    }
}
