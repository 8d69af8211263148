//! Gathers, while an answer passes, what its caller cannot carry.

use super::super::answer::Answer;
use super::super::block::{Block, Thought};
use super::super::echo::Echo;
use super::super::event::{Delta, Event, Opened};
use super::super::said;
use super::super::sealed::Sealed;
use super::{Aside, Behind, Kept, Mark};
use crate::domain::dialect::Dialect;

/// Bytes that are kept of one answer. Of one that needs more nothing is: half of what was thought serves nobody.
const MOST: usize = 1 << 20;

/// Gathers the state of one answer.
#[derive(Debug)]
pub struct Collector {
    caller: Dialect,
    behind: Behind,
    answer: String,
    /// Thoughts that are open, by the index of their block.
    open: Vec<(u32, Thought<'static>)>,
    /// Thoughts that are whole, and wait for what they stand before.
    waiting: Vec<Kept>,
    calls: Vec<(Mark, Aside)>,
    /// All words so far, and what stood before them.
    words: Option<(String, Aside)>,
    /// What came last: a call, or words.
    last_is_call: bool,
    size: usize,
}

impl Collector {
    /// For an answer to this request; `None` where the caller carries such state itself.
    pub fn of(echo: &Echo) -> Option<Self> {
        let carries = match echo.dialect {
            Dialect::Messages | Dialect::Responses => echo.sealed,
            Dialect::Chat => false,
            // Nobody talks there.
            Dialect::Completions | Dialect::Gemini => return None,
        };
        (!carries).then(|| Self {
            caller: echo.dialect,
            behind: echo.behind,
            answer: String::new(),
            open: Vec::new(),
            waiting: Vec::new(),
            calls: Vec::new(),
            words: None,
            last_is_call: false,
            size: 0,
        })
    }

    /// Looks at a step of a streamed answer.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(start) => self.answer = start.id.clone().into_owned(),
            Event::Open { index, block } => self.open(*index, block),
            Event::Delta { index, delta } => self.delta(*index, delta),
            Event::Close { index } => {
                if let Some(at) = self.open.iter().position(|(open, _)| open == index) {
                    let (_, thought) = self.open.remove(at);
                    self.thought(&thought);
                }
            }
            Event::Usage(_) | Event::Ping | Event::Stop(_) | Event::End | Event::Fault(_) => {}
        }
    }

    fn open(&mut self, index: u32, block: &Opened<'_>) {
        match block {
            Opened::Thought { summary, item } => {
                let thought = Thought {
                    summary: *summary,
                    item: item.as_ref().map(|it| it.clone().into_owned().into()),
                    ..Thought::default()
                };
                self.open.push((index, thought));
            }
            Opened::Use { id, .. } => self.call(id),
            Opened::Text => self.say(""),
            Opened::Refusal | Opened::Foreign(_) => {}
        }
    }

    fn delta(&mut self, index: u32, delta: &Delta<'_>) {
        let thought = self.open.iter_mut().find(|(open, _)| *open == index);
        match (delta, thought) {
            (Delta::Text(text), Some((_, thought))) => {
                self.size += text.len();
                if self.size <= MOST {
                    thought.text.to_mut().push_str(text);
                }
            }
            (Delta::Sealed(sealed), Some((_, thought))) => {
                thought.sealed = Some(owned(sealed));
            }
            // Refusals are said as words, too, but no state stands at them.
            (Delta::Text(text), None) => self.say(text),
            (Delta::Sealed(_) | Delta::Input(_) | Delta::Citation(_), _) => {}
        }
    }

    fn thought(&mut self, thought: &Thought<'_>) {
        if let Some(kept) = Kept::of(thought) {
            self.size += kept.size();
            self.waiting.push(kept);
        }
    }

    fn call(&mut self, id: &str) {
        let told = said::call_id(self.caller, &self.answer, id);
        let aside = Aside {
            before: std::mem::take(&mut self.waiting),
            after: Vec::new(),
        };
        self.calls.push((self.behind.call(&told), aside));
        self.last_is_call = true;
    }

    fn say(&mut self, text: &str) {
        let (words, aside) = self.words.get_or_insert_default();
        aside.before.append(&mut self.waiting);
        self.size += text.len();
        if self.size <= MOST {
            words.push_str(text);
        }
        self.last_is_call = false;
    }

    /// What is to be laid aside.
    pub fn finish(mut self) -> Vec<(Mark, Aside)> {
        for (_, thought) in std::mem::take(&mut self.open) {
            self.thought(&thought);
        }
        if self.size > MOST {
            return Vec::new();
        }
        let last = match self.last_is_call {
            true => self.calls.last_mut().map(|(_, aside)| aside),
            false => self.words.as_mut().map(|(_, aside)| aside),
        };
        if let Some(last) = last {
            last.after.append(&mut self.waiting);
        }
        let behind = self.behind;
        let words = self.words.map(|(text, aside)| (behind.words(&text), aside));
        let all = self.calls.into_iter().chain(words);
        all.filter(|(_, aside)| !aside.is_empty()).collect()
    }
}

fn owned(sealed: &Sealed<'_>) -> Sealed<'static> {
    Sealed {
        owner: sealed.owner.clone().into_owned(),
        form: sealed.form,
        data: sealed.data.clone().into_owned().into(),
    }
}

/// The same for a whole answer.
pub fn of_answer(answer: &Answer<'_>, echo: &Echo) -> Vec<(Mark, Aside)> {
    let Some(mut collector) = Collector::of(echo) else {
        return Vec::new();
    };
    collector.answer = answer.id.clone().into_owned();
    for block in &answer.blocks {
        match block {
            Block::Thought(thought) => collector.thought(thought),
            Block::Use(call) => collector.call(&call.id),
            Block::Text(text) => collector.say(&text.text),
            _ => {}
        }
    }
    collector.finish()
}
