//! Google's `generateContent`: the model is in the address, contents have parts, and each event of a stream is a whole response.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{stream, whole};

/// Whether a model signs its calls and wants the signatures back. All do since the third generation.
pub(super) fn signs(model: &str) -> bool {
    !["gemini-1", "gemini-2"]
        .iter()
        .any(|old| model.starts_with(old))
}
