//! Looks an answer over on its way out for what is wrong with it whoever reads it: calls of tools that no tool can take, no words at
//! all, or the same words without end. What it says well or badly is not seen here.

mod inspector;
mod offer;
mod repeats;
pub mod schema;
#[cfg(test)]
mod tests;

pub use inspector::{Inspector, Looks};
pub use offer::Offer;
pub use repeats::Repeats;
