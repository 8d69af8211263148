//! The doors of a simulated target: those that callers know, and Google's.

use crate::domain::closed::closed;
use crate::domain::dialect::Dialect;

closed!(
    /// A door that sends a body to a model.
    Door {
        /// `POST /chat/completions`
        Chat = "chat",
        /// `POST /responses`
        Responses = "responses",
        /// `POST /messages`
        Messages = "messages",
        /// `POST /completions`
        Completions = "completions",
        /// `POST /messages/count_tokens`
        CountTokens = "count_tokens",
        /// `POST /embeddings`
        Embeddings = "embeddings",
        /// `POST /models/{model}:generateContent` and `:streamGenerateContent`
        Generate = "generate",
        /// `POST /models/{model}:countTokens`
        GenerateCount = "generate_count",
    }
);

/// A door, and what the address says besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way<'a> {
    pub(super) door: Door,
    /// The model, where the address names it.
    pub(super) model: Option<&'a str>,
    /// The address asks for a stream.
    pub(super) stream: bool,
}

impl Door {
    /// The format of bodies and errors.
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Chat | Self::Embeddings => Dialect::Chat,
            Self::Responses => Dialect::Responses,
            Self::Messages | Self::CountTokens => Dialect::Messages,
            Self::Completions => Dialect::Completions,
            Self::Generate | Self::GenerateCount => Dialect::Gemini,
        }
    }

    /// Only counts.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::CountTokens | Self::GenerateCount)
    }
}

/// A path without the version that a base URL may end in: both kinds of client are taken as they come.
pub(super) fn bare(path: &str) -> &str {
    let rest = path.strip_prefix("/v1beta").or(path.strip_prefix("/v1"));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// The way in at a path, which comes bare.
pub(super) fn way(path: &str) -> Option<Way<'_>> {
    let door = match path {
        "/chat/completions" => Door::Chat,
        "/responses" => Door::Responses,
        "/messages" | "/v1/messages" => Door::Messages,
        "/messages/count_tokens" | "/v1/messages/count_tokens" => Door::CountTokens,
        "/completions" => Door::Completions,
        "/embeddings" => Door::Embeddings,
        _ => return google(path),
    };
    Some(Way {
        door,
        model: None,
        stream: false,
    })
}

fn google(path: &str) -> Option<Way<'_>> {
    let (model, method) = path.strip_prefix("/models/")?.rsplit_once(':')?;
    let (door, stream) = match method {
        "generateContent" => (Door::Generate, false),
        "streamGenerateContent" => (Door::Generate, true),
        "countTokens" => (Door::GenerateCount, false),
        _ => return None,
    };
    Some(Way {
        door,
        model: Some(model),
        stream,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_leads_to_its_door_with_any_version_before_it() {
        let door = |path| way(bare(path)).map(|way| way.door);

        assert_eq!(door("/v1/messages"), Some(Door::Messages));
        assert_eq!(door("/v1/v1/messages"), Some(Door::Messages));
        assert_eq!(door("/chat/completions"), Some(Door::Chat));
        assert_eq!(door("/v1/models/x"), None);
        assert_eq!(door("/v1beta/models/x:embedContent"), None);
        let stream = way(bare("/v1beta/models/gemini-4:streamGenerateContent"));
        let expected = Way {
            door: Door::Generate,
            model: Some("gemini-4"),
            stream: true,
        };
        assert_eq!(stream, Some(expected));
    }
}
