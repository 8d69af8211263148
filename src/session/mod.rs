//! What a conversation tells.

pub mod identity;
pub mod screen;
