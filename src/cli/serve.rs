//! `tollgate serve`: takes calls until it is told to stop.

use std::io;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use super::Outcome;
use super::output::{complain, say};
use crate::app::{self, Gateway};
use crate::config::{Access, Sources};
use crate::domain::dialect::Hosting;
use crate::telemetry::log;
use crate::upstream::client::chain;

#[derive(Args, Debug, Default)]
pub(super) struct Arguments {
    /// What is logged, as `info` or `tollgate=debug`
    #[arg(long, env = "TOLLGATE_LOG", default_value = "info")]
    log: String,
}

pub(super) async fn run(sources: Sources, arguments: Arguments) -> Outcome {
    let filter = if arguments.log.is_empty() {
        "info"
    } else {
        &arguments.log
    };
    let _flush = match log::init(log::Format::detect(), filter) {
        Ok(flush) => flush,
        Err(error) => {
            complain(&format!("--log {filter:?}: {error}"));
            return Outcome::Refused;
        }
    };
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!("signals cannot be listened for: {error}"));
            return Outcome::Refused;
        }
    };
    let gateway = tokio::select! {
        started = app::start(sources) => started,
        () = signals.stop() => return Outcome::Done,
    };
    let gateway = match gateway {
        Ok(gateway) => gateway,
        Err(error) => {
            complain(&chain(&*error));
            return Outcome::Refused;
        }
    };
    greet(&gateway);
    let outcome = tokio::select! {
        () = signals.stop() => Outcome::Done,
        () = gateway.failed() => Outcome::Refused,
    };
    info!("stopping: calls under way run to their end");
    let hurry = gateway.hurry();
    let stopping = gateway.stop();
    tokio::pin!(stopping);
    tokio::select! {
        () = &mut stopping => {}
        () = signals.stop() => {
            hurry();
            stopping.await;
        }
    }
    outcome
}

/// The signs to stop. Listened for from the start on, so that none is lost.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next sign to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Where to send a call, and what answers.
fn greet(gateway: &Gateway) {
    let scheme = if gateway.secure { "https" } else { "http" };
    let (base, admin) = (format!("{scheme}://{}", gateway.address), gateway.admin);
    let snapshot = gateway.live.snapshot();
    let simulated = gateway.found.as_ref().is_some_and(app::Found::simulated);
    say(&format!("tollgate listens at {base}"));
    if simulated {
        say(
            "  SIMULATED: no model was found, so two made of paper answer. Their words mean nothing; no money is spent.",
        );
        say(
            "  Set TOLLGATE_OWN_URL, or a provider's key such as ANTHROPIC_API_KEY, or write a tollgate.yaml.",
        );
    }
    say("  models:");
    for id in &snapshot.catalog.order {
        let Some(model) = snapshot.catalog.models.get(id) else {
            continue;
        };
        let hosting = if model.target.hosting == Hosting::Own {
            "own"
        } else {
            "vendor"
        };
        let label = if model.target.simulated {
            ", simulated"
        } else {
            ""
        };
        say(&format!(
            "    {id}  ({hosting}, at {}{label})",
            model.target.id
        ));
    }
    let classifier = match &snapshot.classifier {
        Some(it) if it.built_in => format!("{} (built in)", it.id()),
        Some(it) => it.id().to_string(),
        None => "none: words and sizes alone say what a call is".to_owned(),
    };
    say(&format!("  classifier:     {classifier}"));
    say(&format!("  OpenAI SDKs:    base_url {base}/v1"));
    say(&format!("  Anthropic SDKs: base_url {base}"));
    say(&format!("  metrics:        http://{admin}/metrics"));
    let key = match gateway.access {
        Access::Open => "",
        Access::Keys => {
            say("  a key:          tollgate keys create --tenant TENANT --name NAME");
            " -H \"authorization: Bearer $TOLLGATE_KEY\""
        }
    };
    say("  try it:");
    say(&format!(
        "    curl {base}/v1/chat/completions{key} -H 'content-type: application/json' -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"Fix the off-by-one in this loop\"}}]}}'"
    ));
}
