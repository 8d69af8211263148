//! Texts are put on shelves and found again, and the keeper writes them.

use std::sync::Arc;

use super::shelf::{self, Shelf};
use super::{BATCH, Keeper, Sessions, State};

impl<E: State> Sessions<E> {
    /// Keeps a text for as long as its shelf does. `id` stands for what it belongs to, by [`Sessions::key`].
    pub fn shelve(&self, shelf: Shelf, id: u64, text: &str) {
        let inner = &self.inner;
        inner.shelves.put(shelf, id, text, inner.clock.now());
    }

    /// Finds it again.
    pub fn shelved(&self, shelf: Shelf, id: u64) -> Option<Arc<str>> {
        let inner = &self.inner;
        inner.shelves.get(shelf, id, inner.clock.now())
    }
}

impl<E: State> Keeper<E> {
    pub(super) async fn recall_shelves(&self) {
        let now = self.inner.clock.now();
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

    pub(super) async fn forget_shelved(&self) {
        let now = self.inner.clock.now();
        self.inner.shelves.forget(now);
        let forgot = self.store.write(move |conn| shelf::forget(conn, now));
        if let Err(error) = forgot.await {
            tracing::debug!(%error, "what was laid aside is thrown away later");
        }
    }
}
