//! What each model that a conversation visited still has of its prompt: for how many tokens, until when, how surely.
//!
//! A model's anchors are places at which a prefix of an earlier prompt ended that its provider keeps. The longest one that the
//! next prompt goes through is what can be read. They are only ever added, and the oldest go, so that the answers of calls that
//! overlap may be counted in any order.

use serde::{Deserialize, Serialize};

use super::prefix::{HEAD, Prompt};
use super::survival::Survival;
use crate::catalog::CacheRule;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ModelId, TargetId};
use crate::domain::tokens::{TokenCount, Usage};
use crate::protocol::canon::Mark;

/// Models that are remembered of one conversation.
const MODELS: usize = 8;
/// Anchors of one model.
const ANCHORS: usize = 14;
/// How far before the end of a prompt an anchor is set, where everything is kept: close together at the end, where clients
/// change what they said, and then ever wider.
const BACK: [usize; 6] = [0, 1, 2, 4, 8, 16];

/// A place at which a prefix ends that a provider keeps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Anchor {
    pub(super) place: u32,
    pub(super) hash: u64,
    /// Tokens before it.
    tokens: u64,
    /// They were counted by the provider, not taken from the bytes.
    counted: bool,
    pub(super) used: Timestamp,
    life_s: u32,
}

/// What one model has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    model: ModelId,
    at: Timestamp,
    anchors: Vec<Anchor>,
}

/// What every model has that the conversation visited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Warmth(Vec<Visit>);

/// What of a prompt a model is expected to read from its cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Warm {
    /// Tokens, if it is still there.
    pub tokens: TokenCount,
    /// Until when it lives, by the provider's rules.
    pub until: Option<Timestamp>,
    /// How surely it is still there, 0 to 1.
    pub sure: f64,
    /// How long ago it was used, in lives.
    pub idle: f64,
}

impl Warm {
    /// Tokens that are read on the average.
    pub fn expected(&self) -> f64 {
        self.tokens.0 as f64 * self.sure
    }
}

/// An answer, as far as it tells of the cache.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The model.
    pub model: &'a ModelId,
    /// Its provider's rules.
    pub rule: CacheRule,
    /// The prompt that was sent.
    pub prompt: &'a Prompt,
    /// What the provider counted.
    pub usage: Usage,
    /// When the call came.
    pub at: Timestamp,
}

impl Warmth {
    /// What `model` is expected to read of `prompt`.
    pub fn predict(
        &self,
        model: &ModelId,
        rule: CacheRule,
        prompt: &Prompt,
        now: Timestamp,
        sure: impl Fn(f64) -> f64,
    ) -> Warm {
        let visit = self.0.iter().find(|visit| visit.model == *model);
        visit.map_or(Warm::default(), |visit| {
            best(&visit.anchors, rule, prompt, now, sure)
        })
    }

    /// The same, by what was seen at `target`.
    pub fn predict_at(
        &self,
        (model, target): (&ModelId, &TargetId),
        rule: CacheRule,
        prompt: &Prompt,
        now: Timestamp,
        survival: &Survival,
    ) -> Warm {
        self.predict(model, rule, prompt, now, |idle| survival.sure(target, idle))
    }

    /// Takes in what an answer tells.
    pub fn observe(&mut self, answer: &Answered<'_>) {
        if answer.usage.prompt().0 == 0 || answer.prompt.bytes() == 0 {
            return;
        }
        let visit = Visit::of(answer);
        match self.0.iter_mut().find(|it| it.model == visit.model) {
            Some(known) => known.join(visit),
            None => self.0.push(visit),
        }
        self.0
            .sort_by(|one, two| (two.at, &one.model).cmp(&(one.at, &two.model)));
        self.0.truncate(MODELS);
    }

    /// Models that were visited, the latest first.
    pub fn models(&self) -> impl Iterator<Item = &ModelId> {
        self.0.iter().map(|visit| &visit.model)
    }
}

impl Visit {
    fn of(answer: &Answered<'_>) -> Self {
        Self {
            model: answer.model.clone(),
            at: answer.at,
            anchors: anchors(answer),
        }
    }

    fn join(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        for anchor in other.anchors {
            let same = |it: &&mut Anchor| (it.place, it.hash) == (anchor.place, anchor.hash);
            match self.anchors.iter_mut().find(same) {
                Some(known) => known.join(anchor),
                None => self.anchors.push(anchor),
            }
        }
        self.anchors
            .sort_by_key(|it| std::cmp::Reverse((it.used, it.place, it.hash)));
        self.anchors.truncate(ANCHORS);
    }
}

/// What can be read by one of these anchors, as it is likeliest to pay.
pub(super) fn best(
    anchors: &[Anchor],
    rule: CacheRule,
    prompt: &Prompt,
    now: Timestamp,
    sure: impl Fn(f64) -> f64,
) -> Warm {
    let reach = match rule.marks {
        true => prompt.marked().map_or(0, |last| last + 1),
        false => prompt.boundaries().len(),
    };
    let fits = |it: &&Anchor| {
        let place = it.place as usize;
        place < reach && it.tokens >= rule.least.0 && prompt.has(place, it.hash)
    };
    let mut fitting: Vec<&Anchor> = anchors.iter().filter(fits).collect();
    fitting.sort_by_key(|it| std::cmp::Reverse(it.place));
    let (mut best, mut used) = (Warm::default(), Timestamp::from_millis(0));
    for anchor in fitting {
        // Whoever used a longer prefix has used this one.
        used = match rule.renews {
            true => used.max(anchor.used),
            false => anchor.used,
        };
        let life = i64::from(anchor.life_s.max(1)) * 1_000;
        let idle = (now.millis() - used.millis()).max(0) as f64 / life as f64;
        let warm = Warm {
            tokens: TokenCount(anchor.tokens),
            until: Some(used.plus_millis(life)),
            sure: sure(idle),
            idle,
        };
        if best.until.is_none() || warm.expected() > best.expected() {
            best = warm;
        }
    }
    best
}

impl Anchor {
    fn join(&mut self, other: Self) {
        let newer = (other.counted, other.used) > (self.counted, self.used);
        if newer {
            (self.tokens, self.counted) = (other.tokens, other.counted);
        }
        if (other.used, other.life_s) > (self.used, self.life_s) {
            (self.used, self.life_s) = (other.used, other.life_s);
        }
    }
}

/// Places at which a provider keeps prefixes of the prompt now.
pub(super) fn anchors(answer: &Answered<'_>) -> Vec<Anchor> {
    let mut anchors = match answer.rule.marks {
        true => marked(answer),
        false => every(answer),
    };
    // What was read and does not live anew is as old as it was.
    let read = answer.usage.cache_read.0;
    anchors.retain(|it| answer.rule.renews || it.tokens > read);
    anchors
}

/// Where everything is kept: the end of the prompt, and places before it.
fn every(answer: &Answered<'_>) -> Vec<Anchor> {
    let last = answer.prompt.boundaries().len() - 1;
    let tokens = answer.usage.prompt();
    let places = BACK.iter().filter_map(|back| last.checked_sub(*back));
    let places = places.filter(|place| *place > HEAD);
    // What comes before the talk is shared by all that follows, whatever becomes of the talk: the system prompt, which in some
    // dialects is a message.
    let places = places.chain([HEAD - 1, HEAD].into_iter().filter(|place| *place <= last));
    let whole = (last, tokens);
    places
        .map(|place| anchor(answer, place, whole, Mark::Short))
        .collect()
}

/// Where marks are kept: each of them, if anything was.
fn marked(answer: &Answered<'_>) -> Vec<Anchor> {
    let Usage {
        cache_read,
        cache_write_short,
        cache_write_long,
        ..
    } = answer.usage;
    let tokens = cache_read + cache_write_short + cache_write_long;
    let Some(last) = answer.prompt.marked().filter(|_| tokens.0 > 0) else {
        return Vec::new();
    };
    let boundaries = answer.prompt.boundaries().iter().enumerate();
    let marks = boundaries.filter_map(|(place, it)| it.mark.map(|mark| (place, mark)));
    marks
        .map(|(place, mark)| anchor(answer, place, (last, tokens), mark))
        .collect()
}

/// The anchor at `place`, where `tokens` were counted up to `end`.
fn anchor(
    answer: &Answered<'_>,
    place: usize,
    (end, tokens): (usize, TokenCount),
    mark: Mark,
) -> Anchor {
    let (boundaries, rule) = (answer.prompt.boundaries(), answer.rule);
    let part = boundaries[place].bytes as f64 / boundaries[end].bytes.max(1) as f64;
    Anchor {
        place: u32::try_from(place).unwrap_or(u32::MAX),
        hash: boundaries[place].hash,
        tokens: match place == end {
            true => tokens.0,
            false => (tokens.0 as f64 * part).round() as u64,
        },
        counted: place == end,
        used: answer.at,
        life_s: match mark {
            Mark::Short => rule.life_s,
            Mark::Long => rule.long_s,
        },
    }
}

#[cfg(test)]
mod tests;
