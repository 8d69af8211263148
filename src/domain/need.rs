//! What a call needs of its target beyond words, as far as some dialect has no words for it.

use serde::{Deserialize, Serialize};

use super::closed::closed;
use super::dialect::Dialect;

closed!(
    /// What a call needs of its target beyond words.
    Need {
        /// Tools that the caller runs.
        Tools = "tools",
        /// A tool must be called.
        ForcedTool = "forced_tool",
        /// A tool that the provider runs itself, or knows by its type.
        ForeignTool = "foreign_tool",
        /// Pictures are seen.
        Images = "images",
        /// Documents are read.
        Documents = "documents",
        /// Sounds are heard or made.
        Audio = "audio",
        /// A file that was uploaded to a provider.
        File = "file",
        /// An answer in JSON by a schema.
        StructuredOutput = "structured_output",
        /// Texts that end the answer.
        Stop = "stop",
        /// Several answers to one question.
        Choices = "choices",
        /// How likely each word was.
        Logprobs = "logprobs",
        /// Words that are more or less wanted.
        LogitBias = "logit_bias",
        /// A conversation that the provider keeps.
        StoredState = "stored_state",
        /// An answer that is made while nobody waits for it, and looked for later.
        Background = "background",
        /// The provider itself watches over what tools may do.
        Safeguards = "safeguards",
        /// A gap is filled in.
        Fim = "fim",
        /// Nobody but a target of the caller's own dialect can make something of the body.
        Readable = "readable",
    }
);

/// For each dialect that the call could be translated to, what it has no words for. Empty where every dialect will do, or
/// where nobody had to look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unmet(Vec<(Dialect, Need)>);

impl Unmet {
    /// Notes that `dialect` has no words for `need`.
    pub fn note(&mut self, dialect: Dialect, need: Need) {
        if !self.0.contains(&(dialect, need)) {
            self.0.push((dialect, need));
        }
    }

    /// The first of the call's needs that `dialect` has no words for.
    pub fn by(&self, dialect: Dialect) -> Option<Need> {
        let found = self.0.iter().find(|(of, _)| *of == dialect);
        found.map(|(_, need)| *need)
    }

    /// Nothing is noted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
