//! What a conversation tells.

pub mod bend;
pub mod counting;
pub mod evidence;
pub mod hash;
pub mod identity;
pub mod keep;
pub mod length;
pub mod newest;
pub mod prefix;
pub mod screen;
pub mod seal;
pub mod sealed;
pub mod shape;
pub mod stored;
pub mod survival;
pub mod talk;
pub mod turn;
pub mod warmth;
pub mod written;
