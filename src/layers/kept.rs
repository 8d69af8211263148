//! Answers that are looked at again: by whom they are kept, the gateway or a provider.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::response::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::body::Body;
use crate::catalog::Target;
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::ids::{AttemptId, KeyId};
use crate::domain::wire::Wire;
use crate::error::GatewayError;
use crate::protocol::headers;
use crate::session::stored::Stored;
use crate::session::talk::Talks;
use crate::stages::{Caller, Wish};
use crate::upstream::client::{self, Upstreams};
use crate::upstream::error::{self, UpstreamError, Why};

use super::collect::collect;
use super::later::Later;
use replay::{Replay, Whose};

mod replay;

/// The largest answer that is passed on.
const LARGEST: usize = 64 << 20;
/// Items on a page, as OpenAI has it: so many, and at most.
const PAGE: (usize, usize) = (20, 100);

/// Finds answers that were kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) talks: Talks,
    pub(super) upstreams: Arc<Upstreams>,
    /// Waits for what answers used that are made in the background.
    pub(super) later: Later,
    pub(super) stop: CancellationToken,
}

impl Kept {
    /// Does what is wished with the answer of this name, for the key that asked for it. One that lies at a provider is looked for
    /// there: nobody else knows how far it has come.
    pub(super) async fn tell(
        self,
        (id, wish, query): (String, Wish, Option<String>),
        headers: HeaderMap,
        caller: Caller,
    ) -> Result<Response<Body>, GatewayError> {
        if !caller.key.may_speak(Dialect::Responses) {
            let what = format!("this key may not use {}", Dialect::Responses);
            return Err(GatewayError::NotYours(what));
        }
        let stored = Stored::of(&self.talks, &caller.key.id);
        let target = stored.lies_at(&id);
        let target = target.and_then(|it| caller.snapshot.catalog.targets.get(&it).cloned());
        // Own servers forget, or never keep.
        let target =
            target.filter(|it| it.hosting == Hosting::Vendor || stored.answer(&id).is_none());
        // Ours first: should its provider fail, it is asked for again.
        let removed = wish == Wish::Remove && stored.remove(&id).await?;
        let found = match (&target, wish) {
            (Some(target), _) => {
                let asked = (id.as_str(), wish, query);
                Some(self.pass(target, asked, &headers, &caller.key.id).await?)
            }
            (None, Wish::See) => stored.answer(&id).map(|(answer, _)| json(answer)),
            (None, Wish::Items) => stored
                .answer(&id)
                .map(|(_, items)| json(page(&items, query.as_deref()))),
            (None, Wish::Remove) => removed.then(|| json(no_more(&id))),
            (None, Wish::Cancel) => None,
        };
        found.ok_or_else(|| GatewayError::NoSuchAnswer(id.chars().take(200).collect()))
    }

    /// Asks the provider where it lies.
    async fn pass(
        &self,
        target: &Arc<Target>,
        (id, wish, query): (&str, Wish, Option<String>),
        from: &HeaderMap,
        key: &KeyId,
    ) -> Result<Response<Body>, GatewayError> {
        let wire = Wire::own(Endpoint::Responses);
        let upstream = self.upstreams.get(&target.id);
        let mut url = upstream.address(target, wire, "", false)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id);
            path.extend(match wish {
                Wish::Items => Some("input_items"),
                Wish::Cancel => Some("cancel"),
                Wish::See | Wish::Remove => None,
            });
        }
        // Azure's older addresses name the version of the API there.
        let both = url.query().into_iter().chain(query.as_deref());
        let both: Vec<&str> = both.collect();
        let both = (!both.is_empty()).then(|| both.join("&"));
        url.set_query(both.as_deref());
        let method = match wish {
            Wish::See | Wish::Items => Method::GET,
            Wish::Remove => Method::DELETE,
            Wish::Cancel => Method::POST,
        };
        let ours = target.key.as_ref();
        let mut sent = headers::outgoing(from, wire, target.habits(), ours, AttemptId(0));
        // It is no attempt of a call.
        sent.remove(headers::ATTEMPT);
        sent.remove(header::CONTENT_TYPE);
        let client = self.upstreams.client(target.timeouts.connect)?;
        let asked = client::fetch(&client, method, url, sent);
        let late = |_| UpstreamError::new(Why::FirstByteTimeout, "no answer in time");
        let answer = timeout(target.timeouts.whole_first_byte, asked).await;
        let (head, body) = answer.map_err(late)??.into_parts();
        if head.status.is_success() && is_stream(&head.headers) {
            let whose = Whose {
                later: self.later.clone(),
                key: key.clone(),
                id: id.to_owned(),
            };
            let replay = Replay::new(body, target.clone(), whose, self.stop.clone());
            return Ok(told(head, Body::stream(replay), wire));
        }
        let body = collect(body, LARGEST, target.timeouts.between_bytes).await?;
        // Our own key is refused, or told: neither is the caller's to know.
        let refused = !head.status.is_success() && error::why(head.status) == Why::Auth;
        if refused || target.tells_key(&body) {
            return Err(UpstreamError::new(Why::Auth, "the target refuses our key").into());
        }
        match (wish, head.status) {
            (Wish::See | Wish::Cancel, status) if status.is_success() => {
                self.later.seen(key, id, &body);
            }
            (Wish::Remove, status) if status.is_success() => self.later.gone(key, id),
            (Wish::Remove, StatusCode::NOT_FOUND) => self.later.gone(key, id),
            (Wish::See, StatusCode::NOT_FOUND) => self.later.missed(key, id),
            _ => {}
        }
        Ok(told(head, Body::whole(body), wire))
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/event-stream")
}

/// The provider's answer, as far as its caller may see it.
fn told(head: Parts, body: Body, wire: Wire) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = headers::incoming(&head.headers, wire);
    response
}

fn json(body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn no_more(id: &str) -> String {
    let id = serde_json::to_string(id).unwrap_or_default();
    format!(r#"{{"id":{id},"object":"response","deleted":true}}"#)
}

#[derive(Serialize)]
struct Page<'a> {
    object: &'static str,
    data: Vec<&'a RawValue>,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}

/// A page of items, the last first unless the caller wants them as they came.
fn page(items: &[String], query: Option<&str>) -> String {
    let asked = |name: &str| {
        let pairs = query.unwrap_or_default().split('&');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let named: Vec<(String, String)> = items.iter().enumerate().map(named).collect();
    let mut list: Vec<&(String, String)> = named.iter().collect();
    if asked("order") != Some("asc") {
        list.reverse();
    }
    let after = asked("after").and_then(|after| list.iter().position(|(id, _)| id == after));
    let begin = after.map_or(0, |at| at + 1);
    let limit = asked("limit").and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let shown: Vec<_> = list.iter().skip(begin).take(limit).collect();
    let page = Page {
        object: "list",
        first_id: shown.first().map(|it| it.0.as_str()),
        last_id: shown.last().map(|it| it.0.as_str()),
        has_more: begin + shown.len() < list.len(),
        data: shown
            .iter()
            .filter_map(|it| serde_json::from_str(&it.1).ok())
            .collect(),
    };
    serde_json::to_string(&page).unwrap_or_default()
}

/// An item under its id. Callers seldom give one to what they say; then its place has to do.
fn named((at, item): (usize, &String)) -> (String, String) {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: Option<std::borrow::Cow<'a, str>>,
        #[serde(rename = "type")]
        kind: Option<std::borrow::Cow<'a, str>>,
    }
    let known = serde_json::from_str::<Named<'_>>(item).ok();
    let has_kind = known.as_ref().is_some_and(|known| known.kind.is_some());
    if let Some(id) = known.and_then(|known| known.id) {
        return (id.into_owned(), item.clone());
    }
    let id = format!("item_{at}");
    let kind = if has_kind { "" } else { r#""type":"message","# };
    let rest = item.trim_start().strip_prefix('{').unwrap_or("}");
    let item = format!(r#"{{"id":"{id}",{kind}{rest}"#);
    (id, item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_by_pages_the_last_first() {
        let items = [
            r#"{"role":"user","content":"a"}"#,
            r#"{"type":"message","id":"msg_1","role":"assistant","content":"b"}"#,
            r#"{"role":"user","content":"c"}"#,
        ];
        let items = items.map(str::to_owned);

        let first = page(&items, Some("limit=2"));
        let rest = page(&items, Some("limit=2&after=msg_1"));
        let ordered = page(&items, Some("order=asc&limit=1"));

        assert_eq!(
            first,
            r#"{"object":"list","data":[{"id":"item_2","type":"message","role":"user","content":"c"},{"type":"message","id":"msg_1","role":"assistant","content":"b"}],"first_id":"item_2","last_id":"msg_1","has_more":true}"#
        );
        assert!(rest.contains("item_0") && rest.contains(r#""has_more":false"#));
        assert!(ordered.contains("item_0") && ordered.contains(r#""has_more":true"#));
    }
}
