//! What a call carries while money is at stake: however it ends, exactly one end leaves it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{AttemptId, RequestId};
use crate::store::Slot;

use super::entry::{Amount, CallEnd, CallHead, End, Entry};
use super::handle::{Ledger, LedgerError};

/// An attempt under way. Dropped, it ends estimated at what was relayed, or void when nothing was sent.
#[derive(Debug)]
pub struct Hold {
    ledger: Ledger,
    request: RequestId,
    attempt: AttemptId,
    slot: Option<Slot>,
    so_far: Amount,
    sent: Option<Timestamp>,
    entered: Entered,
}

/// An intent that the kernel has. [`Ledger::synced`] waits until the disk has it too, whatever has become of the attempt.
#[derive(Clone, Copy, Debug)]
pub struct Entered(pub(super) u64);

impl Hold {
    pub(super) fn new(
        ledger: Ledger,
        slot: Slot,
        (request, attempt): (RequestId, AttemptId),
        mark: Amount,
        entered: Entered,
    ) -> Self {
        ledger.counts.open.fetch_add(1, Ordering::Relaxed);
        Self {
            ledger,
            request,
            attempt,
            slot: Some(slot),
            so_far: mark,
            sent: None,
            entered,
        }
    }

    /// The attempt.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// The intent that it began with.
    pub fn entered(&self) -> Entered {
        self.entered
    }

    /// Notes that bytes have gone out, or may have: from now on a drop is billed. The time is written with the end; a
    /// recovery does not need it, for it takes every open attempt as sent.
    pub fn sent(&mut self, at: Timestamp) {
        self.sent.get_or_insert(at);
    }

    /// Notes in memory what a drop would now be billed.
    pub fn relayed(&mut self, so_far: Amount) {
        self.so_far = so_far;
    }

    /// Moves the mark that a recovery settles at; resolves when the mark is in the kernel. Nothing is written before the
    /// future is polled.
    pub fn progress(
        &mut self,
        mark: Amount,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send + 'static + use<> {
        let store = self.ledger.store.clone();
        let (request, attempt) = (self.request, self.attempt);
        let entry = Entry::Progress {
            request,
            attempt,
            mark,
        };
        let (bytes, work) = self.ledger.write(request, vec![entry]);
        async move {
            // Owed, and so taken on a full disk too: what is relayed must be known.
            store.owed_slot().await?.send(&bytes, work);
            Ok(())
        }
    }

    /// Ends the attempt with what it used. Neither waits nor fails.
    pub fn settle(mut self, amount: Amount, actual: bool, end: End, at: Timestamp) {
        let settled = self.settled(amount, actual, end, at);
        self.leave(vec![settled]);
    }

    /// The same, and ends its call with it, of which it is the last attempt.
    pub fn settle_last(
        mut self,
        (amount, actual, end): (Amount, bool, End),
        closing: Closing,
        close: CallEnd,
    ) {
        let settled = self.settled(amount, actual, end, close.at);
        let request = self.request;
        self.leave(vec![
            settled,
            Entry::Close {
                request,
                head: None,
                end: close,
            },
        ]);
        // Both went by the attempt's place in the queue.
        drop(closing);
    }

    /// Ends the attempt without cost. Neither waits nor fails.
    pub fn void(mut self, end: End, at: Timestamp) {
        let voided = self.voided(end, at);
        self.leave(vec![voided]);
    }

    fn settled(&self, amount: Amount, actual: bool, end: End, at: Timestamp) -> Entry {
        Entry::Settle {
            request: self.request,
            attempt: self.attempt,
            amount,
            actual,
            sent: self.sent,
            end,
            at,
        }
    }

    fn voided(&self, end: End, at: Timestamp) -> Entry {
        Entry::Void {
            request: self.request,
            attempt: self.attempt,
            sent: self.sent,
            end,
            at,
        }
    }

    fn leave(&mut self, entries: Vec<Entry>) {
        if let Some(slot) = self.slot.take() {
            let (bytes, work) = self.ledger.write(self.request, entries);
            slot.send(&bytes, work);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.ledger.counts.open.fetch_sub(1, Ordering::Relaxed);
        if self.slot.is_none() {
            return;
        }
        let at = self.ledger.clock.now();
        let entry = match self.sent.is_some() {
            true => self.settled(self.so_far, false, End::Dropped, at),
            false => self.voided(End::Dropped, at),
        };
        self.leave(vec![entry]);
    }
}

/// Room for a call's last entry. Dropped, nothing is written.
#[derive(Debug)]
pub struct Closing {
    ledger: Ledger,
    slot: Slot,
}

impl Closing {
    pub(super) fn new(ledger: Ledger, slot: Slot) -> Self {
        Self { ledger, slot }
    }

    /// Ends a call that has made an attempt. Neither waits nor fails.
    pub fn close(self, request: RequestId, end: CallEnd) {
        self.write(request, None, end);
    }

    /// Ends a call that was refused before any attempt: its row is written with it. Neither waits nor fails.
    pub fn refuse(self, head: Arc<CallHead>, end: CallEnd) {
        self.write(head.request, Some(head), end);
    }

    fn write(self, request: RequestId, head: Option<Arc<CallHead>>, end: CallEnd) {
        let entry = Entry::Close { request, head, end };
        let (bytes, work) = self.ledger.write(request, vec![entry]);
        self.slot.send(&bytes, work);
    }
}
