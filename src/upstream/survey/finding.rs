//! One thing that was found out about a target.

use serde::Serialize;

use crate::domain::closed::closed;
use crate::domain::dialect::Dialect;
use crate::domain::ids::ModelId;

closed!(
    /// What is asked.
    What {
        /// It answers at all.
        Reach = "reachable",
        /// It takes our key.
        Key = "key",
        /// It is of the kind that it is taken for.
        Kind = "kind",
        /// It has the model.
        Model = "model",
        /// As much fits into a call as is configured.
        Window = "window",
        /// It speaks the dialect.
        Dialect = "dialect",
        /// It streams.
        Stream = "stream",
        /// It tells what a stream used.
        StreamUsage = "stream usage",
        /// It tells what of a prompt was cached.
        Cached = "cached counts",
        /// The model calls tools.
        Tools = "tools",
        /// It can be made to call one.
        ForcedTool = "forced tool",
        /// It keeps to a schema.
        StructuredOutput = "structured output",
        /// It fills gaps.
        Fim = "fim",
        /// It thinks.
        Thinking = "thinking",
        /// It counts tokens.
        Counts = "token counts",
    }
);

closed!(
    /// What was found.
    Verdict {
        /// It is so.
        Yes = "yes",
        /// It is not.
        No = "no",
        /// What it answered tells neither.
        Unclear = "unclear",
        /// There was no time, or no sense in it.
        NotAsked = "not asked",
    }
);

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was asked.
    pub what: What,
    /// In which dialect, where that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Of which model, where it is a model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// What was found.
    pub verdict: Verdict,
    /// What it said, in short.
    pub told: String,
    /// Something is configured that is not so.
    pub differs: bool,
    /// What would make the configuration true, or better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<Mend>,
}

/// A line of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mend {
    /// What it stands under: `models.base1`.
    pub at: String,
    /// The line, as it is to be written.
    pub line: String,
}

impl Mend {
    /// A line under this key.
    pub fn new(at: impl Into<String>, line: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            line: line.into(),
        }
    }
}

impl Finding {
    /// A finding that agrees with what is configured.
    pub fn new(what: What, verdict: Verdict, told: impl Into<String>) -> Self {
        Self {
            what,
            dialect: None,
            model: None,
            verdict,
            told: told.into(),
            differs: false,
            mend: None,
        }
    }

    /// Of this model.
    #[must_use]
    pub fn of(mut self, model: &ModelId) -> Self {
        self.model = Some(model.clone());
        self
    }

    /// In this dialect.
    #[must_use]
    pub fn in_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// The configuration says otherwise; this line would be true.
    #[must_use]
    pub fn differs(mut self, mend: Mend) -> Self {
        self.differs = true;
        self.mend = Some(mend);
        self
    }

    /// Nothing is wrong, but this would be better.
    #[must_use]
    pub fn hint(mut self, mend: Mend) -> Self {
        self.mend = Some(mend);
        self
    }
}
