//! What a call is and what it needs.

pub mod eval;
pub mod heuristic;
pub mod rows;
