//! The ledger in SQLite: its tables, and the book over one connection.
//!
//! Calls and attempts sort by the call's id, which tells the time, so that listing and summing a span of time reads one
//! stretch. What is open is found by two small partial indices; nothing else is indexed, for each index is paid on every
//! call. An open attempt's amount *is* its last mark: recovery only changes its state.

mod life;
mod read;
pub(super) mod settings;
mod write;

use rusqlite::Connection;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{RequestId, TenantId};
use crate::store::Room;

use super::book::{Applied, Book, Recovered};
use super::entry::Entry;
use super::record::{self, Filter, Page, Record};
use super::spend::{By, SpendRow, Sums, Totals};

/// The ledger's tables.
pub const ROOM: Room = Room {
    name: "ledger",
    steps: &[
        include_str!("tables.sql"),
        include_str!("settings.sql"),
        "ALTER TABLE requests ADD COLUMN translation TEXT",
        "ALTER TABLE requests ADD COLUMN flaws TEXT",
    ],
};

/// The book over a connection: the writer's, inside its transaction, or a reader's.
#[derive(Debug)]
pub struct Sqlite<'c>(pub &'c Connection);

impl Sqlite<'_> {
    /// Writes entries about one call, the oldest first, as [`Book::apply`] would one by one; says how many of them changed
    /// nothing.
    pub fn apply_all(&mut self, entries: &[Entry]) -> rusqlite::Result<u64> {
        if let Some(life) = life::Life::of(entries)
            && life.insert(self.0)?
        {
            return Ok(0);
        }
        entries.iter().try_fold(0, |duplicates, entry| {
            let applied = self.apply(entry)?;
            Ok(duplicates + u64::from(applied == Applied::Duplicate))
        })
    }
}

impl Sqlite<'_> {
    /// Calls whose ids lie between two, with their explanations, the oldest first, and so many at the most.
    pub fn explained(
        &self,
        (from, to): (RequestId, RequestId),
        tenant: Option<&TenantId>,
        most: usize,
    ) -> rusqlite::Result<Vec<Record>> {
        let span = read::Span {
            from: Some(from),
            to: Some(to),
            tenant,
            most: Some(most),
            explained: true,
            ..read::Span::default()
        };
        let mut found = Vec::with_capacity(most);
        read::each(self.0, &span, |call| found.push(call))?;
        Ok(found)
    }
}

impl Book for Sqlite<'_> {
    type Error = rusqlite::Error;

    fn apply(&mut self, entry: &Entry) -> rusqlite::Result<Applied> {
        let changed = match entry {
            Entry::Intent(intent) => write::intent(self.0, intent),
            Entry::Progress {
                request,
                attempt,
                mark,
            } => write::progress(self.0, *request, *attempt, *mark),
            Entry::Settle { .. } | Entry::Void { .. } => match entry.ending() {
                Some(ending) => write::end(self.0, &ending),
                None => Ok(false),
            },
            Entry::Close { request, head, end } => {
                write::close(self.0, *request, head.as_deref(), end)
            }
        }?;
        Ok(match changed {
            true => Applied::Done,
            false => Applied::Duplicate,
        })
    }

    fn recover(&mut self, at: Timestamp) -> rusqlite::Result<Recovered> {
        write::recover(self.0, at)
    }

    fn record(&self, id: RequestId) -> rusqlite::Result<Option<Record>> {
        read::one(self.0, id)
    }

    fn records(&self, filter: &Filter) -> rusqlite::Result<Page> {
        let span = read::Span {
            from: filter.since.map(record::first_at),
            to: filter.cursor,
            tenant: filter.tenant.as_ref(),
            newest: true,
            most: Some(filter.size() + 1),
            ..read::Span::default()
        };
        let mut found = Vec::new();
        read::each(self.0, &span, |call| found.push(call))?;
        Ok(Page::of(found, filter.size()))
    }

    fn spend(
        &self,
        by: &By,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> rusqlite::Result<Vec<SpendRow>> {
        let span = read::Span {
            from: from.map(record::first_at),
            to: to.map(record::first_at),
            ..read::Span::default()
        };
        let mut sums = Sums::by(by);
        read::each(self.0, &span, |call| sums.add(&call))?;
        Ok(sums.rows())
    }

    fn totals(&self) -> rusqlite::Result<Totals> {
        let mut totals = Totals::default();
        read::each(self.0, &read::Span::default(), |call| totals.add(&call))?;
        Ok(totals)
    }
}
