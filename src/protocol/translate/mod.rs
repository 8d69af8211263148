//! Any caller on any target: a call is read into one typed conversation and written in the target's words; its answer comes back the
//! same way.
//!
//! A reader and a writer for each dialect, never a function for each pair. What is in the middle knows no dialect: [`asked::Asked`] is a
//! request, [`answer::Answer`] a whole answer, [`event::Event`] one step of a streamed one. Each field of a dialect is carried, mapped,
//! or noted in [`dropped::Dropped`] with its reason; writers take the middle apart by name, so that a new field cannot be forgotten.
//!
//! The shape of the middle (readers make it, writers may count on it):
//!
//! - Who instructs, the person, the model and the tools speak in [`asked::Passage`]s. What is said before anybody else speaks is the
//!   system prompt; instructions in the middle stay where they are.
//! - Results of tools stand in passages of their own, all results that follow one answer in one passage.
//! - Everything that the model said between two others is one passage: its thoughts, words and calls in order.
//! - What only its owner can read is a [`sealed::Sealed`]. It stands in the [`block::Thought`] that it belongs to; where a provider
//!   binds it to a word or a call instead, in an empty thought just before that. A thought that may be read and that its maker wants
//!   back is sealed with [`sealed::Form::Plain`].
//!
//! What a target would refuse of a conversation is mended by the rules in [`repair`].

pub mod answer;
pub mod aside;
pub mod asked;
pub mod block;
pub mod chat;
pub mod completions;
pub mod dropped;
pub mod echo;
mod effort;
pub mod event;
mod extra;
pub mod gemini;
pub mod json;
pub mod manner;
mod media;
pub mod messages;
pub mod name;
pub mod need;
pub mod repair;
pub mod responses;
pub mod said;
pub mod sealed;
pub mod stream;
pub mod think;
pub mod tool;
mod usage;
mod ways;

pub use ways::{read, read_answer, tools, write, write_answer};

#[cfg(test)]
mod tests;
