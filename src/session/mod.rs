//! What a conversation tells.

pub mod identity;
