//! What a target must be able to do so that its answer is a true one: a filter of the decision before it is an error.

use super::asked::{Asked, Format};
use super::block::{Block, Source};
use super::manner::Manner;
use super::tool::Tool;
use crate::domain::dialect::Dialect;
pub use crate::domain::need::Need;

impl Need {
    /// The call's needs, each once, in the order of the list above.
    pub fn of(asked: &Asked<'_>) -> Vec<Self> {
        let needs = |need: &Self| need.is_of(asked);
        Self::ALL.iter().copied().filter(needs).collect()
    }

    /// Those of the call's needs that a target of this dialect and manner does not meet.
    pub fn unmet(asked: &Asked<'_>, dialect: Dialect, manner: &Manner) -> Vec<Self> {
        let mut needs = Self::of(asked);
        needs.retain(|need| !need.is_met(asked, dialect, manner));
        needs
    }

    fn is_of(self, asked: &Asked<'_>) -> bool {
        match self {
            Self::Tools => has_tool(asked, |tool| matches!(tool, Tool::Function(_))),
            Self::ForcedTool => asked.choice.as_ref().is_some_and(|it| it.forces()),
            Self::ForeignTool => {
                // One that is only on offer can be left out; one that must be used cannot.
                let foreign = has_tool(asked, |tool| matches!(tool, Tool::Foreign(_)));
                let only = !has_tool(asked, |tool| matches!(tool, Tool::Function(_)));
                foreign && only && asked.choice.as_ref().is_some_and(|it| it.forces())
            }
            Self::Images => holds(asked, &|block| matches!(block, Block::Image(_))),
            Self::Documents => holds(
                asked,
                &|block| matches!(block, Block::Document(it) if !matches!(it.source, Source::Words(_))),
            ),
            Self::Audio => {
                holds(
                    asked,
                    &|block| matches!(block, Block::Foreign(it) if it.kind == "input_audio"),
                ) || extra(asked, "audio").is_some()
            }
            Self::File => holds(asked, &|block| keeper(block).is_some()),
            Self::StructuredOutput => {
                matches!(asked.format, Some(Format::Schema(_) | Format::Object))
            }
            Self::Stop => !asked.stop.is_empty(),
            Self::Choices => extra(asked, "n").is_some_and(|n| n != "1"),
            Self::Logprobs => {
                extra(asked, "logprobs").is_some_and(|it| it != "false")
                    || extra(asked, "top_logprobs").is_some_and(|it| it != "0")
            }
            Self::LogitBias => extra(asked, "logit_bias").is_some_and(|it| it != "{}"),
            Self::StoredState => {
                let stored = asked.previous.is_some() || asked.refers;
                stored || extra(asked, "conversation").is_some()
            }
            Self::Background => extra(asked, "background").is_some_and(|it| it != "false"),
            Self::Safeguards => extra(asked, "safeguards").is_some_and(|it| it != "[]"),
            Self::Fim => asked.suffix.is_some(),
            // It has been read.
            Self::Readable => false,
        }
    }

    fn is_met(self, asked: &Asked<'_>, dialect: Dialect, manner: &Manner) -> bool {
        let own = asked.from == dialect;
        let only_of = |has: fn(&Asked<'_>, Dialect) -> bool| own && has(asked, dialect);
        match self {
            Self::Tools => manner.tools && dialect != Dialect::Completions,
            Self::ForcedTool => {
                // At Anthropic a model that thinks cannot be made to call a tool.
                let thinks = dialect == Dialect::Messages && manner.always_thinks;
                manner.forced_tools && !thinks && dialect != Dialect::Completions
            }
            Self::ForeignTool => only_of(|asked, dialect| {
                has_tool(
                    asked,
                    |tool| matches!(tool, Tool::Foreign(it) if it.from == dialect),
                )
            }),
            Self::Images => manner.images && dialect != Dialect::Completions,
            Self::Documents => manner.documents && dialect != Dialect::Completions,
            Self::File => !holds(asked, &|block| {
                keeper(block).is_some_and(|keeper| keeper != dialect)
            }),
            Self::StructuredOutput => {
                // Anthropic keeps to schemas only, and has no word for any object at all.
                let any = matches!(asked.format, Some(Format::Object));
                let none = dialect == Dialect::Completions || (any && dialect == Dialect::Messages);
                manner.structured_output && !none
            }
            Self::Stop => dialect != Dialect::Responses,
            Self::Audio | Self::Choices | Self::Logprobs | Self::LogitBias | Self::Safeguards => {
                own
            }
            Self::StoredState | Self::Background => own && dialect == Dialect::Responses,
            // Other dialects are asked in words to fill the gap.
            Self::Fim => dialect != Dialect::Completions || manner.fim,
            Self::Readable => true,
        }
    }
}

fn has_tool(asked: &Asked<'_>, is: impl Fn(&Tool<'_>) -> bool) -> bool {
    asked.tools.iter().any(is)
}

fn extra<'a>(asked: &'a Asked<'_>, name: &str) -> Option<&'a str> {
    let found = asked.extras.iter().find(|extra| extra.name == name);
    found.map(|extra| extra.value.get())
}

/// A block is in it, at any depth.
fn holds(asked: &Asked<'_>, is: &dyn Fn(&Block<'_>) -> bool) -> bool {
    fn any(blocks: &[Block<'_>], is: &dyn Fn(&Block<'_>) -> bool) -> bool {
        blocks.iter().any(|block| match block {
            Block::Reply(reply) => any(&reply.content, is),
            block => is(block),
        })
    }
    let mut passages = asked.passages.iter();
    passages.any(|passage| any(&passage.blocks, is))
}

/// With whom the file of a block lies.
fn keeper(block: &Block<'_>) -> Option<Dialect> {
    let source = match block {
        Block::Image(image) => &image.source,
        Block::Document(document) => &document.source,
        _ => return None,
    };
    match source {
        Source::File { keeper, .. } => Some(*keeper),
        Source::Data { .. } | Source::Words(_) | Source::Url(_) => None,
    }
}
