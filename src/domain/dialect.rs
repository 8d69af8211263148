//! The wire formats that callers and targets speak, and the doors that a call comes in by.

use super::closed::closed;

closed!(
    /// A wire format.
    Dialect {
        /// OpenAI Chat Completions.
        Chat = "chat",
        /// OpenAI Responses.
        Responses = "responses",
        /// Anthropic Messages.
        Messages = "messages",
        /// OpenAI's older completions, with `suffix`: fill in the middle.
        Completions = "completions",
        /// Google's `generateContent`: spoken to targets only.
        Gemini = "gemini",
    }
);

closed!(
    /// A door that sends a body to a model.
    Endpoint {
        /// `POST /v1/chat/completions`
        Chat = "chat",
        /// `POST /v1/responses`
        Responses = "responses",
        /// `POST /v1/messages`
        Messages = "messages",
        /// `POST /v1/completions`
        Completions = "completions",
        /// `POST /v1/messages/count_tokens`
        CountTokens = "count_tokens",
        /// `POST /v1/embeddings`
        Embeddings = "embeddings",
    }
);

impl Endpoint {
    /// The format of bodies and errors at this door.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Chat | Self::Embeddings => Dialect::Chat,
            Self::Responses => Dialect::Responses,
            Self::Messages | Self::CountTokens => Dialect::Messages,
            Self::Completions => Dialect::Completions,
        }
    }

    /// Whether a target that speaks `spoken` has this door. Embeddings belong to every server of the OpenAI kind.
    pub fn served_by(self, spoken: &[Dialect]) -> bool {
        match self {
            Self::Embeddings => spoken
                .iter()
                .any(|d| matches!(d, Dialect::Chat | Dialect::Responses | Dialect::Completions)),
            _ => spoken.contains(&self.dialect()),
        }
    }
}

closed!(
    /// Who runs the server that answers.
    Hosting {
        /// The team itself: nothing leaves the house.
        Own = "own",
        /// A provider.
        Vendor = "vendor",
    }
);

closed!(
    /// What a model can do beyond text.
    Ability {
        /// Calls tools.
        Tools = "tools",
        /// Sees images.
        Images = "images",
        /// Fills in the middle.
        Fim = "fim",
        /// Thinks before it answers.
        Thinking = "thinking",
        /// Keeps to a JSON schema.
        StructuredOutput = "structured_output",
        /// Turns text into vectors.
        Embeddings = "embeddings",
    }
);
