//! What a call is to its conversation: what is new in it, and who spoke last.

use std::ops::Range;

use super::identity::Identity;
use super::prefix::{Prompt, Trunk};
use crate::domain::closed::closed;
use crate::domain::facts::Turn;
use crate::protocol::outline::Outline;

closed!(
    /// What became of the conversation since the last call.
    Change {
        /// There was no call yet.
        First = "first",
        /// The same prompt, and more behind it.
        Extended = "extended",
        /// The same prompt once more: the client tries again.
        Repeated = "repeated",
        /// Something was changed or taken back on the way.
        Edited = "edited",
        /// It goes on from a short telling of what was. Nothing of it is cached anywhere: to switch models costs nothing more.
        Compacted = "compacted",
    }
);

/// A compaction leaves a prompt at most this part as long, in messages.
const SHRINKS_TO: usize = 2;
/// Fewer messages are no conversation that anyone would tell in short.
const WORTH_COMPACTING: usize = 4;

/// A call beside the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What became of the conversation.
    pub change: Change,
    /// Who spoke last.
    pub turn: Turn,
    /// The messages of the talk that were not there before: the only ones that anyone need read.
    pub fresh: Range<usize>,
    /// Bytes of the prefix that was there, the instructions included. None where those have changed: then a cache has nothing.
    pub common: u64,
}

impl Step {
    /// Compares a call with what is kept of its conversation: the last prompt, and the number of its window.
    pub fn from(
        last: Option<(&Trunk, Option<u32>)>,
        prompt: &Prompt,
        identity: &Identity,
        outline: &Outline,
    ) -> Self {
        let (trunk, window) = last.map_or((None, None), |(trunk, window)| (Some(trunk), window));
        let shared = trunk.map_or(0, |trunk| trunk.common(prompt));
        let talk = prompt.messages() - prompt.leading();
        let raised = identity.window > window && window.is_some();
        let change = match trunk.filter(|trunk| !trunk.is_empty()) {
            None => Change::First,
            Some(_) if raised => Change::Compacted,
            Some(trunk) if shared == trunk.len() && shared == talk => Change::Repeated,
            Some(trunk) if shared == trunk.len() => Change::Extended,
            Some(trunk) if is_compaction(trunk.len(), shared, talk) => Change::Compacted,
            Some(_) => Change::Edited,
        };
        let common = trunk.map_or(0, |trunk| trunk.common_bytes(prompt, shared));
        Self {
            change,
            turn: outline.turn(false),
            fresh: prompt.leading() + shared..prompt.messages(),
            common,
        }
    }
}

impl Step {
    /// The same of a call that goes on from what lies at a provider: all that it brings is new, whatever it looks like.
    #[must_use]
    pub fn goes_on(self, prompt: &Prompt, outline: &Outline) -> Self {
        Self {
            change: Change::Extended,
            turn: outline.turn(true),
            fresh: prompt.leading()..prompt.messages(),
            common: 0,
        }
    }
}

/// A long talk became a short one that shares nothing with it but, perhaps, what a client puts in front of each.
fn is_compaction(before: usize, shared: usize, now: usize) -> bool {
    before >= WORTH_COMPACTING && now * SHRINKS_TO <= before && shared <= 1
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;
    use crate::domain::dialect::Endpoint;
    use crate::domain::ids::KeyId;
    use crate::protocol::call::Call;
    use crate::session::hash::Key;

    struct Seen {
        prompt: Prompt,
        identity: Identity,
        outline: Outline,
    }

    fn see(messages: &[&str], window: Option<&str>) -> Seen {
        let key = Key::new([1; 16]);
        let body = format!(
            r#"{{"model":"m","system":"s","messages":[{}]}}"#,
            messages.join(",")
        );
        let call = Call::read(Endpoint::Messages, Bytes::from(body), 64).expect("a valid body");
        let mut headers = HeaderMap::new();
        headers.insert("session-id", "s".parse().expect("a value"));
        if let Some(window) = window {
            headers.insert("x-codex-window-id", window.parse().expect("a value"));
        }
        let prompt = Prompt::read(&call, &key);
        Seen {
            identity: Identity::read(&headers, &call, &prompt, &KeyId::from("k"), &key),
            prompt,
            outline: call.outline,
        }
    }

    fn step(before: &Seen, now: &Seen) -> Step {
        let trunk = Trunk::of(&before.prompt);
        let last = Some((&trunk, before.identity.window));
        Step::from(last, &now.prompt, &now.identity, &now.outline)
    }

    const ASK: &str = r#"{"role":"user","content":"fix it"}"#;
    const CALL: &str =
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t","input":{}}]}"#;
    const RESULT: &str =
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"}]}"#;
    const THANKS: &str = r#"{"role":"user","content":"thanks"}"#;

    #[test]
    fn only_what_is_new_is_fresh() {
        let first = see(&[ASK], None);
        let second = see(&[ASK, CALL, RESULT], None);
        let third = see(&[ASK, CALL, RESULT, CALL, THANKS], None);

        let begun = Step::from(None, &first.prompt, &first.identity, &first.outline);
        let (tool, person) = (step(&first, &second), step(&second, &third));
        let again = step(&second, &second);

        assert_eq!(
            (begun.change, begun.turn, begun.fresh),
            (Change::First, Turn::First, 0..1)
        );
        assert_eq!(
            (tool.change, tool.turn, tool.fresh),
            (Change::Extended, Turn::Tool, 1..3)
        );
        assert_eq!(
            (person.change, person.turn, person.fresh),
            (Change::Extended, Turn::User, 3..5)
        );
        assert_eq!((again.change, again.fresh), (Change::Repeated, 3..3));
        assert_eq!(again.common, second.prompt.bytes());
    }

    #[test]
    fn a_compaction_is_told_from_an_edit() {
        let long = see(&[ASK, CALL, RESULT, CALL, RESULT, CALL, RESULT], None);
        let told = see(&[r#"{"role":"user","content":"what was so far: …"}"#], None);
        let edited = see(&[ASK, CALL, RESULT, THANKS], None);

        assert_eq!(step(&long, &told).change, Change::Compacted);
        assert_eq!(step(&long, &edited).change, Change::Edited);
        assert_eq!(step(&long, &edited).fresh, 3..4);
    }

    #[test]
    fn a_raised_window_is_a_compaction() {
        let before = see(&[ASK, CALL], Some("s:0"));
        let after = see(&[ASK, THANKS], Some("s:1"));

        assert_eq!(step(&before, &after).change, Change::Compacted);
        assert_eq!(step(&before, &before).change, Change::Repeated);
    }
}
