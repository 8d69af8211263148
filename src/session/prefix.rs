//! A prompt as a chain of hashes, so that two prompts are compared without reading either again: the tools, the system prompt,
//! then each message has a boundary behind it, with a hash of all before.

use serde::{Deserialize, Serialize};

use super::hash::Key;
use crate::protocol::call::{Call, weight};
use crate::protocol::canon::{Canon, Mark, canon};
use crate::protocol::scan::Span;

/// Boundaries before the first message's: behind the tools, and behind the system prompt.
pub const HEAD: usize = 2;
/// A trunk keeps this many of the last boundaries, and before those one in [`EVERY`].
const LAST: usize = 256;
const EVERY: usize = 16;

/// A place where a prefix of the prompt may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// Stands for everything before this place.
    pub hash: u64,
    /// Bytes before this place, pictures taken for a fixed number.
    pub bytes: u64,
    /// The caller asks to have the prefix cached up to here.
    pub mark: Option<Mark>,
}

/// A prompt's boundaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    boundaries: Vec<Boundary>,
}

impl Prompt {
    /// Hashes a call's prompt. Nothing of it is copied but messages with marks.
    pub fn read(call: &Call, key: &Key) -> Self {
        let mut prompt = Self {
            boundaries: Vec::with_capacity(HEAD + call.messages.len()),
        };
        let mut scratch = Vec::new();
        for place in [&call.tools_at, &call.system_at] {
            let json = json(call, place.clone());
            let content = place.is_some().then_some(0..json.len());
            prompt.push(key, &canon(json, content, &mut scratch), false);
        }
        for message in &call.messages {
            let canon = call.canon(message, &mut scratch);
            prompt.push(key, &canon, message.holds.images);
        }
        if let (Some(mark), Some(last)) = (call.asks.mark, prompt.boundaries.last_mut()) {
            last.mark.get_or_insert(mark);
        }
        prompt
    }

    fn push(&mut self, key: &Key, canon: &Canon<'_>, images: bool) {
        let (before, bytes) = self
            .boundaries
            .last()
            .map_or((0, 0), |last| (last.hash, last.bytes));
        let weighed = canon.parts.iter().map(|part| weight(part, images));
        self.boundaries.push(Boundary {
            hash: key.join(before, key.all(canon.parts)),
            bytes: bytes + weighed.sum::<u64>(),
            mark: canon.mark,
        });
    }

    /// All boundaries, in order: [`HEAD`] of them, then one behind each message.
    pub fn boundaries(&self) -> &[Boundary] {
        &self.boundaries
    }

    /// How many messages there are.
    pub fn messages(&self) -> usize {
        self.boundaries.len().saturating_sub(HEAD)
    }

    /// Bytes of the whole.
    pub fn bytes(&self) -> u64 {
        self.boundaries.last().map_or(0, |last| last.bytes)
    }

    /// Where the caller last asks for caching.
    pub fn marked(&self) -> Option<usize> {
        self.boundaries.iter().rposition(|it| it.mark.is_some())
    }

    /// Whether the prefix that ends at boundary `place` is the one that `hash` stands for.
    pub fn has(&self, place: usize, hash: u64) -> bool {
        let boundary = self.boundaries.get(place);
        boundary.is_some_and(|boundary| boundary.hash == hash)
    }
}

fn json(call: &Call, place: Option<Span>) -> &[u8] {
    place.map_or(&[], |place| call.json(place))
}

/// What is kept of a conversation's last prompt: hashes of its boundaries, all of the last ones and some of those before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    length: u32,
    places: Vec<u32>,
    hashes: Vec<u64>,
}

impl Trunk {
    /// What is kept of this prompt.
    pub fn of(prompt: &Prompt) -> Self {
        let all = prompt.boundaries();
        let dense = all.len().saturating_sub(LAST);
        let kept = |place: &usize| *place >= dense || place.is_multiple_of(EVERY);
        let places = || (0..all.len()).filter(kept);
        Self {
            length: short(all.len()),
            places: places().map(short).collect(),
            hashes: places().map(|place| all[place].hash).collect(),
        }
    }

    /// How many boundaries the prompt had.
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// There was no prompt yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many messages the prompt had.
    pub fn messages(&self) -> usize {
        self.len().saturating_sub(HEAD)
    }

    /// How many hashes are kept.
    pub fn kept(&self) -> usize {
        self.hashes.len()
    }

    /// How many boundaries of `prompt` end a prefix that both have. Far back in a very long conversation it may be up to 15
    /// fewer than there are.
    pub fn common(&self, prompt: &Prompt) -> usize {
        // A prefix of a common prefix is common.
        let (mut shared, mut end) = (0, self.kept());
        while shared < end {
            let middle = usize::midpoint(shared, end);
            match prompt.has(self.places[middle] as usize, self.hashes[middle]) {
                true => shared = middle + 1,
                false => end = middle,
            }
        }
        self.places[..shared]
            .last()
            .map_or(0, |place| *place as usize + 1)
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u64)> {
        let places = self.places.iter().copied();
        places.zip(self.hashes.iter().copied())
    }

    /// As few bytes as it can be kept in.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + 12 * self.kept());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        for (place, hash) in self.pairs() {
            bytes.extend_from_slice(&place.to_le_bytes());
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
        bytes
    }

    /// What [`Trunk::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (pairs, rest) = rest.as_chunks::<12>();
        let mut trunk = Self {
            length: u32::from_le_bytes(*length),
            ..Self::default()
        };
        for pair in pairs {
            let (place, hash) = pair.split_first_chunk::<4>()?;
            trunk.places.push(u32::from_le_bytes(*place));
            trunk.hashes.push(u64::from_le_bytes(hash.try_into().ok()?));
        }
        rest.is_empty().then_some(trunk)
    }
}

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::dialect::Endpoint;

    fn key() -> Key {
        Key::new([7; 16])
    }

    fn prompt(messages: &[String]) -> Prompt {
        let body = format!(
            r#"{{"model":"m","tools":[{{"name":"t"}}],"messages":[{}]}}"#,
            messages.join(",")
        );
        let call = Call::read(Endpoint::Messages, Bytes::from(body), 64).expect("a valid body");
        Prompt::read(&call, &key())
    }

    fn said(text: &str) -> String {
        format!(r#"{{"role":"user","content":{text:?}}}"#)
    }

    proptest! {
        #[test]
        fn comparing_hashes_is_comparing_bytes(
            shared in prop::collection::vec("[a-c]{0,80}", 0..400),
            one in prop::collection::vec("[a-b]{1,3}", 0..6),
            two in prop::collection::vec("[a-b]{1,3}", 0..6),
        ) {
            let all = |own: &[String]| -> Vec<String> {
                shared.iter().chain(own).map(|text| said(text)).collect()
            };
            let (one, two) = (all(&one), all(&two));
            let same = one.iter().zip(&two).take_while(|(one, two)| one == two).count() + HEAD;

            let trunk = Trunk::of(&prompt(&one));
            let common = trunk.common(&prompt(&two));

            // Exact as far as every boundary is kept, and never more than there is.
            let dense = trunk.len().saturating_sub(LAST);
            prop_assert!(common == same || (same <= dense && common <= same && same < common + EVERY), "{common} {same}");
            prop_assert_eq!(Trunk::from_bytes(&trunk.to_bytes()), Some(trunk));
        }
    }

    #[test]
    fn a_moved_mark_changes_no_prefix() {
        let marked = r#"{"role":"user","content":[{"type":"text","text":"go","cache_control":{"type":"ephemeral"}}]}"#;

        let before = prompt(&[said("x"), marked.to_owned()]);
        let after = prompt(&[said("x"), said("go"), said("y")]);

        assert_eq!((before.marked(), after.marked()), (Some(HEAD + 1), None));
        assert_eq!(Trunk::of(&before).common(&after), HEAD + 2);
        assert_eq!(before.bytes(), after.boundaries()[HEAD + 1].bytes);
    }

    #[test]
    fn a_long_trunk_is_bounded() {
        let messages: Vec<String> = (0..3_000).map(|at| said(&format!("{at}"))).collect();

        let trunk = Trunk::of(&prompt(&messages));

        assert!(trunk.kept() <= LAST + 3_000 / EVERY + 1, "{}", trunk.kept());
        assert_eq!(trunk.common(&prompt(&messages[..1_001])), 993);
        assert!(Trunk::default().is_empty());
    }

    #[test]
    fn other_tools_are_another_prompt() {
        let call = |tools: &str| {
            let body = format!(
                r#"{{"model":"m","tools":[{tools}],"messages":[{}]}}"#,
                said("x")
            );
            let call = Call::read(Endpoint::Messages, Bytes::from(body), 64).expect("valid");
            Prompt::read(&call, &key())
        };

        assert_eq!(Trunk::of(&call("1")).common(&call("2")), 0);
    }
}
