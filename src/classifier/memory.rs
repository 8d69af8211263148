//! Remembers what the net said, so that the tool turns that follow a person's words find them classified: a look takes well
//! under a microsecond and no thread.
//!
//! What is kept is a verdict under a keyed hash of 64 bits, never a word of the text. The key is of this process alone, so
//! that nobody can prepare two texts that meet. The room is fixed: what was used least of late makes place.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::dialect::Endpoint;
use crate::domain::facts::Classification;

/// Verdicts that may stand in one place: a key looks at these and no others.
const WAYS: usize = 8;
/// Locks, so that threads seldom meet at one.
const SHARDS: usize = 16;
/// Verdicts in all, unless told otherwise.
pub const USUAL: usize = 16_384;

/// By what a turn is known.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Turn<'a> {
    /// The classifier: another one may say something else.
    pub classifier: &'a str,
    /// The door.
    pub endpoint: Endpoint,
    /// Whose turn it is: the key.
    pub key: &'a str,
    /// And the conversation, where one could be told.
    pub session: Option<&'a str>,
    /// How often the person has spoken: "go on" the second time is another turn.
    pub person_turns: u32,
    /// What the person said last.
    pub text: &'a str,
}

/// A turn's hash. Only the memory that made it knows it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnHash(u64);

/// Verdicts by turn. Cheap to clone; every copy remembers the same.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets: usize = self.0.shards.iter().map(|it| open(it).sets.len()).sum();
        write!(f, "Memory({})", sets * WAYS)
    }
}

/// Sets of a few places each.
struct Shard {
    sets: Vec<[Option<Kept>; WAYS]>,
    /// Counts looks: what tells old from new.
    tick: u32,
}

#[derive(Clone, Copy)]
struct Kept {
    hash: u64,
    used: u32,
    class: Classification,
}

fn open(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(USUAL)
    }
}

impl Memory {
    /// Room for this many verdicts, rounded up to whole places.
    pub fn of(most: usize) -> Self {
        let sets = most.div_ceil(SHARDS * WAYS).max(1);
        let shard = |_| {
            Mutex::new(Shard {
                sets: vec![[None; WAYS]; sets],
                tick: 0,
            })
        };
        Self(Arc::new(Inner {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(shard).collect(),
        }))
    }

    /// The turn's hash: what the other two ask for.
    pub fn hash(&self, turn: &Turn<'_>) -> TurnHash {
        TurnHash(self.0.hasher.hash_one(turn))
    }

    /// What was said of this turn.
    pub fn recall(&self, turn: TurnHash) -> Option<Classification> {
        let mut shard = open(self.shard(turn));
        let tick = shard.step();
        let found = shard.set(turn).iter_mut().flatten();
        let kept = found.into_iter().find(|kept| kept.hash == turn.0)?;
        kept.used = tick;
        Some(kept.class)
    }

    /// Remembers what was said of this turn.
    pub fn keep(&self, turn: TurnHash, class: Classification) {
        let mut shard = open(self.shard(turn));
        let tick = shard.step();
        let kept = Kept {
            hash: turn.0,
            used: tick,
            class,
        };
        // The same turn's place, else a free one, else the one that was used longest ago.
        let age = |place: &Option<Kept>| match place {
            Some(other) if other.hash == turn.0 => u64::MAX,
            None => u64::MAX - 1,
            Some(other) => tick.wrapping_sub(other.used).into(),
        };
        if let Some(place) = shard.set(turn).iter_mut().max_by_key(|place| age(place)) {
            *place = Some(kept);
        }
    }

    fn shard(&self, turn: TurnHash) -> &Mutex<Shard> {
        &self.0.shards[turn.0 as usize % SHARDS]
    }
}

impl Shard {
    fn step(&mut self) -> u32 {
        self.tick = self.tick.wrapping_add(1);
        self.tick
    }

    fn set(&mut self, turn: TurnHash) -> &mut [Option<Kept>; WAYS] {
        // Other bits than those that chose the shard.
        let at = (turn.0 >> 32) as usize % self.sets.len();
        &mut self.sets[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::Task;

    fn turn(text: &str) -> Turn<'_> {
        Turn {
            classifier: "c@1",
            endpoint: Endpoint::Chat,
            key: "k",
            session: Some("s"),
            person_turns: 1,
            text,
        }
    }

    fn fix() -> Classification {
        Classification {
            task: Task::Fix,
            ..Classification::UNKNOWN
        }
    }

    #[test]
    fn a_turn_is_known_again_and_no_other_is() {
        let memory = Memory::default();
        let hash = memory.hash(&turn("mend it"));

        memory.keep(hash, fix());

        assert_eq!(memory.recall(hash), Some(fix()));
        let others = [
            turn("mend it!"),
            Turn {
                classifier: "c@2",
                ..turn("mend it")
            },
            Turn {
                endpoint: Endpoint::Messages,
                ..turn("mend it")
            },
            Turn {
                key: "k2",
                ..turn("mend it")
            },
            Turn {
                session: None,
                ..turn("mend it")
            },
            Turn {
                person_turns: 2,
                ..turn("mend it")
            },
        ];
        for other in others {
            assert_eq!(memory.recall(memory.hash(&other)), None, "{other:?}");
        }
    }

    #[test]
    fn another_process_hashes_in_another_way() {
        let (one, two) = (Memory::of(1), Memory::of(1));

        assert_ne!(one.hash(&turn("x")), two.hash(&turn("x")));
    }

    #[test]
    fn the_room_is_bounded_and_what_is_used_stays() {
        let memory = Memory::of(256);
        let texts: Vec<String> = (0..10_000).map(|at| format!("turn {at}")).collect();
        let hash = |text: &String| memory.hash(&turn(text));
        let held = hash(&texts[0]);
        memory.keep(held, fix());

        for text in &texts[1..] {
            memory.keep(hash(text), Classification::UNKNOWN);
            assert!(memory.recall(held).is_some(), "{text}");
        }

        let kept = texts.iter().filter(|it| memory.recall(hash(it)).is_some());
        assert!(kept.count() <= 256);
        let last = texts.last().expect("there are some");
        assert!(memory.recall(hash(last)).is_some());
    }

    #[test]
    fn a_turn_takes_one_place_however_often_it_is_kept() {
        let memory = Memory::of(1);
        let (one, two) = (memory.hash(&turn("one")), memory.hash(&turn("two")));

        memory.keep(two, Classification::UNKNOWN);
        for _ in 0..100 {
            memory.keep(one, fix());
        }

        assert_eq!(memory.recall(two), Some(Classification::UNKNOWN));
    }
}
