//! What is waited for, and for how long: bounded for each key and in all, so that nobody takes another's place.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::sleep;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::KeyId;

/// So many are waited for with one key.
const PER_KEY: usize = 64;
/// So many in all. Each takes less than 2 KiB and one of the 16,384 places in the store's queue.
const MOST: usize = 1_024;
/// So long.
const LIFE_MS: i64 = 24 * 3_600 * 1_000;
/// Until then a provider may not know of an answer that it has begun.
const SPREAD_MS: i64 = 60 * 1_000;
/// Between two looks for those that have become too old.
const ROUND: Duration = Duration::from_secs(600);

/// One that is waited for, by whose key it was asked for and by its name at its provider.
pub(super) struct Waiting<D> {
    pub(super) key: KeyId,
    pub(super) id: String,
    /// When its call came.
    pub(super) at: Timestamp,
    pub(super) due: D,
}

/// All of them, the oldest first.
pub(super) struct List<D> {
    waiting: VecDeque<Waiting<D>>,
}

impl<D> Default for List<D> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
        }
    }
}

impl<D> List<D> {
    /// Adds one. Returns what had to make place: the oldest of the same key, or of all.
    pub(super) fn put(&mut self, new: Waiting<D>) -> Option<Waiting<D>> {
        let own = |it: &Waiting<D>| it.key == new.key;
        let gone = match self.waiting.iter().filter(|it| own(it)).count() >= PER_KEY {
            true => self.waiting.iter().position(own),
            false => (self.waiting.len() >= MOST).then_some(0),
        };
        let gone = gone.and_then(|at| self.waiting.remove(at));
        self.waiting.push_back(new);
        gone
    }

    pub(super) fn get(&mut self, key: &KeyId, id: &str) -> Option<&mut D> {
        let at = self.place(key, id)?;
        self.waiting.get_mut(at).map(|it| &mut it.due)
    }

    pub(super) fn take(&mut self, key: &KeyId, id: &str) -> Option<Waiting<D>> {
        let at = self.place(key, id)?;
        self.waiting.remove(at)
    }

    /// It began long enough ago for its provider to know of it everywhere.
    pub(super) fn is_settled(&self, key: &KeyId, id: &str, now: Timestamp) -> bool {
        let found = self.place(key, id).and_then(|at| self.waiting.get(at));
        found.is_some_and(|it| it.at.plus_millis(SPREAD_MS) <= now)
    }

    /// Takes those that have been waited for too long.
    pub(super) fn old(&mut self, now: Timestamp) -> Vec<Waiting<D>> {
        let mut old = Vec::new();
        let is_old = |it: &Waiting<D>| it.at.plus_millis(LIFE_MS) <= now;
        while let Some(at) = self.waiting.iter().position(is_old) {
            old.extend(self.waiting.remove(at));
        }
        old
    }

    fn place(&self, key: &KeyId, id: &str) -> Option<usize> {
        let mut all = self.waiting.iter();
        all.position(|it| it.key == *key && it.id == id)
    }
}

pub(super) fn open<D>(list: &Mutex<List<D>>) -> MutexGuard<'_, List<D>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks once in a while for those that have become too old, also where nobody asks for anything.
pub(super) async fn sweep<D>(list: Weak<Mutex<List<D>>>, clock: Clock) {
    loop {
        sleep(ROUND).await;
        let Some(list) = list.upgrade() else { return };
        let old = open(&list).old(clock.now());
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::timeout;

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn waiting(key: &str, id: usize) -> Waiting<()> {
        Waiting {
            key: KeyId::from(key),
            id: id.to_string(),
            at: NOON,
            due: (),
        }
    }

    #[test]
    fn whoever_begins_many_takes_nobody_elses_place() {
        let mut list = List::default();
        assert!(list.put(waiting("slow", 0)).is_none());

        let gone: Vec<String> = (0..PER_KEY + 2)
            .filter_map(|id| list.put(waiting("many", id)))
            .map(|gone| gone.id)
            .collect();

        assert_eq!(gone, ["0", "1"]);
        let slow = waiting("slow", 0);
        assert!(list.take(&slow.key, &slow.id).is_some());
    }

    #[test]
    fn there_is_an_end_to_all_of_them() {
        let mut list = List::default();
        let keys = MOST / PER_KEY;
        for at in 0..MOST {
            assert!(list.put(waiting(&format!("k{}", at % keys), at)).is_none());
        }

        let gone = list.put(waiting("one-more", 0));

        assert_eq!(gone.map(|gone| gone.id), Some("0".to_owned()));
        assert_eq!(list.waiting.len(), MOST);
    }

    #[test]
    fn one_that_has_only_begun_may_not_be_known_everywhere() {
        let mut list = List::default();
        let one = waiting("a", 1);
        let key = one.key.clone();
        list.put(one);

        let settled = |after| list.is_settled(&key, "1", NOON.plus_millis(after));

        assert_eq!([settled(59_999), settled(60_000)], [false, true]);
        assert!(!list.is_settled(&key, "2", NOON.plus_millis(60_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_old_are_let_go_though_nobody_asks() {
        let clock = Clock::fixed(NOON);
        let list = Arc::new(Mutex::new(List::default()));
        open(&list).put(waiting("a", 1));
        let look = async |after| {
            clock.set(NOON.plus_millis(after));
            let sweeping = sweep(Arc::downgrade(&list), clock.clone());
            assert!(timeout(ROUND * 2, sweeping).await.is_err(), "it goes on");
            open(&list).waiting.len()
        };

        let young = look(LIFE_MS - 1).await;
        let old = look(LIFE_MS).await;

        assert_eq!((young, old), (1, 0));
    }
}
