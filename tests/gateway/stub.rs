//! A target that says exactly what a test tells it to, to the byte.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Makes an answer of the body of what was asked.
type Answer = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// Answers each connection's first request, always with the same bytes or with what it makes of the body, and closes it.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Counts {
    asked: AtomicUsize,
    gone: AtomicUsize,
    bodies: Mutex<Vec<String>>,
    heads: Mutex<Vec<String>>,
}

impl Counts {
    fn keep(&self, head: String, body: String) {
        let mut heads = self.heads.lock().expect("no test panics with it");
        heads.push(head);
        let mut bodies = self.bodies.lock().expect("no test panics with it");
        bodies.push(body);
    }
}

impl Stub {
    pub(crate) async fn start(answer: Vec<u8>) -> Self {
        Self::run(Arc::new(move |_| answer.clone()), None).await
    }

    /// Answers what this makes of a body.
    pub(crate) async fn making(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::run(Arc::new(answer), None).await
    }

    /// Says these one after the other, and the last again and again.
    pub(crate) async fn script(answers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut left: VecDeque<_> = answers.into_iter().collect();
        let last = left.back().cloned().unwrap_or_default();
        let left = Mutex::new(std::mem::take(&mut left));
        Self::making(move |_| {
            let mut left = left.lock().expect("no test panics with it");
            left.pop_front().unwrap_or_else(|| last.clone())
        })
        .await
    }

    /// Says its head, then `event` again and again, each after a pause, for as long as somebody reads.
    pub(crate) async fn drip(head: String, event: &str, pause: Duration) -> Self {
        let event = event.as_bytes().to_vec();
        let head = head.into_bytes();
        Self::run(Arc::new(move |_| head.clone()), Some((event, pause))).await
    }

    async fn run(answer: Answer, again: Option<(Vec<u8>, Duration)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::<Counts>::default();
        let (tasks, seen) = (TaskTracker::new(), counts.clone());
        let task = tasks.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(talk(stream, answer.clone(), again.clone(), seen.clone()));
            }
        });
        Self {
            address,
            counts,
            _task: AbortOnDropHandle::new(task),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The body that came last.
    pub(crate) fn told(&self) -> String {
        let bodies = self.counts.bodies.lock().expect("no test panics with it");
        bodies.last().cloned().unwrap_or_default()
    }

    /// The head that came last, in small letters.
    pub(crate) fn head(&self) -> String {
        let heads = self.counts.heads.lock().expect("no test panics with it");
        heads.last().cloned().unwrap_or_default()
    }

    /// Method and path of each request that came, in small letters.
    pub(crate) fn lines(&self) -> Vec<String> {
        let heads = self.counts.heads.lock().expect("no test panics with it");
        let line = |head: &String| head.lines().next().unwrap_or_default().to_owned();
        let lines = heads.iter().map(line);
        lines
            .map(|line| line.trim_end_matches(" http/1.1").to_owned())
            .collect()
    }

    /// Requests that came.
    pub(crate) fn asked(&self) -> usize {
        self.counts.asked.load(Ordering::SeqCst)
    }

    /// Connections that the other side closed while there was more to say.
    pub(crate) fn hung_up(&self) -> usize {
        self.counts.gone.load(Ordering::SeqCst)
    }
}

async fn talk(
    mut stream: TcpStream,
    answer: Answer,
    again: Option<(Vec<u8>, Duration)>,
    counts: Arc<Counts>,
) {
    let Some((head, body)) = read_request(&mut stream).await else {
        return;
    };
    let answer = answer(&body);
    counts.keep(head, body);
    counts.asked.fetch_add(1, Ordering::SeqCst);
    let mut sent = stream.write_all(&answer).await;
    while let (Ok(()), Some((event, pause))) = (&sent, &again) {
        if !pause.is_zero() {
            tokio::time::sleep(*pause).await;
        }
        sent = stream.write_all(event).await;
    }
    if sent.is_err() {
        counts.gone.fetch_add(1, Ordering::SeqCst);
    }
    let _ = stream.shutdown().await;
}

/// Reads a head and as much body as it declares.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut read = Vec::new();
    loop {
        if stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&read);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length
                .and_then(|length| length.trim().parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some((head, body.to_owned()));
            }
        } else {
            return None;
        }
    }
}

/// An answer with its length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// A stream that ends when the connection does.
pub(crate) fn stream(events: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}"
    )
    .into_bytes()
}
