//! What a call is and what it needs.

pub mod heuristic;
pub mod requests;
