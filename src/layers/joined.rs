//! Events of a stream that leave together.

use bytes::{Bytes, BytesMut};

/// Events that leave together: one is not copied.
#[derive(Default)]
pub(super) struct Joined {
    first: Bytes,
    pub(super) rest: BytesMut,
}

impl Joined {
    pub(super) fn push(&mut self, event: Bytes) {
        match self.first.is_empty() && self.rest.is_empty() {
            true => self.first = event,
            false => {
                self.rest
                    .extend_from_slice(&std::mem::take(&mut self.first));
                self.rest.extend_from_slice(&event);
            }
        }
    }

    pub(super) fn bytes(self) -> Bytes {
        if self.rest.is_empty() {
            self.first
        } else {
            self.rest.freeze()
        }
    }
}
