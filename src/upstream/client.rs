//! Connections to targets. They outlive a reload, and so does what is known of each target.
//!
//! The client follows no redirect, takes no proxy from the environment, decodes nothing and retries nothing.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderMap;
use reqwest::Url;

use super::error::{UpstreamError, Why};
use super::gauge::Gauge;
use super::health::Health;
use super::load::Load;
use super::pace::Paces;
use super::worth::Worth;
use crate::catalog::Target;
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::ids::TargetId;
use crate::domain::kind::counting::Door;
use crate::domain::kind::{Habits, Kind};
use crate::domain::wire::Wire;
use crate::protocol::edit::Pieces;

/// What is known of one target, and the way to it.
#[derive(Debug, Default)]
pub struct Upstream {
    /// Whether it can be used.
    pub health: Health,
    /// What runs there.
    pub load: Load,
    /// How busy it says it is.
    pub gauge: Gauge,
    /// How fast its models answer.
    pub paces: Paces,
    /// What a place there is worth, if it is an own one.
    pub worth: Worth,
    turn: AtomicUsize,
    /// Addresses that were asked before: reading one takes longer than sending to it.
    addresses: RwLock<HashMap<Place, Url>>,
}

/// What an address is made of. The kind too: whoever mends it reloads, and this outlives that.
type Place = (String, Wire, Kind, Hosting);

impl Upstream {
    /// How busy it is, from 0 to 1, where so many calls may run there at once.
    pub fn busy(&self, most: Option<u32>) -> f64 {
        let load = self.gauge.load(self.load.running(), most);
        // More digits tell nothing, and every call's record has them.
        (load * 1e4).round() / 1e4
    }

    /// Where the replica whose turn it is takes such a call. Some have the model in the address.
    pub fn address(
        &self,
        target: &Target,
        wire: Wire,
        model: &str,
        stream: bool,
    ) -> Result<Url, UpstreamError> {
        let replica = self.replica(&target.urls);
        if wire.dialect == Dialect::Gemini {
            let how = (wire.endpoint, stream);
            return google(replica, model, how, target.habits());
        }
        if let Some(version) = &target.api_version {
            let root = target.habits().bases.root(replica);
            return deployment(root, wire, model, version);
        }
        let place = (replica.to_owned(), wire, target.kind, target.hosting);
        if let Some(known) = self
            .addresses
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&place)
        {
            return Ok(known.clone());
        }
        let address = address(&place.0, wire, target.habits())?;
        self.addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(place, address.clone());
        Ok(address)
    }

    fn replica<'a>(&self, urls: &'a [String]) -> &'a str {
        match urls {
            [] => "",
            [only] => only,
            many => &many[self.turn.fetch_add(1, Ordering::Relaxed) % many.len()],
        }
    }
}

/// All targets that were ever asked, and the connections to them.
#[derive(Debug, Default)]
pub struct Upstreams {
    known: RwLock<HashMap<TargetId, Arc<Upstream>>>,
    // One client for each time to connect in: nearly always one.
    clients: RwLock<HashMap<Duration, reqwest::Client>>,
}

impl Upstreams {
    /// What is known of this target.
    pub fn get(&self, target: &TargetId) -> Arc<Upstream> {
        if let Some(found) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(target)
        {
            return found.clone();
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(target.clone()).or_default().clone()
    }

    /// The client that gives a connection so long to be made.
    pub fn client(&self, connect: Duration) -> Result<reqwest::Client, UpstreamError> {
        if let Some(client) = self
            .clients
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&connect)
        {
            return Ok(client.clone());
        }
        let client = build(connect).map_err(|error| UpstreamError::new(Why::Tls, chain(&error)))?;
        self.clients
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(connect, client.clone());
        Ok(client)
    }
}

fn build(connect: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(connect)
        .pool_idle_timeout(Duration::from_secs(60))
        .http2_adaptive_window(true)
        .build()
}

/// Sends a call's body and waits for the head of the answer.
pub async fn send(
    client: &reqwest::Client,
    url: Url,
    headers: HeaderMap,
    body: Pieces,
) -> Result<http::Response<reqwest::Body>, UpstreamError> {
    let mut request = reqwest::Request::new(http::Method::POST, url);
    *request.headers_mut() = headers;
    *request.body_mut() = Some(reqwest::Body::wrap(body));
    match client.execute(request).await {
        Ok(response) => Ok(response.into()),
        Err(error) => Err(sorted(error.without_url())),
    }
}

/// Asks for something that has no body.
pub async fn fetch(
    client: &reqwest::Client,
    method: http::Method,
    url: Url,
    headers: HeaderMap,
) -> Result<http::Response<reqwest::Body>, UpstreamError> {
    let mut request = reqwest::Request::new(method, url);
    *request.headers_mut() = headers;
    match client.execute(request).await {
        Ok(response) => Ok(response.into()),
        Err(error) => Err(sorted(error.without_url())),
    }
}

/// Where calls go below a target's url, which is what the provider's own SDK takes.
fn address(written: &str, wire: Wire, habits: &Habits) -> Result<Url, UpstreamError> {
    let dialect = match wire.endpoint {
        Endpoint::Embeddings => Dialect::Chat,
        _ => wire.dialect,
    };
    let base = habits.bases.of(written, dialect);
    let door = match (wire.endpoint, dialect) {
        (Endpoint::Embeddings, _) => "embeddings",
        (Endpoint::CountTokens, dialect) => match habits.counting.door(dialect) {
            Some(Door::Below(door)) => door,
            Some(Door::Beside(door)) => {
                return parse(&format!("{}/{door}", habits.bases.root(written)));
            }
            Some(Door::Method(_)) | None => return Err(no_door()),
        },
        (_, Dialect::Chat) => "chat/completions",
        (_, Dialect::Responses) => "responses",
        (_, Dialect::Completions) => "completions",
        (_, Dialect::Messages) => "messages",
        (_, Dialect::Gemini) => "models",
    };
    parse(&format!("{base}/{door}"))
}

/// Azure's older addresses: a deployment, which bears the model's name, and the version of the API behind.
fn deployment(root: &str, wire: Wire, model: &str, version: &str) -> Result<Url, UpstreamError> {
    let door: &[&str] = match (wire.endpoint, wire.dialect) {
        (Endpoint::CountTokens, _) => return Err(no_door()),
        (Endpoint::Embeddings, _) => &["embeddings"],
        (_, Dialect::Completions) => &["completions"],
        (_, Dialect::Responses) => &["responses"],
        _ => &["chat", "completions"],
    };
    let mut url = parse(root)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("openai");
        // Responses name their model in the body.
        if wire.dialect != Dialect::Responses {
            path.extend(["deployments", model]);
        }
        path.extend(door);
    }
    url.query_pairs_mut().append_pair("api-version", version);
    Ok(url)
}

fn google(
    written: &str,
    model: &str,
    (endpoint, stream): (Endpoint, bool),
    habits: &Habits,
) -> Result<Url, UpstreamError> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let method = match (endpoint, stream) {
        (Endpoint::CountTokens, _) => match habits.counting.door(Dialect::Gemini) {
            Some(Door::Method(method)) => method,
            _ => return Err(no_door()),
        },
        (_, true) => "streamGenerateContent?alt=sse",
        (_, false) => "generateContent",
    };
    let base = habits.bases.of(written, Dialect::Gemini);
    parse(&format!("{base}/models/{model}:{method}"))
}

fn no_door() -> UpstreamError {
    UpstreamError::new(Why::NoDoor, "nobody there counts")
}

fn parse(address: &str) -> Result<Url, UpstreamError> {
    Url::parse(address)
        .map_err(|error| UpstreamError::new(Why::Refused, format!("{address}: {error}")))
}

/// Sorts what the client reports before an answer's head has come.
pub fn sorted(error: reqwest::Error) -> UpstreamError {
    let why = match (error.is_connect(), error.is_timeout()) {
        (true, true) => Why::ConnectTimeout,
        (true, false) => connect_failure(&error),
        (false, _) => Why::Reset,
    };
    UpstreamError::new(why, chain(&error))
}

fn connect_failure(error: &reqwest::Error) -> Why {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<rustls::Error>() {
            return Why::Tls;
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            if io
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>())
            {
                return Why::Tls;
            }
            if io.kind() == io::ErrorKind::ConnectionRefused {
                return Why::Refused;
            }
        }
        if cause.to_string().contains("dns error") {
            return Why::Dns;
        }
        source = cause.source();
    }
    Why::Refused
}

/// An error and all its causes, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
