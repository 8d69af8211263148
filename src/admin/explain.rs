//! A request that nobody has sent, explained: what would become of it.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response};
use serde::{Deserialize, Serialize};

use crate::body::{Body, Inbound};
use crate::config::Snapshot;
use crate::domain::dialect::Endpoint;
use crate::stages::Question;
use crate::tenant::{Directory, Key};

use super::Parts;
use super::answer::{Refused, body_up_to, json};

/// No request to be explained is larger, escaped as a text.
const LARGEST: usize = 128 << 20;

/// A request to be explained, over the API and on the command line.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The body as a client sends it, as a text: what is hashed is every byte of it.
    pub request: String,
    /// The door that it would come in by; guessed where nothing is said.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// Its headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The tenant that would ask, by a key that may do everything.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The key that would be shown, by its id or its name.
    #[serde(default)]
    pub key: Option<String>,
}

impl Asked {
    /// What is meant; else what is wrong with it. Without a directory, no key is known.
    pub fn question(
        self,
        directory: Option<&Directory>,
        snapshot: std::sync::Arc<Snapshot>,
    ) -> Result<Question, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let wrong = || format!("the header {name:?} cannot be sent");
            let header = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
            headers.append(header, HeaderValue::try_from(value).map_err(|_| wrong())?);
        }
        let key = match (self.key, self.tenant) {
            (Some(name), _) => directory
                .and_then(|directory| directory.named(&name))
                .ok_or_else(|| {
                    format!("there is no key {name:?}, or more than one of that name")
                })?,
            (None, Some(tenant)) => Key::of_anybody(tenant.as_str().into()).into(),
            (None, None) => Key::anybody().into(),
        };
        Ok(Question {
            endpoint: self.endpoint,
            headers,
            body: self.request.into(),
            key,
            snapshot,
        })
    }
}

impl Parts {
    pub(super) async fn explain(
        &self,
        request: Request<Inbound>,
    ) -> Result<Response<Body>, Refused> {
        let asked: Asked = body_up_to(request, LARGEST).await?;
        let question = asked.question(Some(&self.directory), self.live.snapshot());
        let told = self.rehearse.ask(question.map_err(Refused::BadRequest)?);
        let told = told.await;
        Ok(json(
            &told.map_err(|error| Refused::BadRequest(error.message))?,
        ))
    }
}
