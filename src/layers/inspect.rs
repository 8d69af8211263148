//! What is seen of an answer on its way out: steps of a stream, or all of it, for [`crate::protocol::inspect`] to judge.

use std::ops::Range;

use crate::domain::dialect::Endpoint;
use crate::domain::flaw::{Fate, Flaw};
use crate::domain::money::NanoUsd;
use crate::policy::Hold;
use crate::protocol::call::Call;
use crate::protocol::inspect::{Inspector, Looks, Offer};
use crate::protocol::message::Role;
use crate::protocol::translate;
use crate::protocol::translate::event::{Delta, Event};
use crate::protocol::translate::json::unquoted;
use crate::protocol::translate::stream::read::Reader;

use super::bill::Bill;

/// Marks an answer that is plainly wrong, and could be left for another. Whoever does not look for it passes the answer on.
#[derive(Clone, Debug)]
pub(super) struct Caught {
    pub(super) flaw: Flaw,
    /// The answer's id at its provider.
    pub(super) id: Option<String>,
    /// The target still speaks: its attempt ends with the body.
    pub(super) open: bool,
    /// What the frontier would have cost for it, once it has ended.
    pub(super) baseline: Option<NanoUsd>,
}

/// What is seen of one stream.
pub(super) struct Sight {
    inspector: Inspector,
    /// Reads a stream that is not translated; of others the translator's steps are seen.
    reader: Option<Reader>,
    /// The block to which the event before added words.
    words: Option<u32>,
    /// What may wait, as long as all of it does.
    hold: Option<Hold>,
    /// What becomes of it if it is found to be wrong too late.
    late: Fate,
}

impl Sight {
    /// Of the stream that answers an attempt; `None` where nobody looks.
    pub(super) fn of(bill: &Bill) -> Option<Box<Self>> {
        let watch = bill.attempt.watch?;
        let wire = bill.attempt.wire;
        let looks = looks(watch.looks, &bill.work.parsed.call)?;
        let reader = match wire.is_translated() {
            true => None,
            false => Some(Reader::new(wire.dialect)?),
        };
        Some(Box::new(Self {
            inspector: Inspector::new(looks),
            reader,
            words: None,
            hold: watch.hold,
            late: match watch.hold {
                Some(_) => Fate::Late,
                None => Fate::Released,
            },
        }))
    }

    /// An event that goes on as it came. It is read only where it differs from the one before in more than the text at `place`.
    pub(super) fn event(&mut self, data: Option<&[u8]>, place: Option<Range<usize>>) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        if let (Some(index), Some(data), Some(place)) = (self.words, data, place) {
            let text = std::str::from_utf8(&data[place]).ok().and_then(unquoted);
            let delta = Delta::Text(text.unwrap_or_default());
            return self.inspector.step(&Event::Delta { index, delta });
        }
        let (inspector, words) = (&mut self.inspector, &mut self.words);
        *words = None;
        reader.event(data, &mut |step| {
            match &step {
                Event::Delta { index, delta } => {
                    *words = matches!(delta, Delta::Text(_)).then_some(*index);
                }
                Event::Close { .. } | Event::Stop(_) => *words = None,
                _ => {}
            }
            inspector.step(&step);
        });
    }

    /// A step of a stream that is translated.
    pub(super) fn step(&mut self, event: &Event<'_>) {
        self.inspector.step(event);
    }

    /// For how long the stream may wait at most, where it waits.
    pub(super) fn patience(&self) -> Option<std::time::Duration> {
        self.hold.map(|hold| hold.time())
    }

    /// Whether all of the stream waits, which are so many bytes by now. Once it does not, it never does again.
    pub(super) fn holds(&mut self, bytes: usize) -> bool {
        let said = self.inspector.said();
        self.hold = (self.hold).filter(|hold| said <= hold.text && bytes <= hold.bytes);
        self.hold.is_some()
    }

    /// Lets the stream go, whatever comes.
    pub(super) fn let_go(&mut self) {
        self.hold = None;
    }

    /// The stream only says the same again.
    pub(super) fn loops(&self) -> bool {
        self.inspector.loops()
    }

    /// What becomes of it if it is found to be wrong too late.
    pub(super) fn late(&self) -> Fate {
        self.late
    }

    /// What is wrong with the stream, now that it is complete.
    pub(super) fn judge(&mut self, bill: &Bill) -> Option<Flaw> {
        let inspector = &mut self.inspector;
        if let Some(reader) = &mut self.reader {
            reader.close(&mut |step| inspector.step(&step));
        }
        inspector.judge(|| offer(bill))
    }
}

/// What is wrong with a whole answer, as its target wrote it.
pub(super) fn whole(bill: &Bill, body: &[u8]) -> Option<Flaw> {
    let looks = looks(bill.attempt.watch?.looks, &bill.work.parsed.call)?;
    let text = std::str::from_utf8(body).ok()?;
    let answer = translate::read_answer(bill.attempt.wire.dialect, text, "").ok()?;
    let mut inspector = Inspector::new(looks);
    inspector.whole(&answer);
    inspector.judge(|| offer(bill))
}

/// What an answer to this call is looked over for; `None` where nobody talks.
fn looks(wanted: Looks, call: &Call) -> Option<Looks> {
    let talks = matches!(
        call.endpoint,
        Endpoint::Chat | Endpoint::Responses | Endpoint::Messages
    );
    // Whose answer was begun for it may have nothing to add.
    let begun = (call.messages.last()).is_some_and(|last| last.role == Role::Assistant);
    talks.then_some(Looks {
        empty: wanted.empty && !begun,
        ..wanted
    })
}

fn offer(bill: &Bill) -> Offer<'_> {
    let call = &bill.work.parsed.call;
    let tools = call.tools_at.clone().map(|place| call.json(place));
    let tools = tools.and_then(|json| std::str::from_utf8(json).ok());
    let wire = bill.attempt.wire;
    Offer::read(call.endpoint.dialect(), tools, wire.is_translated())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::dialect::Dialect;
    use crate::protocol::follow::Follower;

    const THINKS: &str =
        r#"{"choices":[{"delta":{"role":"assistant","content":"","reasoning":"Let me see"}}]}"#;
    const WORDS: &str = r#"{"choices":[{"delta":{"role":"assistant","content":"42."}}]}"#;
    const NOTHING: &str = r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#;
    const PARTS: &str = r#"{"choices":[{"delta":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"So"}]}]}}]}"#;
    const TIER: &str =
        r#"{"choices":[{"delta":{"role":"assistant","content":"42."}}],"service_tier":"flex"}"#;
    const OTHER_TIER: &str = r#"{"choices":[],"service_tier":"default"}"#;
    const ENDS: &str =
        r#"{"choices":[{"delta":{"role":"assistant","content":"!"},"finish_reason":"stop"}]}"#;
    const DONE: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    const NO_END: &str =
        r#"{"choices":[{"delta":{"role":"assistant","content":"?"},"finish_reason":""}]}"#;

    /// What is seen of a chat stream, and what its follower makes of it. Where all is read, no event is like the one before it.
    fn seen(events: &[&str], all_read: bool) -> (usize, Option<Flaw>, String) {
        let mut follower = Follower::new(Dialect::Chat, false);
        let looks = Looks {
            arguments: true,
            empty: true,
            repeats: true,
        };
        let mut sight = Sight {
            inspector: Inspector::new(looks),
            reader: Reader::new(Dialect::Chat),
            words: None,
            hold: None,
            late: Fate::Released,
        };
        for (at, event) in events.iter().enumerate() {
            let blank = " ".repeat(usize::from(all_read) * (at + 1));
            let event = Bytes::from(format!("{event}{blank}"));
            let (_, place) = follower.seen(Some(&event));
            assert!(!all_read || place.is_none());
            sight.event(Some(&event), place);
        }
        let inspector = &mut sight.inspector;
        if let Some(reader) = &mut sight.reader {
            reader.close(&mut |step| inspector.step(&step));
        }
        let flaw = inspector.judge(|| Offer::read(Dialect::Chat, None, false));
        let (relayed, terms) = (follower.relayed(), follower.terms());
        let followed = format!("{relayed:?} {terms:?} {}", follower.finished());
        (inspector.said(), flaw, followed)
    }

    #[test]
    fn words_behind_a_thought_are_words_whatever_they_are_like() {
        let (_, flaw, _) = seen(&[NOTHING, THINKS, THINKS, WORDS, WORDS, DONE], false);

        assert_eq!(flaw, None);
    }

    #[test]
    fn it_makes_no_difference_what_is_known_from_the_event_before() {
        let all = [
            THINKS, WORDS, NOTHING, PARTS, TIER, OTHER_TIER, ENDS, DONE, NO_END,
        ];
        let count = all.len().pow(4);
        for number in 0..count {
            let digits = (0..4_u32).map(|place| number / all.len().pow(place) % all.len());
            let events: Vec<&str> = digits.map(|digit| all[digit]).collect();
            assert_eq!(seen(&events, false), seen(&events, true), "{events:#?}");
        }
    }
}
