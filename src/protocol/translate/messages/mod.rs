//! Anthropic Messages.

pub mod answer_read;
pub mod answer_write;
mod block_out;
mod block_read;
mod marks;
mod offer;
pub mod read;
pub(super) mod tools;
pub mod write;
