//! A prompt as a chain of hashes, so that two prompts are compared without reading either again: the tools, the system prompt,
//! then each message has a boundary behind it, with a hash of all before.
//!
//! Two things are asked of it. A provider's cache minds every byte from the first on. Whoever reads what is new in a
//! conversation minds the talk alone: other tools, or another day in the system prompt, make no message new.

use super::hash::Key;
use crate::protocol::call::Call;
use crate::protocol::canon::{Canon, Mark};
use crate::protocol::message::Role;
use crate::protocol::weight::weight;

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
    /// Stands for the talk before this place.
    talk: u64,
    /// Stands for what lies between this place and the one before.
    piece: u64,
    /// Bytes before this place, pictures taken for a fixed number.
    pub bytes: u64,
    /// The caller asks to have the prefix cached up to here.
    pub mark: Option<Mark>,
}

/// A prompt's boundaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    boundaries: Vec<Boundary>,
    /// Boundaries before the talk: of the head, and of system messages that come first.
    lead: usize,
}

impl Prompt {
    /// Hashes a call's prompt. Nothing of it is copied but messages with marks.
    pub fn read(call: &Call, key: &Key) -> Self {
        let leading = call.messages.iter();
        let leading = leading.take_while(|message| message.role == Role::System);
        let mut prompt = Self {
            boundaries: Vec::with_capacity(HEAD + call.messages.len()),
            lead: HEAD + leading.count(),
        };
        let mut scratch = Vec::new();
        for place in [&call.tools_at, &call.system_at] {
            let place = place.clone().unwrap_or_default();
            let canon = call.canon_at(place, &mut scratch);
            prompt.push(key, &canon, false);
        }
        for message in &call.messages {
            let canon = call.canon(message, &mut scratch);
            let attached = message.holds.images || message.holds.papers;
            prompt.push(key, &canon, attached);
        }
        if let (Some(mark), Some(last)) = (call.asks.mark, prompt.boundaries.last_mut()) {
            last.mark.get_or_insert(mark);
        }
        prompt
    }

    fn push(&mut self, key: &Key, canon: &Canon<'_>, attached: bool) {
        let last = self.boundaries.last();
        let (before, talk, bytes) = last.map_or((0, 0, 0), |it| (it.hash, it.talk, it.bytes));
        let piece = key.all(canon.parts);
        let (hash, talk) = match self.boundaries.len() < self.lead {
            true => (key.join(before, piece), 0),
            false => {
                let talk = key.join(talk, piece);
                (key.join(self.head(), talk), talk)
            }
        };
        let weighed = canon.parts.iter().map(|part| weight(part, attached));
        self.boundaries.push(Boundary {
            hash,
            talk,
            piece,
            bytes: bytes + weighed.sum::<u64>(),
            mark: canon.mark,
        });
    }

    /// Stands for all that comes before the talk.
    fn head(&self) -> u64 {
        let last = self.boundaries.get(self.lead.wrapping_sub(1));
        last.map_or(0, |last| last.hash)
    }

    /// The boundaries of the talk.
    fn talk(&self) -> &[Boundary] {
        self.boundaries.get(self.lead..).unwrap_or_default()
    }

    /// How many messages come before the talk: instructions.
    pub fn leading(&self) -> usize {
        self.lead.saturating_sub(HEAD)
    }

    /// All boundaries, in order: [`HEAD`] of them, then one behind each message.
    pub fn boundaries(&self) -> &[Boundary] {
        &self.boundaries
    }

    /// How many messages there are.
    pub fn messages(&self) -> usize {
        self.boundaries.len().saturating_sub(HEAD)
    }

    /// Stands for a message alone, of those that there are.
    pub fn message(&self, index: usize) -> u64 {
        let boundary = self.boundaries.get(HEAD + index);
        boundary.map_or(0, |boundary| boundary.piece)
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

/// What is kept of a conversation's last prompt: hashes of its boundaries, all of the last ones and some of those before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trunk {
    head: u64,
    length: u32,
    places: Vec<u32>,
    hashes: Vec<u64>,
}

impl Trunk {
    /// What is kept of this prompt.
    pub fn of(prompt: &Prompt) -> Self {
        let all = prompt.talk();
        let dense = all.len().saturating_sub(LAST);
        let kept = |place: &usize| *place >= dense || place.is_multiple_of(EVERY);
        let places = || (0..all.len()).filter(kept);
        Self {
            head: prompt.head(),
            length: short(all.len()),
            places: places().map(short).collect(),
            hashes: places().map(|place| all[place].talk).collect(),
        }
    }

    /// How many messages the talk had.
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// There was no prompt yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many hashes are kept.
    pub fn kept(&self) -> usize {
        self.hashes.len()
    }

    /// How many messages both talks begin with. Far back in a very long conversation it may be up to 15 fewer than there are.
    pub fn common(&self, prompt: &Prompt) -> usize {
        let talk = prompt.talk();
        let same = |at: usize| {
            let boundary = talk.get(self.places[at] as usize);
            boundary.is_some_and(|boundary| boundary.talk == self.hashes[at])
        };
        // A prefix of a common prefix is common.
        let (mut shared, mut end) = (0, self.kept());
        while shared < end {
            let middle = usize::midpoint(shared, end);
            match same(middle) {
                true => shared = middle + 1,
                false => end = middle,
            }
        }
        self.places[..shared]
            .last()
            .map_or(0, |place| *place as usize + 1)
    }

    /// Bytes of the prefix that both prompts have, where `common` messages of the talk are: none if what comes before differs.
    pub fn common_bytes(&self, prompt: &Prompt, common: usize) -> u64 {
        let last = (prompt.lead + common).checked_sub(1);
        let last = last.filter(|_| self.head == prompt.head());
        let boundary = last.and_then(|last| prompt.boundaries.get(last));
        boundary.map_or(0, |boundary| boundary.bytes)
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u64)> {
        let places = self.places.iter().copied();
        places.zip(self.hashes.iter().copied())
    }

    /// As few bytes as it can be kept in.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12 + 12 * self.kept());
        bytes.extend_from_slice(&self.head.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        for (place, hash) in self.pairs() {
            bytes.extend_from_slice(&place.to_le_bytes());
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
        bytes
    }

    /// What [`Trunk::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (pairs, rest) = rest.as_chunks::<12>();
        let mut trunk = Self {
            head: u64::from_le_bytes(*head),
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
            let same = one.iter().zip(&two).take_while(|(one, two)| one == two).count();

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
        assert_eq!(Trunk::of(&before).common(&after), 2);
        assert!(after.has(HEAD + 1, before.boundaries()[HEAD + 1].hash));
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
    fn other_instructions_are_another_prompt_but_no_new_talk() {
        let call = |tools: &str, day: &str| {
            let system = format!(r#"{{"role":"system","content":"{day}"}}"#);
            let body = format!(
                r#"{{"model":"m","tools":[{tools}],"messages":[{system},{}]}}"#,
                said("x")
            );
            let call = Call::read(Endpoint::Chat, Bytes::from(body), 64).expect("valid");
            Prompt::read(&call, &key())
        };
        let first = call("1", "Monday");
        let trunk = Trunk::of(&first);

        for other in [call("2", "Monday"), call("1", "Tuesday")] {
            assert_eq!(
                (trunk.common(&other), trunk.common_bytes(&other, 1)),
                (1, 0)
            );
            assert_eq!(other.leading(), 1);
            assert!(!other.has(HEAD + 1, first.boundaries()[HEAD + 1].hash));
        }
        assert_eq!(trunk.common_bytes(&first, 1), first.bytes());
    }
}
