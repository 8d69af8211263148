//! Coding requests in our own words, to train the net on: the kind of work, the language, the length of the answer, and
//! a weak hint of how hard it is.
//!
//! The words are in `classifiers/requests/`, the format of those files is told in [`grammar`]. This folder only puts
//! them together: a frame, what stands before and after it, what is pasted beside it, and the marks that hasty fingers
//! leave. The same seed gives the same requests.
//!
//! # What a kind of work is
//! The kind is what the person wants to have in the end, not the words that stand nearby:
//!
//! | kind | in the end there is |
//! | --- | --- |
//! | complete | the code that was missing at a place: at the cursor, behind a signature, where a TODO stands |
//! | edit | a specific change of behaviour, text or settings in existing code; speeding up, moving to another library or version, and adding comments or docs belong here |
//! | generate | something new: a function, file, script, feature, schema, project; a port to another language too |
//! | fix | something that was wrong and now works; a broken build and a flaky test too |
//! | test | tests, fixtures, mocks, coverage: written, extended, or run to extend them |
//! | refactor | the same behaviour in a better shape: renamed, extracted, split, deduplicated, modernised, formatted; tests are code too |
//! | explain | understanding: what, why, how, the difference between two |
//! | review | a judgement of code, a change, its safety or its speed |
//! | plan | steps, a design, options, an estimate, before anything is done |
//! | command | a shell, git, build, deploy or settings operation, told or run; commit messages and texts of pull requests too |
//! | other | none of these: small talk, "go on", prose, general knowledge, or too unclear to tell |

mod chance;
mod frames;
pub mod grammar;
mod names;
mod noise;
mod request;
mod sizes;
mod writer;

#[cfg(test)]
mod tests;

pub use request::{Request, Requests, generate};
pub use sizes::Lengths;
