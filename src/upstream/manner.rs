//! How a model's target wants to be spoken to when a call is translated for it.

use std::borrow::Cow;

use crate::catalog::Model;
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::protocol::translate::manner::{Manner, Thoughts};
use crate::protocol::translate::sealed::Owner;

/// What is known of a model's target in this dialect. Sealed state that it made is its own: no other target of the dialect is
/// told it.
pub fn manner(model: &Model, dialect: Dialect) -> Manner {
    let can = |ability| model.can.is_empty() || model.can.contains(&ability);
    let usual = Manner::of(dialect);
    let own = model.target.hosting == Hosting::Own;
    Manner {
        owner: Owner {
            dialect,
            maker: Some(Cow::Owned(model.target.id.as_str().to_owned())),
        },
        tools: can(Ability::Tools),
        images: can(Ability::Images),
        thoughts: match own {
            true => Thoughts::ReasoningContent,
            false => usual.thoughts,
        },
        most_output: model.max_output.map(|most| most.0),
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::{Billing, Target};
    use crate::domain::belief::Skills;
    use crate::domain::tokens::TokenCount;

    #[test]
    fn a_manner_is_the_dialects_with_what_is_known_of_the_model() {
        let target = Target::new("gpu".into(), Hosting::Own, vec![Dialect::Chat], "http://h");
        let model = Model {
            id: "base".into(),
            target: Arc::new(target),
            name: "base".into(),
            window: None,
            shared_window: true,
            max_output: Some(TokenCount(4_096)),
            can: vec![Ability::Tools],
            like: None,
            skills: Skills::default(),
            billing: Billing::Unknown,
        };

        let manner = manner(&model, Dialect::Chat);

        assert!(manner.tools && !manner.images && manner.max_tokens);
        assert_eq!(manner.most_output, Some(4_096));
        assert_eq!(manner.owner.maker.as_deref(), Some("gpu"));
    }
}
