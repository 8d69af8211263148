//! OpenAI Chat Completions.

pub mod answer_read;
pub mod answer_write;
pub(super) mod message;
mod offer;
mod part;
pub mod read;
pub(super) mod tools;
pub mod write;
