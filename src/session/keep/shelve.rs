//! Texts are put on shelves and found again, and the keeper writes them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::shelf::{self, Shelf};
use super::{BATCH, Inner, KeepAnswers, Keeper, Order, Sessions, State};
use crate::domain::ids::TargetId;
use crate::store::{Store, StoreError};

/// What has been taken out of the store, though the disk may have it yet.
pub(super) struct Gone {
    store: Store,
    commit: u64,
}

impl Gone {
    async fn synced(self) -> Result<(), StoreError> {
        self.store.synced(self.commit).await
    }
}

impl<E> Inner<E> {
    /// What is on the shelf is written to the store as well.
    fn is_written(&self, shelf: Shelf) -> bool {
        shelf != Shelf::Answer || self.settings.answers == KeepAnswers::Disk
    }
}

impl<E: State> Sessions<E> {
    /// Keeps a text for as long as its shelf does. `id` stands for what it belongs to, by [`Sessions::key`].
    pub fn shelve(&self, shelf: Shelf, id: u64, text: &str) {
        let inner = &self.inner;
        let written = inner.is_written(shelf);
        inner
            .shelves
            .put(shelf, id, text, (inner.clock.now(), written));
    }

    /// Finds it again.
    pub fn shelved(&self, shelf: Shelf, id: u64) -> Option<Arc<str>> {
        let inner = &self.inner;
        inner.shelves.get(shelf, id, inner.clock.now())
    }

    /// Takes it away for good: it does not come back after a restart either. An error says that this could not be written; it
    /// may still be there then.
    pub async fn unshelve(&self, shelf: Shelf, id: u64) -> Result<(), StoreError> {
        if !self.inner.is_written(shelf) {
            self.inner.shelves.take_away(shelf, id);
            return Ok(());
        }
        // The keeper does it: what it is about to write must not come behind.
        let (tell, done) = oneshot::channel();
        let order = Order::Unshelve(shelf, id, tell);
        let sent = self.orders.send(order).await;
        sent.map_err(|_| StoreError::Closed)?;
        let gone = done.await.unwrap_or(Err(StoreError::Closed))?;
        // The keeper has others to serve while this one waits for the disk.
        gone.synced().await?;
        self.inner.shelves.take_away(shelf, id);
        Ok(())
    }

    /// Whether answers and what they answered are kept, for calls that go on from them.
    pub fn keeps_answers(&self) -> bool {
        self.inner.settings.answers != KeepAnswers::None
    }

    /// Room for a conversation of so many bytes that is put together again; `None` where there is none now.
    pub fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.inner.told);
        let kib = u32::try_from(bytes.div_ceil(1_024)).ok()?;
        room.try_acquire_many_owned(kib).ok()
    }

    /// The answer of this name at its provider, if it is known to lie at one.
    pub fn lies_at(&self, id: u64) -> Option<TargetId> {
        let answer = self.inner.answers.get(id, self.inner.clock.now())?;
        Some(answer.target.clone())
    }
}

impl<E: State> Keeper<E> {
    pub(super) async fn recall_shelves(&self) {
        let now = self.inner.clock.now();
        if self.inner.settings.answers != KeepAnswers::Disk {
            // Left from when they were.
            let clear = |conn: &rusqlite::Connection| shelf::clear(conn, Shelf::Answer);
            if let Err(error) = self.store.write(clear).await {
                tracing::warn!(%error, "answers that an earlier process kept could not be removed");
            }
        }
        match self.store.read(move |conn| shelf::read(conn, now)).await {
            Ok(left) => {
                self.inner.shelves.put_back(left);
                self.recall_lengths();
            }
            Err(error) => {
                tracing::warn!(%error, "what was laid aside for conversations could not be read");
            }
        }
    }

    /// Writes what is new. What cannot be written is gone after a restart: it is a help, and no account.
    pub(super) async fn write_shelves(&self) {
        self.shelve_lengths();
        loop {
            let new = self.inner.shelves.take_new(BATCH);
            if new.is_empty() {
                return;
            }
            let work = move |conn: &rusqlite::Connection| shelf::write(conn, &new);
            if let Err(error) = self.store.write(work).await {
                tracing::debug!(%error, "what was laid aside for conversations is not written");
                return;
            }
        }
    }

    /// Takes it out of the store. It is in memory until that is on the disk: whoever is told that it could not be removed may try
    /// again.
    pub(super) async fn unshelve(&self, shelf: Shelf, id: u64) -> Result<Gone, StoreError> {
        let removed = self.remove(shelf, id).await;
        match &removed {
            Ok(_) => self.inner.shelves.leave(shelf, id),
            Err(error) => tracing::warn!(%error, "what was to be removed is still in the store"),
        }
        removed
    }

    async fn remove(&self, shelf: Shelf, id: u64) -> Result<Gone, StoreError> {
        let work = move |conn: &rusqlite::Connection| shelf::remove(conn, shelf, id);
        let commit = self.store.begin(Box::new(work)).await?.committed().await?;
        Ok(Gone {
            store: self.store.clone(),
            commit,
        })
    }

    pub(super) async fn forget_shelved(&self) {
        let oldest = self.inner.shelves.forget(self.inner.clock.now());
        let forgot = (self.store).write(move |conn| shelf::forget(conn, &oldest));
        if let Err(error) = forgot.await {
            tracing::debug!(%error, "what was laid aside is thrown away later");
        }
    }
}
