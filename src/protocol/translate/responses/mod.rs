//! OpenAI Responses.

pub mod answer_read;
pub mod answer_write;
mod item_out;
mod item_read;
mod offer;
mod part_read;
pub mod read;
pub(super) mod tools;
pub mod write;
