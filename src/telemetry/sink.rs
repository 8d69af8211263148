//! Where log lines go: a bounded buffer that one thread writes out, so that a slow or closed reader never holds up a call.
//!
//! Lines are gathered for a few milliseconds and written together: a call pays for a copy, not for a system call or a
//! wake-up. What does not fit is dropped and counted. Writing never fails and never panics as far as callers can see.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::metrics::LOG_DROPPED;

/// Bytes that may wait to be written.
const ROOM: usize = 4 << 20;
/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(10);
/// How long a stopping process waits for its last lines.
const LAST: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    writing: bool,
    stopping: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Lines are waiting, or the sink stops.
    wake: Condvar,
    /// All has been written.
    idle: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the writers of lines; each takes one line, escapes its control characters, and hands it on.
#[derive(Clone)]
pub(super) struct Sink(Arc<Shared>);

impl Sink {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Self, Flush)> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".into())
            .spawn(move || drain(&theirs, out))?;
        Ok((Self(Arc::clone(&shared)), Flush(shared)))
    }
}

/// Takes batches and writes them until the sink stops and nothing is left.
fn drain(shared: &Shared, mut out: impl Write) {
    let mut batch = Vec::new();
    loop {
        let mut state = shared.lock();
        while state.waiting.is_empty() && !state.stopping {
            state = shared
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if !state.stopping {
            let gathered = shared
                .wake
                .wait_timeout_while(state, GATHER, |state| !state.stopping);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut batch, &mut state.waiting);
        state.writing = !batch.is_empty();
        drop(state);

        // A reader that has gone away is no reason to stop serving.
        if out.write_all(&batch).and_then(|()| out.flush()).is_err() {
            LOG_DROPPED.inc_by(lines(&batch));
        }
        batch.clear();

        let mut state = shared.lock();
        state.writing = false;
        if state.waiting.is_empty() {
            shared.idle.notify_all();
            if state.stopping {
                return;
            }
        }
    }
}

fn lines(batch: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', batch).count() as u64
}

/// Writes out what is waiting when it is dropped, for up to a second. Hold it until the process ends.
#[must_use = "the last lines are written when this is dropped"]
pub struct Flush(Arc<Shared>);

impl std::fmt::Debug for Flush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flush")
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.stopping = true;
        self.0.wake.notify_all();
        let pending = |state: &mut State| !state.waiting.is_empty() || state.writing;
        drop(self.0.idle.wait_timeout_while(state, LAST, pending));
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// Takes one line.
pub(super) struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.stopping || state.waiting.len() + text.len() > ROOM {
            LOG_DROPPED.inc_by(1);
        } else {
            let was_empty = state.waiting.is_empty();
            escape(text, &mut state.waiting);
            if was_empty {
                self.0.wake.notify_one();
            }
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Copies a line, with every control character but the newline at its end written as `\u001b`: a name or message that
/// came from outside can neither forge a line nor steer a terminal. Good within JSON strings, and readable in text.
fn escape(line: &[u8], out: &mut Vec<u8>) {
    let odd = |byte: u8| byte < 0x20 || byte == 0x7f || byte == 0xc2;
    let (body, end) = match line.split_last() {
        Some((b'\n', body)) => (body, &b"\n"[..]),
        _ => (line, &b""[..]),
    };
    // Nearly every line: without a branch for each byte, it is seen many bytes at a time.
    if !body.iter().fold(false, |any, byte| any | odd(*byte)) {
        return out.extend_from_slice(line);
    }
    let mut rest = body;
    // C1 controls are U+0080 to U+009F: C2 80 to C2 9F in UTF-8.
    while let Some(at) = rest.iter().position(|byte| odd(*byte)) {
        out.extend_from_slice(&rest[..at]);
        let (code, taken) = match rest[at..] {
            [0xc2, c1 @ 0x80..=0x9f, ..] => (c1, 2),
            [0xc2, ..] => {
                out.push(0xc2);
                rest = &rest[at + 1..];
                continue;
            }
            _ => (rest[at], 1),
        };
        // Writing to a Vec does not fail.
        let _ = write!(out, "\\u{code:04x}");
        rest = &rest[at + taken..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(end);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_name_from_outside_cannot_forge_a_line_or_steer_a_terminal() {
        let mut out = Vec::new();

        escape("a\nb\x1b[31m\u{7f}\u{9b}é\u{a0}\tz\n".as_bytes(), &mut out);

        let text = String::from_utf8(out).expect("still UTF-8");
        assert_eq!(text, "a\\u000ab\\u001b[31m\\u007f\\u009bé\u{a0}\\u0009z\n");
    }

    #[test]
    fn a_closed_reader_is_no_failure() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let (sink, flush) = Sink::start(Closed).expect("a thread");
        let before = LOG_DROPPED.get();

        for _ in 0..3 {
            sink.make_writer().write_all(b"line\n").expect("no failure");
        }
        drop(flush);

        assert!(LOG_DROPPED.get() >= before + 3);
    }

    #[test]
    fn the_last_lines_are_written_before_the_flush_ends() {
        struct Sent(mpsc::Sender<Vec<u8>>);
        impl Write for Sent {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(text.to_vec());
                Ok(text.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (send, seen) = mpsc::channel();
        let (sink, flush) = Sink::start(Sent(send)).expect("a thread");

        for n in 0..1_000 {
            writeln!(sink.make_writer(), "line {n}").expect("no failure");
        }
        drop(flush);

        let text: Vec<u8> = seen.try_iter().flatten().collect();
        assert_eq!(lines(&text), 1_000);
    }

    #[test]
    fn a_stuck_reader_costs_lines_and_nothing_else() {
        struct Stuck(mpsc::Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(text.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, stuck) = mpsc::channel();
        let (sink, flush) = Sink::start(Stuck(stuck)).expect("a thread");
        let before = LOG_DROPPED.get();
        let line = [b'x'; 64 << 10];

        for _ in 0..2 * ROOM / line.len() + 1 {
            sink.make_writer().write_all(&line).expect("no failure");
        }

        assert!(LOG_DROPPED.get() > before);
        drop(release);
        drop(flush);
    }
}
