//! A call as a part of its conversation: what was kept of that, what is new in the call, what its end adds.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;

use super::evidence::{Evidence, State};
use super::identity::{Conversation, Identity};
use super::keep::{Answer, End, Given, Kept, Observed, Sessions};
use super::prefix::Prompt;
use super::seal::is_sealed;
use super::sealed::Seals;
use super::shape::Shape;
use super::stored::Stored;
use super::turn::{Change, Step};
use super::warmth;
use crate::catalog::Model;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::facts::Turn;
use crate::domain::ids::{KeyId, ModelId, RequestId};
use crate::domain::outlook::{Standing, Warm};
use crate::domain::sign::Sign;
use crate::domain::tokens::{TokenCount, Usage};
use crate::domain::weights::Weights;
use crate::protocol::call::Call;

/// Conversations with the evidence that is kept of them.
pub type Talks = Sessions<State>;

/// What is remembered of a call until it ends.
pub struct Talk {
    talks: Talks,
    request: RequestId,
    at: Timestamp,
    conversation: Conversation,
    identity: Identity,
    kept: Option<Arc<Kept<State>>>,
    prompt: Arc<Prompt>,
    shape: Option<Shape>,
    step: Step,
    dialect: Dialect,
    evidence: State,
    /// By whose key the call came.
    caller: KeyId,
    /// The answer at its provider that the call goes on from.
    answer: Option<Arc<Answer>>,
    /// By what name the provider keeps the whole conversation, if it does.
    kept_as: Option<u64>,
    /// The provider keeps the answer.
    stores: bool,
    /// What all that was said until now gave away.
    given: Given,
    /// What a tool gave back can be used by nobody but who called it.
    sealed: bool,
    /// How many tokens we take the prompt for, where its length in tokens follows from its bytes.
    taken_for: Option<TokenCount>,
    /// Who is asked in the caller's own dialect puts more into the prompt; no other has words for what it is asked for then.
    adds: bool,
    /// What of the prompt each model was expected to have cached.
    expected: Vec<(ModelId, warmth::Warm)>,
    /// What was wrong with answers to the call, and whether its caller saw those.
    heard: Mutex<Vec<(Sign, bool)>>,
}

// Its hashes are by a key that is nobody's business.
impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Talk({})", self.conversation.name)
    }
}

impl Talk {
    /// Finds the conversation of a call and reads what is new in it. `None` at doors where nobody talks.
    pub fn of(
        talks: &Talks,
        (headers, call): (&HeaderMap, &Call),
        caller: &KeyId,
        (request, at): (RequestId, Timestamp),
    ) -> Option<Self> {
        let talking = matches!(
            call.endpoint,
            Endpoint::Chat | Endpoint::Responses | Endpoint::Messages
        );
        if !talking {
            return None;
        }
        let prompt = Arc::new(Prompt::read(call, talks.key()));
        let identity = Identity::read(headers, call, &prompt, caller, talks.key());
        let found = talks.find(&identity);
        let before = found.kept.as_ref().map(|kept| kept.before());
        let mut step = Step::from(before, &prompt, &identity, &call.outline);
        if call.asks.previous.is_some() || found.answer.is_some() {
            step = step.goes_on(&prompt, &call.outline);
        }
        let fresh = call.messages.get(step.fresh.clone()).unwrap_or_default();
        let mut evidence = match (&found.kept, step.change) {
            (Some(kept), Change::Extended | Change::Repeated | Change::Edited) => {
                kept.evidence.clone()
            }
            _ => State::default(),
        };
        if found.answer.is_some() {
            Evidence::spoke_unseen(&mut evidence);
        }
        Evidence::step(&mut evidence, call.body(), fresh);
        Some(Self {
            talks: talks.clone(),
            request,
            at,
            conversation: found.conversation,
            kept: found.kept,
            shape: Shape::of(headers, call),
            sealed: step.turn == Turn::Tool && is_sealed(call),
            prompt,
            step,
            dialect: call.endpoint.dialect(),
            evidence,
            caller: caller.clone(),
            kept_as: identity.after.filter(|_| call.asks.conversation.is_some()),
            stores: call.endpoint == Endpoint::Responses && call.asks.stores,
            given: Given::default(),
            taken_for: Some(call.prompt).filter(|_| is_all_there(call)),
            adds: call.asks.adds,
            answer: found.answer,
            identity,
            expected: Vec::new(),
            heard: Mutex::default(),
        })
    }

    /// The conversation.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// The state that providers give out in it.
    pub fn seals(&self) -> Seals {
        Seals::of(&self.talks, &self.caller)
    }

    /// What is known of the answer that the call goes on from: it lies at its provider, and nothing of it is in the call.
    pub fn goes_on_from(&self) -> Option<&Answer> {
        self.answer.as_deref()
    }

    /// Remembers what all that was said until now gave away.
    pub fn gave(&mut self, given: Given) {
        self.given = given;
    }

    /// What that was.
    pub fn given(&self) -> &Given {
        &self.given
    }

    /// The answers that its caller may go on from.
    pub fn answers(&self) -> Stored {
        Stored::of(&self.talks, &self.caller)
    }

    /// Who spoke last.
    pub fn turn(&self) -> Turn {
        self.step.turn
    }

    /// What the call is, where that is plain.
    pub fn shape(&self) -> Option<Shape> {
        self.shape
    }

    /// Where the conversation stands, for a decision among `models`.
    pub fn standing<'m>(
        &mut self,
        models: impl Iterator<Item = &'m Arc<Model>>,
        weights: &Weights,
    ) -> Standing {
        let signs = self.evidence.telling();
        let shift = weights.shift(&signs);
        // Now, and not when the answer has ended: others may have warmed the same by then.
        let expected = models.map(|model| (model.id.clone(), self.warm(model)));
        self.expected = expected.collect();
        let kept = self.kept.as_deref();
        let warm = |(id, warm): &(ModelId, warmth::Warm)| Some((id.clone(), outlook(warm)?));
        let warm: Vec<_> = self.expected.iter().filter_map(warm).collect();
        // A new conversation, or one that goes on from a short telling: to change costs nothing.
        let goes_on = match self.step.change {
            Change::First => false,
            // In the middle of a turn only the prompt is shorter.
            Change::Compacted => self.step.turn == Turn::Tool,
            Change::Extended | Change::Repeated | Change::Edited => true,
        };
        let answer = self.answer.as_deref();
        let current = kept.filter(|_| goes_on).and_then(|kept| kept.model.clone());
        // Where nothing of it is cached any more, neither.
        let current = current
            .filter(|model| self.step.turn == Turn::Tool || warm.iter().any(|(id, _)| id == model));
        let current = answer.map(|answer| answer.model.clone()).or(current);
        let bound = current.is_some() && self.is_bound(kept);
        Standing {
            bound,
            sealed: bound && (self.sealed || answer.is_some()),
            lies_at: answer.map(|answer| answer.target.clone()),
            current,
            warm,
            moved: f64::from(shift.mean),
            wider: f64::from(shift.variance),
            steps: self.evidence.steps(),
            signs: (signs.iter())
                .map(|(sign, count)| (sign.as_str().into(), count))
                .collect(),
            ..Standing::default()
        }
    }

    /// Whether the provider that called a tool wants the result itself: those sign what the model thought, or keep it.
    fn is_bound(&self, kept: Option<&Kept<State>>) -> bool {
        let signs = signs(self.dialect) || kept.is_some_and(|kept| kept.signs);
        let vendor = kept.is_some_and(|kept| kept.hosting == Some(Hosting::Vendor));
        self.step.turn == Turn::Tool && signs && (vendor || self.answer.is_some())
    }

    fn warm(&self, model: &Model) -> warmth::Warm {
        let at = (&model.id, &model.target.id);
        let rule = model.cache_rule(self.at);
        self.talks
            .warm(self.kept.as_deref(), at, rule, &self.prompt, self.at)
    }

    /// Stands for the names under which a later call may go on from an answer of this id.
    fn stored(&self, id: Option<&str>) -> Vec<u64> {
        let id = id.filter(|_| self.stores);
        let id = id.map(|id| self.talks.answer(&self.caller, id));
        id.into_iter().chain(self.kept_as).collect()
    }

    /// Something is wrong with an answer to the call. It counts with the end of the one that its caller gets, so it has to be told
    /// before; `shown` where that is this one.
    pub fn heard(&self, sign: Sign, shown: bool) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push((sign, shown));
    }

    /// The caller gets the answer that was last heard of after all.
    pub fn shown(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, shown)) = heard.last_mut() {
            *shown = true;
        }
    }

    /// The evidence with what was wrong with answers to this call.
    fn evidence(&self) -> State {
        let mut evidence = self.evidence.clone();
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        for (sign, shown) in heard.iter() {
            Evidence::heard(&mut evidence, *sign, *shown);
        }
        evidence
    }

    /// How many tokens we take the prompt for, where it tells something of how long prompts are for who is asked in this dialect.
    fn taken_for(&self, dialect: Dialect) -> Option<TokenCount> {
        let adds = self.adds && dialect == self.dialect;
        self.taken_for.filter(|_| !adds)
    }

    /// A model that was asked in this dialect finds the prompt too long for its window: it has so many tokens at the least.
    pub fn overflowed(&self, (model, dialect): (&Model, Dialect), at_least: TokenCount) {
        if let Some(ours) = self.taken_for(dialect) {
            self.talks.overflowed(&model.id, ours, at_least);
        }
    }

    /// No more than `window` fits into a model, whatever is configured: its target says so. Whether that is believed.
    pub fn narrowed(&self, model: &Model, window: TokenCount) -> bool {
        self.talks.narrowed(model, window)
    }

    /// Whether to count the prompt here as well, to learn how a model counts that was asked in this dialect. Then
    /// [`Talks::learn_count`] is to be told, and the place held until that is done.
    pub fn wants_count(
        &self,
        model: &ModelId,
        dialect: Dialect,
    ) -> Option<(Talks, OwnedSemaphorePermit)> {
        self.taken_for(dialect)?;
        let place = self.talks.wants_count(model)?;
        Some((self.talks.clone(), place))
    }

    /// An answer has ended, of a model that was asked in this dialect. `id` is its own, where its provider gave it one.
    pub fn ended(
        &self,
        (model, dialect): (&Model, Dialect),
        usage: Option<Usage>,
        end: End,
        id: Option<&str>,
    ) {
        self.talks
            .step(self.observed((model, dialect), usage, end, id));
    }

    /// An answer of this name has begun at its provider: it may be asked for by that at once.
    pub fn begun(&self, asked: (&Model, Dialect), id: &str) {
        let seen = self.observed(asked, None, End::Answered, Some(id));
        self.talks.begun(&seen);
    }

    fn observed(
        &self,
        (model, dialect): (&Model, Dialect),
        usage: Option<Usage>,
        end: End,
        id: Option<&str>,
    ) -> Observed<State> {
        let rule = model.cache_rule(self.at);
        let expected = self.expected.iter().find(|(id, _)| *id == model.id);
        let expected = expected.map(|(_, warm)| *warm).unwrap_or_default();
        Observed {
            conversation: self.conversation.clone(),
            request: self.request,
            at: self.at,
            model: model.id.clone(),
            target: model.target.id.clone(),
            hosting: model.target.hosting,
            signs: signs(dialect),
            rule,
            usage,
            shape: self.shape,
            end,
            prompt: self.prompt.clone(),
            taken_for: self.taken_for(dialect),
            expected,
            turn: self.step.turn,
            system: self.identity.system,
            window: self.identity.window,
            stored: self.stored(id),
            given: self.given.clone(),
            partial: self.answer.is_some(),
            evidence: self.evidence(),
        }
    }
}

/// Whether thoughts are signed in it.
fn signs(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Messages | Dialect::Responses | Dialect::Gemini => true,
        Dialect::Chat | Dialect::Completions => false,
    }
}

/// What is cached, as a decision sees it; `None` where nothing is.
fn outlook(warm: &warmth::Warm) -> Option<Warm> {
    Some(Warm {
        tokens: warm.tokens,
        until: warm.until.filter(|_| warm.tokens > TokenCount(0))?,
        // More digits tell nothing, and every call's record has them.
        sure: (warm.sure * 1e4).round() / 1e4,
    })
}

/// Whether a call's tokens follow from its bytes: it has no pictures or papers in it, and goes on from nothing that lies elsewhere.
fn is_all_there(call: &Call) -> bool {
    let elsewhere = call.asks.conversation.is_some() || Stored::refers(call);
    !call.images && call.outline.papers == 0 && !elsewhere
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn is_learned_from(endpoint: Endpoint, said: &str) -> bool {
        let body = match endpoint {
            Endpoint::Responses => format!(r#"{{"model":"m","input":[{said}]}}"#),
            _ => format!(r#"{{"model":"m","messages":[{said}]}}"#),
        };
        let call = Call::read(endpoint, Bytes::from(body), 64).expect("a valid body");
        is_all_there(&call)
    }

    #[test]
    fn lengths_are_learned_from_words_alone() {
        use Endpoint::{Chat, Messages, Responses};
        let data = "JVBERi0xLjcK".repeat(40);
        let parts = [
            (
                Messages,
                r#"{"type":"image","source":{"type":"url","url":"https://a.example"}}"#.to_owned(),
            ),
            (
                Messages,
                r#"{"type":"document","source":{"type":"url","url":"https://a.example"}}"#
                    .to_owned(),
            ),
            (
                Messages,
                r#"{"type":"document","source":{"type":"file","file_id":"file_1"}}"#.to_owned(),
            ),
            (
                Messages,
                format!(
                    r#"{{"type":"document","source":{{"type":"base64","media_type":"application/pdf","data":"{data}"}}}}"#
                ),
            ),
            (
                Messages,
                format!(
                    r#"{{"type":"tool_result","tool_use_id":"t","content":[{{"type":"document","source":{{"type":"base64","data":"{data}"}}}}]}}"#
                ),
            ),
            (
                Chat,
                r#"{"type":"file","file":{"file_id":"file-1"}}"#.to_owned(),
            ),
            (
                Chat,
                format!(
                    r#"{{"type":"input_audio","input_audio":{{"format":"wav","data":"{data}"}}}}"#
                ),
            ),
            (
                Chat,
                r#"{"type":"video_url","video_url":{"url":"https://a.example"}}"#.to_owned(),
            ),
            (
                Responses,
                r#"{"type":"input_file","file_url":"https://a.example"}"#.to_owned(),
            ),
            (
                Responses,
                r#"{"type":"input_file","file_id":"file-1"}"#.to_owned(),
            ),
        ];
        for (endpoint, part) in parts {
            let said = format!(r#"{{"role":"user","content":[{part}]}}"#);
            assert!(!is_learned_from(endpoint, &said), "{part}");
        }
        let output = r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_file","file_id":"file-1"}]}"#;
        assert!(!is_learned_from(Responses, output));
        for words in ["a document", "import base64", r#"{\"type\": \"file\"}"#] {
            let said =
                format!(r#"{{"role":"user","content":[{{"type":"text","text":"{words}"}}]}}"#);
            assert!(is_learned_from(Messages, &said), "{words}");
        }
    }

    #[test]
    fn lengths_are_not_learned_where_a_part_of_the_conversation_lies_elsewhere() {
        for (more, learned) in [
            ("", true),
            (r#","conversation":"conv_1""#, false),
            (r#","previous_response_id":"resp_1""#, false),
            (r#","store":true"#, true),
        ] {
            let body = format!(r#"{{"model":"m","input":"a"{more}}}"#);
            let call = Call::read(Endpoint::Responses, Bytes::from(body), 64);
            assert_eq!(
                is_all_there(&call.expect("a valid body")),
                learned,
                "{more}"
            );
        }
        let named = r#"{"type":"item_reference","id":"msg_1"}"#;
        assert!(!is_learned_from(Endpoint::Responses, named));
    }
}
