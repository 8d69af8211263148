//! Where servers count tokens for who wants to know before asking.

use crate::domain::dialect::Dialect;

/// Which doors a server has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Those of the dialects: Anthropic's, Google's, and OpenAI's for responses. The chat dialect has none.
    Dialects,
    /// The same, and vLLM's own, which takes a conversation of the chat dialect.
    Tokenize,
    /// The same, and below the chat dialect one like that for responses.
    InputTokens,
    /// None.
    Nowhere,
}

/// Where a door is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Below the base of the dialect.
    Below(&'static str),
    /// Beside all bases.
    Beside(&'static str),
    /// It is a method of the model.
    Method(&'static str),
}

impl Counting {
    /// The door that counts what would be asked in a dialect.
    pub fn door(self, dialect: Dialect) -> Option<Door> {
        match (self, dialect) {
            (Self::Nowhere, _) | (_, Dialect::Completions) => None,
            (_, Dialect::Messages) => Some(Door::Below("messages/count_tokens")),
            (_, Dialect::Responses) => Some(Door::Below("responses/input_tokens")),
            (_, Dialect::Gemini) => Some(Door::Method("countTokens")),
            (Self::Dialects, Dialect::Chat) => None,
            (Self::Tokenize, Dialect::Chat) => Some(Door::Beside("tokenize")),
            (Self::InputTokens, Dialect::Chat) => {
                Some(Door::Below("chat/completions/input_tokens"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::Hosting;
    use crate::domain::kind::Kind;

    #[test]
    fn not_every_server_counts() {
        let counts = |kind: Kind, hosting, dialect| {
            let door = kind.habits(hosting).counting.door(dialect);
            door.is_some()
        };
        let (own, vendor) = (Hosting::Own, Hosting::Vendor);

        assert!(counts(Kind::Anthropic, vendor, Dialect::Messages));
        assert!(counts(Kind::Google, vendor, Dialect::Gemini));
        assert!(counts(Kind::OpenAi, vendor, Dialect::Responses));
        assert!(!counts(Kind::OpenAi, vendor, Dialect::Chat));
        assert!(!counts(Kind::Azure, vendor, Dialect::Responses));
        assert!(counts(Kind::Vllm, own, Dialect::Chat) && counts(Kind::Other, own, Dialect::Chat));
        assert!(counts(Kind::LlamaCpp, own, Dialect::Chat));
        assert!(!counts(Kind::Ollama, own, Dialect::Chat));
        let all = Kind::ALL.iter();
        let mut typed = all.map(|kind| counts(*kind, own, Dialect::Completions));
        assert!(typed.all(|counts| !counts));
    }
}
