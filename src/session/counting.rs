//! How many tokens a model makes of what is counted here, learned from what was billed: whose table it seems to have, and by how
//! much it bills more or less than that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bend::Bend;
use super::length::{Learned, said_by};
use crate::domain::tokens::TokenCount;
use crate::protocol::count::{Counted, Family, Whose};

/// Another table than the one that the model's name tells is believed in only if bills are so many times closer to it.
const NAMED: f64 = 1.25;

/// What was learned of one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counting {
    /// Beside each table that is known.
    beside: BTreeMap<Family, Learned>,
    /// Part by part, beside the table that explained best what was billed.
    bend: Option<(Family, Bend)>,
}

impl Counting {
    /// Learns from a prompt that was counted, and that a model which is thought to have the tokens of somebody billed as so many.
    pub fn learn(&mut self, counted: &Counted, billed: TokenCount, whose: Whose) {
        for family in Family::ALL {
            let learned = self.beside.entry(*family).or_default();
            learned.learn(counted.tokens(*family), billed);
        }
        let best = self.best(whose);
        let bend = match self.bend.take() {
            Some((family, bend)) if family == best => bend,
            _ => Bend::default(),
        };
        let (_, bend) = self.bend.insert((best, bend));
        if billed.0 > 0 {
            bend.learn(&counted.parts(best), billed.0 as f64, said_by(billed));
        }
    }

    /// How many tokens a prompt is for the model, which is thought to have the tokens of somebody.
    pub fn tokens(&self, counted: &Counted, whose: Whose) -> TokenCount {
        let Some((family, bend)) = &self.bend else {
            return counted.tokens(whose.family());
        };
        let learned = self.beside.get(family).copied().unwrap_or_default();
        let tokens = bend.tokens(&counted.parts(*family), learned.length().factor);
        TokenCount(tokens.round() as u64)
    }

    /// The family whose table explains best what was billed.
    fn best(&self, whose: Whose) -> Family {
        let off = |(family, learned): (&Family, &Learned)| {
            let named = whose == Whose::Named(*family);
            (
                *family,
                learned.variance() / if named { NAMED } else { 1.0 },
            )
        };
        let best = self
            .beside
            .iter()
            .map(off)
            .min_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(whose.family(), |(family, _)| family)
    }

    /// Whether these are numbers that learning can come to: they may have been kept by another hand.
    pub fn is_sound(&self) -> bool {
        let bend = self.bend.as_ref();
        self.beside.values().all(Learned::is_sound) && bend.is_none_or(|(_, bend)| bend.is_sound())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::dialect::Dialect;
    use crate::protocol::count::count;

    const CODE: [&str; 4] = [
        include_str!("length.rs"),
        include_str!("keep/lengths.rs"),
        include_str!("../../Cargo.lock"),
        include_str!("../../dashboards/README.md"),
    ];

    const STRANGER: Whose = Whose::Likely(Family::Llama);

    fn counted(text: &str) -> Counted {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        count(Dialect::Messages, body.to_string().as_bytes()).expect("it can be read")
    }

    fn off(is: TokenCount, should: TokenCount) -> f64 {
        (is.0 as f64 / should.0 as f64 - 1.0).abs()
    }

    #[test]
    fn nothing_billed_is_what_the_name_tells() {
        let counting = Counting::default();
        let prompt = counted(CODE[0]);

        for family in Family::ALL {
            let tokens = counting.tokens(&prompt, Whose::Named(*family));
            assert_eq!(tokens, prompt.tokens(*family));
        }
    }

    #[test]
    fn a_table_is_known_again_by_a_few_bills() {
        for truly in Family::ALL {
            let mut counting = Counting::default();
            for code in &CODE[..3] {
                let prompt = counted(code);
                counting.learn(&prompt, prompt.tokens(*truly), STRANGER);
            }

            let prompt = counted(CODE[3]);

            let tokens = counting.tokens(&prompt, STRANGER);
            assert!(off(tokens, prompt.tokens(*truly)) < 0.01, "{truly}");
        }
    }

    #[test]
    fn what_is_billed_beside_is_learned_and_the_name_still_believed() {
        let named = Whose::Named(Family::DeepSeek);
        let mut counting = Counting::default();
        for code in CODE.iter().cycle().take(40) {
            let prompt = counted(code);
            let billed = prompt.tokens(Family::DeepSeek).0 * 105 / 100;
            counting.learn(&prompt, TokenCount(billed), named);
        }

        let prompt = counted(CODE[1]);

        let should = TokenCount(prompt.tokens(Family::DeepSeek).0 * 105 / 100);
        assert!(off(counting.tokens(&prompt, named), should) < 0.01);
        assert_eq!(counting.best(named), Family::DeepSeek);
        assert!(counting.is_sound());
    }

    #[test]
    fn it_is_kept_and_read_again() {
        let mut counting = Counting::default();
        let prompt = counted(CODE[0]);
        counting.learn(&prompt, prompt.tokens(Family::Gemma), STRANGER);

        let text = serde_json::to_string(&counting).expect("it can be written");

        let read: Counting = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(read, counting);
    }
}
