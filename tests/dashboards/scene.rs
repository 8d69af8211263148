//! A gateway's metrics without a gateway: everything happens a little more each time they are scraped.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tollgate::domain::clock::Timestamp;
use tollgate::domain::dialect::{Dialect, Hosting};
use tollgate::domain::facts::Task;
use tollgate::domain::flaw::{Fate, Flaw};
use tollgate::domain::ids::{ModelId, TargetId, TenantId};
use tollgate::domain::money::NanoUsd;
use tollgate::domain::tokens::{TokenCount, Usage};
use tollgate::telemetry::{
    Completion, Fallback, LedgerOp, Metrics, Settled, Source, Stage, Verdict,
};

/// Metrics to which everything happens.
#[derive(Default)]
pub(crate) struct Scene(Metrics);

impl Scene {
    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Everything happens once more.
    pub(crate) fn observe(&self) {
        self.calls();
        self.money();
        self.targets();
        self.house();
    }

    fn calls(&self) {
        let metrics = &self.0;
        let moment = Duration::from_millis(7);
        for (model, _) in models() {
            metrics.know_models([&model]);
            for end in Completion::ALL {
                metrics.request(Dialect::Chat, &model, Task::Fix, end);
            }
            metrics.first_byte(&model, moment);
            metrics.call_seconds(&model, moment);
            metrics.decision(&model, "cheapest");
            metrics.outcome(&model, Task::Fix, Verdict::Good);
            metrics.outcome(&model, Task::Edit, Verdict::Bad);
            metrics.unpriced(&model);
        }
        for stage in Stage::ALL {
            metrics.overhead(stage, moment);
        }
        for source in Source::ALL {
            metrics.classifier(*source, moment);
        }
        for why in Fallback::ALL {
            metrics.fallback(why);
        }
        metrics.difficulty(0.3);
        metrics.flaw(&ModelId::from("own"), Flaw::Empty, Fate::Next);
        metrics.refused("budget_spent");
        metrics.client_gone();
        drop(metrics.connection());
    }

    fn money(&self) {
        let metrics = &self.0;
        let usage = Usage {
            input: TokenCount(100),
            cache_read: TokenCount(900),
            output: TokenCount(50),
            ..Usage::default()
        };
        for tenant in ["one", "two"].map(TenantId::from) {
            for (model, hosting) in models() {
                metrics.spent(&tenant, &model, hosting, NanoUsd(1_234_567));
                metrics.tokens(&model, &usage);
            }
            metrics.saved(&tenant, NanoUsd(7_654_321));
            metrics.budget_remaining(&tenant, "tenant-day", NanoUsd(39_000_000_000));
        }
        for state in Settled::ALL {
            metrics.settled(state);
        }
        metrics.ledger_duplicates(1);
        metrics.open_holds(3);
    }

    fn targets(&self) {
        let metrics = &self.0;
        for target in ["gpu", "vendor"].map(TargetId::from) {
            drop(metrics.in_flight(&target));
            metrics.target_up(&target, true);
            metrics.gpu_load(&target, 0.4);
            metrics.upstream_seconds(&target, Duration::from_millis(40));
            metrics.failover(&target, "timeout");
            metrics.upstream_auth_failure(&target);
        }
        metrics.retry_denied();
    }

    fn house(&self) {
        let metrics = &self.0;
        for op in LedgerOp::ALL {
            metrics.ledger(op, Duration::from_micros(150));
        }
        metrics.store_up(true);
        metrics.store_disk_full(false);
        metrics.reload(true);
        metrics.reload(false);
        metrics.config_version("1f2e3d");
        metrics.started(Timestamp::from_millis(1_790_000_000_000));
    }
}

fn models() -> [(ModelId, Hosting); 2] {
    [
        (ModelId::from("base1"), Hosting::Own),
        (ModelId::from("claude-opus"), Hosting::Vendor),
    ]
}

/// The scene behind an HTTP server, until it is dropped.
pub(crate) struct Served {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Served {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the server from its wait for a connection.
        drop(TcpStream::connect(self.address));
        drop(self.server.take().map(JoinHandle::join));
    }
}

/// Serves the scene at `/metrics` of a free port.
pub(crate) fn serve(scene: Scene) -> Served {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let server = thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            if told.load(Ordering::Relaxed) {
                return;
            }
            scene.observe();
            // A scrape that breaks off is Prometheus' to notice.
            let _ = answer(socket, &scene.render());
        }
    });
    Served {
        address,
        stop,
        server: Some(server),
    }
}

fn answer(mut socket: TcpStream, text: &str) -> std::io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(socket.try_clone()?).lines();
    while !lines.next().transpose()?.unwrap_or_default().is_empty() {}
    write!(
        socket,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
}
