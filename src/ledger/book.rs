//! What a ledger must do, whatever it is kept in. The model test holds both books to it.

use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;

use super::entry::Entry;
use super::record::{Filter, Page, Record};
use super::spend::{By, SpendRow, Totals};

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Written.
    Done,
    /// Already so, or ended before: nothing changed.
    Duplicate,
}

/// What a recovery ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Attempts that were open, now estimated at their last mark.
    pub attempts: u64,
    /// Calls that were open, now closed.
    pub calls: u64,
}

/// A ledger.
pub trait Book {
    /// What can fail in it.
    type Error;

    /// Writes one entry. Applying it again changes nothing.
    fn apply(&mut self, entry: &Entry) -> Result<Applied, Self::Error>;

    /// Ends all that is open. Doing it again changes nothing.
    fn recover(&mut self, at: Timestamp) -> Result<Recovered, Self::Error>;

    /// One call, with its explanation.
    fn record(&self, id: RequestId) -> Result<Option<Record>, Self::Error>;

    /// Calls, newest first, without their explanations.
    fn records(&self, filter: &Filter) -> Result<Page, Self::Error>;

    /// What was spent from `from` until before `to`, the dearest first.
    fn spend(
        &self,
        by: &By,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<SpendRow>, Self::Error>;

    /// All that was ever spent.
    fn totals(&self) -> Result<Totals, Self::Error>;
}
