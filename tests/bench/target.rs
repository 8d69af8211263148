//! The load target: a chat server that costs little, and writes into each event when it was sent.
//!
//! What a stream looks like is told by the request's `user`: `bench-e200-i20000` is 200 events, one each 20,000 us.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use memchr::memmem;
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::http::Wire;

/// Stands before the 16 digits of nanoseconds since the start of the bench.
pub(crate) const STAMP: &[u8] = b"@@";
pub(crate) const STAMP_DIGITS: usize = 16;
/// As much of a request's beginning as is searched for `user`.
const SEARCHED: usize = 4 << 10;

const ANSWER: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"load-model","choices":[{"index":0,"message":{"role":"assistant","content":"Use `checked_add` here: the sum may be larger than the type."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":250,"completion_tokens":16,"total_tokens":266,"prompt_tokens_details":{"cached_tokens":200}}}"#;

/// Serves on a free port of this machine until the runtime ends.
pub(crate) async fn serve(start: Instant) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            spawn_local(async move {
                if let Ok(wire) = Wire::new(socket) {
                    // A caller that breaks off is counted by the client, where it matters.
                    let _ = answer_all(wire, start).await;
                }
            });
        }
    });
    Ok(address)
}

async fn answer_all(mut wire: Wire, start: Instant) -> io::Result<()> {
    while let Some(head) = wire.head().await? {
        let mut begin: Vec<u8> = Vec::with_capacity(SEARCHED);
        wire.body(head.framing, |piece| {
            let room = SEARCHED - begin.len();
            begin.extend_from_slice(&piece[..piece.len().min(room)]);
        })
        .await?;
        if !head.first.starts_with("POST") {
            let list = r#"{"object":"list","data":[{"id":"load-model","object":"model"}]}"#;
            wire.send(whole(list).as_bytes()).await?;
        } else if let Some(shape) = Shape::find(&begin) {
            stream(&mut wire, shape, start).await?;
        } else {
            wire.send(whole(ANSWER).as_bytes()).await?;
        }
        if head.closes {
            return Ok(());
        }
    }
    Ok(())
}

fn whole(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What a stream is like.
#[derive(Clone, Copy, Debug)]
struct Shape {
    events: u64,
    interval: Duration,
}

impl Shape {
    fn find(begin: &[u8]) -> Option<Self> {
        let at = memmem::find(begin, b"bench-e")? + b"bench-e".len();
        let text = std::str::from_utf8(&begin[at..begin.len().min(at + 40)]).ok()?;
        let (events, rest) = text.split_once("-i")?;
        let micros = rest.split('"').next()?;
        Some(Self {
            events: events.parse().ok()?,
            interval: Duration::from_micros(micros.parse().ok()?),
        })
    }
}

async fn stream(wire: &mut Wire, shape: Shape, start: Instant) -> io::Result<()> {
    wire.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    .await?;
    let interval = shape.interval.max(Duration::from_micros(1));
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut chunk = Vec::with_capacity(512);
    for n in 0..shape.events {
        // The first at once: a timer is a millisecond coarse.
        if n > 0 {
            ticks.tick().await;
        }
        chunk.clear();
        event(&mut chunk, start.elapsed().as_nanos())?;
        wire.send(&chunk).await?;
    }
    let last = concat!(
        r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"load-model","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        "\n\n",
        r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"load-model","choices":[],"usage":{"prompt_tokens":250,"completion_tokens":100,"total_tokens":350}}"#,
        "\n\ndata: [DONE]\n\n",
    );
    wire.send(format!("{:x}\r\n{last}\r\n0\r\n\r\n", last.len()).as_bytes())
        .await
}

/// One event as one chunk.
fn event(chunk: &mut Vec<u8>, nanos: u128) -> io::Result<()> {
    const BEFORE: &str = r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"load-model","choices":[{"index":0,"delta":{"content":""#;
    const AFTER: &str = "\"},\"finish_reason\":null}]}\n\n";
    let size = BEFORE.len() + STAMP.len() + STAMP_DIGITS + AFTER.len();
    write!(chunk, "{size:x}\r\n{BEFORE}@@{nanos:016}{AFTER}\r\n")
}
