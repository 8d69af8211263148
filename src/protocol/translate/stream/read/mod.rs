//! Readers of targets' streams: one for each dialect, all of them behind [`Reader`].

mod blocks;
mod chat;
mod cited;
mod gemini;
mod messages;
mod reader;
mod responses;

pub use reader::Reader;
