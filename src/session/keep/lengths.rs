//! How long prompts are for each model: learned as answers end, asked at every call, and kept over a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::shelf::Shelf;
use super::{Inner, Keeper, Observed, Sessions, State, open};
use crate::catalog;
use crate::domain::clock::Timestamp;
use crate::domain::ids::ModelId;
use crate::domain::outlook::Length;
use crate::domain::tokens::TokenCount;
use crate::protocol::count::{Counted, Whose};
use crate::session::counting::Counting;
use crate::session::length::Learned;
use crate::session::written::leniently;

/// Models that are remembered; there are as many as are configured.
const MODELS: usize = 1_000;
/// All of them lie in one text.
const ONLY: u64 = 0;
/// A prompt is counted here for comparison no more often than this, for each model; the first few at once.
const RARELY: Duration = Duration::from_secs(60);
const FEW: u32 = 8;
/// Prompts that are counted for comparison at one time: each takes a core for itself, and nobody waits for it.
pub(super) const COMPARING: usize = 1;
/// So long it is believed that a window is smaller than configured: then a call may find out that it is not so any more.
const BELIEVED: Duration = Duration::from_secs(24 * 3_600);

/// What is known of all models.
#[derive(Debug, Default)]
pub(super) struct Known {
    models: BTreeMap<ModelId, Model>,
    /// It is to be written.
    changed: bool,
}

/// What is known of one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Model {
    /// Beside what we take its bytes for.
    #[serde(default)]
    bytes: Learned,
    /// Beside what we count when we count every token.
    #[serde(default, deserialize_with = "leniently")]
    tokens: Counting,
    /// How often that was to be compared.
    #[serde(default, rename = "compared")]
    times: u32,
    #[serde(skip)]
    next: Option<Timestamp>,
    /// What the first comes to: asked far more often than learned.
    #[serde(skip)]
    length: Option<Length>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    narrow: Option<Narrow>,
    /// The longest prompt that was billed: so much fits into its window.
    #[serde(default)]
    longest: TokenCount,
}

/// A window that is smaller than configured, as its target says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Narrow {
    window: TokenCount,
    /// What was configured then: whoever changes that knows better.
    configured: Option<TokenCount>,
    /// When it was said, in milliseconds.
    at: i64,
}

impl Narrow {
    fn is_believed(&self, configured: Option<TokenCount>, now: Timestamp) -> bool {
        let age = u64::try_from(now.millis().saturating_sub(self.at)).unwrap_or(0);
        self.configured == configured && Duration::from_millis(age) < BELIEVED
    }
}

impl Known {
    /// The model, to learn of.
    fn model(&mut self, id: &ModelId) -> Option<&mut Model> {
        if self.models.len() >= MODELS && !self.models.contains_key(id) {
            return None;
        }
        self.changed = true;
        Some(self.models.entry(id.clone()).or_default())
    }
}

impl<E: State> Sessions<E> {
    /// How long prompts are for those of the models that have answered.
    pub fn lengths<'m>(
        &self,
        models: impl IntoIterator<Item = &'m ModelId>,
    ) -> Vec<(ModelId, Length)> {
        let known = open(&self.inner.lengths);
        let learned = |id: &ModelId| Some((id.clone(), known.models.get(id)?.length?));
        models.into_iter().filter_map(learned).collect()
    }

    /// How long prompts are for a model; `None` for one that has not answered yet.
    pub fn length(&self, model: &ModelId) -> Option<Length> {
        let known = open(&self.inner.lengths);
        known.models.get(model)?.length
    }

    /// The windows of those of the models that are smaller than configured.
    pub fn windows<'m>(
        &self,
        models: impl IntoIterator<Item = &'m Arc<catalog::Model>>,
    ) -> Vec<(ModelId, TokenCount)> {
        let now = self.inner.clock.now();
        let known = open(&self.inner.lengths);
        let narrow = |model: &Arc<catalog::Model>| {
            let narrow = known.models.get(&model.id)?.narrow;
            let narrow = narrow.filter(|it| it.is_believed(model.window, now))?;
            Some((model.id.clone(), narrow.window))
        };
        models.into_iter().filter_map(narrow).collect()
    }

    /// Learns from its target that no more than `window` fits into a model, whatever is configured. Not believed, and `false`, where
    /// more has been billed: one caller has more room than another, or has had the target say so.
    pub fn narrowed(&self, model: &catalog::Model, window: TokenCount) -> bool {
        let at = self.inner.clock.now().millis();
        let mut lengths = open(&self.inner.lengths);
        let known = lengths.model(&model.id);
        let Some(known) = known.filter(|it| it.longest <= window) else {
            return false;
        };
        known.narrow = Some(Narrow {
            window,
            configured: model.window,
            at,
        });
        true
    }

    /// How many tokens a prompt is that was counted here, for a model that is thought to have the tokens of somebody.
    pub fn counted(&self, model: &ModelId, counted: &Counted, whose: Whose) -> TokenCount {
        let known = open(&self.inner.lengths);
        let tokens = known.models.get(model).map(|it| &it.tokens);
        let nothing = || counted.tokens(whose.family());
        tokens.map_or_else(nothing, |it| it.tokens(counted, whose))
    }

    pub(super) fn learn_length(&self, seen: &Observed<E>) {
        let Some(billed) = seen.usage.map(|usage| usage.prompt()) else {
            return;
        };
        if let Some(model) = open(&self.inner.lengths).model(&seen.model) {
            model.longest = model.longest.max(billed);
            // It has taken more than it was said to take.
            model.narrow = model.narrow.filter(|it| billed <= it.window);
            if let Some(ours) = seen.taken_for {
                model.bytes.learn(ours, billed);
                model.length = Some(model.bytes.length());
            }
        }
    }

    /// Learns that a prompt that we take for so many tokens is longer than fits: so many at the least.
    pub fn overflowed(&self, model: &ModelId, taken_for: TokenCount, at_least: TokenCount) {
        if let Some(model) = open(&self.inner.lengths).model(model) {
            model.bytes.overflowed(taken_for, at_least);
            model.length = Some(model.bytes.length());
        }
    }

    /// The place to count a prompt of this model for comparison in, if that is wanted. Whoever gets it does it, and holds the
    /// place until it has been learned from. Where none is free nothing is compared, and it is not one of the first few.
    pub fn wants_count(&self, model: &ModelId) -> Option<OwnedSemaphorePermit> {
        let place = self.inner.comparing.clone().try_acquire_owned().ok()?;
        let now = self.inner.clock.now();
        let mut known = open(&self.inner.lengths);
        let model = known.model(model)?;
        if model.next.is_some_and(|next| now < next) {
            return None;
        }
        if model.times < FEW {
            model.times += 1;
        } else {
            let pause = i64::try_from(RARELY.as_millis()).unwrap_or(i64::MAX);
            model.next = Some(now.plus_millis(pause));
        }
        Some(place)
    }

    /// Learns from a prompt that was counted here, for a model that is thought to have the tokens of somebody, and billed.
    pub fn learn_count(
        &self,
        model: &ModelId,
        (counted, whose): (&Counted, Whose),
        billed: TokenCount,
    ) {
        if let Some(model) = open(&self.inner.lengths).model(model) {
            model.tokens.learn(counted, billed, whose);
        }
    }
}

impl<E> Inner<E> {
    /// As it is kept; `None` where nothing is new.
    fn lengths_text(&self) -> Option<String> {
        let mut known = open(&self.lengths);
        let changed = std::mem::take(&mut known.changed);
        changed.then(|| serde_json::to_string(&known.models).ok())?
    }

    /// What has been learned meanwhile is newer, and stays.
    fn put_back_lengths(&self, text: &str) {
        let Some(kept) = read(text) else {
            tracing::warn!("how long prompts are for models could not be read; it is learned anew");
            return;
        };
        let mut known = open(&self.lengths);
        for (id, model) in kept {
            known.models.entry(id).or_insert(model);
        }
    }
}

/// All models that can be read; what was learned of tokens is not believed where it cannot be true, and costs nothing else then.
fn read(text: &str) -> Option<BTreeMap<ModelId, Model>> {
    let kept: BTreeMap<ModelId, Value> = serde_json::from_str(text).ok()?;
    let model = |(id, written)| {
        let mut model = Model::deserialize(written).ok()?;
        if !model.tokens.is_sound() {
            model.tokens = Counting::default();
        }
        model.length = Some(model.bytes.length());
        model.bytes.is_sound().then_some((id, model))
    };
    Some(kept.into_iter().filter_map(model).take(MODELS).collect())
}

impl<E: State> Keeper<E> {
    pub(super) fn recall_lengths(&self) {
        let inner = &self.inner;
        let kept = inner.shelves.get(Shelf::Lengths, ONLY, inner.clock.now());
        if let Some(text) = kept {
            inner.put_back_lengths(&text);
        }
    }

    pub(super) fn shelve_lengths(&self) {
        let inner = &self.inner;
        if let Some(text) = inner.lengths_text() {
            let now = inner.clock.now();
            inner.shelves.put(Shelf::Lengths, ONLY, &text, (now, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::dialect::Dialect;
    use crate::protocol::count::{Family, count};

    const LEARNED: &str = r#"{"weight":9.0,"mean":0.2,"square":0.1}"#;

    /// A model of which all is learned that can be.
    fn full() -> Model {
        let mut model = Model::default();
        for call in 0..60_usize {
            let code =
                "\tif (total != 1234567) { return Größe.of('x' + _name); }\n".repeat(50 + call);
            let tool =
                json!({"name": "Read", "input_schema": {"type": "object", "a": "b".repeat(call)}});
            let body = json!({"model": "m", "max_tokens": 1, "tools": [tool], "messages": [{"role": "user", "content": code}]});
            let prompt =
                count(Dialect::Messages, body.to_string().as_bytes()).expect("it can be read");
            let billed = TokenCount(prompt.tokens(Family::Mistral).0 * 11 / 10 + call as u64 * 7);
            model.bytes.learn(TokenCount(1_000), billed);
            model
                .tokens
                .learn(&prompt, billed, Whose::Likely(Family::Llama));
        }
        model.times = FEW;
        model.narrow = Some(Narrow {
            window: TokenCount(1 << 20),
            configured: Some(TokenCount(1 << 21)),
            at: 1_795_262_400_000,
        });
        model
    }

    #[test]
    fn what_was_kept_before_tokens_were_told_apart_is_read() {
        let kept = format!(r#"{{"opus":{{"bytes":{LEARNED},"counted":{LEARNED},"times":7}}}}"#);

        let models = read(&kept).expect("it can be read");

        let opus = &models[&ModelId::from("opus")];
        assert!(opus.bytes.length().factor > 1.2 && opus.tokens == Counting::default());
    }

    #[test]
    fn tokens_that_cannot_be_believed_cost_no_more_than_themselves() {
        let odd = r#"{"weight":-9.0,"mean":0.2,"square":0.1}"#;
        for tokens in [
            "7".to_owned(),
            "null".to_owned(),
            r#"{"beside":7}"#.to_owned(),
            r#"{"bend":null}"#.to_owned(),
            format!(r#"{{"beside":{{"a-family-of-old":{LEARNED}}},"bend":null}}"#),
            format!(r#"{{"beside":{{"qwen":{odd}}},"bend":null}}"#),
            r#"{"beside":{},"bend":["qwen",{"together":[[1.0]],"beyond":[0.0]}]}"#.to_owned(),
        ] {
            let kept = format!(
                r#"{{"opus":{{"bytes":{LEARNED},"tokens":{tokens},"compared":8}},"sonnet":{{"bytes":{LEARNED}}}}}"#
            );

            let models = read(&kept).unwrap_or_else(|| panic!("{tokens} can be read"));

            assert_eq!(models.len(), 2, "{tokens}");
            let opus = &models[&ModelId::from("opus")];
            assert!(opus.bytes.length().factor > 1.2, "{tokens}");
            assert_eq!(opus.tokens, Counting::default(), "{tokens}");
        }
    }

    #[test]
    fn a_model_that_cannot_be_read_costs_no_other() {
        let kept = format!(
            r#"{{"odd":{{"bytes":7}},"opus":{{"bytes":{LEARNED}}},"new":{{"compared":2}}}}"#
        );

        let models = read(&kept).expect("it can be read");

        assert!(models[&ModelId::from("opus")].bytes.length().factor > 1.2);
        assert_eq!(models[&ModelId::from("new")].times, 2);
    }

    #[test]
    fn as_many_models_as_are_remembered_fit_on_the_shelf() {
        let full = full();
        let name = |at: usize| ModelId::from(&*format!("{at:04}-{}", "n".repeat(95)));
        let models: BTreeMap<_, _> = (0..MODELS).map(|at| (name(at), full.clone())).collect();

        let text = serde_json::to_string(&models).expect("it can be written");

        let room = Shelf::Lengths.most();
        assert!(text.len() + 1_000 < room, "{} {room}", text.len());
        let again = read(&text).expect("it can be read");
        assert_eq!(again.len(), MODELS);
        let once: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(serde_json::to_value(&again).expect("JSON"), once);
    }
}
