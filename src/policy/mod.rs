//! Which models may answer a call, and in which order. Pure: it is told everything and touches nothing.

mod condition;
mod course;
mod decide;
mod explained;
mod fit;
mod gate;
mod glob;
mod logged;
mod mend;
mod order;
mod plan;
mod policies;
#[cfg(test)]
pub(crate) mod random;
mod repair;
mod rule;
mod score;
mod setting;
#[cfg(test)]
mod tests;

pub use condition::{Bounds, Condition, Hours, Portion};
pub use decide::{AUTO, Refusal, decide, force, frontier};
pub use gate::Allowed;
pub use glob::Glob;
pub use logged::{Asked, Beside, Logged, Made, Unmade};
pub use plan::{Candidate, Gain, Noted, Plan, Why};
pub use policies::{Looks, Models, Policies, Policy, Ruling, UnknownPolicy};
pub use repair::{Catch, Hold, Repair};
pub use rule::{Matched, Objective, Otherwise, Pick, Rule, Selector, TaskRule, Terms};
pub use score::Score;
pub use setting::Setting;
