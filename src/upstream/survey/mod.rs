//! Asks a target what it can do, by small calls, and holds what it answers against what is configured.
//!
//! The calls are written and sent by the code that writes and sends callers' own. They are not attempts: there is no ledger here,
//! and what they cost is told to whoever asked.

pub mod ask;
pub mod course;
pub mod finding;
mod findings;
mod listing;
mod question;
mod walk;

pub use ask::Bill;
pub use course::{Course, Heard};
pub use finding::{Finding, Mend, Verdict, What};
