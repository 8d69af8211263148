//! What the model says where made-up words will not do: a test of a real client wants one certain deed, then a word.

/// A part that the model plays in every conversation.
///
/// It does not follow a list of answers in their order, for clients ask more than once at a time and for more than the
/// person wants (titles, summaries): what is said follows from the request alone.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Tools by name with their arguments as JSON. As long as a person has the last word, the model calls the first of
    /// them that the request offers.
    pub calls: Vec<(String, String)>,
    /// What it says to every other request for words.
    pub says: String,
}

impl Part {
    /// The call that is made of a request that offers these tools.
    pub(super) fn call<'t>(
        &self,
        offered: impl Iterator<Item = &'t str>,
    ) -> Option<&(String, String)> {
        let offered: Vec<&str> = offered.collect();
        let mut calls = self.calls.iter();
        calls.find(|(name, _)| offered.contains(&name.as_str()))
    }
}
