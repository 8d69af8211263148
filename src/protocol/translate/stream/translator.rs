//! A target's stream to a caller's: a reader and a writer, one behind the other.

use bytes::BytesMut;

use super::read::Reader;
use super::write::{Shown, Writer};
use crate::domain::dialect::Dialect;
use crate::protocol::fault::Fault;
use crate::protocol::translate::dropped::Dropped;
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::{Delta, Event, Opened};
use crate::protocol::translate::sealed::Sealed;

/// Translates one stream.
#[derive(Debug)]
pub struct Translator {
    reader: Reader,
    writer: Writer,
    /// Who makes the state in it.
    maker: Option<String>,
    from: Dialect,
    /// Thoughts that nothing has sealed yet.
    open: Vec<u32>,
}

impl Translator {
    /// Translates what a target of dialect `from` says for the caller whose request `echo` remembers. `None` where there is no such
    /// translation: to Gemini, which no caller speaks, and from the older completions, which no target is asked in.
    pub fn new(from: Dialect, echo: Echo, shown: Shown) -> Option<Self> {
        Some(Self {
            reader: Reader::new(from)?.unnamed(shown.unnamed()),
            writer: Writer::new(echo, shown)?,
            maker: None,
            from,
            open: Vec::new(),
        })
    }

    /// The same; all thoughts in the stream are told to be `maker`'s.
    #[must_use]
    pub fn made_by(mut self, maker: &str) -> Self {
        self.maker = Some(maker.to_owned());
        self
    }

    /// The same for a server that may tell thoughts among the words, between `<think>` and `</think>`.
    #[must_use]
    pub fn thinking_aloud(mut self) -> Self {
        self.reader = self.reader.thinking_aloud();
        self
    }

    /// Takes the next event of the target, what stands behind its `data:` (`None` is a comment), and writes what the caller is told.
    pub fn feed(&mut self, data: Option<&[u8]>, out: &mut BytesMut) {
        self.feed_and(data, out, &mut |_| ());
    }

    /// The same; `seen` is shown each step in passing.
    pub fn feed_and(
        &mut self,
        data: Option<&[u8]>,
        out: &mut BytesMut,
        seen: &mut dyn FnMut(&Event<'_>),
    ) {
        let Self {
            reader,
            writer,
            maker,
            from,
            open,
        } = self;
        reader.event(data, &mut |mut event| {
            if let Some(maker) = maker
                && let Some(index) = claim(&mut event, maker, open)
            {
                let mut sealed = Sealed::plain(*from);
                sealed.owner.claim(Some(maker));
                let delta = Delta::Sealed(sealed);
                writer.event(&Event::Delta { index, delta }, out);
            }
            seen(&event);
            writer.event(&event, out);
        });
    }

    /// The target has closed. An answer that is whole by now ends well; any other stays open for [`Self::fail`].
    pub fn close(&mut self, out: &mut BytesMut) {
        let writer = &mut self.writer;
        self.reader.close(&mut |event| writer.event(&event, out));
    }

    /// Ends a stream that cannot go on with an error in the caller's words. A stream that has ended stays as it is.
    pub fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.writer.fail(fault, out);
    }

    /// Writes what keeps the caller's connection alive and says nothing.
    pub fn ping(&mut self, out: &mut BytesMut) {
        self.writer.event(&Event::Ping, out);
    }

    /// The caller has been told the end, good or bad.
    pub fn ended(&self) -> bool {
        self.writer.ended()
    }

    /// What was left out on the way, by the reader and by the writer.
    pub fn dropped(&self) -> Dropped {
        let mut dropped = self.reader.dropped().clone();
        dropped.extend(self.writer.dropped());
        dropped
    }
}

/// Says of state whose it is. Returns the index of a thought that ends and is nobody's yet.
fn claim(event: &mut Event<'_>, maker: &str, open: &mut Vec<u32>) -> Option<u32> {
    match event {
        Event::Open {
            index,
            block: Opened::Thought { .. },
        } => open.push(*index),
        Event::Delta {
            index,
            delta: Delta::Sealed(sealed),
        } => {
            sealed.owner.claim(Some(maker));
            open.retain(|open| open != index);
        }
        Event::Close { index } => {
            let at = open.iter().position(|open| open == index)?;
            return Some(open.swap_remove(at));
        }
        _ => {}
    }
    None
}
