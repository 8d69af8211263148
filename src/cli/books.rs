//! Where the command line finds ledger and keys: in the store itself, or, while a gateway holds it, at its admin API.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use super::Outcome;
use super::output::complain;
use crate::app;
use crate::config::{self, Deployment, Sources};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::secret::Secret;
use crate::ledger::Ledger;
use crate::store::{OpenError, Store};
use crate::tenant::Directory;

/// Nothing that a gateway is asked takes longer.
const LONG: Duration = Duration::from_secs(3_600);

/// Ledger and keys, one way or the other.
pub(super) enum Books {
    /// No gateway runs here: the store is ours.
    Here(Box<Here>),
    /// A gateway holds the store.
    There(There),
}

/// The store, opened and locked by this command.
pub(super) struct Here {
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    pub(super) directory: Directory,
}

/// A running gateway's admin API.
pub(super) struct There {
    base: String,
    token: Secret,
    client: reqwest::Client,
}

/// Opens the books; what is wrong has been said.
pub(super) async fn open(sources: &Sources) -> Result<Books, Outcome> {
    let deployment = match config::load(sources) {
        Ok(loaded) => loaded.deployment,
        Err(faults) => {
            complain(&faults.to_string());
            return Err(Outcome::Refused);
        }
    };
    let opened = app::open_store(&deployment.store).await;
    match opened {
        Ok(store) => here(store).await.map(|here| Books::Here(Box::new(here))),
        Err(error) if matches!(error.downcast_ref(), Some(OpenError::Locked { .. })) => {
            there(&deployment).map(Books::There)
        }
        Err(error) => Err(refuse(&*error)),
    }
}

async fn here(store: Store) -> Result<Here, Outcome> {
    let clock = Clock::system();
    let (ledger, _) = Ledger::open(store.clone(), clock.clone())
        .await
        .map_err(|error| refuse(&error))?;
    let directory = Directory::open(store.clone(), clock, Entropy::system())
        .await
        .map_err(|error| refuse(&error))?;
    Ok(Here {
        store,
        ledger,
        directory,
    })
}

fn refuse(error: &(dyn std::error::Error + 'static)) -> Outcome {
    complain(&crate::upstream::client::chain(error));
    Outcome::Refused
}

fn there(deployment: &Deployment) -> Result<There, Outcome> {
    let kept = match &deployment.admin.token {
        Some(token) => Ok(Some(token.clone())),
        None => app::kept_token(&deployment.store),
    };
    let token = match kept {
        Ok(Some(token)) => token,
        Ok(None) => {
            complain(
                "a gateway holds the store, but its admin token is not known here: set TOLLGATE_ADMIN_TOKEN",
            );
            return Err(Outcome::Refused);
        }
        Err(error) => return Err(refuse(&error)),
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build();
    let client = client.map_err(|error| refuse(&error))?;
    Ok(There {
        base: format!("http://{}", reachable(deployment.admin.listen)),
        token,
        client,
    })
}

/// A gateway that listens everywhere is reached on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl There {
    pub(super) async fn get(&self, path: &str) -> Result<Value, Outcome> {
        self.ask(self.client.get(format!("{}{path}", self.base)))
            .await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Outcome> {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        self.ask(request).await
    }

    /// The same, for what takes as long as the log is.
    pub(super) async fn post_long(&self, path: &str, body: &Value) -> Result<Value, Outcome> {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request
            .timeout(LONG)
            .header("content-type", "application/json")
            .body(body.to_string());
        self.ask(request).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, Outcome> {
        let asked = request.bearer_auth(self.token.expose()).send().await;
        let answer = asked.map_err(|error| {
            complain(&format!(
                "the gateway that holds the store does not answer at {}: {error}",
                self.base
            ));
            Outcome::NotReachable
        })?;
        let good = answer.status().is_success();
        let body = answer.bytes().await.map_err(|error| refuse(&error))?;
        let value: Value = serde_json::from_slice(&body).map_err(|error| refuse(&error))?;
        if !good {
            complain(
                value["error"]["message"]
                    .as_str()
                    .unwrap_or("the gateway refused"),
            );
            return Err(Outcome::Refused);
        }
        Ok(value)
    }
}
