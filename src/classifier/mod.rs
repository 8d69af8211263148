//! What a call is and what it needs.

pub mod abilities;
pub mod artifact;
pub mod eval;
pub mod explain;
pub mod features;
pub mod heuristic;
pub mod memory;
pub mod net;
pub mod requests;
pub mod rows;
#[cfg(test)]
mod shipped;
pub mod train;
pub mod worker;
