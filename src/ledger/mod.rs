//! What every attempt cost: exactly one end for each, however the process or the caller ends.
//!
//! The entries and their rules are in `book`; `memory` is the small book that is obviously right, `sqlite` the one that
//! lasts; `handle` and `hold` are what the layers use. Prices and budgets are left to others.

mod book;
mod entry;
mod handle;
mod hold;
mod memory;
mod record;
mod spend;
mod sqlite;
#[cfg(test)]
mod tests;
mod written;

pub use book::{Applied, Book, Recovered};
pub use entry::{Amount, CallEnd, CallHead, End, Entry, Intent, State};
pub use handle::{Ledger, LedgerError};
pub use hold::{Closing, Entered, Hold};
pub use memory::Memory;
pub use record::{AttemptRecord, Filter, Page, Record, Tags, first_at};
pub use spend::{By, SpendRow, Totals};
pub use sqlite::{ROOM, Sqlite};
