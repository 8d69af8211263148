//! Tollgate: a drop-in LLM endpoint for coding tools that routes by cost and records what every request cost.
//!
//! Imports go down only; `tests/tidy` draws the floors.

pub mod domain;
pub mod ledger;
pub mod server;
pub mod store;
pub mod tenant;
