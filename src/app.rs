//! Builds every part and starts and stops them in order.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::admin::{self, Admin};
use crate::classifier::worker::Worker;
use crate::config::{self, Access, Deployment, Loaded, Snapshot, Sources};
use crate::discover;
pub use crate::discover::Found;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::secret::Secret;
use crate::layers::later::Later;
use crate::ledger::{self, Ledger};
use crate::live::Live;
use crate::rehearse;
use crate::server::{self, Server, Stop};
use crate::session::keep;
use crate::session::talk::Talks;
use crate::stack::{self, Parts};
use crate::store::{self, Store};
use crate::telemetry::Metrics;
use crate::tenant::{self, Directory};
use crate::upstream::client::Upstreams;
use crate::upstream::gauge;
use crate::watch;

/// How long a start waits for the conversations that the last process left.
const RECALL: Duration = Duration::from_secs(5);

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    /// Where callers come in.
    pub address: std::net::SocketAddr,
    /// Where the operator comes in.
    pub admin: std::net::SocketAddr,
    /// Whether callers speak TLS.
    pub secure: bool,
    /// Who may call.
    pub access: Access,
    /// What is in force.
    pub live: Live,
    /// What was found where no file names a target.
    pub found: Option<Found>,
    stop: Stop,
    ready: Arc<AtomicBool>,
    grace: Duration,
    tasks: TaskTracker,
    desk: Desk,
    worker: Arc<Worker>,
    talks: Talks,
    ledger: Ledger,
    store: Store,
    // Watches for as long as it lives.
    _watcher: Option<watch::Watcher>,
}

/// The operator's listener. It stays for as long as calls run: readiness and metrics are asked for most while a gateway
/// drains.
#[derive(Debug, Default)]
struct Desk {
    stop: Stop,
    tasks: TaskTracker,
}

impl Desk {
    async fn close(self) {
        self.stop.drain.cancel();
        self.stop.now.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Everything that only a running process has.
struct Inside {
    clock: Clock,
    entropy: Entropy,
    metrics: Metrics,
    store: Store,
    talks: Talks,
    ledger: Ledger,
    directory: Directory,
}

/// Starts a gateway; returns when it takes calls.
pub async fn start(sources: Sources) -> Result<Gateway, Box<dyn std::error::Error + Send + Sync>> {
    start_at(sources, Clock::system()).await
}

/// Starts a gateway whose time of day is told by `clock`: a replay tells its own.
pub async fn start_at(
    sources: Sources,
    clock: Clock,
) -> Result<Gateway, Box<dyn std::error::Error + Send + Sync>> {
    let Loaded {
        deployment,
        snapshot,
    } = config::load(&sources)?;
    // Whoever built the process may have chosen a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let limits = deployment.limits.clone();
    let metrics = Metrics::new();
    // Both doors first: a port that is taken is told before a file is touched.
    let mut calls = Server::bind(deployment.listen, limits.clone(), metrics.clone()).await?;
    if let Some(files) = &deployment.tls {
        calls = calls.with_tls(server::tls(&files.cert, &files.key)?);
    }
    let operator = Server::bind(deployment.admin.listen, limits, metrics.clone()).await?;
    let inside = open(&deployment, metrics, clock).await?;
    let (live, found) = come_alive(&sources, &deployment, snapshot, &inside).await?;
    let worker = Arc::new(Worker::default());
    warm(&worker, &live.snapshot()).await;
    let token = token(&deployment)?;
    let upstreams = Arc::new(Upstreams::default());
    let ready = Arc::new(AtomicBool::new(false));
    let rehearse = rehearse::rehearse(rehearse::Parts {
        clock: inside.clock.clone(),
        entropy: inside.entropy.clone(),
        talks: inside.talks.clone(),
        upstreams: upstreams.clone(),
        depth: deployment.limits.json_depth,
        live: true,
    });
    let admin = Admin::new(admin::Parts {
        rehearse,
        token,
        ready: ready.clone(),
        clock: inside.clock.clone(),
        live: live.clone(),
        directory: inside.directory.clone(),
        ledger: inside.ledger.clone(),
        upstreams: upstreams.clone(),
        metrics: inside.metrics.clone(),
    });
    let stop = Stop::default();
    let later = Later::new(inside.clock.clone());
    let sweep = later.sweep();
    let parts = Parts {
        clock: inside.clock.clone(),
        entropy: inside.entropy,
        live: live.clone(),
        directory: inside.directory,
        access: deployment.access,
        limits: deployment.limits.clone(),
        talks: inside.talks.clone(),
        ledger: inside.ledger.clone(),
        durability: deployment.durability,
        later,
        worker: worker.clone(),
        upstreams: upstreams.clone(),
        metrics: inside.metrics.clone(),
        stop: stop.now.clone(),
    };
    let tasks = TaskTracker::new();
    let (address, admin_address) = (calls.address()?, operator.address()?);
    tasks.spawn(calls.serve(stack::stack(parts), stop.clone()));
    let desk = Desk::default();
    desk.tasks.spawn(operator.serve(admin, desk.stop.clone()));
    let watcher = watch::watch(
        &deployment.watched,
        live.clone(),
        &tasks,
        stop.drain.clone(),
    );
    // A conversation that goes on after a restart is bound as it was before. Where the store is slow, calls do not wait for it.
    let known = tokio::time::timeout(RECALL, inside.talks.ready()).await;
    if known.is_err() {
        warn!("the conversations of the last process are still being read");
    }
    let gauges = read_gauges(live.clone(), upstreams.clone());
    let stopped = stop.drain.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(gauges).await });
    let stopped = stop.drain.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(sweep).await });
    ready.store(true, Ordering::Relaxed);
    inside.metrics.started(inside.clock.now());
    Ok(Gateway {
        address,
        admin: admin_address,
        secure: deployment.tls.is_some(),
        access: deployment.access,
        live,
        found,
        stop,
        ready,
        grace: deployment.grace,
        tasks,
        desk,
        worker,
        talks: inside.talks,
        ledger: inside.ledger,
        store: inside.store,
        _watcher: watcher,
    })
}

/// Reads the metrics of own machines again and again, where targets say where they are.
async fn read_gauges(live: Live, upstreams: Arc<Upstreams>) {
    let mut ticks = interval(gauge::EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let snapshot = live.snapshot();
        for target in snapshot.catalog.targets.values() {
            let Some(page) = &target.load else { continue };
            if let Ok(client) = upstreams.client(target.timeouts.connect) {
                let upstream = upstreams.get(&target.id);
                upstream.gauge.read(&client, page).await;
            }
        }
    }
}

async fn open(
    deployment: &Deployment,
    metrics: Metrics,
    clock: Clock,
) -> Result<Inside, Box<dyn std::error::Error + Send + Sync>> {
    let store = open_store(&deployment.store).await?;
    let (ledger, recovered) = Ledger::open(store.clone(), clock.clone()).await?;
    if recovered.attempts > 0 {
        warn!(
            attempts = recovered.attempts,
            "the last process left attempts open; each was settled at its last mark"
        );
    }
    let directory = Directory::open(store.clone(), clock.clone(), Entropy::system()).await?;
    let totals = ledger.totals().await?;
    for ((tenant, model, hosting), sum) in &totals.spend {
        metrics.seed_spent(tenant, model, *hosting, *sum);
    }
    for (tenant, sum) in &totals.saved {
        metrics.seed_saved(tenant, *sum);
    }
    let settings = keep::Settings {
        answers: deployment.answers,
        ..keep::Settings::default()
    };
    let chance = Entropy::system();
    let opened = Talks::open(store.clone(), clock.clone(), &chance, settings);
    let (talks, keeper) = opened.await?;
    // Nobody waits for it: it ends with the last of the talks' handles, and a stop has it write what it has.
    TaskTracker::new().spawn(keeper.run());
    Ok(Inside {
        clock,
        talks,
        entropy: Entropy::quick(),
        metrics,
        store,
        ledger,
        directory,
    })
}

/// Opens the store with the tables of every room. Blocks on the disk, so it has a thread of its own.
pub async fn open_store(path: &Path) -> Result<Store, Box<dyn std::error::Error + Send + Sync>> {
    let settings = store::Settings::at(path);
    let opened = tokio::task::spawn_blocking(move || {
        Store::open(&settings, &[ledger::ROOM, tenant::ROOM, keep::ROOM])
    })
    .await?;
    Ok(opened?)
}

/// Puts the first snapshot in force. Where nothing names a target, what can be found answers.
async fn come_alive(
    sources: &Sources,
    deployment: &Deployment,
    snapshot: Snapshot,
    inside: &Inside,
) -> Result<(Live, Option<Found>), Box<dyn std::error::Error + Send + Sync>> {
    let (first, found) = if !snapshot.catalog.models.is_empty() || sources.file.is_some() {
        (snapshot, None)
    } else {
        let found = discover::discover(&sources.env).await?;
        (found.snapshot(deployment)?, Some(found))
    };
    inside.ledger.keep(Arc::clone(&first.written)).await?;
    let (sources, deployment, again) = (sources.clone(), deployment.clone(), found.clone());
    let keep = keeper(inside.ledger.clone());
    let read = Box::new(move || {
        let next = match &again {
            Some(found) => found.snapshot(&deployment)?,
            None => config::load(&sources)?.snapshot,
        };
        keep(&next);
        Ok(next)
    });
    Ok((Live::new(first, read, inside.metrics.clone()), found))
}

/// Writes down what decisions are made by before a call can be decided by it. To be called where waiting is allowed.
fn keeper(ledger: Ledger) -> impl Fn(&Snapshot) + Send + Sync {
    let runtime = tokio::runtime::Handle::current();
    move |snapshot| {
        let kept = runtime.block_on(ledger.keep(Arc::clone(&snapshot.written)));
        if let Err(error) = kept {
            // A store that takes nothing takes no calls either.
            warn!(%error, "what calls are decided by could not be written down: those that come now cannot be decided again");
        }
    }
}

/// Says what classifies, and lets it begin.
async fn warm(worker: &Worker, snapshot: &Snapshot) {
    let Some(net) = snapshot.classifier.clone() else {
        info!("no classifier: the heuristic alone says what a call is");
        return;
    };
    info!(classifier = %net.id(), built_in = net.built_in, "the classifier was verified");
    worker.warm(net).await;
}

/// The operator's token: from the configuration, else made once and kept in the store's folder.
fn token(deployment: &Deployment) -> io::Result<Secret> {
    if let Some(token) = &deployment.admin.token {
        return Ok(token.clone());
    }
    let path = deployment.store.join(TOKEN_FILE);
    if let Some(kept) = kept_token(&deployment.store)? {
        return Ok(kept);
    }
    let mut bytes = [0; 24];
    Entropy::system().fill(&mut bytes);
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    write_private(&path, &token)?;
    info!(path = %path.display(), "an admin token was made");
    Ok(Secret::new(token))
}

const TOKEN_FILE: &str = "admin-token";

/// The token that an earlier start made.
pub fn kept_token(store: &Path) -> io::Result<Option<Secret>> {
    match std::fs::read_to_string(store.join(TOKEN_FILE)) {
        Ok(text) if text.trim().len() >= 20 => Ok(Some(Secret::new(text.trim()))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

impl Gateway {
    /// The ledger, for whoever watches the gateway from inside.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The conversations, likewise.
    pub fn talks(&self) -> &Talks {
        &self.talks
    }

    /// Waits until the store has failed for good: only a restart helps.
    pub async fn failed(&self) {
        while self.ledger.health() != store::Health::Dead {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Stops in order: readiness turns false, the callers' listener closes, streams run out or the grace does, the
    /// operator's listener closes, the ledger is written and synced.
    pub async fn stop(self) {
        self.ready.store(false, Ordering::Relaxed);
        self.stop.drain.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.grace, self.tasks.wait())
            .await
            .is_err()
        {
            warn!("the grace is over; what still runs is cut");
            self.stop.now.cancel();
            self.tasks.wait().await;
        }
        self.desk.close().await;
        if let Some(found) = self.found {
            found.stop().await;
        }
        self.worker.close().await;
        self.talks.settle().await;
        self.store.close().await;
    }

    /// Cuts what still runs without waiting for the grace.
    pub fn hurry(&self) -> impl Fn() + Send + 'static + use<> {
        let now = self.stop.now.clone();
        move || now.cancel()
    }
}
