//! The words of the person: the newest that a call has, without what clients wrap around them, cut to a window.
//!
//! Training rows go through [`of_text`] and [`bare`], so that a net learns from what it will see.

use super::escape::{self, Gap, REACH};
use super::message::{Message, Role};
use super::outline::Outline;
use super::scan::{self, Fields, Span};
use super::wraps::{self, Own};

/// How much of the words is kept: this many bytes of their beginning and of their end.
pub const WINDOW: usize = 2_048;

/// How far we look into a text without blocks: what clients put behind the words is shorter.
const NEAR: usize = 8 * 1_024;

/// The person's newest words in a call, and their length before the window cut them.
pub(super) fn newest(fields: &Fields<'_>) -> (String, usize) {
    let messages = fields.messages.iter().rev();
    let mut of_person = messages.filter(|it| it.role == Role::Person && it.holds.text);
    let mut reader = Reader::default();
    // A message that only a client filled is passed over, unless there is no other.
    let newest = of_person.clone().next();
    if let Some(message) = of_person.find(|it| it.holds.words) {
        reader.message(fields.text, message, Rule::Own);
    } else if let Some(message) = newest {
        reader.message(fields.text, message, Rule::Whole);
    }
    reader.window.finish()
}

/// The person's own words in one message, given its JSON; empty if none are.
pub fn words(json: &str, message: &Message) -> String {
    let start = message.bytes.start;
    let content = message.content.clone();
    let content = content.and_then(|it| Some(it.start.checked_sub(start)?..it.end - start));
    let mut reader = Reader::default();
    if let Some(content) = content
        && let Some(value) = json.get(content.clone())
        && (value.starts_with('[') || value.len() > 1 && value.ends_with('"'))
    {
        reader.content(json, content, Rule::Own);
    }
    reader.window.finish().0
}

/// The window on the words of a plain text, by the rule that holds for calls. (Where the middle of a long text is skipped,
/// how much depends on its escapes, and here are none.)
pub fn of_text(text: &str) -> String {
    let (head, tail) = escape::ends(text, reach(text));
    let mut window = Window::default();
    match head < tail {
        false => window.words(text, None, Rule::Own),
        true => {
            let gap = Gap {
                at: head,
                length: tail - head,
            };
            let ends = [&text[..head], &text[tail..]].concat();
            window.words(&ends, Some(gap), Rule::Own)
        }
    };
    window.finish().0
}

/// A plain text as a call that says nothing else: its window, and its outline.
pub fn bare(text: &str) -> (String, Outline) {
    let quoted = serde_json::to_string(text).expect("a text is always JSON");
    let body = format!(r#"{{"messages":[{{"role":"user","content":{quoted}}}]}}"#);
    let fields = scan::scan(body.as_bytes(), 4).expect("the body is valid");
    let (window, newest) = newest(&fields);
    let outline = Outline {
        newest,
        ..fields.outline
    };
    (window, outline)
}

/// How far to look into a text. Where no block closes that we would see, little more than the window is needed.
fn reach(raw: &str) -> usize {
    let (head, tail) = escape::ends(raw, REACH);
    let closes = || wraps::may_close(&raw[..head]) || wraps::may_close(&raw[tail..]);
    match raw.len() > 2 * NEAR && closes() {
        true => REACH,
        false => NEAR,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    /// Only what is the person's.
    Own,
    /// Everything.
    Whole,
}

#[derive(Default)]
struct Reader {
    window: Window,
    plain: String,
    ended: bool,
}

impl Reader {
    fn message(&mut self, body: &str, message: &Message, rule: Rule) {
        if let Some(content) = message.content.clone() {
            self.content(body, content, rule);
        }
    }

    fn content(&mut self, body: &str, content: Span, rule: Rule) {
        match body.as_bytes()[content.start] {
            b'"' => self.read(body, content, rule),
            _ => scan::parts(body, content, |place| self.read(body, place, rule)),
        }
    }

    /// Reads one text, the place of a string in its quotes.
    fn read(&mut self, body: &str, place: Span, rule: Rule) {
        let raw = &body[place.start + 1..place.end - 1];
        // A block as long as one likes can be told from its ends.
        let skipped = rule == Rule::Own && wraps::is_one_block(raw) == Some(true);
        if !(self.ended || skipped) {
            let gap = escape::unescape(raw, reach(raw), &mut self.plain);
            self.ended = self.window.words(&self.plain, gap, rule);
        }
    }
}

/// The beginning and the end of what is pushed, and how much it was.
#[derive(Debug, Default)]
struct Window {
    head: String,
    /// What came behind the head; at least its last bytes.
    tail: String,
    total: usize,
}

impl Window {
    /// Adds the words of one text. `true` if the rest of the message is not the person's.
    fn words(&mut self, text: &str, gap: Option<Gap>, rule: Rule) -> bool {
        let own = match rule {
            Rule::Own => wraps::own(text),
            Rule::Whole => Own::whole(text),
        };
        for piece in own.pieces {
            if self.total > 0 {
                self.push("\n");
            }
            let left_out = gap.filter(|gap| piece.contains(&gap.at));
            self.push(&text[piece]);
            self.total += left_out.map_or(0, |gap| gap.length);
        }
        own.ended
    }

    fn push(&mut self, text: &str) {
        let room = match self.tail.is_empty() {
            true => text.floor_char_boundary(WINDOW - self.head.len()),
            false => 0,
        };
        let (head, rest) = text.split_at(room);
        self.head.push_str(head);
        self.tail
            .push_str(&rest[rest.ceil_char_boundary(rest.len().saturating_sub(2 * WINDOW))..]);
        if self.tail.len() > 4 * WINDOW {
            let spare = self.tail.ceil_char_boundary(self.tail.len() - WINDOW);
            self.tail.drain(..spare);
        }
        self.total += text.len();
    }

    fn finish(mut self) -> (String, usize) {
        if self.total > 2 * WINDOW {
            let spare = self
                .tail
                .ceil_char_boundary(self.tail.len().saturating_sub(WINDOW));
            self.head.push('\n');
            self.tail.drain(..spare);
        }
        self.head.push_str(&self.tail);
        (self.head, self.total)
    }
}

#[cfg(test)]
mod tests;
