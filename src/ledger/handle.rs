//! The ledger as the layers and the operator's door hold it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::{RequestId, TenantId};
use crate::domain::setting::Written;
use crate::store::{Health, Owed, Store, StoreError};

use super::book::{Book, Recovered};
use super::entry::{Entry, Intent};
use super::hold::{Closing, Entered, Hold};
use super::record::{Filter, Page, Record};
use super::spend::{By, SpendRow, Totals};
use super::sqlite::{Sqlite, settings};

/// Bytes that an entry seldom goes beyond.
const USUAL: usize = 2 << 10;

/// Why the ledger did not take an entry, or could not be read.
#[derive(Debug)]
pub enum LedgerError {
    /// The store takes nothing new; nothing may be sent to a target.
    Unavailable(StoreError),
    /// A query failed.
    Read(StoreError),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable(_) => "the ledger takes no new calls",
            Self::Read(_) => "the ledger could not be read",
        })
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(error) | Self::Read(error) => Some(error),
        }
    }
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

/// The ledger. A clone is the same ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) counts: Arc<Counts>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) open: AtomicU64,
    duplicates: AtomicU64,
}

/// Entries about one call that are written together: those that came while the first waited for the writer.
pub(super) struct Entries {
    call: RequestId,
    entries: Vec<Entry>,
    counts: Arc<Counts>,
}

impl Owed for Entries {
    fn apply(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let duplicates = Sqlite(conn).apply_all(&self.entries)?;
        self.counts
            .duplicates
            .fetch_add(duplicates, Ordering::Relaxed);
        Ok(())
    }

    fn about(&self) -> Option<u128> {
        Some(self.call.0)
    }

    fn join(&mut self, later: Box<dyn Owed>) -> Result<(), Box<dyn Owed>> {
        if !(&*later as &dyn Any).is::<Self>() {
            return Err(later);
        }
        let later: Box<dyn Any> = later;
        if let Ok(later) = later.downcast::<Self>() {
            self.entries.extend(later.entries);
        }
        Ok(())
    }
}

impl Ledger {
    /// Opens the ledger in a store that has its [`super::ROOM`], and ends what an earlier process left open. No other
    /// ledger may be open on the store.
    pub async fn open(store: Store, clock: Clock) -> Result<(Self, Recovered), LedgerError> {
        let at = clock.now();
        let recovered = store
            .replay(move |conn, entries| {
                let mut book = Sqlite(conn);
                let mut all = true;
                let read = |bytes| serde_json::Deserializer::from_slice(bytes).into_iter::<Entry>();
                for entry in entries.iter().flat_map(|bytes| read(bytes)) {
                    // One entry that cannot be applied must not keep the others out, nor the gateway from starting.
                    let applied = match entry {
                        Ok(entry) => book
                            .apply(&entry)
                            .map(drop)
                            .map_err(|error| error.to_string()),
                        Err(error) => Err(error.to_string()),
                    };
                    if let Err(error) = applied {
                        tracing::error!(error, "an entry of the journal cannot be applied");
                        all = false;
                    }
                }
                Ok((book.recover(at)?, all))
            })
            .await
            .map_err(LedgerError::Unavailable)?;
        let counts = Arc::default();
        let ledger = Self {
            store,
            clock,
            counts,
        };
        Ok((ledger, recovered))
    }

    /// Entries about one call as the journal keeps them, one behind the other, and the write that applies them.
    pub(super) fn write(&self, call: RequestId, entries: Vec<Entry>) -> (Vec<u8>, Entries) {
        let mut bytes = Vec::with_capacity(USUAL);
        for entry in &entries {
            serde_json::to_writer(&mut bytes, entry).expect("an entry is names, numbers and texts");
        }
        let counts = Arc::clone(&self.counts);
        let write = Entries {
            call,
            entries,
            counts,
        };
        (bytes, write)
    }

    /// Reserves room for a call's last entry. Refused at once where the store takes nothing new, and after 100 ms where
    /// its queue is full.
    pub async fn open_call(&self) -> Result<Closing, LedgerError> {
        let slot = self.store.slot().await.map_err(LedgerError::Unavailable)?;
        Ok(Closing::new(self.clone(), slot))
    }

    /// Opens an attempt: returns when the intent is in the kernel, with room reserved for its end.
    pub async fn hold(&self, intent: Intent) -> Result<Hold, LedgerError> {
        let (now, later) = (self.store.slot().await?, self.store.slot().await?);
        let (request, attempt, mark) = (intent.head.request, intent.attempt, intent.mark);
        let (bytes, work) = self.write(request, vec![Entry::Intent(Box::new(intent))]);
        let number = now.enter(&bytes, work)?;
        Ok(Hold::new(
            self.clone(),
            later,
            (request, attempt),
            mark,
            Entered(number),
        ))
    }

    /// Waits until an intent is on the disk.
    pub async fn synced(&self, intent: Entered) -> Result<(), LedgerError> {
        let synced = self.store.synced(intent.0).await;
        synced.map_err(LedgerError::Unavailable)
    }

    /// What the store can do now.
    pub fn health(&self) -> Health {
        self.store.health()
    }

    /// Attempts under way.
    pub fn open_holds(&self) -> u64 {
        self.counts.open.load(Ordering::Relaxed)
    }

    /// Entries that came after an attempt's or a call's end and changed nothing.
    pub fn duplicates(&self) -> u64 {
        self.counts.duplicates.load(Ordering::Relaxed)
    }

    /// One call, with its explanation.
    pub async fn record(&self, id: RequestId) -> Result<Option<Record>, LedgerError> {
        let read = self.store.read(move |conn| Sqlite(conn).record(id)).await;
        read.map_err(LedgerError::Read)
    }

    /// Calls, newest first.
    pub async fn records(&self, filter: Filter) -> Result<Page, LedgerError> {
        let read = self.store.read(move |conn| Sqlite(conn).records(&filter));
        read.await.map_err(LedgerError::Read)
    }

    /// What was spent from `from` until before `to`.
    pub async fn spend(
        &self,
        by: By,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<SpendRow>, LedgerError> {
        let read = self
            .store
            .read(move |conn| Sqlite(conn).spend(&by, from, to));
        read.await.map_err(LedgerError::Read)
    }

    /// Calls whose ids lie between two, with the text of their decisions, the oldest first, and so many at the most: a part of a
    /// log that is too long to be held.
    pub async fn explained(
        &self,
        span: (RequestId, RequestId),
        tenant: Option<TenantId>,
        most: usize,
    ) -> Result<Vec<Record>, LedgerError> {
        let read = (self.store)
            .read(move |conn| Sqlite(conn).explained(span, tenant.as_ref(), most))
            .await;
        read.map_err(LedgerError::Read)
    }

    /// Writes down what decisions are made by from now on, and waits until it is there: no call may name what is not.
    pub async fn keep(&self, setting: Arc<Written>) -> Result<(), LedgerError> {
        let at = self.clock.now();
        let kept = self
            .store
            .write(move |conn| settings::keep(conn, &setting, at));
        kept.await.map_err(LedgerError::Unavailable)
    }

    /// What decisions that name this id were made by.
    pub async fn setting(&self, id: Arc<str>) -> Result<Option<Written>, LedgerError> {
        let read = self.store.read(move |conn| settings::one(conn, &id)).await;
        read.map_err(LedgerError::Read)
    }

    /// What decisions were last made by.
    pub async fn last_setting(&self) -> Result<Option<Written>, LedgerError> {
        let read = self.store.read(settings::last).await;
        read.map_err(LedgerError::Read)
    }

    /// All that was ever spent. Reads the whole ledger.
    pub async fn totals(&self) -> Result<Totals, LedgerError> {
        let read = self.store.read(|conn| Sqlite(conn).totals()).await;
        read.map_err(LedgerError::Read)
    }
}
