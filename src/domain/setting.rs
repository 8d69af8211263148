//! What many decisions are made by, as it is written down: once, and not with each of them.

/// Policies, catalogue and classifier that were in force together. Policies and catalogue change apart, so each has a digest of
/// its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Tells it from every other: what a decision's record names it by.
    pub id: String,
    /// The digest of the policies, and they themselves.
    pub policies: (String, String),
    /// The digest of the catalogue with its prices, and it itself.
    pub catalog: (String, String),
    /// The classifier's name and version.
    pub classifier: String,
}
