//! Which models may answer a call, and in which order. Pure: it is told everything and touches nothing.

mod decide;
mod glob;
mod plan;
mod rules;
#[cfg(test)]
mod tests;

pub use decide::{AUTO, Refusal, decide, force, frontier};
pub use glob::Glob;
pub use plan::{Candidate, Noted, Plan, Why};
pub use rules::{Models, Policies, Policy, UnknownPolicy};
