//! Whether prompt and answer fit into a model's context window. How long the prompt is for the model, nobody knows before its
//! provider has counted: what is learned of that has a margin, and what lies within it is neither sure to fit nor sure not to.

use super::plan::Why;
use crate::catalog::Model;
use crate::domain::dialect::Endpoint;
use crate::domain::facts::Facts;
use crate::domain::tokens::TokenCount;

/// How a call fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It fits even if the prompt is as long as the margin allows, or nobody knows the window.
    Sure,
    /// It may fit, and may not.
    Tight(Why),
    /// It does not fit even if the prompt is as short as the margin allows.
    Never(Why),
}

impl Fit {
    /// Of a call with a model.
    pub(super) fn of(model: &Model, facts: &Facts) -> Self {
        let Some(window) = facts.outlook.window(&model.id, model.window) else {
            return Self::Sure;
        };
        let (length, room) = (facts.outlook.length(&model.id), room(model, facts));
        let [least, likely, most] = [
            length.least(facts.prompt),
            length.likely(facts.prompt),
            length.most(facts.prompt),
        ]
        .map(|prompt| prompt + room);
        let why = |needed| Why::Window { window, needed };
        if least > window {
            match facts.endpoint {
                // How long a prompt is, anybody may be asked; but first whoever could answer it.
                Endpoint::CountTokens => Self::Tight(why(likely)),
                _ => Self::Never(why(likely)),
            }
        } else if most > window {
            Self::Tight(why(most))
        } else {
            Self::Sure
        }
    }
}

/// Tokens to keep free for the answer.
fn room(model: &Model, facts: &Facts) -> TokenCount {
    match facts.endpoint {
        Endpoint::CountTokens | Endpoint::Embeddings => TokenCount(0),
        _ => model.room(facts.max_output.unwrap_or(facts.class.output)),
    }
}
