//! The facts of a call as short as they can be said: what stands in the ledger's columns is left out, and so is what is as usual.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Beside;
use crate::catalog::Places;
use crate::domain::belief::Belief;
use crate::domain::facts::{Classification, DataClass, Facts, Language, Paths, Source, Task, Turn};
use crate::domain::ids::{ModelId, TargetId};
use crate::domain::money::NanoUsd;
use crate::domain::need::Unmet;
use crate::domain::outlook::{Length, Outlook, Pace, Standing, Warm};
use crate::domain::tokens::TokenCount;

/// A model or target by its number in the catalogue, or by name where it is in none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Name {
    Place(usize),
    Text(Arc<str>),
}

impl Name {
    pub(super) fn of_model(id: &ModelId, places: &Places) -> Self {
        let place = places.of_model(id);
        place.map_or_else(|| Self::Text(id.as_str().into()), Self::Place)
    }

    fn of_target(id: &TargetId, places: &Places) -> Self {
        let place = places.of_target(id);
        place.map_or_else(|| Self::Text(id.as_str().into()), Self::Place)
    }

    pub(super) fn model(&self, places: &Places) -> Option<ModelId> {
        match self {
            Self::Place(place) => places.model(*place).cloned(),
            Self::Text(name) => Some(ModelId::new(Arc::clone(name))),
        }
    }

    fn target(&self, places: &Places) -> Option<TargetId> {
        match self {
            Self::Place(place) => places.target(*place).cloned(),
            Self::Text(name) => Some(TargetId::new(Arc::clone(name))),
        }
    }
}

const TOOLS: u8 = 1;
const IMAGES: u8 = 2;
const FIM: u8 = 4;
const SECRETS: u8 = 8;
const BOUND: u8 = 16;
/// The classifier that the setting names said itself what the call is.
const CLASSIFIED: u8 = 32;
const SEALED: u8 = 64;

fn none<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The facts, but for what is beside them. Letters are this format's: never give one another meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Brief {
    /// The draw, prompt tokens, turns, flags; expected output, its low and its high end; growth.
    #[serde(rename = "n")]
    numbers: (u64, u64, u32, u8, u64, u64, u64, u64),
    #[serde(rename = "w")]
    words: (Turn, Task, Source, Language),
    /// Confidence, difficulty, variance.
    #[serde(rename = "c")]
    class: (f32, f32, f32),
    /// Mean and variance, where they are not those of the classification.
    #[serde(rename = "b", default, skip_serializing_if = "none")]
    belief: Option<(f64, f64)>,
    #[serde(rename = "v", default, skip_serializing_if = "none")]
    moved: (f64, f64),
    #[serde(rename = "d", default, skip_serializing_if = "none")]
    data_class: Option<DataClass>,
    #[serde(rename = "a", default, skip_serializing_if = "none")]
    asked: Option<Arc<str>>,
    #[serde(rename = "q", default, skip_serializing_if = "none")]
    classifier: Option<Arc<str>>,
    #[serde(rename = "m", default, skip_serializing_if = "none")]
    max_output: Option<TokenCount>,
    #[serde(rename = "u", default, skip_serializing_if = "none")]
    current: Option<Name>,
    /// Tokens, milliseconds that are left of their life, the chance that they are there.
    #[serde(rename = "h", default, skip_serializing_if = "none")]
    warm: Vec<(Name, u64, i64, f64)>,
    #[serde(rename = "s", default, skip_serializing_if = "none")]
    steps: u32,
    #[serde(rename = "i", default, skip_serializing_if = "none")]
    signs: Vec<(Cow<'static, str>, u16)>,
    /// First byte, a slow one, a token, samples.
    #[serde(rename = "p", default, skip_serializing_if = "none")]
    pace: Vec<(Name, f64, f64, f64, f64)>,
    /// Factor and margin.
    #[serde(rename = "j", default, skip_serializing_if = "none")]
    lengths: Vec<(Name, f64, f64)>,
    #[serde(rename = "o", default, skip_serializing_if = "none")]
    windows: Vec<(Name, TokenCount)>,
    #[serde(rename = "l", default, skip_serializing_if = "none")]
    load: Vec<(Name, f64)>,
    #[serde(rename = "g", default, skip_serializing_if = "none")]
    worth: Vec<(Name, NanoUsd)>,
    #[serde(rename = "k", default, skip_serializing_if = "none")]
    lies_at: Option<Name>,
    #[serde(rename = "t", default, skip_serializing_if = "none")]
    unmet: Unmet,
    #[serde(rename = "x", default, skip_serializing_if = "none")]
    down: Vec<Name>,
    #[serde(rename = "y", default, skip_serializing_if = "none")]
    named: Vec<Arc<str>>,
    #[serde(rename = "z", default, skip_serializing_if = "none")]
    fitting: Vec<Arc<str>>,
}

/// What a classification alone makes of the work.
fn said(class: &Classification) -> Belief {
    Belief {
        mean: f64::from(class.difficulty),
        variance: f64::from(class.variance),
    }
}

impl Brief {
    /// `kept` is how much of the asked name stands in its column.
    pub(super) fn of(facts: &Facts, kept: &str, places: &Places, classifier: &str) -> Self {
        // No `..` here and below: a new fact is a new thing to write down, or the log could not be decided again.
        let Facts {
            at,
            endpoint: _,
            tenant: _,
            key: _,
            asked,
            tags: _,
            data_class,
            secrets,
            paths,
            session: _,
            turn,
            turns,
            draw,
            prompt,
            max_output,
            tools,
            images,
            fim,
            unmet,
            class,
            source,
            classifier: by,
            standing,
            outlook,
            down,
        } = facts;
        let Classification {
            // In a column of its own.
            task: _,
            second,
            confidence,
            difficulty,
            variance,
            output,
            output_low,
            output_high,
            language,
        } = *class;
        let Standing {
            belief,
            current,
            bound,
            sealed,
            lies_at,
            warm,
            growth,
            steps,
            moved,
            wider,
            signs,
        } = standing;
        let Outlook {
            pace,
            lengths,
            windows,
            load,
            worth,
        } = outlook;
        let Paths { named, fitting } = &**paths;
        let own = by.as_deref() == Some(classifier);
        let flags = [
            (*tools, TOOLS),
            (*images, IMAGES),
            (*fim, FIM),
            (*secrets, SECRETS),
            (*bound, BOUND),
            (*sealed, SEALED),
            (own, CLASSIFIED),
        ];
        let flags = flags.into_iter().filter(|(is, _)| *is);
        let flags = flags.fold(0, |all, (_, flag)| all | flag);
        Self {
            numbers: (
                *draw,
                prompt.0,
                *turns,
                flags,
                output.0,
                output_low.0,
                output_high.0,
                growth.0,
            ),
            words: (*turn, second, *source, language),
            class: (confidence, difficulty, variance),
            belief: (*belief != said(class)).then_some((belief.mean, belief.variance)),
            moved: (*moved, *wider),
            data_class: (*data_class != DataClass::Internal).then_some(*data_class),
            asked: (**asked != *kept).then(|| Arc::clone(asked)),
            classifier: by.clone().filter(|_| !own),
            max_output: *max_output,
            current: current.as_ref().map(|id| Name::of_model(id, places)),
            warm: warm.iter().map(|it| warmth(it, *at, places)).collect(),
            steps: *steps,
            signs: signs.clone(),
            pace: pace.iter().map(|it| speed(it, places)).collect(),
            lengths: lengths.iter().map(|it| length(it, places)).collect(),
            windows: (windows.iter())
                .map(|(id, window)| (Name::of_model(id, places), *window))
                .collect(),
            load: (load.iter())
                .map(|(id, load)| (Name::of_target(id, places), *load))
                .collect(),
            worth: (worth.iter())
                .map(|(id, worth)| (Name::of_target(id, places), *worth))
                .collect(),
            lies_at: lies_at.as_ref().map(|id| Name::of_target(id, places)),
            down: down.iter().map(|id| Name::of_target(id, places)).collect(),
            named: named.clone(),
            fitting: fitting.clone(),
            unmet: unmet.clone(),
        }
    }

    /// The facts again; `None` where a number is not of this catalogue.
    pub(super) fn facts(
        &self,
        beside: &Beside,
        places: &Places,
        classifier: &str,
    ) -> Option<Facts> {
        let (draw, prompt, turns, flags, output, output_low, output_high, growth) = self.numbers;
        let (turn, second, source, language) = self.words;
        let (confidence, difficulty, variance) = self.class;
        let is = |flag| flags & flag != 0;
        let class = Classification {
            task: beside.task,
            second,
            confidence,
            difficulty,
            variance,
            output: TokenCount(output),
            output_low: TokenCount(output_low),
            output_high: TokenCount(output_high),
            language,
        };
        let belief = self.belief.map_or_else(
            || said(&class),
            |(mean, variance)| Belief { mean, variance },
        );
        Some(Facts {
            at: beside.at,
            endpoint: beside.endpoint,
            tenant: beside.tenant.clone(),
            key: beside.key.clone(),
            asked: Arc::clone(self.asked.as_ref().unwrap_or(&beside.asked)),
            tags: beside.tags.clone(),
            data_class: self.data_class.unwrap_or(DataClass::Internal),
            secrets: is(SECRETS),
            paths: Arc::new(Paths {
                named: self.named.clone(),
                fitting: self.fitting.clone(),
            }),
            session: beside.session.clone(),
            turn,
            turns,
            draw,
            prompt: TokenCount(prompt),
            max_output: self.max_output,
            tools: is(TOOLS),
            images: is(IMAGES),
            fim: is(FIM),
            unmet: self.unmet.clone(),
            class,
            source,
            classifier: match is(CLASSIFIED) {
                true => Some(classifier.into()),
                false => self.classifier.clone(),
            },
            standing: Standing {
                belief,
                current: match &self.current {
                    Some(name) => Some(name.model(places)?),
                    None => None,
                },
                bound: is(BOUND),
                sealed: is(SEALED),
                lies_at: match &self.lies_at {
                    Some(name) => Some(name.target(places)?),
                    None => None,
                },
                warm: self.warm(beside, places)?,
                growth: TokenCount(growth),
                steps: self.steps,
                moved: self.moved.0,
                wider: self.moved.1,
                signs: self.signs.clone(),
            },
            outlook: self.outlook(places)?,
            down: (self.down.iter())
                .map(|name| name.target(places))
                .collect::<Option<_>>()?,
        })
    }

    fn warm(&self, beside: &Beside, places: &Places) -> Option<Vec<(ModelId, Warm)>> {
        let each = self.warm.iter().map(|(name, tokens, left, sure)| {
            let warm = Warm {
                tokens: TokenCount(*tokens),
                until: beside.at.plus_millis(*left),
                sure: *sure,
            };
            Some((name.model(places)?, warm))
        });
        each.collect()
    }

    fn outlook(&self, places: &Places) -> Option<Outlook> {
        let pace = self.pace.iter().map(|(name, first, slow, token, samples)| {
            let pace = Pace {
                first_byte_ms: *first,
                first_byte_slow_ms: *slow,
                token_ms: *token,
                samples: *samples,
            };
            Some((name.model(places)?, pace))
        });
        let lengths = self.lengths.iter().map(|(name, factor, margin)| {
            let length = Length {
                factor: *factor,
                margin: *margin,
            };
            Some((name.model(places)?, length))
        });
        let windows = self.windows.iter();
        let windows = windows.map(|(name, window)| Some((name.model(places)?, *window)));
        let load = self.load.iter();
        let load = load.map(|(name, load)| Some((name.target(places)?, *load)));
        Some(Outlook {
            pace: pace.collect::<Option<_>>()?,
            lengths: lengths.collect::<Option<_>>()?,
            windows: windows.collect::<Option<_>>()?,
            load: load.collect::<Option<_>>()?,
            worth: (self.worth.iter())
                .map(|(name, worth)| Some((name.target(places)?, *worth)))
                .collect::<Option<_>>()?,
        })
    }
}

fn warmth(
    (id, warm): &(ModelId, Warm),
    at: crate::domain::clock::Timestamp,
    places: &Places,
) -> (Name, u64, i64, f64) {
    let Warm {
        tokens,
        until,
        sure,
    } = *warm;
    let left = until.millis().saturating_sub(at.millis());
    (Name::of_model(id, places), tokens.0, left, sure)
}

fn length((id, length): &(ModelId, Length), places: &Places) -> (Name, f64, f64) {
    let Length { factor, margin } = *length;
    (Name::of_model(id, places), factor, margin)
}

fn speed((id, pace): &(ModelId, Pace), places: &Places) -> (Name, f64, f64, f64, f64) {
    let Pace {
        first_byte_ms,
        first_byte_slow_ms,
        token_ms,
        samples,
    } = *pace;
    let name = Name::of_model(id, places);
    (name, first_byte_ms, first_byte_slow_ms, token_ms, samples)
}
