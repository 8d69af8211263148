//! The listener: accepts connections, keeps the limits, drains on stop.

mod outgoing;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use tracing::{debug, warn};

use crate::body::{Body, BrokenBody, Inbound};
use crate::telemetry::Metrics;

use outgoing::{Answering, Outgoing, not_reading};

/// What a caller may ask of the listener. Every limit is on by default.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body.
    pub body_bytes: usize,
    /// The deepest nesting of a JSON body.
    pub json_depth: usize,
    /// The largest request head.
    pub header_bytes: usize,
    /// How long a request head may take to arrive.
    pub header_read: Duration,
    /// How long a request body may take to arrive.
    pub body_read: Duration,
    /// How long a caller may stop reading before its stream is cut.
    pub write_stall: Duration,
    /// Open connections.
    pub connections: usize,
    /// Calls in flight.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            json_depth: 64,
            header_bytes: 64 << 10,
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(120),
            write_stall: Duration::from_secs(30),
            connections: 10_000,
            in_flight: 2_000,
        }
    }
}

/// When to stop: first taking new work, then everything.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// No new connections; what is under way goes on.
    pub drain: CancellationToken,
    /// The grace is over: streams are told so and end.
    pub now: CancellationToken,
}

/// Reads a certificate chain and its key for HTTP/1.1 and HTTP/2.
pub fn tls(cert: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| {
        io::Error::other(format!("{}: {error}", path.display()))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong(cert, &error))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key_der);
    let mut config = config.map_err(|error| wrong(cert, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A listening socket and how it is served.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    limits: Limits,
    tls: Option<TlsConfig>,
    tracker: TaskTracker,
    metrics: Metrics,
}

struct TlsConfig(TlsAcceptor);

impl std::fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConfig")
    }
}

impl Server {
    /// Listens at `address`; the error names it.
    pub async fn bind(address: SocketAddr, limits: Limits, metrics: Metrics) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let mend = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "; another process listens there: stop it or choose another port"
                }
                _ => "",
            };
            io::Error::new(
                error.kind(),
                format!("cannot listen at {address}: {error}{mend}"),
            )
        })?;
        Ok(Self {
            listener,
            limits,
            tls: None,
            tracker: TaskTracker::new(),
            metrics,
        })
    }

    /// Speaks TLS.
    #[must_use]
    pub fn with_tls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(TlsConfig(acceptor));
        self
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop, and until every connection has ended.
    pub async fn serve<S>(self, service: S, stop: Stop)
    where
        S: Service<Request<Inbound>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + Unpin,
    {
        let room = Arc::new(Semaphore::new(
            self.limits.connections.min(Semaphore::MAX_PERMITS),
        ));
        loop {
            let permit = tokio::select! {
                // Cancel-safe: a permit that was not handed out is not lost.
                permit = room.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
                () = stop.drain.cancelled() => break,
            };
            let accepted = tokio::select! {
                // Cancel-safe: a connection that was not accepted stays in the backlog.
                accepted = self.listener.accept() => accepted,
                () = stop.drain.cancelled() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            };
            let connection = Connection {
                limits: self.limits.clone(),
                tls: self.tls.as_ref().map(|tls| tls.0.clone()),
                stop: stop.clone(),
                tasks: self.tracker.clone(),
            };
            let (service, open) = (service.clone(), self.metrics.connection());
            self.tracker.spawn(async move {
                connection.run(stream, service).await;
                drop((permit, open));
            });
        }
        drop(self.listener);
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Out of descriptors: trying again at once would only spin.
async fn pause(error: &io::Error) {
    let theirs = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    );
    if !theirs {
        warn!(%error, "no connection can be accepted now");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Connection {
    limits: Limits,
    tls: Option<TlsAcceptor>,
    stop: Stop,
    tasks: TaskTracker,
}

impl Connection {
    async fn run<S>(self, stream: TcpStream, service: S)
    where
        S: Service<Request<Inbound>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + Unpin,
    {
        // Small writes leave at once: a held-back event costs 40 ms.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.speak(stream, service).await,
            Some(acceptor) => {
                match tokio::time::timeout(self.limits.header_read, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => self.speak(stream, service).await,
                    Ok(Err(error)) => debug!(%error, "no secure connection with a caller"),
                    Err(_) => debug!("a caller took too long to agree on TLS"),
                }
            }
        }
    }

    async fn speak<IO, S>(&self, io: IO, service: S)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Inbound>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + Unpin,
    {
        let asked = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Patience::new(io, &self.limits, asked.clone()));
        let service = Asked {
            service,
            asked,
            stall: self.limits.write_stall,
            tasks: self.tasks.clone(),
        };
        let builder = self.builder();
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = self.over() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            debug!(error = %error, "a caller's connection ended");
        }
    }

    /// A moment after the grace: streams have said that they end.
    async fn over(&self) {
        self.stop.now.cancelled().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fn builder(&self) -> auto::Builder<Tracked> {
        let mut builder = auto::Builder::new(Tracked(self.tasks.clone()));
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_read)
            // Below 8 KiB the parser has no room to work.
            .max_buf_size(self.limits.header_bytes.max(8 << 10))
            // A caller that closes its side has hung up: its call is cancelled at once, which saves the rest's price.
            .half_close(false)
            .max_headers(100);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(100)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(1_024)
            .max_header_list_size(u32::try_from(self.limits.header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(60));
        builder
    }
}

/// How hyper starts the streams of an HTTP/2 connection: the stop waits for each.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

/// The stack as hyper calls it; notes that something was asked.
struct Asked<S> {
    service: S,
    asked: Arc<AtomicBool>,
    stall: Duration,
    tasks: TaskTracker,
}

impl<S> hyper::service::Service<Request<Incoming>> for Asked<S>
where
    S: Service<Request<Inbound>, Response = Response<Body>, Error = Infallible> + Clone,
    S::Future: Unpin,
{
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.asked.store(true, Ordering::Relaxed);
        // The socket tells of a reader that stops, but streams of HTTP/2 share it: each has a window of its own.
        let shared = request.version() == Version::HTTP_2;
        let broken = |error: hyper::Error| BrokenBody(error.to_string());
        let request = request.map(|body| -> Inbound { Box::pin(body.map_err(broken)) });
        Answering {
            answer: self.service.clone().call(request),
            watch: shared.then(|| (self.stall, self.tasks.clone())),
        }
    }
}

/// A connection whose caller has to ask in time, and to read what it asked for.
struct Patience<IO> {
    io: IO,
    asked: Arc<AtomicBool>,
    ask_by: Option<Pin<Box<Sleep>>>,
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<IO> Patience<IO> {
    fn new(io: IO, limits: &Limits, asked: Arc<AtomicBool>) -> Self {
        let ask_by = Some(Box::pin(sleep_until(Instant::now() + limits.header_read)));
        Self {
            io,
            asked,
            ask_by,
            stall: limits.write_stall,
            stalled: None,
        }
    }

    /// Behind a write: the clock runs only while the caller takes nothing.
    fn wrote<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let stall = self.stall;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + stall)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(not_reading()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Patience<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buf) {
            return Poll::Ready(read);
        }
        if this.asked.load(Ordering::Relaxed) {
            this.ask_by = None;
        }
        let Some(ask_by) = &mut this.ask_by else {
            return Poll::Pending;
        };
        ready!(ask_by.as_mut().poll(cx));
        match this.asked.load(Ordering::Relaxed) {
            true => {
                this.ask_by = None;
                Poll::Pending
            }
            false => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nothing was asked in time",
            ))),
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Patience<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_flush(cx);
        self.wrote(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
