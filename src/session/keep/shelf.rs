//! Texts that are kept for conversations, by what stands for them: in memory, bounded in bytes, and behind that in the store. What
//! has lain longest goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::open;
use crate::domain::clock::Timestamp;

/// What a text costs beside its own bytes.
const EACH: usize = 96;
/// Texts that may wait to be written; more are not, and are gone after a restart.
const WAITING: usize = 65_536;
/// Bytes of texts in one write.
const AT_ONCE: usize = 1 << 20;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// State of a provider that its caller has no place for.
    Aside,
    /// Who made a state that callers carry.
    Maker,
    /// How long prompts are for models.
    Lengths,
    /// A call and its answer, which a later call may go on from by name.
    Answer,
}

impl Shelf {
    pub(super) const ALL: [Self; 4] = [Self::Aside, Self::Maker, Self::Lengths, Self::Answer];

    /// The room of a shelf, in bytes.
    pub const fn most(self) -> usize {
        match self {
            Self::Aside | Self::Answer => 64 << 20,
            Self::Maker => 16 << 20,
            // Of as many models as are remembered.
            Self::Lengths => 4 << 20,
        }
    }

    fn life(self) -> Duration {
        match self {
            // A conversation may rest over a weekend.
            Self::Aside => 7 * DAY,
            // As long as providers keep answers.
            Self::Maker | Self::Answer => 30 * DAY,
            // A model may be changed behind its name.
            Self::Lengths => 30 * DAY,
        }
    }

    fn row(self) -> i64 {
        match self {
            Self::Aside => 1,
            Self::Maker => 2,
            Self::Lengths => 3,
            Self::Answer => 4,
        }
    }

    /// What came before this is thrown away.
    fn oldest(self, now: Timestamp) -> Timestamp {
        let life = i64::try_from(self.life().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(now.millis().saturating_sub(life))
    }
}

#[derive(Debug)]
struct Item {
    at: Timestamp,
    text: Arc<str>,
}

#[derive(Debug, Default)]
struct Row {
    items: HashMap<u64, Item>,
    /// In the order in which they came. One that was replaced stands here twice.
    order: VecDeque<(u64, Timestamp)>,
    bytes: usize,
    /// Not written yet.
    new: VecDeque<u64>,
    /// What came until then had to make room: nobody finds it any more.
    cut: Option<Timestamp>,
}

/// All shelves.
#[derive(Debug)]
pub(super) struct Shelves([Mutex<Row>; Shelf::ALL.len()]);

/// A text as it is written, and when it came.
pub(super) struct Written {
    shelf: i64,
    id: i64,
    at: i64,
    text: Arc<str>,
}

impl Row {
    fn put(&mut self, id: u64, item: Item, most: usize) {
        self.bytes += EACH + item.text.len();
        self.order.push_back((id, item.at));
        self.remove(id);
        self.items.insert(id, item);
        while self.bytes > most
            && let Some(oldest) = self.order.pop_front()
        {
            self.cut = self.cut.max(Some(oldest.1));
            self.drop_old(oldest);
        }
        if self.order.len() > 2 * self.items.len() + WAITING {
            let items = &self.items;
            let stands = |(id, at): &(u64, Timestamp)| items.get(id).is_some_and(|it| it.at == *at);
            self.order.retain(stands);
        }
    }

    fn remove(&mut self, id: u64) {
        if let Some(gone) = self.items.remove(&id) {
            self.bytes -= EACH + gone.text.len();
        }
    }

    /// Of one that was replaced since, the newer stays.
    fn drop_old(&mut self, (id, at): (u64, Timestamp)) {
        if self.items.get(&id).is_some_and(|item| item.at <= at) {
            self.remove(id);
        }
    }
}

impl Shelves {
    pub(super) fn new() -> Self {
        Self(Default::default())
    }

    fn row(&self, shelf: Shelf) -> &Mutex<Row> {
        let [aside, maker, lengths, answer] = &self.0;
        match shelf {
            Shelf::Aside => aside,
            Shelf::Maker => maker,
            Shelf::Lengths => lengths,
            Shelf::Answer => answer,
        }
    }

    pub(super) fn get(&self, shelf: Shelf, id: u64, now: Timestamp) -> Option<Arc<str>> {
        let row = open(self.row(shelf));
        let item = row.items.get(&id)?;
        (item.at >= shelf.oldest(now)).then(|| Arc::clone(&item.text))
    }

    /// Puts a text in, to be `written` to the store or not. One that lies there already is left as it is.
    pub(super) fn put(&self, shelf: Shelf, id: u64, text: &str, (now, written): (Timestamp, bool)) {
        let mut row = open(self.row(shelf));
        let fresh = shelf.oldest(now);
        let there = |item: &Item| *item.text == *text && item.at >= fresh;
        if row.items.get(&id).is_some_and(there) {
            return;
        }
        let item = Item {
            at: now,
            text: text.into(),
        };
        row.put(id, item, shelf.most());
        if written && row.new.len() < WAITING {
            row.new.push_back(id);
        }
    }

    /// Takes a text away.
    pub(super) fn take_away(&self, shelf: Shelf, id: u64) {
        open(self.row(shelf)).remove(id);
    }

    /// Does not write a text any more, if that has yet to be done.
    pub(super) fn leave(&self, shelf: Shelf, id: u64) {
        open(self.row(shelf)).new.retain(|new| *new != id);
    }

    /// Takes what has yet to be written, so many at most, and no more bytes than hold others up: the store has one writer.
    pub(super) fn take_new(&self, most: usize) -> Vec<Written> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        for shelf in Shelf::ALL {
            let mut row = open(self.row(shelf));
            while taken.len() < most
                && bytes < AT_ONCE
                && let Some(id) = row.new.pop_front()
            {
                let Some(item) = row.items.get(&id) else {
                    continue;
                };
                bytes += item.text.len();
                taken.push(Written {
                    shelf: shelf.row(),
                    id: id.cast_signed(),
                    at: item.at.millis(),
                    text: Arc::clone(&item.text),
                });
            }
        }
        taken
    }

    /// Throws away what is too old. Returns for each shelf until when nothing is left of it.
    pub(super) fn forget(&self, now: Timestamp) -> Vec<(Shelf, Timestamp)> {
        let forget = |shelf: Shelf| {
            let (mut row, oldest) = (open(self.row(shelf)), shelf.oldest(now));
            while let Some(first) = row.order.front().copied().filter(|(_, at)| *at < oldest) {
                row.order.pop_front();
                row.drop_old(first);
            }
            (shelf, oldest.max(row.cut.unwrap_or(oldest)))
        };
        Shelf::ALL.map(forget).into()
    }

    /// Takes in what an earlier process left; what has come meanwhile is newer, and stays.
    pub(super) fn put_back(&self, left: Vec<Left>) {
        for Left {
            shelf,
            id,
            at,
            text,
        } in left
        {
            let mut row = open(self.row(shelf));
            if !row.items.contains_key(&id) {
                row.put(id, Item { at, text }, shelf.most());
            }
        }
    }
}

/// A text that an earlier process left.
pub(super) struct Left {
    shelf: Shelf,
    id: u64,
    at: Timestamp,
    text: Arc<str>,
}

pub(super) fn write(conn: &Connection, texts: &[Written]) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT INTO session_shelf (shelf, id, at, text) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET at = ?3, text = ?4",
    )?;
    for Written {
        shelf,
        id,
        at,
        text,
    } in texts
    {
        put.execute(params![shelf, id, at, &**text])?;
    }
    Ok(())
}

/// Removes a text.
pub(super) fn remove(conn: &Connection, shelf: Shelf, id: u64) -> rusqlite::Result<()> {
    let mut take = conn.prepare_cached("DELETE FROM session_shelf WHERE shelf = ?1 AND id = ?2")?;
    take.execute([shelf.row(), id.cast_signed()])?;
    Ok(())
}

/// Throws away all that is on a shelf.
pub(super) fn clear(conn: &Connection, shelf: Shelf) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM session_shelf WHERE shelf = ?1", [shelf.row()])?;
    Ok(())
}

/// Throws away what came before these moments.
pub(super) fn forget(conn: &Connection, oldest: &[(Shelf, Timestamp)]) -> rusqlite::Result<()> {
    let mut old = conn.prepare_cached("DELETE FROM session_shelf WHERE shelf = ?1 AND at < ?2")?;
    for (shelf, oldest) in oldest {
        old.execute([shelf.row(), oldest.millis()])?;
    }
    Ok(())
}

/// What is left, the oldest first, and of each shelf hardly more than there is room for.
pub(super) fn read(conn: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Left>> {
    let mut left = Vec::new();
    let mut found = conn.prepare(
        "SELECT id, at, text FROM session_shelf WHERE shelf = ?1 AND at >= ?2 ORDER BY at DESC",
    )?;
    for shelf in Shelf::ALL {
        let begin = left.len();
        let mut room = shelf.most();
        let mut rows = found.query(params![shelf.row(), shelf.oldest(now).millis()])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(2)?;
            let size = EACH + text.len();
            left.push(Left {
                shelf,
                id: row.get::<_, i64>(0)?.cast_unsigned(),
                at: Timestamp::from_millis(row.get(1)?),
                text: text.into(),
            });
            // One too many, so that the shelf knows from when on it has no room.
            if size > room {
                break;
            }
            room -= size;
        }
        left[begin..].reverse();
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_795_262_400_000 + seconds * 1_000)
    }

    #[test]
    fn the_room_is_bounded_and_the_oldest_goes_first() {
        let shelves = Shelves::new();
        let text = "x".repeat(1 << 20);

        for id in 0..100 {
            shelves.put(Shelf::Aside, id, &text, (at(id.cast_signed()), true));
        }

        let there = |id| shelves.get(Shelf::Aside, id, at(100)).is_some();
        let count = (0..100).filter(|id| there(*id)).count();
        assert_eq!((count, there(0), there(99)), (63, false, true));
        assert_eq!(shelves.get(Shelf::Maker, 99, at(100)), None);
        // What had to make room leaves the store too.
        let oldest = shelves.forget(at(100));
        assert_eq!(oldest[0], (Shelf::Aside, at(36)));
    }

    #[test]
    fn what_is_long_is_written_piece_by_piece() {
        let shelves = Shelves::new();
        for id in 0..6 {
            shelves.put(Shelf::Answer, id, &"x".repeat(AT_ONCE / 2), (at(0), true));
        }

        let written: Vec<_> = (0..4).map(|_| shelves.take_new(100).len()).collect();

        assert_eq!(written, [2, 2, 2, 0]);
    }

    #[test]
    fn what_is_too_old_is_gone() {
        let shelves = Shelves::new();
        let week = 7 * 24 * 3_600;
        shelves.put(Shelf::Aside, 1, "old", (at(0), true));
        shelves.put(Shelf::Aside, 2, "old", (at(0), true));
        shelves.put(Shelf::Aside, 2, "new", (at(9), true));

        assert!(shelves.get(Shelf::Aside, 1, at(week)).is_some());
        assert!(shelves.get(Shelf::Aside, 1, at(week + 1)).is_none());
        shelves.forget(at(week + 1));

        let row = open(shelves.row(Shelf::Aside));
        assert_eq!((row.items.len(), row.bytes), (1, EACH + 3));
    }

    #[test]
    fn what_is_put_in_twice_is_written_once_and_a_change_again() {
        let shelves = Shelves::new();
        let put = |text| {
            shelves.put(Shelf::Maker, 1, text, (at(0), true));
            shelves.take_new(10).len()
        };

        assert_eq!((put("a"), put("a"), put("b")), (1, 0, 1));
    }

    #[test]
    fn what_was_replaced_often_takes_no_more_room() {
        let mut row = Row::default();
        for turn in 0..4 * WAITING as i64 {
            let text = turn.to_string().into();
            row.put(1, Item { at: at(turn), text }, 1 << 20);
        }

        assert!(row.items.len() == 1 && row.order.len() <= WAITING + 2);
    }
}
