//! A call whose entries met before the first was written: its rows are written as they are to stay. (A short call costs
//! half of what it takes to insert them open and update them; and what has ended never enters the indices of open rows.)

use rusqlite::Connection;

use crate::ledger::entry::{Amount, CallEnd, Ending, Entry, Intent};

use super::write;

/// A call with its first attempt, from the intent as far as it has come.
pub(super) struct Life<'e> {
    intent: &'e Intent,
    mark: Amount,
    ending: Option<Ending>,
    close: Option<&'e CallEnd>,
}

impl<'e> Life<'e> {
    /// Reads the usual order of entries: an intent, marks, its end, the call's end. Any other is not for here.
    pub(super) fn of(entries: &'e [Entry]) -> Option<Self> {
        let (Entry::Intent(intent), rest) = entries.split_first()? else {
            return None;
        };
        let mut life = Self {
            intent,
            mark: intent.mark,
            ending: None,
            close: None,
        };
        rest.iter().all(|entry| life.goes_on(entry)).then_some(life)
    }

    fn goes_on(&mut self, entry: &'e Entry) -> bool {
        if self.close.is_some() || entry.request() != self.intent.head.request {
            return false;
        }
        match entry {
            Entry::Progress { attempt, mark, .. } => {
                self.mark = *mark;
                self.ending.is_none() && *attempt == self.intent.attempt
            }
            Entry::Settle { attempt, .. } | Entry::Void { attempt, .. } => {
                let first = self.ending.is_none() && *attempt == self.intent.attempt;
                self.ending = entry.ending();
                first
            }
            Entry::Close { end, .. } => {
                self.close = Some(end);
                true
            }
            Entry::Intent(_) => false,
        }
    }

    /// Writes the rows. `false` where some are there already: then the entries have yet to be applied one by one.
    pub(super) fn insert(&self, conn: &Connection) -> rusqlite::Result<bool> {
        Ok(write::call(conn, &self.intent.head, self.close)?
            && write::attempt(conn, self.intent, self.mark, self.ending.as_ref())?)
    }
}
