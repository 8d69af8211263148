//! Google's `generateContent`: spoken to targets only.

pub mod answer_read;
mod parts;
pub mod write;
