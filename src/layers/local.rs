//! What the gateway answers itself: the list of models, the record of one's own call, and answers that were kept.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{self, HeaderValue};
use http::{HeaderMap, Response};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use crate::body::Body;
use crate::catalog::Model;
use crate::domain::ids::RequestId;
use crate::domain::tokens::TokenCount;
use crate::error::GatewayError;
use crate::ledger::Ledger;
use crate::replay;
use crate::session::talk::Talks;
use crate::stages::{Admitted, Caller, Route};
use crate::upstream::client::Upstreams;

use super::Waiting;
use super::kept::Kept;
use super::later::Later;

/// Adds [`Local`].
#[derive(Clone, Debug)]
pub struct LocalLayer {
    ledger: Ledger,
    kept: Kept,
}

impl LocalLayer {
    /// Reads records from `ledger` and answers from `talks`, or from where they lie among `upstreams`; what those used that are made
    /// in the background is told `later`. Streams end when `stop` fires.
    pub fn new(
        ledger: Ledger,
        talks: Talks,
        upstreams: Arc<Upstreams>,
        later: Later,
        stop: CancellationToken,
    ) -> Self {
        let kept = Kept {
            talks,
            upstreams,
            later,
            stop,
        };
        Self { ledger, kept }
    }
}

impl<S> Layer<S> for LocalLayer {
    type Service = Local<S>;

    fn layer(&self, inner: S) -> Local<S> {
        Local {
            inner,
            ledger: self.ledger.clone(),
            kept: self.kept.clone(),
        }
    }
}

/// Answers what needs no model.
#[derive(Clone, Debug)]
pub struct Local<S> {
    inner: S,
    ledger: Ledger,
    kept: Kept,
}

impl<S> Service<Admitted> for Local<S>
where
    S: Service<
            Admitted,
            Response = Response<Body>,
            Error = GatewayError,
            Future = Waiting<Response<Body>, GatewayError>,
        >,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, admitted: Admitted) -> Self::Future {
        let Admitted {
            request,
            route,
            caller,
        } = &admitted;
        match route {
            Route::Ask(_) => self.inner.call(admitted),
            Route::Models => {
                let list = list(caller, request.headers());
                Box::pin(std::future::ready(Ok(list)))
            }
            Route::Model(name) => {
                let one = one(caller, name);
                Box::pin(std::future::ready(one))
            }
            Route::Answer(id, wish) => {
                let asked = (id.clone(), *wish, request.uri().query().map(str::to_owned));
                let headers = request.headers().clone();
                Box::pin(self.kept.clone().tell(asked, headers, caller.clone()))
            }
            Route::Record(id) => Box::pin(record(self.ledger.clone(), caller.clone(), id.clone())),
        }
    }
}

/// A model as both families of SDKs read it: each takes the fields that it knows.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    display_name: &'a str,
    created_at: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_model_len: Option<TokenCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<TokenCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<TokenCount>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
}

impl<'a> Entry<'a> {
    fn alias(id: &'a str) -> Self {
        Self {
            id,
            object: "model",
            created: 0,
            owned_by: "tollgate",
            kind: "model",
            display_name: id,
            created_at: "1970-01-01T00:00:00Z",
            max_model_len: None,
            context_window: None,
            max_output_tokens: None,
            simulated: false,
        }
    }

    fn model(model: &'a Model) -> Self {
        Self {
            owned_by: model.target.id.as_str(),
            max_model_len: model.window,
            context_window: model.window,
            max_output_tokens: model.max_output,
            simulated: model.target.simulated,
            ..Self::alias(model.id.as_str())
        }
    }
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<Entry<'a>>,
    has_more: bool,
    first_id: Option<String>,
    last_id: Option<String>,
}

/// What this key may ask for: the names that are routed, then every model.
fn entries(caller: &Caller) -> Vec<Entry<'_>> {
    let snapshot = &caller.snapshot;
    let policy = snapshot
        .policies
        .choose(&caller.key.tenant, &caller.key.id, None)
        .ok();
    let aliases = policy
        .into_iter()
        .flat_map(|policy| policy.answers.iter().filter_map(|glob| glob.plain()));
    let known = |name: &str| snapshot.catalog.model(name).is_some();
    let aliases = aliases.filter(|name| !known(name)).map(Entry::alias);
    let models = snapshot
        .catalog
        .order
        .iter()
        .filter_map(|id| snapshot.catalog.models.get(id));
    let models = models.filter(|model| caller.key.may_use(model.id.as_str()));
    aliases
        .chain(models.map(|model| Entry::model(Arc::as_ref(model))))
        .collect()
}

fn list(caller: &Caller, headers: &HeaderMap) -> Response<Body> {
    let data = entries(caller);
    match headers.contains_key("anthropic-version") {
        true => {
            let id = |entry: Option<&Entry<'_>>| entry.map(|entry| entry.id.to_owned());
            let (first_id, last_id) = (id(data.first()), id(data.last()));
            json(&AnthropicList {
                data,
                has_more: false,
                first_id,
                last_id,
            })
        }
        false => json(&OpenAiList {
            object: "list",
            data,
        }),
    }
}

fn one(caller: &Caller, name: &str) -> Result<Response<Body>, GatewayError> {
    match entries(caller).iter().find(|entry| entry.id == name) {
        Some(entry) => Ok(json(entry)),
        None => Err(GatewayError::UnknownModel {
            asked: name.to_owned(),
            nearest: caller
                .snapshot
                .catalog
                .nearest(name)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }),
    }
}

/// The record of a call, for the key that made it. Another's is not there, as far as anybody can tell.
async fn record(
    ledger: Ledger,
    caller: Caller,
    id: String,
) -> Result<Response<Body>, GatewayError> {
    let id: RequestId = id.parse().map_err(|_| GatewayError::NoRecord)?;
    let record = replay::told(&ledger, id).await?;
    let record = record.ok_or(GatewayError::NoRecord)?;
    match record.tenant == caller.key.tenant && record.key_id == caller.key.id {
        true => Ok(json(&record)),
        false => Err(GatewayError::NoRecord),
    }
}

fn json(value: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("names and numbers are always JSON");
    let mut response = Response::new(Body::whole(bytes));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
