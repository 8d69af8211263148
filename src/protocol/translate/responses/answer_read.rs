//! A whole answer, read.

use super::super::answer::{Answer, Failure, Refused, Stop};
use super::super::asked::Passage;
use super::super::block::Block;
use super::super::chat::answer_read::usage_of;
use super::super::dropped::Dropped;
use super::super::json::{Misread, Object};
use super::item_read::Items;

/// Reads an answer.
pub fn read(body: &str) -> Result<Answer<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut dropped = Dropped::default();
    let blocks = output(&mut object, &mut dropped)?;
    let stop = stop(&mut object, &blocks)?;
    Ok(Answer {
        id: object.text("id")?.unwrap_or_default(),
        model: object.text("model")?.unwrap_or_default(),
        created: object.count("created_at").ok().flatten(),
        blocks,
        stop,
        usage: usage_of(object.take("usage")),
        tier: object.text("service_tier").ok().flatten(),
        dropped,
    })
}

fn output<'a>(object: &mut Object<'a>, dropped: &mut Dropped) -> Result<Vec<Block<'a>>, Misread> {
    let (mut passages, mut tools) = (Vec::new(), Vec::new());
    let mut items = Items {
        passages: &mut passages,
        tools: &mut tools,
        refers: &mut false,
        dropped,
    };
    for (at, raw) in object.list("output")?.into_iter().enumerate() {
        let item = items.item(raw);
        item.map_err(|it| it.within(format!("output[{at}]")))?;
    }
    // All is the model's, what its provider's tools gave back too.
    let blocks = passages
        .into_iter()
        .flat_map(|Passage { blocks, .. }| blocks);
    Ok(blocks.collect())
}

/// Why it stopped.
pub(in super::super) fn stop<'a>(
    object: &mut Object<'a>,
    blocks: &[Block<'_>],
) -> Result<Stop<'a>, Misread> {
    let reason = match object.object("incomplete_details")? {
        Some(mut details) => details.text("reason")?,
        None => None,
    };
    let failure = match object.object("error")? {
        Some(mut error) => Some(Failure {
            code: error.text("code")?.unwrap_or_default(),
            message: error.text("message")?.unwrap_or_default(),
        }),
        None => None,
    };
    let calls = blocks.iter().any(|block| matches!(block, Block::Use(_)));
    let refused = blocks
        .iter()
        .any(|block| matches!(block, Block::Refusal(_)));
    let status = object.text("status")?;
    Ok(match (status.as_deref(), reason.as_deref()) {
        (Some("failed" | "cancelled"), _) => Stop::Failed(failure.unwrap_or_default()),
        (_, Some("content_filter")) => Stop::Refused(Refused {
            category: reason,
            explanation: None,
        }),
        (Some("incomplete"), _) => Stop::Length,
        _ if calls => Stop::Tools,
        _ if refused => Stop::Refused(Refused::default()),
        _ => Stop::Done,
    })
}
