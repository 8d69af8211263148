//! Conversations as they stand: in memory, bounded, for the calls; and behind that in the store, so that a restart forgets none.
//!
//! A call loads what is kept, which is a pointer's copy. What an answer tells is handed to one task, which alone changes
//! anything; it writes what has changed to the store once in a while. All of this is a help for decisions and no account: where
//! it is late or lost, a prompt is taken for new, and nothing else goes wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::hash::Key;
use super::identity::{Conversation, ConversationId, Identity, Told};
use super::prefix::Prompt;
use super::survival::Survival;
use super::warmth::Warm;
use crate::catalog::CacheRule;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::ids::{KeyId, ModelId, TargetId};
use crate::store::{Store, StoreError};

use self::answers::Answers;
pub use self::answers::{Answer, Given};
use self::heads::Heads;
use self::lengths::Known;
use self::ring::Ring;
pub use self::settings::{KeepAnswers, Settings};
pub use self::shelf::Shelf;
use self::shelf::Shelves;
use self::shelve::Gone;
pub use self::state::{End, Kept, Observed};
pub use self::table::ROOM;
use self::table::{Left, Row};

mod alone;
mod answers;
mod heads;
mod lengths;
mod ring;
mod settings;
mod shelf;
mod shelve;
mod state;
mod table;
#[cfg(test)]
mod tests;

/// Locks, so that calls seldom meet at one.
const SHARDS: usize = 16;
/// Conversations in one write.
const BATCH: usize = 256;
/// Beginnings of conversations that are remembered, at each model.
const HEADS: usize = 4_096;
/// What conversations that are put together again may take at once, in KiB.
const TOLD: usize = 256 << 10;
/// Writes between two rounds that throw the old away.
const ROUND: u32 = 600;

/// What evidence may keep in a conversation.
pub trait State: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<E: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> State for E {}

/// All conversations. A clone is the same.
pub struct Sessions<E> {
    inner: Arc<Inner<E>>,
    orders: mpsc::Sender<Order<E>>,
    ready: watch::Receiver<bool>,
}

struct Inner<E> {
    key: Key,
    clock: Clock,
    settings: Settings,
    shards: Vec<Mutex<Ring<Arc<Kept<E>>>>>,
    /// Answers that lie at their providers.
    answers: Answers,
    heads: Heads,
    shelves: Shelves,
    /// Room for conversations that are put together again, in KiB.
    told: Arc<Semaphore>,
    survival: ArcSwap<Survival>,
    lengths: Mutex<Known>,
    /// Places to count in for comparison.
    comparing: Arc<Semaphore>,
    passed: AtomicU64,
}

enum Order<E> {
    Step(Box<Observed<E>>),
    /// Tells when all before is taken in and written.
    Settle(oneshot::Sender<()>),
    /// Takes a text out of the store.
    Unshelve(Shelf, u64, oneshot::Sender<Result<Gone, StoreError>>),
}

impl<E> Clone for Sessions<E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            orders: self.orders.clone(),
            ready: self.ready.clone(),
        }
    }
}

impl<E> fmt::Debug for Sessions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.inner.len())
    }
}

/// A call's conversation, and what is kept of it.
#[derive(Clone, Debug)]
pub struct Found<E> {
    /// The conversation.
    pub conversation: Conversation,
    /// What is kept, if it is known.
    pub kept: Option<Arc<Kept<E>>>,
    /// The answer that it goes on from, if it names one that is known.
    pub answer: Option<Arc<Answer>>,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<E> Inner<E> {
    fn shard(&self, id: ConversationId) -> MutexGuard<'_, Ring<Arc<Kept<E>>>> {
        open(&self.shards[id.0 as usize % SHARDS])
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| open(shard).len()).sum()
    }

    fn oldest(&self) -> Timestamp {
        let life = i64::try_from(self.settings.life.as_millis()).unwrap_or(i64::MAX);
        let now = self.clock.now();
        Timestamp::from_millis(now.millis().saturating_sub(life))
    }

    fn load(&self, id: ConversationId) -> Option<Arc<Kept<E>>> {
        let kept = self.shard(id).get(id.0).cloned()?;
        (kept.last.0 >= self.oldest()).then_some(kept)
    }
}

impl<E: State> Sessions<E> {
    /// Opens the conversations in a store that has this room's [`ROOM`]. What is known of them comes as soon as the keeper
    /// runs, which has to be spawned.
    pub async fn open(
        store: Store,
        clock: Clock,
        entropy: &Entropy,
        settings: Settings,
    ) -> Result<(Self, Keeper<E>), StoreError> {
        let new = Key::secret(entropy);
        let secret = store.write(move |conn| table::secret(conn, new)).await?;
        let (orders, inbox) = mpsc::channel(settings.queue.max(1));
        let (tell, ready) = watch::channel(false);
        let inner = Arc::new(Inner::of(Key::new(secret), clock, settings));
        let keeper = Keeper {
            inner: Arc::clone(&inner),
            store,
            inbox,
            ready: tell,
            changed: BTreeSet::new(),
            answered: BTreeSet::new(),
            gone: Vec::new(),
        };
        let sessions = Self {
            inner,
            orders,
            ready,
        };
        Ok((sessions, keeper))
    }

    /// The key of all hashes of conversations and prompts.
    pub fn key(&self) -> &Key {
        &self.inner.key
    }

    /// The conversation of a call, and what is kept of it.
    pub fn find(&self, identity: &Identity) -> Found<E> {
        let inner = &self.inner;
        let after = identity.after;
        let answer = after.and_then(|id| inner.answers.get(id, inner.clock.now()));
        if identity.told != Told::Name
            && let Some(answer) = &answer
        {
            let conversation = answer.conversation.clone();
            return Found {
                kept: inner.load(conversation.id),
                conversation,
                answer: Some(Arc::clone(answer)),
            };
        }
        let base = inner.load(identity.base);
        let root = base.as_ref().map(|base| base.root);
        let conversation = identity.settle(root, &inner.key);
        let kept = match conversation.id == identity.base {
            true => base,
            false => inner.load(conversation.id),
        };
        Found {
            conversation,
            kept,
            answer,
        }
    }

    /// What is kept of a conversation.
    pub fn load(&self, id: ConversationId) -> Option<Arc<Kept<E>>> {
        self.inner.load(id)
    }

    /// What `model` at `target` is expected to read of a prompt: what it has of the conversation, or, where it has nothing of
    /// that, of others that began the same way.
    pub fn warm(
        &self,
        kept: Option<&Kept<E>>,
        (model, target): (&ModelId, &TargetId),
        rule: CacheRule,
        prompt: &Prompt,
        now: Timestamp,
    ) -> Warm {
        let inner = &self.inner;
        let survival = inner.survival.load();
        let at = (model, target);
        let own = kept.map(|kept| kept.warmth.predict_at(at, rule, prompt, now, &survival));
        let head = inner
            .heads
            .predict(at, rule, prompt, now, (&survival, &inner.key));
        let own = own.unwrap_or_default();
        match head.expected() > own.expected() {
            true => head,
            false => own,
        }
    }

    /// What was seen of the targets' caches.
    pub fn survival(&self) -> Arc<Survival> {
        self.inner.survival.load_full()
    }

    /// Stands for an answer's id, for [`Observed::stored`].
    pub fn answer(&self, caller: &KeyId, id: &str) -> u64 {
        super::identity::answer(caller, id, &self.inner.key)
    }

    /// Takes in a call that has ended, soon; an answer that lies at its provider, at once. Never waits: where too many wait
    /// already it is passed over, and counted.
    pub fn step(&self, observed: Observed<E>) {
        self.inner.answers.keep(&observed);
        self.learn_length(&observed);
        if self
            .orders
            .try_send(Order::Step(Box::new(observed)))
            .is_err()
        {
            self.inner.passed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes in where an answer lies that has begun there.
    pub fn begun(&self, observed: &Observed<E>) {
        self.inner.answers.keep(observed);
    }

    /// How many ended calls were passed over.
    pub fn passed(&self) -> u64 {
        self.inner.passed.load(Ordering::Relaxed)
    }

    /// How many conversations are kept.
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// None is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until what an earlier process left has been read.
    pub async fn ready(&self) {
        // An error means that the keeper has ended: then nothing more comes.
        let _ = self.ready.clone().wait_for(|ready| *ready).await;
    }

    /// Waits until all that was handed in is taken in and written.
    pub async fn settle(&self) {
        let (tell, done) = oneshot::channel();
        if self.orders.send(Order::Settle(tell)).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// The task that alone changes what is kept. It ends when every [`Sessions`] is dropped, and writes what is left.
pub struct Keeper<E> {
    inner: Arc<Inner<E>>,
    store: Store,
    inbox: mpsc::Receiver<Order<E>>,
    ready: watch::Sender<bool>,
    changed: BTreeSet<u64>,
    answered: BTreeSet<u64>,
    gone: Vec<u64>,
}

impl<E> fmt::Debug for Keeper<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keeper({} to write)", self.changed.len())
    }
}

impl<E: State> Keeper<E> {
    /// Reads what an earlier process left, then takes in what comes.
    pub async fn run(mut self) {
        self.recall().await;
        self.ready.send_replace(true);
        let mut behind = tokio::time::interval(self.inner.settings.behind);
        behind.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut writes = 0_u32;
        loop {
            tokio::select! {
                order = self.inbox.recv() => match order {
                    Some(Order::Step(seen)) => self.step(&seen),
                    Some(Order::Settle(done)) => {
                        self.write().await;
                        // Nobody may wait any more.
                        let _ = done.send(());
                    }
                    Some(Order::Unshelve(shelf, id, done)) => {
                        let _ = done.send(self.unshelve(shelf, id).await);
                    }
                    None => break,
                },
                _ = behind.tick() => {
                    self.write().await;
                    if writes.is_multiple_of(ROUND) {
                        self.forget().await;
                    }
                    writes = writes.wrapping_add(1);
                }
            }
        }
        self.write().await;
    }

    async fn recall(&self) {
        let since = (self.inner.oldest(), answers::oldest(self.inner.clock.now()));
        let most = self.inner.settings.most;
        self.recall_shelves().await;
        let read = self
            .store
            .read(move |conn| table::read::<E>(conn, since, most));
        match read.await {
            Ok(Left {
                known,
                answers,
                odd,
            }) => {
                self.inner.answers.put_back(answers);
                if odd > 0 {
                    tracing::warn!(odd, "some conversations could not be read; they begin anew");
                }
                for (id, kept) in known {
                    self.put_back(id, kept);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the conversations could not be read; all begin anew");
            }
        }
    }

    /// What has been going on meanwhile is newer, and stays.
    fn put_back(&self, id: u64, kept: Kept<E>) {
        let mut shard = self.inner.shard(ConversationId(id));
        if !shard.is_full() && shard.get(id).is_none() {
            shard.put(id, Arc::new(kept));
        }
    }

    fn step(&mut self, seen: &Observed<E>) {
        if !seen.counts() {
            return;
        }
        self.answered.extend(&seen.stored);
        let id = seen.conversation.id;
        let kept = match self.inner.load(id) {
            Some(kept) => {
                let mut kept = Arc::unwrap_or_clone(kept);
                kept.step(seen);
                kept
            }
            // What stands beside a conversation begins none.
            None if !seen.moves() => return,
            None => Kept::begin(seen),
        };
        if let Some(gone) = self.inner.shard(id).put(id.0, Arc::new(kept)) {
            self.changed.remove(&gone);
            self.gone.push(gone);
        }
        self.changed.insert(id.0);
        // It may have made place a moment ago, and is there again.
        self.gone.retain(|gone| *gone != id.0);
        self.learn(seen);
        if let Some(answered) = seen.answered() {
            self.inner
                .heads
                .observe(&seen.target, &answered, &self.inner.key);
        }
    }

    /// Holds what was read against what was expected.
    fn learn(&self, seen: &Observed<E>) {
        let (Some(usage), expected) = (seen.usage, seen.expected) else {
            return;
        };
        if expected.tokens.0 == 0 {
            return;
        }
        let part = usage.cache_read.0 as f64 / expected.tokens.0 as f64;
        let mut survival = Survival::clone(&self.inner.survival.load());
        survival.learn(&seen.target, expected.idle, part);
        self.inner.survival.store(Arc::new(survival));
    }

    /// Writes what has changed. What could not be written is tried again with the next.
    async fn write(&mut self) {
        self.write_shelves().await;
        while !(self.changed.is_empty() && self.gone.is_empty() && self.answered.is_empty()) {
            let ids: Vec<u64> = self.changed.iter().copied().take(BATCH).collect();
            let kept = |id: &u64| {
                let kept = self.inner.shard(ConversationId(*id)).get(*id).cloned();
                Row::of(*id, &*kept?).ok()
            };
            let rows: Vec<Row> = ids.iter().filter_map(kept).collect();
            let gone = self.gone.clone();
            let answered: Vec<u64> = self.answered.iter().copied().take(BATCH).collect();
            let now = self.inner.clock.now();
            let answer =
                |id: &u64| table::Answered::of(*id, &*self.inner.answers.get(*id, now)?).ok();
            let answers: Vec<_> = answered.iter().filter_map(answer).collect();
            let work = move |conn: &rusqlite::Connection| {
                table::write(conn, &rows, &gone)?;
                table::write_answers(conn, &answers)
            };
            if let Err(error) = self.store.write(work).await {
                tracing::debug!(%error, "conversations are written later");
                self.gone.truncate(BATCH);
                return;
            }
            self.gone.clear();
            for id in ids {
                self.changed.remove(&id);
            }
            for id in answered {
                self.answered.remove(&id);
            }
        }
    }

    async fn forget(&self) {
        self.forget_shelved().await;
        let until = self.inner.oldest();
        let (answers, most) = (
            answers::oldest(self.inner.clock.now()),
            self.inner.settings.most,
        );
        let forgot = self.store.write(move |conn| {
            table::forget_answers(conn, answers, most)?;
            table::forget(conn, until)
        });
        if let Err(error) = forgot.await {
            tracing::debug!(%error, "old conversations are thrown away later");
        }
    }
}
