//! What targets have of how conversations begin: tools and system prompt are the same in every conversation of a client, so that
//! a new one finds them read.

use std::sync::Mutex;

use super::open;
use super::ring::Ring;
use crate::catalog::CacheRule;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ModelId, TargetId};
use crate::session::hash::Key;
use crate::session::prefix::{HEAD, Prompt};
use crate::session::survival::Survival;
use crate::session::warmth::{Anchor, Answered, Warm, anchors, best};

/// Where a head may end: behind the system prompt, which in some dialects is the first message.
const PLACES: [usize; 2] = [HEAD - 1, HEAD];

/// Heads by target, model and hash.
#[derive(Debug)]
pub(super) struct Heads(Mutex<Ring<Anchor>>);

impl Heads {
    pub(super) fn of(most: usize) -> Self {
        Self(Mutex::new(Ring::of(most)))
    }

    pub(super) fn observe(&self, target: &TargetId, answer: &Answered<'_>, key: &Key) {
        if answer.usage.prompt().0 == 0 || answer.prompt.bytes() == 0 {
            return;
        }
        let scope = scope(answer.model, target, key);
        let mut heads = open(&self.0);
        for anchor in anchors(answer) {
            let id = key.join(scope, anchor.hash);
            let older = |known: &Anchor| known.used <= anchor.used;
            if PLACES.contains(&(anchor.place as usize)) && heads.get(id).is_none_or(older) {
                heads.put(id, anchor);
            }
        }
    }

    pub(super) fn predict(
        &self,
        (model, target): (&ModelId, &TargetId),
        rule: CacheRule,
        prompt: &Prompt,
        now: Timestamp,
        (survival, key): (&Survival, &Key),
    ) -> Warm {
        let scope = scope(model, target, key);
        let mut heads = open(&self.0);
        let boundaries = PLACES
            .iter()
            .filter_map(|place| prompt.boundaries().get(*place));
        let known = boundaries.filter_map(|it| heads.get(key.join(scope, it.hash)).copied());
        let known: Vec<Anchor> = known.collect();
        drop(heads);
        best(&known, rule, prompt, now, |idle| {
            survival.sure(target, idle)
        })
    }
}

fn scope(model: &ModelId, target: &TargetId, key: &Key) -> u64 {
    key.all([target.as_str().as_bytes(), model.as_str().as_bytes()])
}
