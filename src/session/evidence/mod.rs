//! What a transcript tells of how the work goes: failing tests and their trend, compile errors, edits that did not apply,
//! repeats, the person's word. Pure, and only new messages are read.
//!
//! It holds no parser of any one tool: each theme is a table (`runners`, `compilers`, `failures`, `person`) of what opens it
//! and what counts, and the tables are asked only where their theme can be: an output of a command that runs something, the
//! result of an edit. A file that is read or searched tells nothing, whatever words are in it.

mod clients;
mod commands;
mod compilers;
mod failures;
mod output;
mod pattern;
mod person;
mod runners;
mod signature;
mod state;
mod step;
mod tools;

#[cfg(test)]
mod tests;

pub use crate::domain::sign::{Sign, Signs};
pub use state::State;
pub use step::Evidence;
