//! What has yet to be marked in the ledger is kept back, so that a recovery never settles below what was relayed.

use std::task::{Context, Poll};

use bytes::Bytes;
use tracing::error;

use super::Relay;
use crate::domain::tokens::TokenCount;
use crate::layers::reserve::FIRST_MARK;

impl Relay {
    /// Lets `next` out once the ledger knows of as much output; asks for the next mark in time.
    pub(super) fn poll_release(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some((_, relayed)) = &self.next else {
            return Poll::Ready(None);
        };
        let relayed = *relayed;
        loop {
            if let Some((mark, marking)) = &mut self.marking
                && let Poll::Ready(written) = marking.as_mut().poll(cx)
            {
                if let Err(error) = written {
                    // The stream goes on: its end is settled from memory, and a settlement has its own place kept.
                    error!(%error, "a progress mark could not be written");
                }
                self.marked = *mark;
                self.marking = None;
            }
            let step = FIRST_MARK.0.max(self.marked.0 / 2);
            if self.marking.is_none() && relayed.0 + step / 2 > self.marked.0 {
                let mark = TokenCount(relayed.0 + step);
                match self.bill.mark(mark) {
                    Some(marking) => {
                        self.marking = Some((mark, Box::pin(marking)));
                        continue;
                    }
                    // The attempt has ended: nothing is left to recover.
                    None => self.marked = TokenCount(u64::MAX),
                }
            }
            return match relayed <= self.marked {
                true => Poll::Ready(self.next.take().map(|(bytes, _)| bytes)),
                false => Poll::Pending,
            };
        }
    }
}
