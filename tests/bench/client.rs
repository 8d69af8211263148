//! The caller: keeps a connection, sends requests that were made beforehand, times what comes back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use memchr::memmem;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::http::Wire;
use crate::target::{STAMP, STAMP_DIGITS};

/// A caller with one connection.
pub(crate) struct Client {
    to: SocketAddr,
    start: Instant,
    wire: Option<Wire>,
}

/// What one call took.
#[derive(Debug)]
pub(crate) struct Timing {
    /// To the first byte of the answer's body.
    pub(crate) first_byte: Duration,
    /// To its end.
    pub(crate) whole: Duration,
}

impl Client {
    /// A caller of `to`; `start` is the moment that stamps count from.
    pub(crate) fn new(to: SocketAddr, start: Instant) -> Self {
        Self {
            to,
            start,
            wire: None,
        }
    }

    /// Makes a call; each event's time under way is handed to `transit`.
    pub(crate) async fn call(
        &mut self,
        request: &[u8],
        mut transit: impl FnMut(Duration),
    ) -> io::Result<Timing> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::new(TcpStream::connect(self.to).await?)?,
        };
        let sent = Instant::now();
        wire.send(request).await?;
        let head = wire
            .head()
            .await?
            .ok_or_else(|| io::Error::other("closed without an answer"))?;
        let mut first = None;
        let mut events = Events::default();
        let mut fault = String::new();
        let good = head.status() == "200";
        wire.body(head.framing, |piece| {
            let now = Instant::now();
            first.get_or_insert(now);
            if good {
                let at = now.duration_since(self.start);
                events.take(piece, |stamp| transit(at.saturating_sub(stamp)));
            } else if fault.len() < 300 {
                fault.push_str(&String::from_utf8_lossy(piece));
            }
        })
        .await?;
        if !good {
            return Err(io::Error::other(format!("{}: {fault}", head.first)));
        }
        if !head.closes {
            self.wire = Some(wire);
        }
        let now = Instant::now();
        Ok(Timing {
            first_byte: first.unwrap_or(now).duration_since(sent),
            whole: now.duration_since(sent),
        })
    }
}

/// Finds stamps, also one that two pieces share.
#[derive(Default)]
struct Events {
    /// The end of the last piece, where a stamp may have begun.
    tail: Vec<u8>,
}

impl Events {
    fn take(&mut self, piece: &[u8], mut each: impl FnMut(Duration)) {
        const LONG: usize = STAMP.len() + STAMP_DIGITS;
        let joined;
        let text = if self.tail.is_empty() {
            piece
        } else {
            joined = [&self.tail, piece].concat();
            &joined
        };
        let mut used = 0;
        while let Some(at) = memmem::find(&text[used..], STAMP) {
            let begin = used + at;
            let Some(stamp) = text.get(begin + STAMP.len()..begin + LONG) else {
                break;
            };
            let digits = std::str::from_utf8(stamp).ok();
            if let Some(nanos) = digits.and_then(|it| it.parse().ok()) {
                each(Duration::from_nanos(nanos));
            }
            used = begin + LONG;
        }
        let keep = text[used..].len().min(LONG - 1);
        let tail = text[text.len() - keep..].to_vec();
        // What cannot be the beginning of a stamp is not worth a copy of the next piece.
        self.tail = match memchr::memchr(b'@', &tail) {
            Some(at) => tail[at..].to_vec(),
            None => Vec::new(),
        };
    }
}
