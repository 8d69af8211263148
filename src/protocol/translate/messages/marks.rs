//! Where the prompt is cached. Anthropic caches nothing that is not marked, and takes four marks.

use super::super::asked::{Asked, Passage, Speaker};
use super::super::block::{Block, Mark};
use super::super::dropped::{Dropped, Field, Why};
use super::super::manner::Manner;
use super::super::repair::Mended;
use super::super::tool::Tool;
use crate::domain::dialect::Dialect;

/// The most marks in one request.
const MOST: usize = 4;

/// Marks what is to be cached where a caller of another dialect could not say it: the system prompt, and the newest words of the person
/// or of tools, and those before them, up to which the last call had cached. Of too many marks the oldest in the conversation go.
pub(super) fn place(
    asked: &Asked<'_>,
    mended: &mut Mended<'_>,
    manner: &Manner,
    dropped: &mut Dropped,
) {
    let on_tools = asked.tools.iter().filter(|tool| is_marked(tool)).count();
    let mut marks = Vec::new();
    for passage in mended.system.iter_mut().chain(&mut mended.passages) {
        let speaker = passage.speaker;
        let all = passage.blocks.iter_mut().filter_map(slot);
        marks.extend(
            all.filter(|mark| mark.is_some())
                .map(|mark| (speaker, mark)),
        );
    }
    let there = on_tools + marks.len();
    if there == 0 {
        if manner.marks && asked.from != Dialect::Messages {
            mark_all(mended);
        }
        return;
    }
    let talk = marks.iter_mut().filter(|(speaker, _)| !speaker.instructs());
    for (_, mark) in talk.take(there.saturating_sub(MOST)) {
        **mark = None;
        dropped.note(Field::CacheMark, Why::Limit);
    }
}

fn mark_all(mended: &mut Mended<'_>) {
    mended.system.last_mut().into_iter().for_each(mark_end);
    let said = |passage: &Passage<'_>| passage.speaker == Speaker::Assistant;
    let passages = &mut mended.passages;
    let answer = passages.iter().rposition(said);
    // Up to what the last answer came after, that call has cached.
    let before = answer.map(|answer| &mut passages[..answer]);
    let before = before.and_then(|before| before.iter_mut().rfind(|it| !said(it)));
    before.into_iter().for_each(mark_end);
    let newest = passages.iter_mut().rfind(|it| !said(it));
    newest.into_iter().for_each(mark_end);
}

fn mark_end(passage: &mut Passage<'_>) {
    if let Some(mark) = passage.blocks.last_mut().and_then(slot) {
        *mark = Some(Mark { life: None });
    }
}

fn is_marked(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Function(tool) if tool.mark.is_some())
}

/// Where a block is marked, if it can be.
fn slot<'b>(block: &'b mut Block<'_>) -> Option<&'b mut Option<Mark>> {
    match block {
        Block::Text(text) => Some(&mut text.mark),
        Block::Image(image) => Some(&mut image.mark),
        Block::Document(document) => Some(&mut document.mark),
        Block::Use(call) => Some(&mut call.mark),
        Block::Reply(reply) => Some(&mut reply.mark),
        Block::Thought(_) | Block::Refusal(_) | Block::Foreign(_) => None,
    }
}
