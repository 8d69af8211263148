//! Answers and errors of the admin API, and the reading of what it is asked.

use std::fmt;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{Body, Inbound};
use crate::config::Faults;
use crate::ledger::LedgerError;

/// No request of an operator is larger.
const LARGEST: usize = 1 << 20;

/// Why the operator gets no answer.
#[derive(Debug)]
pub(super) enum Refused {
    NotFound,
    WrongMethod,
    Unauthorised,
    BadRequest(String),
    Faults(Faults),
    Ledger(LedgerError),
    Store(String),
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such thing"),
            Self::WrongMethod => f.write_str("this path does not take this method"),
            Self::Unauthorised => f.write_str("send the admin token as \"Authorization: Bearer\""),
            Self::BadRequest(why) | Self::Store(why) => f.write_str(why),
            Self::Faults(faults) => write!(f, "{faults}"),
            Self::Ledger(error) => write!(f, "{error}"),
        }
    }
}

#[derive(Serialize)]
struct Envelope {
    error: Said,
}

#[derive(Serialize)]
struct Said {
    code: &'static str,
    message: String,
}

pub(super) fn refused(error: &Refused) -> Response<Body> {
    let (status, code) = match error {
        Refused::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Refused::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Refused::Unauthorised => (StatusCode::UNAUTHORIZED, "unauthorised"),
        Refused::BadRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
        Refused::Faults(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_configuration"),
        Refused::Ledger(_) | Refused::Store(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable")
        }
    };
    let said = Said {
        code,
        message: error.to_string(),
    };
    let mut response = json(&Envelope { error: said });
    *response.status_mut() = status;
    response
}

pub(super) fn json(value: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("names and numbers are always JSON");
    let mut response = Response::new(Body::whole(bytes));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    // Answers hold keys and spending.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn body<T: DeserializeOwned>(request: Request<Inbound>) -> Result<T, Refused> {
    body_up_to(request, LARGEST).await
}

/// The same, where an operator hands in what others may have written.
pub(super) async fn body_up_to<T: DeserializeOwned>(
    request: Request<Inbound>,
    most: usize,
) -> Result<T, Refused> {
    let read = Limited::new(request.into_body().map_err(|broken| broken.0), most)
        .collect()
        .await;
    let bytes: Bytes = read
        .map_err(|error| Refused::BadRequest(error.to_string()))?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| Refused::BadRequest(error.to_string()))
}

/// The value of `name` in a query, its escapes undone.
pub(super) fn param(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| *key == name)
        .map(|(_, value)| unescape(value))
}

fn unescape(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, escaped(tail)) {
            (b'+', _) => plain.push(b' '),
            (b'%', Some(value)) => {
                plain.push(value);
                rest = &tail[2..];
            }
            _ => plain.push(*byte),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The byte that two hexadecimal digits name.
fn escaped(tail: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_and_unescaped() {
        let query = "by=tag%3Ateam&since=2026-11-21T10%3a00:00Z&x=a+b%2&y=%zz";

        assert_eq!(param(query, "by").as_deref(), Some("tag:team"));
        assert_eq!(
            param(query, "since").as_deref(),
            Some("2026-11-21T10:00:00Z")
        );
        assert_eq!(param(query, "x").as_deref(), Some("a b%2"));
        assert_eq!(param(query, "y").as_deref(), Some("%zz"));
        assert_eq!(param(query, "z"), None);
    }
}
