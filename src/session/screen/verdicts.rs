//! Looks through the messages of a call, each of them once: what was found in it is kept by its hash, so that the next turn,
//! which brings all of them again, pays for the new ones alone.
//!
//! What is kept is which kinds and which patterns, never a word. The room is fixed: what was used least of late makes place.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::hash::Key;
use super::kinds::Kinds;
use super::paths::{Matched, PathSet};
use super::{secrets, text};
use crate::domain::clock::Entropy;

/// Messages whose verdicts are kept, unless told otherwise: about four megabytes.
pub const USUAL: usize = 65_536;
/// Verdicts that may stand in one place: a hash looks at these and no others.
const WAYS: usize = 8;
/// Locks, so that threads seldom meet at one.
const SHARDS: usize = 16;

/// What a text gives away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Kinds of secrets.
    pub secrets: Kinds,
    /// Path patterns that fit a file named in it.
    pub paths: Matched,
}

impl Verdict {
    /// Looks through a text.
    pub fn of(text: &[u8], paths: &PathSet) -> Self {
        let mut verdict = Self::of_plain(text, paths);
        if let Some(plain) = text::unescaped(text) {
            verdict.merge(Self::of_plain(&plain, paths));
        }
        verdict
    }

    fn of_plain(text: &[u8], paths: &PathSet) -> Self {
        Self {
            secrets: secrets::kinds(text),
            paths: paths.matched(text),
        }
    }

    /// Adds what another text gives away.
    pub fn merge(&mut self, other: Self) {
        self.secrets.merge(other.secrets);
        self.paths.merge(other.paths);
    }
}

/// What all the messages of a call give away, and what it took to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screened {
    /// Of all messages together.
    pub verdict: Verdict,
    /// Bytes that were known from earlier calls.
    pub known: usize,
    /// Bytes that were looked through.
    pub scanned: usize,
}

/// Verdicts by message. Cheap to clone; every copy remembers the same.
#[derive(Clone)]
pub struct Verdicts(Arc<Inner>);

struct Inner {
    key: Key,
    shards: Vec<Mutex<Shard>>,
}

struct Shard {
    /// Made when the first is looked for: where no rule asks, nothing is kept.
    sets: Vec<[Option<Kept>; WAYS]>,
    /// How many there are to be.
    most: usize,
    /// Counts looks: what tells old from new.
    tick: u32,
}

#[derive(Clone, Copy)]
struct Kept {
    hash: u128,
    used: u32,
    verdict: Verdict,
}

impl Verdicts {
    /// Room for this many messages, rounded up to whole places; their hashes by a key that is drawn here.
    pub fn new(entropy: &Entropy, most: usize) -> Self {
        let sets = most.div_ceil(SHARDS * WAYS).max(1);
        let shard = |_| {
            Mutex::new(Shard {
                sets: Vec::new(),
                most: sets,
                tick: 0,
            })
        };
        Self(Arc::new(Inner {
            key: Key::new(entropy),
            shards: (0..SHARDS).map(shard).collect(),
        }))
    }

    /// Looks through the messages that are not known. No lock is held meanwhile.
    ///
    /// A secret or a path that begins in one message and ends in the next is not found.
    pub fn screen<'m>(
        &self,
        paths: &PathSet,
        messages: impl IntoIterator<Item = &'m [u8]>,
    ) -> Screened {
        let mut screened = Screened::default();
        for message in messages {
            // Other patterns are another number: their verdicts never meet.
            let hash = self.0.key.hash(paths.id(), message);
            let verdict = match self.look(hash) {
                Some(verdict) => {
                    screened.known += message.len();
                    verdict
                }
                None => {
                    screened.scanned += message.len();
                    let verdict = Verdict::of(message, paths);
                    self.keep(hash, verdict);
                    verdict
                }
            };
            screened.verdict.merge(verdict);
        }
        screened
    }

    fn look(&self, hash: u128) -> Option<Verdict> {
        let mut shard = self.shard(hash);
        let (set, tick) = shard.set(hash);
        let kept = set.iter_mut().flatten().find(|kept| kept.hash == hash)?;
        kept.used = tick;
        Some(kept.verdict)
    }

    fn keep(&self, hash: u128, verdict: Verdict) {
        let mut shard = self.shard(hash);
        let (set, used) = shard.set(hash);
        // How long ago, however often the count has begun anew; what was never used is the oldest.
        let age = |kept: &Option<Kept>| match kept {
            Some(kept) if kept.hash == hash => u64::MAX,
            Some(kept) => u64::from(used.wrapping_sub(kept.used)),
            None => u64::MAX - 1,
        };
        if let Some(oldest) = set.iter_mut().max_by_key(|kept| age(kept)) {
            *oldest = Some(Kept {
                hash,
                used,
                verdict,
            });
        }
    }

    fn shard(&self, hash: u128) -> MutexGuard<'_, Shard> {
        let shard = &self.0.shards[hash as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn set(&mut self, hash: u128) -> (&mut [Option<Kept>; WAYS], u32) {
        self.tick = self.tick.wrapping_add(1);
        if self.sets.is_empty() {
            self.sets.resize(self.most, [None; WAYS]);
        }
        let at = (hash >> 64) as usize % self.sets.len();
        (&mut self.sets[at], self.tick)
    }
}

impl fmt::Debug for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = self.0.shards.len() * self.shard(0).most;
        write!(f, "Verdicts({})", sets * WAYS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::path_glob::PathGlob;
    use crate::session::screen::kinds::Kind;

    fn paths(glob: &str) -> PathSet {
        PathSet::new(vec![PathGlob::parse(glob).expect("a pattern")]).expect("one pattern")
    }

    fn verdicts(most: usize) -> Verdicts {
        Verdicts::new(&Entropy::seeded(1), most)
    }

    /// A line with a password, and one with a path.
    const PASSWORD: &[u8] = concat!("{\"password\": \"q7Xv2Lm", "P9zRt4KwB\"}").as_bytes();
    const PATH: &[u8] = b"see src/payments/pay.rs";

    #[test]
    fn letters_written_as_numbers_hide_nothing() {
        let paths = paths("**/payments/**");
        let path = br#"{"file": "src/\u0070a\u0079ments/card.rs"}"#;
        let key = concat!(r#"{"\u0070assword": "q7Xv2Lm"#, r#"P9zRt4KwB"}"#);

        assert!(!Verdict::of(path, &paths).paths.is_empty());
        assert!(
            Verdict::of(key.as_bytes(), &paths)
                .secrets
                .has(Kind::Password)
        );
    }

    #[test]
    fn only_new_messages_are_looked_through() {
        let (verdicts, paths) = (verdicts(USUAL), paths("**/payments/**"));

        let first = verdicts.screen(&paths, [b"hello".as_slice(), PASSWORD]);
        let second = verdicts.screen(&paths, [b"hello".as_slice(), PASSWORD, PATH]);

        assert_eq!((first.known, first.scanned), (0, 5 + PASSWORD.len()));
        assert_eq!(
            (second.known, second.scanned),
            (5 + PASSWORD.len(), PATH.len())
        );
        assert!(first.verdict.secrets.has(Kind::Password) && first.verdict.paths.is_empty());
        assert!(second.verdict.secrets.has(Kind::Password) && second.verdict.paths.has(0));
    }

    #[test]
    fn other_patterns_are_asked_anew() {
        let verdicts = verdicts(USUAL);

        let none = verdicts.screen(&paths("**/other/**"), [PATH]);
        let one = verdicts.screen(&paths("**/payments/**"), [PATH]);

        assert!(none.verdict.paths.is_empty());
        assert!(one.verdict.paths.has(0));
    }

    #[test]
    fn the_room_is_bounded() {
        let (verdicts, paths) = (verdicts(1), paths("a"));
        let texts: Vec<String> = (0..2_000).map(|at| at.to_string()).collect();

        let before = format!("{verdicts:?}");
        verdicts.screen(&paths, texts.iter().map(String::as_bytes));
        let again = verdicts.screen(&paths, texts.iter().map(String::as_bytes));

        assert_eq!(format!("{verdicts:?}"), before);
        assert!(again.scanned > again.known);
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_is_found(turns in prop::collection::vec(prop::collection::vec(0usize..12, 0..8), 0..12), most in 1usize..300) {
            let (verdicts, paths) = (verdicts(most), paths("**/payments/**"));
            let text = |which: &usize| match which {
                0 => PASSWORD.to_vec(),
                1 => PATH.to_vec(),
                more => vec![b'a'; *more],
            };
            for turn in turns {
                let messages: Vec<Vec<u8>> = turn.iter().map(text).collect();
                let mut fresh = Verdict::default();
                messages.iter().for_each(|it| fresh.merge(Verdict::of(it, &paths)));

                let screened = verdicts.screen(&paths, messages.iter().map(Vec::as_slice));

                prop_assert_eq!(screened.verdict, fresh);
                prop_assert_eq!(screened.known + screened.scanned, messages.iter().map(Vec::len).sum::<usize>());
            }
        }
    }
}
