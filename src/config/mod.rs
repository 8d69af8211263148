//! Reading what users write: files, environment and flags, with every mistake named at its place.

mod build;
mod classifier;
mod conditions;
mod deployment;
mod fault;
mod ground;
mod load;
mod merge;
mod node;
mod policies;
mod prices;
pub mod providers;
mod reader;
mod repair;
mod rules;
mod targets;
#[cfg(test)]
mod tests;
mod texts;
mod trial;
mod yaml;

pub use build::Snapshot;
pub use classifier::Classifier;
pub use deployment::{Access, Admin, Deployment, Durability, Tls};
pub use fault::{Fault, Faults, Place};
pub use load::{Flags, Loaded, Sources, assemble, load};
pub use reader::is_name;
pub use targets::ModelEntry;
pub use trial::{Given, Trial, gather};
