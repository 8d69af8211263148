//! Puts the steps of several open blocks one block after the other, for dialects that have one open at a time.
//!
//! The first block passes at once. What comes for later ones waits until the earlier is closed, up to [`limit::HELD`] bytes.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::limit::{self, TooMuch};
use crate::protocol::translate::block::{Citation, Foreign, Page};
use crate::protocol::translate::event::{Delta, Event, Opened};
use crate::protocol::translate::json::Str;
use crate::protocol::translate::sealed::{Owner, Sealed};

/// Puts steps in turn.
#[derive(Debug, Default)]
pub(super) struct InTurn {
    current: Option<u32>,
    waiting: VecDeque<Waiting>,
    held: usize,
}

/// A block whose turn has not come.
#[derive(Debug)]
struct Waiting {
    index: u32,
    block: Opened<'static>,
    said: String,
    citations: Vec<Citation<'static>>,
    sealed: Option<Sealed<'static>>,
    closed: bool,
}

impl InTurn {
    /// Takes a step and hands on those whose turn it is.
    pub(super) fn push(
        &mut self,
        event: &Event<'_>,
        each: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), TooMuch> {
        match event {
            Event::Open { index, block } if self.current.is_some() => {
                self.hold(size_of_opened(block) + size_of::<Waiting>())?;
                self.waiting.push_back(Waiting {
                    index: *index,
                    block: opened(block),
                    said: String::new(),
                    citations: Vec::new(),
                    sealed: None,
                    closed: false,
                });
            }
            Event::Open { index, .. } => {
                self.current = Some(*index);
                each(event);
            }
            Event::Delta { index, .. } if self.current == Some(*index) => each(event),
            Event::Delta { index, delta } => self.keep(*index, delta)?,
            Event::Close { index } if self.current == Some(*index) => {
                each(event);
                self.current = None;
                self.next(each);
            }
            Event::Close { index } => {
                if let Some(block) = self.find(*index) {
                    block.closed = true;
                }
            }
            // All blocks are closed by now, unless a reader erred.
            Event::Stop(_) => {
                self.finish(each);
                each(event);
            }
            Event::Start(_) | Event::Usage(_) | Event::Ping | Event::End | Event::Fault(_) => {
                each(event);
            }
        }
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), TooMuch> {
        self.held = self.held.saturating_add(bytes);
        match self.held <= limit::HELD {
            true => Ok(()),
            false => Err(TooMuch),
        }
    }

    fn find(&mut self, index: u32) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|block| block.index == index)
    }

    fn keep(&mut self, index: u32, delta: &Delta<'_>) -> Result<(), TooMuch> {
        if self.find(index).is_none() {
            return Ok(());
        }
        self.hold(match delta {
            Delta::Text(text) | Delta::Input(text) => text.len(),
            Delta::Citation(citation) => size_of_citation(citation),
            Delta::Sealed(sealed) => sealed.data.len(),
        })?;
        let Some(block) = self.find(index) else {
            return Ok(());
        };
        match delta {
            Delta::Text(text) | Delta::Input(text) => block.said.push_str(text),
            Delta::Citation(citation) => block.citations.push(owned(citation)),
            Delta::Sealed(state) => block.sealed = Some(sealed(state)),
        }
        Ok(())
    }

    /// Lets those out whose turn has come.
    fn next(&mut self, each: &mut dyn FnMut(&Event<'_>)) {
        while self.current.is_none()
            && let Some(block) = self.waiting.pop_front()
        {
            let (index, closed) = (block.index, block.closed);
            block.out(each);
            match closed {
                true => each(&Event::Close { index }),
                false => self.current = Some(index),
            }
        }
        if self.waiting.is_empty() {
            self.held = 0;
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(&Event<'_>)) {
        while let Some(index) = self.current.take() {
            each(&Event::Close { index });
            self.next(each);
        }
    }
}

impl Waiting {
    fn out(self, each: &mut dyn FnMut(&Event<'_>)) {
        let index = self.index;
        let input = matches!(self.block, Opened::Use { .. });
        each(&Event::Open {
            index,
            block: self.block,
        });
        let said = match (self.said, input) {
            (said, _) if said.is_empty() => None,
            (said, true) => Some(Delta::Input(Cow::Owned(said))),
            (said, false) => Some(Delta::Text(Cow::Owned(said))),
        };
        let citations = self.citations.into_iter().map(Delta::Citation);
        let sealed = self.sealed.map(Delta::Sealed);
        for delta in said.into_iter().chain(citations).chain(sealed) {
            each(&Event::Delta { index, delta });
        }
    }
}

fn size_of_citation(citation: &Citation<'_>) -> usize {
    let text = |text: &Option<Str<'_>>| text.as_ref().map_or(0, |text| text.len());
    let size = match citation {
        Citation::Page(page) => page.url.len() + text(&page.title) + text(&page.quote),
        Citation::Foreign(_, json) => json.get().len(),
    };
    size + size_of::<Citation<'_>>()
}

fn size_of_opened(block: &Opened<'_>) -> usize {
    match block {
        Opened::Text | Opened::Thought { .. } | Opened::Refusal => 0,
        Opened::Use {
            id, name, space, ..
        } => id.len() + name.len() + space.as_ref().map_or(0, |space| space.len()),
        Opened::Foreign(foreign) => foreign.json.get().len(),
    }
}

fn own(text: &str) -> Str<'static> {
    Cow::Owned(text.to_owned())
}

fn maybe(text: &Option<Str<'_>>) -> Option<Str<'static>> {
    text.as_deref().map(own)
}

fn opened(block: &Opened<'_>) -> Opened<'static> {
    match block {
        Opened::Text => Opened::Text,
        Opened::Thought { summary, item } => Opened::Thought {
            summary: *summary,
            item: maybe(item),
        },
        Opened::Use {
            id,
            name,
            space,
            kind,
        } => Opened::Use {
            id: own(id),
            name: own(name),
            space: maybe(space),
            kind: *kind,
        },
        Opened::Refusal => Opened::Refusal,
        Opened::Foreign(Foreign { from, kind, json }) => Opened::Foreign(Foreign {
            from: *from,
            kind: own(kind),
            json: json.clone().into_owned(),
        }),
    }
}

fn owned(citation: &Citation<'_>) -> Citation<'static> {
    match citation {
        Citation::Page(Page {
            url,
            title,
            quote,
            span,
        }) => Citation::Page(Page {
            url: own(url),
            title: maybe(title),
            quote: maybe(quote),
            span: *span,
        }),
        Citation::Foreign(dialect, json) => Citation::Foreign(*dialect, json.clone().into_owned()),
    }
}

fn sealed(state: &Sealed<'_>) -> Sealed<'static> {
    let Sealed { owner, form, data } = state;
    Sealed {
        owner: Owner::into_owned(owner.clone()),
        form: *form,
        data: own(data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(index: u32) -> Event<'static> {
        let block = Opened::Text;
        Event::Open { index, block }
    }

    fn say(index: u32, text: &'static str) -> Event<'static> {
        let delta = Delta::Text(text.into());
        Event::Delta { index, delta }
    }

    fn brief(event: &Event<'_>) -> String {
        match event {
            Event::Open { index, .. } => format!("({index}"),
            Event::Delta {
                delta: Delta::Text(text),
                ..
            } => text.to_string(),
            Event::Close { index } => format!("{index})"),
            other => format!("{other:?}"),
        }
    }

    fn in_turn(events: &[Event<'_>]) -> String {
        let (mut order, mut found) = (InTurn::default(), Vec::new());
        for event in events {
            order
                .push(event, &mut |event| found.push(brief(event)))
                .expect("little is held");
        }
        found.join(" ")
    }

    #[test]
    fn later_blocks_wait_for_the_earlier_ones() {
        let close = |index| Event::Close { index };
        let events = [
            open(0),
            say(0, "a"),
            open(1),
            say(1, "x"),
            open(2),
            say(2, "y"),
            say(0, "b"),
            close(1),
            say(2, "z"),
            close(0),
            say(2, "!"),
            close(2),
        ];

        assert_eq!(in_turn(&events), "(0 a b 0) (1 x 1) (2 yz ! 2)");
    }

    #[test]
    fn a_stop_closes_what_a_reader_left_open() {
        let stop = Event::Stop(crate::protocol::translate::answer::Stop::Done);
        let events = [open(0), open(1), say(1, "x"), stop];

        assert_eq!(in_turn(&events), "(0 0) (1 x 1) Stop(Done)");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut order = InTurn::default();
        let mut push = |event: &Event<'_>| order.push(event, &mut |_| ());
        let long = "x".repeat(limit::HELD / 2);
        let more = Event::Delta {
            index: 1,
            delta: Delta::Text(long.into()),
        };

        assert_eq!(push(&open(0)), Ok(()));
        assert_eq!(push(&open(1)), Ok(()));
        assert_eq!(push(&more), Ok(()));
        assert_eq!(push(&more), Err(TooMuch));
    }
}
