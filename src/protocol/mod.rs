//! Wire formats: reading a call without changing it, following an answer in passing, and saying errors in the caller's words.

pub mod asks;
pub mod background;
pub mod call;
pub mod canon;
pub mod count;
pub mod edit;
mod escape;
pub mod fault;
pub mod fit;
pub mod follow;
pub mod guess;
pub mod headers;
pub mod inspect;
pub mod message;
pub mod outline;
pub mod person;
pub mod refusal;
pub mod scan;
pub mod seals;
pub mod sse;
pub mod transcript;
pub mod translate;
pub mod usage;
pub mod weight;
mod wraps;
