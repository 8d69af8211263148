//! Tollgate: a drop-in LLM endpoint for coding tools that routes by cost and records what every request cost.
//!
//! Imports go down only; `tests/tidy` draws the floors.

pub mod body;
pub mod catalog;
pub mod config;
pub mod domain;
pub mod ledger;
pub mod policy;
pub mod protocol;
pub mod server;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod upstream;
