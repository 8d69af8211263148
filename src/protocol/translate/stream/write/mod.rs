//! Writers of callers' streams: one for each dialect, all of them behind [`Writer`].

mod chat;
mod completions;
mod frame;
mod messages;
mod responses;
mod shown;
mod writer;

pub use shown::Shown;
pub use writer::Writer;
