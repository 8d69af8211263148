//! The log of decisions, read back: one of them told with full names, or all of a span made once more, by the policies of
//! then and by others. Nothing here decides: that is `policy::decide`, also of what was yesterday.

mod report;
mod run;
mod tally;
#[cfg(test)]
mod tests;
mod told;

pub use report::Report;
pub use run::{Ask, Progress, catalog, simulate};
pub use told::told;
