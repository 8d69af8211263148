//! How surely a provider still has what it should have, by how long ago it was used: what its rules say, moved by what was seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::ids::TargetId;

/// Ends of the spans of idle time, in lives of the cache.
const SPANS: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0];
/// How many observations the rule counts for.
const RULE: f64 = 4.0;
/// What an observation is worth once the next one has come: fifty count.
const DECAY: f64 = 0.98;
/// Targets that are remembered; there are as many as are configured.
const MOST: usize = 1_000;

/// What was seen in one span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// Observations, older ones counting less.
    weight: f64,
    /// How much of what was expected had been read, on the whole.
    hits: f64,
}

/// What was seen at each target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Survival(BTreeMap<TargetId, [Seen; SPANS.len() + 1]>);

impl Survival {
    /// How surely a prefix is still there that was last used `idle` lives ago.
    pub fn sure(&self, target: &TargetId, idle: f64) -> f64 {
        let rule = match idle < 1.0 {
            true => 1.0,
            false => 0.0,
        };
        let Some(spans) = self.0.get(target) else {
            return rule;
        };
        let seen = spans[span(idle)];
        (RULE * rule + seen.hits) / (RULE + seen.weight)
    }

    /// Learns from an answer: `part` of the expected tokens had been read, 0 to 1.
    pub fn learn(&mut self, target: &TargetId, idle: f64, part: f64) {
        if !self.0.contains_key(target) && self.0.len() >= MOST {
            return;
        }
        let spans = self.0.entry(target.clone()).or_default();
        let seen = &mut spans[span(idle)];
        seen.weight = seen.weight * DECAY + 1.0;
        seen.hits = seen.hits * DECAY + part.clamp(0.0, 1.0);
    }
}

fn span(idle: f64) -> usize {
    SPANS.iter().take_while(|end| idle >= **end).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_holds_until_something_else_is_seen() {
        let (one, two) = (TargetId::from("one"), TargetId::from("two"));
        let mut survival = Survival::default();
        assert_eq!(
            (survival.sure(&one, 0.9), survival.sure(&one, 1.1)),
            (1.0, 0.0)
        );

        for _ in 0..40 {
            survival.learn(&one, 0.9, 0.0);
            survival.learn(&one, 1.1, 1.0);
        }

        let (inside, outside) = (survival.sure(&one, 0.9), survival.sure(&one, 1.1));
        assert!(inside < 0.2 && outside > 0.8, "{inside} {outside}");
        // Other spans and other targets keep to the rule.
        assert_eq!(
            (survival.sure(&one, 0.1), survival.sure(&one, 9.0)),
            (1.0, 0.0)
        );
        assert_eq!(
            (survival.sure(&two, 0.9), survival.sure(&two, 1.1)),
            (1.0, 0.0)
        );
    }

    #[test]
    fn what_was_long_ago_counts_less() {
        let target = TargetId::from("t");
        let mut survival = Survival::default();

        (0..200).for_each(|_| survival.learn(&target, 0.1, 0.0));
        let low = survival.sure(&target, 0.1);
        (0..200).for_each(|_| survival.learn(&target, 0.1, 1.0));

        assert!(low < 0.1 && survival.sure(&target, 0.1) > 0.95);
    }
}
