//! Calls and their results where each set of results has to stand right behind its calls: Messages and Chat.

/// What a turn of a conversation does with tools.
#[derive(Debug, Default)]
pub(super) struct Step<'v> {
    /// Its number in the request.
    pub(super) at: usize,
    pub(super) calls: Vec<&'v str>,
    pub(super) results: Vec<&'v str>,
}

/// What is wrong with the tools of a conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Odd<'v> {
    /// These calls of a turn are without results.
    Unanswered(usize, Vec<&'v str>),
    /// A turn has a result of nothing that was called right before.
    Uncalled(usize, &'v str),
    /// A turn has two results of one call.
    Twice(usize, &'v str),
}

/// Looks at neighbours: the results of each turn are those of the calls of the turn before, all of them.
pub(super) fn first_odd<'v>(steps: &[Step<'v>]) -> Option<Odd<'v>> {
    let none = Step::default();
    let before = std::iter::once(&none).chain(steps);
    let after = steps.iter().chain(std::iter::once(&none));
    before.zip(after).find_map(|(one, next)| {
        let uncalled = next.results.iter().find(|id| !one.calls.contains(id));
        if let Some(id) = uncalled {
            return Some(Odd::Uncalled(next.at, id));
        }
        if let Some(id) = super::tree::twice(next.results.iter().copied()) {
            return Some(Odd::Twice(next.at, id));
        }
        let mut unanswered = one.calls.clone();
        unanswered.retain(|id| !next.results.contains(id));
        (!unanswered.is_empty()).then_some(Odd::Unanswered(one.at, unanswered))
    })
}
