//! Gathers what is known of the call into `Facts`, and opens its record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, Response};
use sha2::{Digest, Sha256};
use tower::{Layer, Service};

use crate::body::Body;
use crate::catalog::Catalog;
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::dialect::Hosting;
use crate::domain::facts::{Classification, DataClass, Facts, Paths, Source};
use crate::domain::ids::{RequestId, SessionId, TargetId};
use crate::domain::money::NanoUsd;
use crate::domain::need::Unmet;
use crate::domain::outlook::Outlook;
use crate::domain::tokens::TokenCount;
use crate::error::GatewayError;
use crate::ledger::Ledger;
use crate::protocol::call::Call;
use crate::protocol::headers;
use crate::session::keep::Given;
use crate::session::screen::verdicts::{self, Verdicts};
use crate::session::talk::{Talk, Talks};
use crate::stages::{Parsed, Recalled};
use crate::tenant::Key;
use crate::upstream::client::Upstreams;

use super::{Waiting, whole};

/// Adds [`Recall`].
#[derive(Clone, Debug)]
pub struct RecallLayer {
    ledger: Option<Ledger>,
    upstreams: Arc<Upstreams>,
    talks: Talks,
    verdicts: Verdicts,
}

impl RecallLayer {
    /// Keeps records in `ledger`, looks at the health of `upstreams`, knows conversations by `talks`, and remembers what
    /// messages give away.
    pub fn new(ledger: Ledger, upstreams: Arc<Upstreams>, talks: Talks, entropy: &Entropy) -> Self {
        Self {
            ledger: Some(ledger),
            ..Self::without_ledger(upstreams, talks, entropy)
        }
    }

    /// The same for calls that are only decided: no record of them is opened.
    pub fn without_ledger(upstreams: Arc<Upstreams>, talks: Talks, entropy: &Entropy) -> Self {
        Self {
            ledger: None,
            upstreams,
            talks,
            verdicts: Verdicts::new(entropy, verdicts::USUAL),
        }
    }

    /// What the text of a call gives away, as far as rules ask: secrets, and the patterns of paths that fit.
    fn screen(&self, parsed: &Parsed) -> (bool, Arc<Paths>) {
        let (snapshot, call) = (&parsed.caller.snapshot, &parsed.call);
        let looks = snapshot.policies.looks();
        if !looks.secrets && looks.paths.is_empty() {
            return (false, Arc::default());
        }
        let set = &snapshot.paths;
        let text = pieces(call).chain(headers::shown(&parsed.headers));
        let found = self.verdicts.screen(set, text).verdict;
        let fitting = found
            .paths
            .iter()
            .filter_map(|place| set.globs().get(place));
        let paths = Paths {
            named: Vec::new(),
            fitting: fitting.map(|glob| glob.as_str().into()).collect(),
        };
        (!found.secrets.is_empty(), Arc::new(paths))
    }

    /// Targets that rest, or have as many calls as they may have.
    fn down(&self, catalog: &Catalog, now: Timestamp) -> BTreeSet<TargetId> {
        let usable = |id: &TargetId, most: Option<u32>| {
            let upstream = self.upstreams.get(id);
            upstream.health.is_up(now)
                && most.is_none_or(|most| upstream.load.running() < u64::from(most))
        };
        let targets = catalog.targets.values();
        targets
            .filter(|target| !usable(&target.id, target.max_in_flight))
            .map(|target| target.id.clone())
            .collect()
    }

    /// How targets do now.
    fn outlook(&self, catalog: &Catalog) -> Outlook {
        let mut outlook = Outlook {
            lengths: self.talks.lengths(&catalog.order),
            windows: self.talks.windows(catalog.models.values()),
            ..Outlook::default()
        };
        for target in catalog.targets.values() {
            let upstream = self.upstreams.get(&target.id);
            upstream
                .paces
                .each(|model, pace| outlook.pace.push((model.clone(), pace)));
            if target.hosting == Hosting::Own {
                let load = upstream.busy(target.max_in_flight);
                let second = upstream.worth.second(load);
                if second > NanoUsd::ZERO {
                    outlook.worth.push((target.id.clone(), second));
                }
                outlook.load.push((target.id.clone(), load));
            }
        }
        outlook
    }

    fn talk(
        &self,
        Parsed {
            headers,
            call,
            caller,
            ..
        }: &Parsed,
    ) -> Option<Box<Talk>> {
        let trace = &caller.trace;
        let when = (trace.request, trace.at);
        Talk::of(&self.talks, (headers, call), &caller.key.id, when).map(Box::new)
    }

    fn facts(&self, parsed: &Parsed, mut talk: Option<&mut Talk>) -> Result<Facts, GatewayError> {
        let Parsed {
            headers,
            call,
            caller,
            short,
        } = parsed;
        let key = &caller.key;
        let mut known = Known::of(self.screen(parsed), data_class(key.data_class, headers)?);
        let mut before = TokenCount(0);
        if let Some(short) = short {
            known.add(&short.given);
        }
        if let Some(talk) = talk.as_mut() {
            if let Some(answer) = talk.goes_on_from() {
                known.add(&answer.given);
                before = answer.tokens;
            }
            talk.gave(known.given());
        }
        let turn = talk.as_ref().map(|talk| talk.turn());
        let session = talk.as_ref().map(|talk| talk.conversation().name.clone());
        let models = caller.snapshot.catalog.models.values();
        let standing = talk.map(|talk| talk.standing(models, &caller.snapshot.weights));
        Ok(Facts {
            at: caller.trace.at,
            endpoint: call.endpoint,
            tenant: key.tenant.clone(),
            key: key.id.clone(),
            // From outside, and kept with the decision: no name of a model is longer.
            asked: call.asked.chars().take(512).collect::<String>().into(),
            tags: tags(&key.tags, headers),
            data_class: known.class,
            secrets: known.secrets,
            paths: known.paths,
            turn: turn.unwrap_or_else(|| call.outline.turn(false)),
            turns: call.outline.person_turns,
            draw: draw(key, session.as_ref(), caller.trace.request),
            session,
            prompt: call.prompt + before,
            max_output: call.max_output,
            tools: call.tools,
            images: call.images,
            fim: call.fim,
            unmet: Unmet::default(),
            class: Classification::UNKNOWN,
            source: Source::Heuristic,
            classifier: None,
            standing: standing.unwrap_or_default(),
            outlook: self.outlook(&caller.snapshot.catalog),
            down: self.down(&caller.snapshot.catalog, caller.trace.at),
        })
    }
}

/// What the text of a call gives away, and what it goes on from.
struct Known {
    secrets: bool,
    paths: Arc<Paths>,
    class: DataClass,
}

impl Known {
    fn of((secrets, paths): (bool, Arc<Paths>), class: DataClass) -> Self {
        Self {
            secrets,
            paths,
            class,
        }
    }

    /// Adds what was known of a text that is not in the call: it counts as if it were.
    fn add(&mut self, given: &Given) {
        self.secrets |= given.secrets;
        self.class = given
            .class
            .map_or(self.class, |class| self.class.max(class));
        let fitting = &self.paths.fitting;
        let new: Vec<Arc<str>> = (given.paths.iter())
            .filter(|path| !fitting.iter().any(|it| **it == ***path))
            .map(|path| path.as_str().into())
            .collect();
        if !new.is_empty() {
            let paths = Arc::make_mut(&mut self.paths);
            paths.fitting.extend(new);
        }
    }

    fn given(&self) -> Given {
        let fitting = self.paths.fitting.iter();
        Given {
            secrets: self.secrets,
            paths: fitting.map(|path| path.to_string()).collect(),
            class: Some(self.class),
        }
    }
}

/// All of a body, message by message, and what stands between them: the system prompt, the tools, whatever else there is.
fn pieces(call: &Call) -> impl Iterator<Item = &[u8]> {
    let body: &[u8] = call.body();
    let mut end = 0;
    let each = call.messages.iter().flat_map(move |message| {
        let start = message.bytes.start.max(end);
        let between = body.get(end..start).unwrap_or_default();
        let message = body.get(start..message.bytes.end).unwrap_or_default();
        end = start + message.len();
        [between, message]
    });
    let last = call.messages.iter().map(|it| it.bytes.end).max();
    let rest = body.get(last.unwrap_or(0)..).unwrap_or_default();
    each.chain([rest]).filter(|piece| !piece.is_empty())
}

impl<S> Layer<S> for RecallLayer {
    type Service = Recall<S>;

    fn layer(&self, inner: S) -> Recall<S> {
        Recall {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Fills the facts.
#[derive(Clone, Debug)]
pub struct Recall<S> {
    inner: S,
    parts: Arc<RecallLayer>,
}

impl<S> Service<Parsed> for Recall<S>
where
    S: Service<Recalled, Response = Response<Body>, Error = GatewayError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, parsed: Parsed) -> Self::Future {
        let parts = self.parts.clone();
        let idle = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, idle);
        Box::pin(async move {
            let parsed = whole::told(parsed, &parts.talks)?;
            let mut talk = parts.talk(&parsed);
            let facts = parts.facts(&parsed, talk.as_deref_mut())?;
            let closing = match &parts.ledger {
                Some(ledger) => Some(ledger.open_call().await?),
                None => None,
            };
            {
                let mut story = parsed.caller.trace.story();
                story.record.session = facts.session.clone();
                story.closing = closing;
            }
            let recalled = Recalled {
                parsed,
                facts,
                talk,
            };
            inner.call(recalled).await
        })
    }
}

static TAGS: HeaderName = HeaderName::from_static("x-tollgate-tags");
static DATA_CLASS: HeaderName = HeaderName::from_static("x-tollgate-data-class");

/// The key's tags, then those of the call: `k=v`, comma separated. The key's own cannot be overwritten.
fn tags(of_key: &[(String, String)], headers: &HeaderMap) -> Vec<(String, String)> {
    const MOST: usize = 16;
    let text = headers
        .get(&TAGS)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let said = text.split(',').filter_map(|pair| pair.split_once('='));
    let mut tags = of_key.to_vec();
    for (name, value) in said.map(|(name, value)| (name.trim(), value.trim())) {
        let fits = !name.is_empty() && name.len() <= 64 && value.len() <= 128 && tags.len() < MOST;
        if fits && !tags.iter().any(|(taken, _)| taken == name) {
            tags.push((name.to_owned(), value.to_owned()));
        }
    }
    tags
}

/// The strictest of the key's class and those that the caller names: a header may raise it, never lower it.
fn data_class(of_key: DataClass, headers: &HeaderMap) -> Result<DataClass, GatewayError> {
    let mut strictest = of_key;
    for value in headers.get_all(&DATA_CLASS) {
        let said = value
            .to_str()
            .ok()
            .and_then(|word| word.trim().parse().ok());
        let said = said.ok_or_else(|| {
            let known: Vec<_> = DataClass::ALL.iter().map(|class| class.as_str()).collect();
            GatewayError::BadHeader(DATA_CLASS.as_str(), format!("write {}", known.join(" or ")))
        })?;
        strictest = strictest.max(said);
    }
    Ok(strictest)
}

/// The same on every replica and after every restart, so that a conversation stays in its share.
fn draw(key: &Key, session: Option<&SessionId>, request: RequestId) -> u64 {
    let mut hash = Sha256::new();
    match session {
        Some(session) => {
            for part in [key.tenant.as_str(), key.id.as_str(), session.as_str()] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        None => hash.update(request.to_bytes()),
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_may_be_stricter_than_its_key_and_never_laxer() {
        let mut headers = HeaderMap::new();
        let class = |headers: &HeaderMap| data_class(DataClass::Confidential, headers).ok();
        assert_eq!(class(&headers), Some(DataClass::Confidential));

        for (said, counts) in [
            ("public", Some(DataClass::Confidential)),
            ("restricted", Some(DataClass::Restricted)),
            ("internal", Some(DataClass::Restricted)),
            ("secret", None),
        ] {
            headers.append(
                "x-tollgate-data-class",
                http::HeaderValue::from_static(said),
            );
            assert_eq!(class(&headers), counts, "{said}");
        }
    }

    #[test]
    fn a_call_adds_tags_but_never_changes_the_keys() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-tollgate-tags",
            http::HeaderValue::from_static("team=evil, job = nightly ,=x,plain"),
        );

        let tags = tags(&[("team".into(), "core".into())], &headers);

        assert_eq!(
            tags,
            [
                ("team".into(), "core".into()),
                ("job".into(), "nightly".into())
            ]
        );
    }
}
