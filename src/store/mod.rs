//! The SQLite file, its one writer and its readers: what ledger, tenant and session keep things in.
//!
//! Knows nothing of what is kept: a room brings its tables as a [`Room`] and its writes as closures. What must stay
//! true: one process per folder, one connection that writes and checkpoints, an acknowledgement only after the commit or
//! the journal's write, and never an overwritten file that could not be read.

mod fault;
mod folder;
mod handle;
mod journal;
mod open;
mod syncer;
#[cfg(test)]
mod tests;
mod writer;

pub use fault::{OpenError, StoreError};
pub use handle::{Pending, Slot, Store};
pub use open::{Room, Settings};
pub use writer::{Landed, Owed, Work};

/// What the store can do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Everything.
    Ok,
    /// The disk is full: what is owed still lands in the space of the reserve, new work is refused.
    DiskFull,
    /// A write or a sync failed in a way that leaves the file in doubt: nothing is written any more.
    Dead,
}

impl Health {
    /// The word for it in answers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::DiskFull => "disk_full",
            Self::Dead => "dead",
        }
    }
}
