//! How a target is asked: in the caller's own dialect where it speaks that, so that the bytes can go as they came; else in
//! another of its dialects, into which the call is translated.

use super::dialect::{Dialect, Endpoint};
use super::need::{Need, Unmet};

/// How a target is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wire {
    /// The door that the call came in by.
    pub endpoint: Endpoint,
    /// What the target is spoken to in.
    pub dialect: Dialect,
}

/// Why a target cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mute {
    /// It speaks nothing that a call at this door can be said in.
    Door,
    /// It could be asked in this dialect, which has no words for this need.
    Need(Dialect, Need),
}

impl Wire {
    /// The caller's own dialect.
    pub fn own(endpoint: Endpoint) -> Self {
        let dialect = endpoint.dialect();
        Self { endpoint, dialect }
    }

    /// The dialects that calls of a door can be translated to, the one that loses least first.
    pub fn others(endpoint: Endpoint) -> &'static [Dialect] {
        by_loss(endpoint)
    }

    /// The call has to be translated, and its answer as well.
    pub fn is_translated(self) -> bool {
        self.dialect != self.endpoint.dialect()
    }

    /// Chooses how a target that speaks `spoken` is asked: of the dialects that have words for all that the call needs, the
    /// one that loses least.
    pub fn choose(endpoint: Endpoint, spoken: &[Dialect], unmet: &Unmet) -> Result<Self, Mute> {
        if endpoint.served_by(spoken) {
            return Ok(Self::own(endpoint));
        }
        let mut mute = Mute::Door;
        let others = by_loss(endpoint).iter();
        for dialect in others.copied().filter(|other| spoken.contains(other)) {
            match (unmet.by(dialect), mute) {
                (None, _) => return Ok(Self { endpoint, dialect }),
                (Some(need), Mute::Door) => mute = Mute::Need(dialect, need),
                (Some(_), Mute::Need(..)) => {}
            }
        }
        Err(mute)
    }
}

/// The dialects that calls of a door can be translated to, the one that loses least first.
///
/// Chat has no place for pictures in results of tools, nor for reasoning that is given back. Responses has no stop texts and
/// Messages no schema-less JSON, but those are needs, which are looked at before.
fn by_loss(endpoint: Endpoint) -> &'static [Dialect] {
    use Dialect::{Chat, Gemini, Messages, Responses};
    match endpoint {
        Endpoint::Chat => &[Responses, Messages, Gemini],
        Endpoint::Responses => &[Messages, Chat, Gemini],
        Endpoint::Messages | Endpoint::CountTokens => &[Responses, Gemini, Chat],
        Endpoint::Completions => &[Chat, Messages, Responses, Gemini],
        // What is measured is another's text as soon as it is translated.
        Endpoint::Embeddings => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        endpoint: Endpoint,
        spoken: &[Dialect],
        unmet: &[(Dialect, Need)],
    ) -> Result<Dialect, Mute> {
        let mut all = Unmet::default();
        unmet
            .iter()
            .for_each(|(dialect, need)| all.note(*dialect, *need));
        Wire::choose(endpoint, spoken, &all).map(|wire| wire.dialect)
    }

    #[test]
    fn a_target_is_asked_in_the_callers_own_dialect_where_it_speaks_that() {
        for dialect in [Dialect::Chat, Dialect::Messages] {
            let spoken = [Dialect::Responses, Dialect::Chat, Dialect::Messages];
            let endpoint = match dialect {
                Dialect::Chat => Endpoint::Chat,
                _ => Endpoint::Messages,
            };
            let unmet = [(dialect, Need::Images), (Dialect::Responses, Need::Stop)];

            assert_eq!(choose(endpoint, &spoken, &unmet), Ok(dialect));
        }
    }

    #[test]
    fn else_in_the_one_that_loses_least_and_has_words_for_everything() {
        let spoken = [Dialect::Chat, Dialect::Responses];

        assert_eq!(
            choose(Endpoint::Messages, &spoken, &[]),
            Ok(Dialect::Responses)
        );
        let unmet = [(Dialect::Responses, Need::Stop)];
        assert_eq!(
            choose(Endpoint::Messages, &spoken, &unmet),
            Ok(Dialect::Chat)
        );
    }

    #[test]
    fn what_no_dialect_of_the_target_can_say_names_the_need() {
        let unmet = [(Dialect::Messages, Need::Logprobs)];

        let mute = choose(Endpoint::Chat, &[Dialect::Messages], &unmet);

        assert_eq!(mute, Err(Mute::Need(Dialect::Messages, Need::Logprobs)));
    }

    #[test]
    fn vectors_are_never_translated() {
        let mute = choose(Endpoint::Embeddings, &[Dialect::Gemini], &[]);

        assert_eq!(mute, Err(Mute::Door));
        let vectors = choose(Endpoint::Embeddings, &[Dialect::Responses], &[]);
        assert_eq!(vectors, Ok(Dialect::Chat));
    }

    #[test]
    fn what_is_counted_is_what_would_be_sent() {
        for spoken in [
            Dialect::Messages,
            Dialect::Responses,
            Dialect::Gemini,
            Dialect::Chat,
        ] {
            let spoken = [Dialect::Completions, spoken];
            let count = choose(Endpoint::CountTokens, &spoken, &[]);

            assert_eq!(count, choose(Endpoint::Messages, &spoken, &[]));
        }
    }
}
