//! How well a router that knows only the prompt would have chosen between a weak and a strong model, on outcomes that are
//! known.
//!
//! The numbers: the share of the strong model's gain that is won on the average over all shares of calls sent to it
//! (APGR; chance wins 0.5), the share of calls for half and for four fifths of the gain (CPT50, CPT80), the money saved
//! while 95, 99 or 100 % of the strong model's quality is kept (the threshold picked on the same data, so an upper bound),
//! how well the chance of the weak model is ranked (AUROC) and told (ECE, ten bins of equal weight), and how well
//! "the weak one suffices" is ranked (AUROCs).

pub mod judge;
pub mod metrics;
pub mod pairs;
pub mod summary;

pub use judge::{Score, scores};
pub use metrics::{Curve, Metrics, Sample};
pub use pairs::Pairs;
pub use summary::{Settings, Summary, summaries};

#[cfg(test)]
mod tests;
