//! The socket of a simulated target: HTTP/1.1 and h2c on loopback, with connections that a script can kill.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bill::BillLine;
use super::cue::Cue;
use super::desk::Desk;
use super::fault::Fault;
use super::profile::Profile;
use super::seen::SeenRequest;
use super::tape::Kill;
use crate::domain::tokens::Usage;

/// A simulated target that is running. Dropping it closes its port and cuts its connections.
#[derive(Debug)]
pub struct Sim {
    desk: Arc<Desk>,
    address: SocketAddr,
    tasks: Tasks,
}

impl Sim {
    /// Starts a target on a free port of the loopback.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(profile: Profile) -> io::Result<Self> {
        Self::bind(profile, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a target on this address.
    ///
    /// # Errors
    /// Where the address cannot be had.
    pub async fn bind(profile: Profile, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (desk, tasks) = (Arc::new(Desk::new(profile)), Tasks::default());
        tasks.spawn(accept(listener, desk.clone(), tasks.clone()));
        Ok(Self {
            desk,
            address,
            tasks,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its account: one line for each request that a model answered with 200, oldest first.
    pub fn bill(&self) -> Vec<BillLine> {
        self.desk.bill.read()
    }

    /// How many lines its account has, and what the newest will come to once its answer is out: for whoever moves the time
    /// that the target waits for.
    pub fn newest(&self) -> (usize, Usage) {
        self.desk.bill.newest()
    }

    /// Adds faults to the script. Each request to a model uses up one.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.desk.script(faults);
    }

    /// Adds to what the model says next. Each request that it answers in words or calls uses up one.
    pub fn cue(&self, cues: impl IntoIterator<Item = Cue>) {
        self.desk.cues.add(cues);
    }

    /// Forgets all answers that it keeps, as providers do after their time.
    pub fn forget(&self) {
        self.desk.forget();
    }

    /// The newest requests to a model, to the byte, oldest first (as many as the profile keeps).
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.desk.seen.read()
    }

    /// Closes the port, cuts all connections and waits until nothing runs any more.
    pub async fn stop(self) {
        self.tasks.stop.cancel();
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

/// Runs a target on this address until the future is dropped.
///
/// # Errors
/// Where the address cannot be had.
pub async fn serve(profile: Profile, address: SocketAddr) -> io::Result<()> {
    let sim = Sim::bind(profile, address).await?;
    sim.tasks.stop.cancelled().await;
    Ok(())
}

/// Every task of a target; all end when it stops.
#[derive(Clone, Debug, Default)]
struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }
}

/// How hyper starts the streams of an HTTP/2 connection.
impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.spawn(async move {
            task.await;
        });
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>, tasks: Tasks) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => tasks.spawn(talk(stream, desk.clone(), tasks.clone())),
            // Out of file descriptors: wait for some to come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn talk(stream: TcpStream, desk: Arc<Desk>, tasks: Tasks) {
    // Without this, Nagle and delayed acknowledgements put 40 ms between small events.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let kill = Kill::default();
    let wire = Wire {
        stream,
        kill: kill.clone(),
    };
    let service = service_fn(move |request| {
        let (desk, kill) = (desk.clone(), kill.clone());
        async move { desk.visit(kill, request).await }
    });
    let server = auto::Builder::new(tasks);
    // The caller may hang up whenever it likes: nothing to report.
    let _ = server.serve_connection(TokioIo::new(wire), service).await;
}

/// A connection that is reset, not closed, once its kill switch was pulled.
#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    kill: Kill,
}

impl Wire {
    fn alive(&self) -> io::Result<()> {
        match self.kill.pulled() {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.kill.pulled() {
            // Closing with a linger of zero sends RST; if this fails, the peer sees an early end, which is as bad.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.alive()?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.alive()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
