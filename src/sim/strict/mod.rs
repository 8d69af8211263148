//! What the real providers refuse, refused as they do: what a client may send there passes, and nothing else.
//!
//! One file a dialect. Where it is not known how strict a provider is, the lenient reading is taken: prefixes that changed before
//! a thought, thoughts of another model of the same provider, fields that own servers ignore in Chat, whether reasoning is given
//! back in Chat, a provider's limits on sizes, and which of several calls at once bear a signature (the first has to).

mod chat;
mod gemini;
mod messages;
mod pairs;
mod responses;
mod tree;

use super::door::{Door, Way};
use super::refusal::Refusal;
use super::seal::Seals;
use tree::Tree;

/// How much a target puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Anything that it can make sense of.
    Lenient,
    /// What a real server takes; in Chat, fields that nobody knows are ignored as vLLM ignores them.
    Server,
    /// What the strictest provider takes.
    Provider,
}

/// Refuses what the real server behind this door would refuse.
pub(super) fn check(
    strictness: Strictness,
    way: Way<'_>,
    body: &[u8],
    seals: &Seals,
) -> Result<(), Refusal> {
    if strictness == Strictness::Lenient {
        return Ok(());
    }
    let body = Tree::read(body)?;
    match way.door {
        Door::Messages | Door::CountTokens => messages::check(&body, seals),
        Door::Chat => chat::check(&body, strictness == Strictness::Provider),
        Door::Responses => responses::check(&body, seals),
        Door::Generate => gemini::check(&body, way.model.unwrap_or_default(), seals),
        // A count may wrap a whole request, and says no more than a number.
        Door::GenerateCount | Door::Completions | Door::Embeddings => Ok(()),
    }
}

#[cfg(test)]
mod tests;
