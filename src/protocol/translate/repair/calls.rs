//! Calls of tools and their results, as providers want them (rules 5 and 6).

use std::collections::HashSet;

use super::super::asked::{Passage, Speaker};
use super::super::block::{Block, ToolReply, ToolUse};
use super::super::json::Str;
use super::super::name;
use crate::domain::dialect::Dialect;
use crate::domain::kind::habits::CallIds;

/// Puts each call's results right behind it, under an id that the target takes and that no other call has.
pub(super) fn pair(passages: Vec<Passage<'_>>, dialect: Dialect, ids: CallIds) -> Vec<Passage<'_>> {
    let mut pairing = Pairing::new(passages, dialect, ids);
    let mut paired = Vec::with_capacity(pairing.passages.len() + 1);
    for at in 0..pairing.passages.len() {
        pairing.step(at, &mut paired);
    }
    paired
}

/// A result, and its number among those that came with it.
type Placed<'a> = (usize, ToolReply<'a>);

struct Pairing<'a> {
    dialect: Dialect,
    ids: CallIds,
    passages: Vec<Passage<'a>>,
    /// Results that no call has taken yet, by passage.
    waiting: Vec<Vec<Placed<'a>>>,
    /// Ids that calls were sent under.
    sent: HashSet<String>,
}

impl<'a> Pairing<'a> {
    fn new(mut passages: Vec<Passage<'a>>, dialect: Dialect, ids: CallIds) -> Self {
        let waiting = passages.iter_mut().map(take_replies).collect();
        Self {
            dialect,
            ids,
            passages,
            waiting,
            sent: HashSet::new(),
        }
    }

    fn step(&mut self, at: usize, paired: &mut Vec<Passage<'a>>) {
        let orphans = std::mem::take(&mut self.waiting[at]);
        let Passage {
            speaker,
            mut blocks,
        } = std::mem::replace(
            &mut self.passages[at],
            Passage::new(Speaker::Tools, Vec::new()),
        );
        let calls: Vec<&mut ToolUse<'a>> = blocks.iter_mut().filter_map(as_call).collect();
        let mut replies = self.answer(at, calls);
        if !blocks.is_empty() {
            paired.push(Passage::new(speaker, blocks));
        }
        if !replies.is_empty() {
            // In the order in which they came, wherever that was.
            replies.sort_by_key(|(place, _)| *place);
            let replies = replies.into_iter().map(|(_, reply)| Block::Reply(reply));
            paired.push(Passage::new(Speaker::Tools, replies.collect()));
        }
        if !orphans.is_empty() {
            let words = orphans
                .into_iter()
                .flat_map(|(_, reply)| orphan(reply))
                .collect();
            paired.push(Passage::new(Speaker::Person, words));
        }
    }

    /// The results of a passage's calls, each with its place; and the ids that calls and results are sent under.
    fn answer(
        &mut self,
        at: usize,
        calls: Vec<&mut ToolUse<'a>>,
    ) -> Vec<((usize, usize), ToolReply<'a>)> {
        let mut replies = Vec::with_capacity(calls.len());
        for (number, call) in calls.into_iter().enumerate() {
            let (place, mut reply) = match self.find(at, &call.id) {
                Some((place, reply)) => (place, reply),
                None => ((usize::MAX, number), missing(call)),
            };
            let id = self.fresh(&call.id);
            reply.id = id.clone();
            reply.kind = call.kind;
            call.id = id;
            replies.push((place, reply));
        }
        replies
    }

    /// The first result for the id behind passage `at`, but not behind another call of the same id.
    fn find(&mut self, at: usize, id: &str) -> Option<((usize, usize), ToolReply<'a>)> {
        for place in at + 1..self.passages.len() {
            let mut waiting = self.waiting[place].iter();
            if let Some(found) = waiting.position(|(_, reply)| reply.id == id) {
                let (number, reply) = self.waiting[place].remove(found);
                return Some(((place, number), reply));
            }
            let mut blocks = self.passages[place].blocks.iter();
            if blocks.any(|block| matches!(block, Block::Use(call) if call.id == id)) {
                return None;
            }
        }
        None
    }

    /// The id that a call is sent under.
    fn fresh(&mut self, id: &str) -> Str<'a> {
        let mut sent = self.told(&[id]);
        let mut round = 1_u32;
        while !self.sent.insert(sent.clone()) {
            round += 1;
            sent = self.told(&[id, &round.to_string()]);
        }
        sent.into()
    }

    /// The id that the target is told; of several seeds always a new one.
    fn told(&self, seeds: &[&str]) -> String {
        match (self.ids, seeds) {
            (CallIds::Nine, seeds) => name::nine(seeds),
            (CallIds::Usual, [id]) => name::id(self.dialect, id).into_owned(),
            (CallIds::Usual, seeds) => name::fresh(self.dialect, seeds),
        }
    }
}

fn take_replies<'a>(passage: &mut Passage<'a>) -> Vec<Placed<'a>> {
    let (replies, others): (Vec<_>, Vec<_>) = std::mem::take(&mut passage.blocks)
        .into_iter()
        .partition(|block| matches!(block, Block::Reply(_)));
    passage.blocks = others;
    let reply = |block| match block {
        Block::Reply(reply) => Some(reply),
        _ => None,
    };
    replies.into_iter().filter_map(reply).enumerate().collect()
}

fn as_call<'b, 'a>(block: &'b mut Block<'a>) -> Option<&'b mut ToolUse<'a>> {
    match block {
        Block::Use(call) => Some(call),
        _ => None,
    }
}

/// A call whose result never came, because a client lost it or was stopped.
fn missing<'a>(call: &ToolUse<'a>) -> ToolReply<'a> {
    ToolReply {
        id: call.id.clone(),
        kind: call.kind,
        content: vec![Block::text("There is no result: the call was broken off.")],
        failed: true,
        mark: None,
    }
}

/// A result whose call is gone, as words of the person.
fn orphan(reply: ToolReply<'_>) -> Vec<Block<'_>> {
    let mut words = vec![Block::text("A tool that was called earlier gave back:")];
    words.extend(reply.content);
    words
}
