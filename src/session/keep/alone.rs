//! Conversations without a store: nothing is known of any, and nothing is kept.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, mpsc, watch};

use super::answers::Answers;
use super::heads::Heads;
use super::lengths::COMPARING;
use super::ring::Ring;
use super::shelf::Shelves;
use super::{HEADS, Inner, SHARDS, Sessions, Settings, State, TOLD};
use crate::domain::clock::{Clock, Entropy};
use crate::session::hash::Key;

impl<E> Inner<E> {
    pub(super) fn of(key: Key, clock: Clock, settings: Settings) -> Self {
        let each = settings.most.div_ceil(SHARDS);
        Self {
            key,
            clock,
            settings,
            shards: (0..SHARDS).map(|_| Mutex::new(Ring::of(each))).collect(),
            answers: Answers::of(settings.most),
            heads: Heads::of(HEADS),
            shelves: Shelves::new(),
            told: Arc::new(Semaphore::new(TOLD)),
            survival: ArcSwap::default(),
            lengths: Mutex::default(),
            comparing: Arc::new(Semaphore::new(COMPARING)),
            passed: AtomicU64::new(0),
        }
    }
}

impl<E: State> Sessions<E> {
    /// Conversations of which none is known. What ends is passed over.
    pub fn alone(clock: Clock, entropy: &Entropy) -> Self {
        let key = Key::new(Key::secret(entropy));
        // Nobody is at the other end.
        let (orders, _) = mpsc::channel(1);
        let (_, ready) = watch::channel(true);
        Self {
            inner: Arc::new(Inner::of(key, clock, Settings::default())),
            orders,
            ready,
        }
    }
}
