//! How a model's target wants to be spoken to when a call is translated for it.

use std::borrow::Cow;

use crate::catalog::Model;
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::domain::kind::Habits;
use crate::domain::kind::habits::{Developer, Limit};
use crate::protocol::translate::manner::{Manner, Thoughts};
use crate::protocol::translate::sealed::Owner;

/// Who makes the sealed state of a model's answers: providers bind it to the account and to the model.
pub fn maker(model: &Model) -> String {
    format!("{}/{}", model.target.id, model.name)
}

/// Whose state a model is told.
pub fn owner(model: &Model, dialect: Dialect) -> Owner<'static> {
    Owner {
        dialect,
        maker: Some(Cow::Owned(maker(model))),
    }
}

/// What is known of a model's target in this dialect. Sealed state that it made is its own: no other is told it.
pub fn manner(model: &Model, dialect: Dialect) -> Manner {
    let can = |ability| model.can.is_empty() || model.can.contains(&ability);
    let usual = Manner {
        owner: owner(model, dialect),
        tools: can(Ability::Tools),
        images: can(Ability::Images),
        most_output: model.max_output.map(|most| most.0),
        ..Manner::of(dialect)
    };
    // Servers differ in the chat dialect; the others are spoken as their makers speak them.
    match dialect {
        Dialect::Chat => chat(usual, model.target.habits()),
        // Own servers sign nothing, and take what they thought as they said it.
        Dialect::Messages if model.target.hosting == Hosting::Own => Manner {
            thoughts: Thoughts::ReasoningContent,
            ..usual
        },
        _ => usual,
    }
}

fn chat(usual: Manner, habits: &Habits) -> Manner {
    let efforts = habits.efforts.iter().filter_map(|word| word.parse().ok());
    Manner {
        developer: habits.developer == Developer::Known,
        vendor_fields: habits.vendor_fields,
        custom_tools: habits.custom_tools,
        max_tokens: habits.limit != Limit::MaxCompletionTokens,
        fields: habits.fields,
        usage: habits.usage,
        call_ids: habits.call_ids,
        forced_tools: habits.forced_tools,
        schemas: habits.schemas,
        sampling: habits.sampling,
        thoughts: habits.thoughts,
        efforts: efforts.collect(),
        quiet: habits.quiet,
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::{Billing, Target};
    use crate::domain::belief::Skills;
    use crate::domain::dialect::Hosting;
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
        assert_eq!(manner.owner.maker.as_deref(), Some("gpu/base"));
    }
}
