//! How much is thought: one dialect's words or numbers as another's.

use super::asked::{Effort, Mode, Reasoning};
use super::dropped::{Dropped, Field, Why};
use super::manner::Manner;

/// Nothing is to be thought.
pub(super) fn is_off(reasoning: Reasoning) -> bool {
    reasoning.mode == Some(Mode::Off) || reasoning.effort == Some(Effort::None)
}

/// The word for an OpenAI target, if one is to be said.
pub(super) fn word(reasoning: Reasoning, manner: &Manner, dropped: &mut Dropped) -> Option<Effort> {
    let off = reasoning.mode == Some(Mode::Off);
    let wanted = match reasoning {
        _ if off => Some(Effort::None),
        Reasoning {
            effort: Some(effort),
            ..
        } => Some(effort),
        Reasoning {
            mode: Some(Mode::Budget(tokens)),
            ..
        } => Some(Effort::of_budget(tokens)),
        _ => None,
    };
    if !manner.reasoning {
        // A model that does not reason need not be told so.
        dropped.note_if(
            wanted.is_some_and(|it| it != Effort::None),
            Field::Effort,
            Why::Unable,
        );
        return None;
    }
    let told = manner.effort(wanted?);
    dropped.note_if(told.is_none(), Field::Effort, Why::NoPlace);
    told
}

/// How thinking is bounded at a target that takes words beside a mode, or only a number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) mode: Option<Mode>,
    pub(super) effort: Option<Effort>,
}

/// The mode and the word for Anthropic.
pub(super) fn bound(reasoning: Reasoning, manner: &Manner, dropped: &mut Dropped) -> Bound {
    let Reasoning { effort, mode, .. } = reasoning;
    if !manner.reasoning {
        let wanted =
            effort.is_some_and(|it| it != Effort::None) || mode.is_some_and(|it| it != Mode::Off);
        dropped.note_if(wanted, Field::Thinking, Why::Unable);
        return Bound::default();
    }
    let mode = match (mode, effort) {
        (Some(mode), _) => Some(mode),
        (None, Some(Effort::None)) => Some(Mode::Off),
        (None, _) => None,
    };
    if mode == Some(Mode::Off) {
        dropped.note_if(manner.always_thinks, Field::Thinking, Why::Unable);
        let mode = (!manner.always_thinks).then_some(Mode::Off);
        let effort = effort.filter(|it| *it != Effort::None);
        return Bound {
            mode,
            effort: effort.and_then(|it| manner.effort(it)),
        };
    }
    if manner.budgets {
        let tokens = match mode {
            Some(Mode::Budget(tokens)) => Some(tokens),
            _ => effort.map(Effort::budget),
        };
        return Bound {
            mode: tokens.map(Mode::Budget),
            effort: None,
        };
    }
    Bound {
        mode,
        effort: effort.and_then(|it| manner.effort(it)),
    }
}
