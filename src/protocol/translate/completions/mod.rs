//! OpenAI's older completions: a prompt that is gone on with, or a gap that is filled. Spoken by callers; targets that speak it are
//! sent what came.

pub mod answer_write;
pub mod read;
