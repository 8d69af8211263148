//! Tollgate: a drop-in LLM endpoint for coding tools that routes by cost and records what every request cost.
//!
//! Imports go down only; `tests/tidy` draws the floors.

pub mod admin;
pub mod app;
pub mod body;
pub mod catalog;
pub mod classifier;
pub mod cli;
pub mod config;
pub mod discover;
pub mod domain;
pub mod error;
pub mod layers;
pub mod ledger;
pub mod live;
pub mod policy;
pub mod protocol;
pub mod rehearse;
pub mod replay;
pub mod server;
pub mod session;
pub mod sim;
pub mod stack;
pub mod stages;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod upstream;
pub mod watch;
