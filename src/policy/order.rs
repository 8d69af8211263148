//! In which order candidates are tried.

use super::course::Rank;
use super::plan::Candidate;

/// A candidate and what rules make of it.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) rank: Rank,
    pub(super) candidate: Candidate,
}

/// Puts candidates into the order in which they are tried: as rules want it, else as they came, which is the policy's order.
pub(super) fn order(mut ranked: Vec<Ranked>) -> Vec<Candidate> {
    // Stable: of equals the one that was written first.
    ranked.sort_by_key(|it| it.rank);
    ranked.into_iter().map(|it| it.candidate).collect()
}
