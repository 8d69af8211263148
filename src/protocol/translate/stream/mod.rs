//! Streams: a target's events become an answer's steps, and those the caller's events, one by one, as they come.
//!
//! [`read::Reader`] reads the data of a target's events, [`write::Writer`] writes a caller's; [`Translator`] is both, one behind the other.
//! All of them are told of whole events (see [`crate::protocol::sse`] for the cutting), take what they need at once, and keep as little as
//! the dialects allow:
//!
//! - Words, thoughts and arguments pass on as they come.
//! - Messages and Responses say one block after the other. What belongs to a later block waits for the earlier one, up to
//!   [`limit::HELD`] bytes.
//! - Responses says the whole answer again at its end, so that writer keeps it, up to [`limit::KEPT`] bytes.
//! - A stream has at most [`limit::BLOCKS`] blocks.
//!
//! Beyond a limit the stream ends with an error in the caller's words. So it does when the target stops without a word: what was cut
//! never looks complete.

mod balance;
mod custom;
mod in_turn;
pub mod limit;
pub mod read;
#[cfg(test)]
mod tests;
mod translator;
pub mod write;

pub use translator::Translator;
pub use write::Shown;
