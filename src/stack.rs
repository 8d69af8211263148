//! The order of the layers: the one place where it is chosen.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use crate::body::{Body, Inbound};
use crate::classifier::worker::Worker;
use crate::config::{Access, Durability};
use crate::domain::clock::{Clock, Entropy};
use crate::layers::admit::AdmitLayer;
use crate::layers::authenticate::AuthenticateLayer;
use crate::layers::classify::ClassifyLayer;
use crate::layers::count::CountLayer;
use crate::layers::decide::DecideLayer;
use crate::layers::dispatch::Dispatch;
use crate::layers::failover::FailoverLayer;
use crate::layers::later::Later;
use crate::layers::local::LocalLayer;
use crate::layers::meter::MeterLayer;
use crate::layers::parse::ParseLayer;
use crate::layers::recall::RecallLayer;
use crate::layers::reserve::ReserveLayer;
use crate::layers::respond::RespondLayer;
use crate::layers::supersede::SupersedeLayer;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::server::Limits;
use crate::session::newest::Editors;
use crate::session::talk::Talks;
use crate::stages::Waiting;
use crate::telemetry::Metrics;
use crate::tenant::Directory;
use crate::upstream::client::Upstreams;

/// What the layers are built from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Time of day.
    pub clock: Clock,
    /// Chance.
    pub entropy: Entropy,
    /// The snapshot in force.
    pub live: Live,
    /// The keys.
    pub directory: Directory,
    /// Whether a key is asked for.
    pub access: Access,
    /// What a caller may ask of us.
    pub limits: Limits,
    /// The conversations.
    pub talks: Talks,
    /// The ledger.
    pub ledger: Ledger,
    /// When an intent counts as written.
    pub durability: Durability,
    /// Waits for what is made in the background.
    pub later: Later,
    /// Asks the net.
    pub worker: Arc<Worker>,
    /// The targets.
    pub upstreams: Arc<Upstreams>,
    /// The counters.
    pub metrics: Metrics,
    /// Fires when streams have to end.
    pub stop: CancellationToken,
}

/// A service that answers every request.
pub type Answering = Waiting<Response<Body>, Infallible>;

/// Builds the stack.
pub fn stack(
    parts: Parts,
) -> impl Service<Request<Inbound>, Response = Response<Body>, Error = Infallible, Future = Answering>
+ Clone
+ Send {
    let Parts {
        clock,
        entropy,
        live,
        directory,
        access,
        limits,
        talks,
        ledger,
        durability,
        later,
        worker,
        upstreams,
        metrics,
        stop,
    } = parts;
    let editors = Editors::new(talks.key().clone());
    let layers = (
        // Outermost: every refusal below leaves in the caller's own error shape, and every call ends in one record.
        RespondLayer::new(clock.clone(), entropy.clone(), metrics.clone()),
        // Before anything is looked at: an overloaded gateway must be able to refuse cheaply.
        AdmitLayer::new(live, limits.in_flight),
        // Before the body is read: strangers cannot make us buffer. The one guard of every route.
        AuthenticateLayer::new(directory, access),
        // Behind the guard, before the body: what needs no model.
        LocalLayer::new(
            ledger.clone(),
            talks.clone(),
            upstreams.clone(),
            later.clone(),
            stop.clone(),
        ),
        // The body, within its limits. All below knows what is asked.
        ParseLayer::new(&limits, metrics.clone()),
        // From here on the call has a record of its own in the ledger.
        RecallLayer::new(ledger.clone(), upstreams.clone(), talks.clone(), &entropy),
        ClassifyLayer::new(worker, metrics.clone()),
        // Around the decision: a count is answered also where no model is left to ask.
        CountLayer::new(talks),
        DecideLayer::new(upstreams.clone(), metrics.clone()),
        // Behind the decision: a call that is refused ends no other. Outside of attempts, which it ends together.
        SupersedeLayer::new(editors, metrics.clone()),
        // Outside reserve: one attempt, one hold, one entry.
        FailoverLayer::new(upstreams.clone(), clock.clone(), entropy, metrics.clone()),
        ReserveLayer::new(ledger.clone(), clock.clone(), metrics.clone()),
        // Around dispatch: whatever comes back is read in passing, whatever does not come back is settled.
        MeterLayer::new((ledger, durability), later, clock, metrics, stop),
    );
    layers.layer(Dispatch::new(upstreams))
}
