//! What a conversation tells.

pub mod evidence;
pub mod identity;
pub mod screen;
