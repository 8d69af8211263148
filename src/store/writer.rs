//! The one thread that writes to SQLite: takes all that is queued, applies it in one transaction and commits.
//!
//! What the journal holds already can wait, so that many share one transaction, and those about one thing one write; what
//! somebody waits for is written at once. A write that fails alone fails alone: the batch is rolled back and each is applied by
//! itself, which is why work can be run again.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::slice;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::Health;
use super::fault::{StoreError, Trouble};
use super::folder::Reserve;
use super::journal::Journal;
use super::syncer::Commits;

/// A write. It may run more than once, when the transaction around it was rolled back.
pub type Work = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// A write that the journal holds. It may run more than once, as [`Work`] may.
pub trait Owed: Any + Send {
    /// Writes it.
    fn apply(&mut self, conn: &Connection) -> rusqlite::Result<()>;

    /// What it is about, where others may be about the same.
    fn about(&self) -> Option<u128> {
        None
    }

    /// Takes up a later write about the same thing, which is then written with this one; or hands it back.
    fn join(&mut self, later: Box<dyn Owed>) -> Result<(), Box<dyn Owed>> {
        Err(later)
    }
}

impl<F> Owed for F
where
    F: FnMut(&Connection) -> rusqlite::Result<()> + Send + 'static,
{
    fn apply(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self(conn)
    }
}

/// Runs on the writer's thread after the commit, whether the asker still waits or not.
pub type Landed = Box<dyn FnOnce() + Send>;

/// Whom to tell of a commit.
pub(super) struct Ack {
    /// Gets the number of the commit that holds the write.
    pub(super) tell: oneshot::Sender<Result<u64, StoreError>>,
    pub(super) landed: Option<Landed>,
}

const BATCH: usize = 2_048;
/// How long what the journal holds may wait for company.
const LINGER: Duration = Duration::from_millis(20);
/// Writes between two checkpoints, where there is a quiet moment; and where there is none.
const CHECKPOINT_QUIET: usize = 2_000;
const CHECKPOINT_BUSY: usize = 8_000;
const RETRY: Duration = Duration::from_millis(100);
/// Retries between two tries to make the reserve again.
const REFILL_EVERY: u32 = 10;

pub(super) enum Job {
    /// Somebody waits for the commit. Refused while the disk is full.
    New(Work, Ack),
    /// In the journal already, or it should be: kept and tried again until it lands.
    Owed(Box<dyn Owed>),
    /// The journal found the disk full.
    Full,
    /// Answers when all that was queued before has been tried.
    Barrier(oneshot::Sender<()>),
    /// Ends the thread after all that is queued.
    Stop { checkpoint: bool },
}

/// What the writer and its askers share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    health: AtomicU8,
    pub(super) commits: Commits,
    /// The writer's thread, to call it from its lingering; and that somebody waits.
    writer: OnceLock<Thread>,
    hurry: AtomicBool,
}

impl Shared {
    /// Somebody waits for the writer.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Release);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    fn hurried(&self) -> bool {
        self.hurry.swap(false, Ordering::AcqRel)
    }

    pub(super) fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Ok,
            1 => Health::DiskFull,
            _ => Health::Dead,
        }
    }

    pub(super) fn set(&self, health: Health) {
        let value = match health {
            Health::Ok => 0,
            Health::DiskFull => 1,
            Health::Dead => 2,
        };
        // Dead is for good, also where the syncer found it meanwhile.
        let _ = self
            .health
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                (now < 2).then_some(value)
            });
    }

    pub(super) fn die(&self, cause: &dyn std::error::Error) {
        if self.health() != Health::Dead {
            tracing::error!(error = %cause, "the store has failed: nothing more is written until a restart");
        }
        self.set(Health::Dead);
    }
}

/// The way of the journal's ended segments.
#[derive(Clone, Copy)]
enum Retiring {
    /// There are none.
    Nothing,
    /// They have landed once so many jobs have been taken and nothing is owed.
    Landing(u64),
    /// They can go once this is on the disk.
    Syncing(u64),
}

struct Write {
    work: Box<dyn Owed>,
    /// `None` for what is owed.
    ack: Option<Ack>,
}

/// What is written in one transaction. What is about one thing is brought together.
#[derive(Default)]
struct Batch {
    writes: Vec<Write>,
    /// Where the newest owed write about a thing stands.
    places: HashMap<u128, usize>,
}

impl Batch {
    fn asked(&mut self, work: Work, ack: Ack) {
        let (work, ack) = (Box::new(work), Some(ack));
        self.writes.push(Write { work, ack });
    }

    fn owed(&mut self, mut work: Box<dyn Owed>) {
        if let Some(about) = work.about()
            && let Some(place) = self.places.insert(about, self.writes.len())
        {
            match self.writes[place].work.join(work) {
                Ok(()) => {
                    self.places.insert(about, place);
                    return;
                }
                Err(back) => work = back,
            }
        }
        self.writes.push(Write { work, ack: None });
    }
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) inbox: mpsc::Receiver<Job>,
    pub(super) shared: Arc<Shared>,
    pub(super) reserve: Reserve,
    journal: Arc<Journal>,
    /// How far the journal's ended segments are from not being needed any more.
    retiring: Retiring,
    /// Jobs taken so far.
    taken: u64,
    owed: VecDeque<Write>,
    /// The reserve has been given up.
    full: bool,
    unchecked: usize,
    retries: u32,
}

impl Writer {
    pub(super) fn new(
        conn: Connection,
        inbox: mpsc::Receiver<Job>,
        shared: Arc<Shared>,
        reserve: Reserve,
        journal: Arc<Journal>,
    ) -> Self {
        Self {
            conn,
            inbox,
            shared,
            reserve,
            journal,
            retiring: Retiring::Nothing,
            taken: 0,
            owed: VecDeque::new(),
            full: false,
            unchecked: 0,
            retries: 0,
        }
    }

    /// Runs until it is told to stop; hands the connection back.
    pub(super) fn run(mut self) -> Connection {
        let mut jobs = Vec::with_capacity(BATCH);
        let _ = self.shared.writer.set(thread::current());
        let stop = loop {
            self.take(&mut jobs);
            let stop = self.round(&mut jobs);
            if stop.is_some() {
                break stop;
            }
        };
        // From here on nothing is taken: what comes late would be acknowledged and lost.
        self.journal.close();
        while let Ok(job) = self.inbox.try_recv() {
            jobs.push(job);
        }
        self.round(&mut jobs);
        self.retry();
        if stop == Some(true) && self.shared.health() != Health::Dead {
            self.checkpoint("TRUNCATE");
            self.finish();
        }
        self.conn
    }

    /// Waits for work; while something is owed, or the disk is full, only for a moment.
    fn take(&mut self, jobs: &mut Vec<Job>) {
        if self.owed.is_empty() && self.shared.health() != Health::DiskFull {
            self.inbox.blocking_recv_many(jobs, BATCH);
            // The first of many wakes this thread, the others find it waiting: that is most of what they would cost.
            if !self.shared.hurried() && jobs.iter().all(|job| matches!(job, Job::Owed(_))) {
                thread::park_timeout(LINGER);
                while jobs.len() < BATCH
                    && let Ok(job) = self.inbox.try_recv()
                {
                    jobs.push(job);
                }
            }
            return;
        }
        thread::park_timeout(RETRY);
        while jobs.len() < BATCH
            && let Ok(job) = self.inbox.try_recv()
        {
            jobs.push(job);
        }
        self.retry();
    }

    /// Lands what came; `Some` tells to stop, and whether to checkpoint.
    fn round(&mut self, jobs: &mut Vec<Job>) -> Option<bool> {
        self.taken += jobs.len() as u64;
        let mut stop = None;
        let mut barriers = Vec::new();
        let mut batch = Batch::default();
        for job in jobs.drain(..) {
            match job {
                Job::New(work, ack) => batch.asked(work, ack),
                Job::Owed(work) => batch.owed(work),
                Job::Full => self.full(),
                Job::Barrier(done) => barriers.push(done),
                Job::Stop { checkpoint } => stop = Some(checkpoint),
            }
        }
        self.land(batch.writes);
        for done in barriers {
            let _ = done.send(());
        }
        self.tidy();
        stop
    }

    fn land(&mut self, mut batch: Vec<Write>) {
        if batch.is_empty() {
            return;
        }
        if self.shared.health() == Health::Ok && self.owed.is_empty() {
            let all = batch.iter_mut().map(|w| &mut w.work);
            if together(&self.conn, all).is_ok() {
                return self.committed(batch);
            }
        }
        for write in batch {
            self.alone(write);
        }
    }

    fn committed(&mut self, batch: Vec<Write>) {
        let number = self.shared.commits.add();
        self.unchecked += batch.len();
        for ack in batch.into_iter().filter_map(|write| write.ack) {
            if let Some(landed) = ack.landed {
                landed();
            }
            let _ = ack.tell.send(Ok(number));
        }
    }

    fn alone(&mut self, mut write: Write) {
        match (self.shared.health(), &write.ack) {
            (Health::Dead, _) => return refuse(write, StoreError::Dead),
            (Health::DiskFull, Some(_)) => return refuse(write, StoreError::Full),
            // What is owed lands in the order in which it came.
            _ if !self.owed.is_empty() && write.ack.is_none() => {
                return self.owed.push_back(write);
            }
            _ => {}
        }
        match self.attempt(&mut write) {
            Ok(()) => self.committed(vec![write]),
            Err(error) => self.failed(write, error),
        }
    }

    /// Applies one write; on a full disk the reserve is given up and it is tried again.
    fn attempt(&mut self, write: &mut Write) -> rusqlite::Result<()> {
        let first = together(&self.conn, slice::from_mut(&mut write.work).iter_mut());
        let full = first
            .as_ref()
            .is_err_and(|error| Trouble::of(error) == Trouble::Full);
        if !full || self.full {
            return first;
        }
        self.full();
        if write.ack.is_some() {
            return first;
        }
        together(&self.conn, slice::from_mut(&mut write.work).iter_mut())
    }

    /// No room is left: what is owed gets the reserve's, new work is refused.
    fn full(&mut self) {
        if self.full || self.shared.health() == Health::Dead {
            return;
        }
        self.full = true;
        tracing::error!(
            "the store's disk is full: new calls are refused until there is room again"
        );
        self.shared.set(Health::DiskFull);
        if let Err(error) = self.reserve.release() {
            tracing::warn!(%error, "the store's reserve could not be given up");
        }
    }

    fn failed(&mut self, write: Write, error: rusqlite::Error) {
        match Trouble::of(&error) {
            Trouble::Full | Trouble::Busy if write.ack.is_none() => self.owed.push_back(write),
            Trouble::Full | Trouble::Busy => refuse(write, StoreError::Full),
            Trouble::Dead => {
                self.shared.die(&error);
                refuse(write, StoreError::Dead);
            }
            Trouble::Statement => {
                if write.ack.is_none() {
                    tracing::error!(%error, "a write was refused by SQLite and is lost");
                }
                refuse(write, StoreError::Sql(error));
            }
        }
    }

    /// Tries what is owed again, in order, and to leave the state of a full disk.
    fn retry(&mut self) {
        if self.shared.health() == Health::Dead {
            self.owed.clear();
            return;
        }
        for write in std::mem::take(&mut self.owed) {
            self.alone(write);
        }
        if self.shared.health() != Health::DiskFull || !self.owed.is_empty() {
            return;
        }
        self.retries += 1;
        if self.retries.is_multiple_of(REFILL_EVERY) && self.reserve.refill().is_ok() {
            tracing::info!("the store's disk has room again");
            self.full = false;
            self.shared.set(Health::Ok);
        }
    }

    fn tidy(&mut self) {
        if self.shared.health() == Health::Dead {
            // The journal may know more than the file now.
            return;
        }
        let quiet = self.inbox.is_empty();
        if self.unchecked > CHECKPOINT_BUSY || (quiet && self.unchecked > CHECKPOINT_QUIET) {
            self.checkpoint("PASSIVE");
        }
        if let Err(error) = self.retire() {
            tracing::warn!(%error, "the journal's old entries could not be removed");
        }
    }

    /// Removes segments of the journal whose entries are all in SQLite and on the disk.
    fn retire(&mut self) -> std::io::Result<()> {
        match self.retiring {
            Retiring::Nothing => {
                if self.journal.rotate()? {
                    // What stands in the ended segment was queued before: it is in the inbox now, or was taken.
                    self.retiring = Retiring::Landing(self.taken + self.inbox.len() as u64);
                }
            }
            Retiring::Landing(jobs) if self.taken >= jobs && self.owed.is_empty() => {
                self.retiring = Retiring::Syncing(self.shared.commits.add());
            }
            Retiring::Syncing(number) if self.shared.commits.synced(number) => {
                self.journal.remove_ended()?;
                self.retiring = Retiring::Nothing;
            }
            Retiring::Landing(_) | Retiring::Syncing(_) => {}
        }
        Ok(())
    }

    /// Everything is in the file: the journal has nothing left to tell.
    fn finish(&mut self) {
        if self.owed.is_empty()
            && self.shared.health() == Health::Ok
            && let Err(error) = self.journal.finish()
        {
            tracing::warn!(%error, "the journal could not be removed");
        }
    }

    fn checkpoint(&mut self, mode: &str) {
        self.unchecked = 0;
        let done = self
            .conn
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        match done {
            Ok(()) => {}
            Err(error) if Trouble::of(&error) == Trouble::Dead => self.shared.die(&error),
            Err(error) => tracing::warn!(%error, "the store's log was not folded in"),
        }
    }
}

fn refuse(write: Write, error: StoreError) {
    if let Some(ack) = write.ack {
        let _ = ack.tell.send(Err(error));
    }
}

/// One transaction for all of it, or nothing.
fn together<'w>(
    conn: &Connection,
    all: impl Iterator<Item = &'w mut Box<dyn Owed>>,
) -> rusqlite::Result<()> {
    let run = || {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for work in all {
            work.apply(conn)?;
        }
        conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    };
    let done = run();
    if done.is_err() && !conn.is_autocommit() {
        // Some failures have rolled back already; a failing rollback leaves nothing to do but to fail on the next begin.
        let _ = conn.execute_batch("ROLLBACK");
    }
    done
}
