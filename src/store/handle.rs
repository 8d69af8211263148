//! The store as the rooms hold it: ask for a write, reserve room for one, read.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::fault::{OpenError, StoreError};
use super::journal::{Backlog, Journal};
use super::writer::{Ack, Job, Landed, Owed, Shared, Work, Writer};
use super::{Health, Room, Settings, folder, open, syncer};

/// How long a caller waits for room in the queue before it is refused.
const PATIENCE: Duration = Duration::from_millis(100);

/// A lock whose holder panicked still guards a whole value: nothing here is changed in more than one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store. A clone is the same store; when the last is dropped, what is queued is written and the threads end.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    journal: Arc<Journal>,
    backlog: Mutex<Backlog>,
    synced: watch::Receiver<u64>,
    reader: Mutex<Option<Connection>>,
    threads: Mutex<Option<Threads>>,
}

#[derive(Debug)]
struct Threads {
    /// Room for the word to stop, however full the queue is.
    last: mpsc::OwnedPermit<Job>,
    writer: JoinHandle<Connection>,
    syncer: JoinHandle<()>,
    lock: File,
}

/// Room in the queue for one write that must not wait or fail.
#[derive(Debug)]
pub struct Slot {
    permit: mpsc::OwnedPermit<Job>,
    journal: Arc<Journal>,
    shared: Arc<Shared>,
}

impl Slot {
    /// Writes `entry` to the journal and queues the write that it stands for. Where the journal has no room the write is
    /// kept until it lands, also on a full disk.
    pub fn send(self, entry: &[u8], work: impl Owed) {
        // The place is used once, under the journal's lock or after it refused.
        let mut place = Some((self.permit, work));
        let mut queue = || {
            if let Some((permit, work)) = place.take() {
                permit.send(Job::Owed(Box::new(work)));
            }
        };
        match self.journal.append(entry, &mut queue) {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the journal takes no entry; it goes to the database at once");
                queue();
            }
        }
        self.shared.commits.add();
    }

    /// The same for a write that may be refused: it counts only once the journal has it. Returns the number to ask
    /// [`Store::synced`] about. Takes microseconds, and does not wait for the database.
    pub fn enter(self, entry: &[u8], work: impl Owed) -> Result<u64, StoreError> {
        match self.shared.health() {
            Health::Ok => {}
            Health::DiskFull => return Err(StoreError::Full),
            Health::Dead => return Err(StoreError::Dead),
        }
        let mut place = Some((self.permit, work));
        let entered = self.journal.append(entry, || {
            if let Some((permit, work)) = place.take() {
                permit.send(Job::Owed(Box::new(work)));
            }
        });
        match (entered, place) {
            (Ok(()), _) => Ok(self.shared.commits.add()),
            (Err(error), Some((permit, _))) => {
                tracing::error!(%error, "the journal takes no entry");
                // The next caller finds the store full, however long the writer takes to give its reserve up.
                self.shared.set(Health::DiskFull);
                permit.send(Job::Full);
                self.shared.hurry();
                Err(StoreError::Full)
            }
            (Err(_), None) => Err(StoreError::Full),
        }
    }
}

/// A write under way: answers with the number of the commit that holds it.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Result<u64, StoreError>>);

impl Pending {
    /// Waits for the commit. When this is dropped the write happens all the same.
    pub async fn committed(self) -> Result<u64, StoreError> {
        self.0.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Store {
    /// Opens the store in its folder, with the tables of these rooms. Reads, writes and may wait for the disk.
    pub fn open(settings: &Settings, rooms: &[Room]) -> Result<Self, OpenError> {
        folder::make(&settings.path)?;
        let lock = folder::lock(&settings.path)?;
        let conn = open::writer(settings, rooms)?;
        let reader = open::reader(settings)?;
        let fault = |error| OpenError::Folder(settings.path.clone(), error);
        let reserve = folder::Reserve::in_folder(&settings.path);
        let (journal, backlog) = Journal::open(&settings.path).map_err(fault)?;
        // What is owed comes first: on a nearly full disk the reserve would take its place.
        if backlog.files.is_empty()
            && let Err(error) = reserve.fill()
        {
            tracing::warn!(%error, "no space could be kept in reserve");
        }
        let shared = Arc::new(Shared::default());
        let (jobs, inbox) = mpsc::channel(settings.queue.max(16));
        let last = jobs
            .clone()
            .try_reserve_owned()
            .expect("a new channel has room");
        let journal = Arc::new(journal);
        let writer = Writer::new(
            conn,
            inbox,
            Arc::clone(&shared),
            reserve,
            Arc::clone(&journal),
        );
        let (tell, synced) = watch::channel(0);
        let syncer = sync_thread(
            &settings.path,
            Arc::clone(&shared),
            Arc::clone(&journal),
            tell,
        )
        .map_err(fault)?;
        let writer = thread::Builder::new()
            .name("tollgate-store".into())
            .spawn(move || writer.run())
            .map_err(fault)?;
        Ok(Self(Arc::new(Inner {
            jobs,
            shared,
            journal,
            backlog: Mutex::new(backlog),
            synced,
            reader: Mutex::new(Some(reader)),
            threads: Mutex::new(Some(Threads {
                last,
                writer,
                syncer,
                lock,
            })),
        })))
    }

    /// What the store can do now.
    pub fn health(&self) -> Health {
        let stopped = lock(&self.0.threads)
            .as_ref()
            .is_none_or(|threads| threads.writer.is_finished());
        if stopped {
            return Health::Dead;
        }
        self.0.shared.health()
    }

    fn able(&self) -> Result<(), StoreError> {
        match self.0.shared.health() {
            Health::Ok => Ok(()),
            Health::DiskFull => Err(StoreError::Full),
            Health::Dead => Err(StoreError::Dead),
        }
    }

    async fn permit(&self) -> Result<mpsc::OwnedPermit<Job>, StoreError> {
        let jobs = self.0.jobs.clone();
        match jobs.try_reserve_owned() {
            Ok(permit) => Ok(permit),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(StoreError::Closed),
            Err(mpsc::error::TrySendError::Full(jobs)) => {
                match timeout(PATIENCE, jobs.reserve_owned()).await {
                    Ok(permit) => permit.map_err(|_| StoreError::Closed),
                    Err(_) => Err(StoreError::Saturated),
                }
            }
        }
    }

    /// Reserves room for a later write. Refused at once where the store is not well, and after 100 ms where it is busy.
    pub async fn slot(&self) -> Result<Slot, StoreError> {
        self.able()?;
        Ok(self.with(self.permit().await?))
    }

    /// The same for a write that is owed: refused only where nothing is written any more.
    pub async fn owed_slot(&self) -> Result<Slot, StoreError> {
        match self.0.shared.health() {
            Health::Dead => Err(StoreError::Dead),
            Health::Ok | Health::DiskFull => Ok(self.with(self.permit().await?)),
        }
    }

    fn with(&self, permit: mpsc::OwnedPermit<Job>) -> Slot {
        Slot {
            permit,
            journal: Arc::clone(&self.0.journal),
            shared: Arc::clone(&self.0.shared),
        }
    }

    /// Brings the journal's entries that an earlier process left to the room that wrote them: `work` is run with all of
    /// them and says whether it could read each. Once its commit is on the disk their files go; those that could not be
    /// read are kept aside. It must not mind entries that it has seen before.
    pub async fn replay<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Connection, &[Vec<u8>]) -> rusqlite::Result<(T, bool)> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Backlog {
            entries,
            files,
            unread,
        } = std::mem::take(&mut *lock(&self.0.backlog));
        let (result, all) = self.write(move |conn| work(conn, &entries)).await?;
        if !files.is_empty() {
            self.synced(self.0.shared.commits.add()).await?;
            if let Err(error) = Backlog::dispose(&files, unread || !all) {
                tracing::warn!(%error, "a part of the journal could not be removed; it is read again at the next start");
            }
        }
        Ok(result)
    }

    /// Queues a write and returns before it is done. Refused as [`Store::slot`] is.
    pub async fn begin(&self, work: Work) -> Result<Pending, StoreError> {
        self.queue(work, None).await
    }

    /// Queues a write, and what is to happen once it is committed: that runs on the writer's thread, before the
    /// acknowledgement, also when nobody waits any more. It must be quick.
    pub async fn begin_then(&self, work: Work, landed: Landed) -> Result<Pending, StoreError> {
        self.queue(work, Some(landed)).await
    }

    async fn queue(&self, work: Work, landed: Option<Landed>) -> Result<Pending, StoreError> {
        self.able()?;
        let (tell, done) = oneshot::channel();
        let ack = Ack { tell, landed };
        self.permit().await?.send(Job::New(work, ack));
        self.0.shared.hurry();
        Ok(Pending(done))
    }

    /// Writes and waits for the commit; returns what the work returned. When this is dropped the write may happen all
    /// the same.
    pub async fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let result = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&result);
        let pending = self
            .begin(Box::new(move |conn| {
                *lock(&keep) = Some(work(conn)?);
                Ok(())
            }))
            .await?;
        pending.committed().await?;
        let value = lock(&result).take();
        value.ok_or(StoreError::Closed)
    }

    /// Waits until all that was queued before has been tried.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (done, barrier) = oneshot::channel();
        self.permit().await?.send(Job::Barrier(done));
        self.0.shared.hurry();
        barrier.await.map_err(|_| StoreError::Closed)
    }

    /// Reads, on a thread where waiting is allowed. Sees all that was queued before.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.flush().await?;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            let reader = lock(&inner.reader);
            let conn = reader.as_ref().ok_or(StoreError::Closed)?;
            // One transaction: the statements of one read see one moment.
            let moment = conn.unchecked_transaction()?;
            Ok(work(&moment)?)
        })
        .await
        .map_err(|_| StoreError::Closed)?
    }

    /// Waits until the commit of this number is on the disk.
    pub async fn synced(&self, number: u64) -> Result<(), StoreError> {
        let mut synced = self.0.synced.clone();
        if *synced.borrow() >= number {
            return Ok(());
        }
        self.0.shared.commits.hurry();
        let reached = synced.wait_for(|done| *done >= number).await;
        reached.map(|_| ()).map_err(|_| StoreError::Dead)
    }

    /// Writes all that is queued, syncs, folds the log into the file and ends the threads. Room that is still reserved
    /// afterwards leads nowhere.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        // The pool's thread ends only with the runtime, so this cannot fail but by a panic that is reported already.
        let _ = tokio::task::spawn_blocking(move || inner.stop(true)).await;
    }
}

fn sync_thread(
    path: &Path,
    shared: Arc<Shared>,
    journal: Arc<Journal>,
    tell: watch::Sender<u64>,
) -> io::Result<JoinHandle<()>> {
    // The migrations have written, so the log is there, and it stays the same file while the writer is connected.
    let log = File::options()
        .read(true)
        .write(true)
        .open(open::log(path))?;
    thread::Builder::new()
        .name("tollgate-sync".into())
        .spawn(move || {
            syncer::run(&shared, &tell, || {
                journal.sync()?;
                log.sync_data()
            });
        })
}

impl Inner {
    fn stop(&self, checkpoint: bool) {
        let Some(threads) = lock(&self.threads).take() else {
            return;
        };
        threads.last.send(Job::Stop { checkpoint });
        self.shared.hurry();
        let conn = threads.writer.join();
        self.shared.commits.stop();
        // A panic in either thread was printed by the hook; there is nothing to add.
        let _ = threads.syncer.join();
        *lock(&self.reader) = None;
        drop(conn);
        drop(threads.lock);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(false);
    }
}
