//! Who calls? The one guard of every route: a key by either header, checked before a byte of the body is read.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{self, HeaderMap};
use http::{Response, Uri};
use tower::{Layer, Service};

use crate::body::Body;
use crate::config::Access;
use crate::domain::clock::Timestamp;
use crate::error::GatewayError;
use crate::stages::{Admitted, Caller, Entered};
use crate::tenant::{Directory, Key};

use super::Waiting;

/// Adds [`Authenticate`].
#[derive(Clone, Debug)]
pub struct AuthenticateLayer {
    directory: Directory,
    /// Who everybody is where no key is asked for.
    anybody: Option<Arc<Key>>,
}

impl AuthenticateLayer {
    /// Knows the keys of `directory`.
    pub fn new(directory: Directory, access: Access) -> Self {
        let anybody = (access == Access::Open).then(|| Arc::new(Key::anybody()));
        Self { directory, anybody }
    }

    fn check(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        now: Timestamp,
    ) -> Result<Arc<Key>, GatewayError> {
        let shown = shown(headers)?;
        match (&self.anybody, shown) {
            (None, None) => Err(GatewayError::NoKey),
            (None, Some(shown)) => self
                .directory
                .authenticate(shown, now)
                .map_err(GatewayError::BadKey),
            // SDKs insist on some key: any will do, but one of ours has to be right.
            (Some(_), Some(shown)) if shown.starts_with("tg_") => self
                .directory
                .authenticate(shown, now)
                .map_err(GatewayError::BadKey),
            (Some(anybody), _) => match foreign(headers, uri) {
                true => Err(GatewayError::ForeignPage),
                false => Ok(anybody.clone()),
            },
        }
    }
}

/// The key in the headers: two that differ are no key.
fn shown(headers: &HeaderMap) -> Result<Option<&str>, GatewayError> {
    let mut keys = Vec::with_capacity(2);
    for value in headers.get_all(header::AUTHORIZATION) {
        let text = value.to_str().unwrap_or("?");
        // An empty key loses its space on the way: a bare `Bearer` shows none.
        let (scheme, key) = text.split_once(' ').unwrap_or((text, ""));
        let bearer = scheme.eq_ignore_ascii_case("bearer");
        keys.push(if bearer { key.trim() } else { text });
    }
    keys.extend(
        headers
            .get_all("x-api-key")
            .iter()
            .map(|value| value.to_str().unwrap_or("?").trim()),
    );
    keys.retain(|key| !key.is_empty());
    match keys.as_slice() {
        [] => Ok(None),
        [first, rest @ ..] if rest.iter().all(|key| key == first) => Ok(Some(first)),
        _ => Err(GatewayError::TwoKeys),
    }
}

/// A browser page from elsewhere, or a name that was made to point here: an open gateway answers this machine alone.
fn foreign(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &http::HeaderValue| value.to_str().unwrap_or("?"))
    };
    let origin = text(header::ORIGIN).filter(|origin| *origin != "null");
    let named = origin.map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
    let host = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| text(header::HOST));
    text(header::ORIGIN) == Some("null")
        || [named, host]
            .into_iter()
            .flatten()
            .any(|name| !is_address(name))
}

/// `localhost` or a plain address, with or without a port: nothing that a name server could turn.
fn is_address(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Refuses whoever is not known.
#[derive(Clone, Debug)]
pub struct Authenticate<S> {
    inner: S,
    parts: Arc<AuthenticateLayer>,
}

impl<S> Service<Entered> for Authenticate<S>
where
    S: Service<Admitted, Response = Response<Body>, Error = GatewayError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(
        &mut self,
        Entered {
            request,
            route,
            trace,
            snapshot,
        }: Entered,
    ) -> Self::Future {
        let key = match self.parts.check(request.headers(), request.uri(), trace.at) {
            Ok(key) => key,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        {
            let mut story = trace.story();
            story.record.tenant = Some(key.tenant.clone());
            story.record.key = Some(key.id.clone());
        }
        let caller = Caller {
            trace,
            snapshot,
            key,
        };
        Box::pin(self.inner.call(Admitted {
            request,
            route,
            caller,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn one_key_is_taken_from_either_header() {
        let key = |list| shown(&headers(list)).ok().flatten().map(str::to_owned);

        assert_eq!(key(&[("authorization", "Bearer a")]).as_deref(), Some("a"));
        assert_eq!(key(&[("x-api-key", "a")]).as_deref(), Some("a"));
        assert_eq!(
            key(&[("x-api-key", "a"), ("authorization", "bearer a")]).as_deref(),
            Some("a")
        );
        assert_eq!(key(&[("authorization", "Bearer ")]), None);
        assert_eq!(
            key(&[("authorization", "Bearer"), ("x-api-key", "a")]).as_deref(),
            Some("a")
        );
        assert!(matches!(
            shown(&headers(&[
                ("x-api-key", "a"),
                ("authorization", "Bearer b")
            ])),
            Err(GatewayError::TwoKeys)
        ));
    }

    #[test]
    fn pages_and_names_from_elsewhere_are_foreign() {
        let uri = Uri::from_static("/v1/models");
        let is = |list| foreign(&headers(list), &uri);

        assert!(
            !is(&[("host", "127.0.0.1:4180")])
                && !is(&[("host", "localhost")])
                && !is(&[("host", "[::1]:1")])
        );
        assert!(!is(&[
            ("host", "localhost:1"),
            ("origin", "http://localhost:3000")
        ]));
        assert!(is(&[("host", "evil.example:4180")]));
        assert!(is(&[
            ("host", "localhost"),
            ("origin", "https://evil.example")
        ]));
        assert!(is(&[("host", "localhost"), ("origin", "null")]));
    }
}
