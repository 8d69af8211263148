//! Simulated targets: real HTTP servers that speak the real dialects, for the first run, for tests and for load.
//!
//! A simulated target keeps its own account ([`BillLine`]), so that tests can hold the ledger against it, and misbehaves
//! by script ([`Fault`]) or says what it is told to ([`Cue`]). What the real
//! provider would refuse, it refuses too ([`Strictness`]). What it answers follows from seed, model and prompt alone; only ids differ from call to call.

mod answer;
mod ask;
mod bill;
mod cache;
mod chat;
mod completions;
mod cue;
mod desk;
mod door;
mod embeddings;
mod fault;
mod gemini;
mod json;
mod listing;
mod messages;
mod pages;
mod part;
mod profile;
mod prompt;
mod refusal;
mod reply;
mod request;
mod responses;
mod schema;
mod seal;
mod seen;
mod server;
mod strict;
mod tape;

pub use bill::BillLine;
pub use cue::Cue;
pub use door::Door;
pub use fault::Fault;
pub use part::Part;
pub use profile::{Profile, Thoughts};
pub use seen::SeenRequest;
pub use server::{Sim, serve};
pub use strict::Strictness;

#[cfg(test)]
mod tests;
