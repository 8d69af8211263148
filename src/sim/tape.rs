//! An answer as it goes out: rendered once, then played frame by frame at the model's pace.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::SizeHint;
use tokio::time::{Instant, Sleep, sleep_until};

use super::bill::Line;

/// Before a connection is reset, what was written gets this long to arrive: a reset may overtake it.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// What goes out in one piece, and the output tokens in it.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    pub(super) tokens: u64,
}

/// What follows the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The answer is whole.
    Whole,
    /// The body ends as if it were.
    Close,
    /// Silence.
    Hang,
    /// The connection is reset.
    Reset,
}

/// A rendered answer.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) frames: VecDeque<Frame>,
    pub(super) ending: Ending,
    /// Between tokens.
    pub(super) gap: Duration,
    /// Between frames, tokens or not.
    pub(super) slow: Duration,
    /// Every byte goes out alone.
    pub(super) split: bool,
    /// The length that is declared to the caller; streams declare none.
    pub(super) declared: Option<u64>,
}

impl Tape {
    /// One JSON body.
    pub(super) fn whole(body: String, tokens: u64) -> Self {
        let bytes = Bytes::from(body);
        let declared = Some(bytes.len() as u64);
        let frames = VecDeque::from([Frame { bytes, tokens }]);
        Self {
            declared,
            ..Self::of(frames)
        }
    }

    fn of(frames: VecDeque<Frame>) -> Self {
        let (gap, slow) = (Duration::ZERO, Duration::ZERO);
        Self {
            frames,
            ending: Ending::Whole,
            gap,
            slow,
            split: false,
            declared: None,
        }
    }
}

/// Renders the frames of a stream into one buffer.
#[derive(Debug)]
pub(super) struct Track {
    out: String,
    cuts: Vec<(usize, u64)>,
}

impl Track {
    pub(super) fn new(frames: u64, bytes: usize) -> Self {
        let frames = usize::try_from(frames).unwrap_or(0) + 16;
        Self {
            out: String::with_capacity(frames * bytes),
            cuts: Vec::with_capacity(frames),
        }
    }

    /// Adds one frame that carries `tokens`, written by `write`.
    pub(super) fn frame(&mut self, tokens: u64, write: impl FnOnce(&mut String)) {
        write(&mut self.out);
        self.cuts.push((self.out.len(), tokens));
    }

    /// How many frames there are so far.
    pub(super) fn len(&self) -> usize {
        self.cuts.len()
    }

    pub(super) fn into_tape(self) -> Tape {
        let mut rest = Bytes::from(self.out);
        let mut start = 0;
        let cut = |(end, tokens): (usize, u64)| {
            let bytes = rest.split_to(end - start);
            start = end;
            Frame { bytes, tokens }
        };
        Tape::of(self.cuts.into_iter().map(cut).collect())
    }
}

/// Tells the socket to reset its connection instead of closing it.
#[derive(Clone, Debug, Default)]
pub(super) struct Kill(Arc<AtomicBool>);

impl Kill {
    pub(super) fn pull(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn pulled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The connection was cut on purpose.
#[derive(Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut by script")
    }
}

impl std::error::Error for Cut {}

/// The body of an answer: plays a tape, and keeps the bill while it goes out.
#[derive(Debug)]
pub(super) struct Player {
    tape: Tape,
    line: Option<Arc<Line>>,
    kill: Kill,
    /// Bytes that still have to go out one by one.
    rest: Bytes,
    waiting: Option<Pin<Box<Sleep>>>,
    /// When the next token is due.
    due: Instant,
    started: bool,
    /// A pause was made, so that what came before has been flushed.
    paused: bool,
    /// Dropped when the answer has gone out: how the target counts what it is working on.
    working: Option<Arc<()>>,
}

impl Player {
    pub(super) fn new(tape: Tape, line: Option<Arc<Line>>, kill: Kill) -> Self {
        let (rest, due) = (Bytes::new(), Instant::now());
        Self {
            tape,
            line,
            kill,
            rest,
            waiting: None,
            due,
            started: false,
            paused: false,
            working: None,
        }
    }

    /// Holds this until the answer has gone out.
    pub(super) fn hold(&mut self, working: Arc<()>) {
        self.working = Some(working);
    }

    fn wait(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx)
    }

    /// Waits until the next frame is due. What is overdue is not waited for, so a late frame makes no drift.
    fn pace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let tokens = self.tape.frames.front().map_or(0, |frame| frame.tokens);
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let gap = self.tape.gap * tokens + self.tape.slow;
        if gap.is_zero() || !self.started {
            return Poll::Ready(());
        }
        let until = self.due + gap;
        ready!(self.wait(until, cx));
        self.due = until;
        Poll::Ready(())
    }

    fn single(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        // Pending makes the connection flush, so that each byte is a write of its own.
        if self.paused {
            self.paused = false;
            return Poll::Ready(self.rest.split_to(1));
        }
        self.paused = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Cut>> {
        match self.tape.ending {
            Ending::Whole | Ending::Close => Poll::Ready(None),
            Ending::Hang => Poll::Pending,
            Ending::Reset => {
                if !std::mem::replace(&mut self.paused, true) {
                    self.due = Instant::now() + BEFORE_RESET;
                }
                ready!(self.wait(self.due, cx));
                self.kill.pull();
                Poll::Ready(Some(Cut))
            }
        }
    }

    fn book(&mut self, tokens: u64) {
        let Some(line) = &self.line else { return };
        if tokens > 0 {
            line.produce(tokens);
        }
        if self.tape.frames.is_empty() && self.tape.ending == Ending::Whole {
            line.finish();
        }
    }
}

impl http_body::Body for Player {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if !this.rest.is_empty() {
            let byte = ready!(this.single(cx));
            return Poll::Ready(Some(Ok(http_body::Frame::data(byte))));
        }
        if this.tape.frames.is_empty() {
            return this.end(cx).map(|cut| cut.map(Err));
        }
        ready!(this.pace(cx));
        this.started = true;
        let Some(frame) = this.tape.frames.pop_front() else {
            return Poll::Ready(None);
        };
        this.book(frame.tokens);
        if this.tape.split {
            this.rest = frame.bytes;
            let byte = ready!(this.single(cx));
            return Poll::Ready(Some(Ok(http_body::Frame::data(byte))));
        }
        Poll::Ready(Some(Ok(http_body::Frame::data(frame.bytes))))
    }

    fn is_end_stream(&self) -> bool {
        let done = self.tape.frames.is_empty() && self.rest.is_empty();
        done && matches!(self.tape.ending, Ending::Whole)
    }

    fn size_hint(&self) -> SizeHint {
        self.tape
            .declared
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
