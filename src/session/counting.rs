//! How many tokens a model makes of what is counted here, learned from what was billed: whose table it seems to have, and by how
//! much it bills more or less than that.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::bend::Bend;
use super::length::{Learned, said_by};
use super::written::leniently;
use crate::domain::tokens::TokenCount;
use crate::protocol::count::{Counted, Family, Whose};

/// Another table than the one that the model's name tells is believed in only if bills are so many times closer to it.
const NAMED: f64 = 1.25;

/// A bill that is further off than this from what was learned, in logarithms, is odd: half as much again.
const ODD: f64 = 0.405;

/// What was learned of one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counting {
    /// Beside each table that is known.
    #[serde(serialize_with = "shortly", deserialize_with = "known")]
    beside: BTreeMap<Family, Learned>,
    /// Part by part, beside the table that explained best what was billed.
    #[serde(deserialize_with = "leniently")]
    bend: Option<(Family, Bend)>,
}

impl Counting {
    /// Learns from a prompt that was counted, and that a model which is thought to have the tokens of somebody billed as so many.
    pub fn learn(&mut self, counted: &Counted, billed: TokenCount, whose: Whose) {
        // What pictures and papers truly are is not known: their bill tells nothing of the text beside them.
        if billed.0 == 0 || counted.fixed() > 0 {
            return;
        }
        for family in Family::ALL {
            let learned = self.beside.entry(*family).or_default();
            // An odd bill weighs alike on all of them, and does not make another one the best.
            learned.learn_within(ODD, counted.tokens(*family), billed);
        }
        let best = self.best(whose);
        let bend = match self.bend.take() {
            Some((family, bend)) if family == best => bend,
            _ => Bend::default(),
        };
        let odd = self.is_odd(counted.tokens(best), billed, best);
        let (_, bend) = self.bend.insert((best, bend));
        // Parts explain a fifth at the most: what is further off is no matter of theirs.
        if !odd {
            bend.learn(&counted.parts(best), billed.0 as f64, said_by(billed));
        }
    }

    fn is_odd(&self, ours: TokenCount, billed: TokenCount, family: Family) -> bool {
        let likely = ours.0 as f64 * self.factor(family);
        (billed.0 as f64 / likely).ln().abs() > ODD
    }

    fn factor(&self, family: Family) -> f64 {
        let learned = self.beside.get(&family).copied();
        learned.unwrap_or_default().length().factor
    }

    /// How many tokens a prompt is for the model, which is thought to have the tokens of somebody.
    pub fn tokens(&self, counted: &Counted, whose: Whose) -> TokenCount {
        let Some((family, bend)) = &self.bend else {
            return counted.tokens(whose.family());
        };
        let tokens = bend.tokens(&counted.parts(*family), self.factor(*family));
        TokenCount(tokens.round() as u64 + counted.fixed())
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

fn shortly<S: Serializer>(
    beside: &BTreeMap<Family, Learned>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let short = |(family, learned): (_, &Learned)| (family, learned.short());
    serializer.collect_map(beside.iter().map(short))
}

/// Of families that are not known by these words any more, nothing is.
fn known<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Family, Learned>, D::Error> {
    let written: BTreeMap<String, Value> = leniently(deserializer)?;
    let known =
        |(word, it): (String, _)| Some((word.parse().ok()?, Learned::deserialize(it).ok()?));
    Ok(written.into_iter().filter_map(known).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::dialect::Dialect;
    use crate::protocol::count::count;

    const CODE: [&str; 4] = [
        include_str!("../../tests/data/code/orders.rs.txt"),
        include_str!("../../tests/data/code/weather.py.txt"),
        include_str!("../../tests/data/code/library.sql.txt"),
        include_str!("../../tests/data/code/guide.md.txt"),
    ];

    const STRANGER: Whose = Whose::Likely(Family::Llama);

    fn counted(text: &str) -> Counted {
        count_of(&json!({"model": "m", "messages": [{"role": "user", "content": text}]}))
    }

    fn count_of(body: &Value) -> Counted {
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
    fn one_odd_bill_spoils_no_count() {
        for whose in [Whose::Named(Family::Qwen), STRANGER] {
            let mut exact = Counting::default();
            for code in CODE.iter().cycle().take(30) {
                let prompt = counted(code);
                exact.learn(&prompt, prompt.tokens(Family::Qwen), whose);
            }
            let long = counted(&CODE[1].repeat(24));
            let truly = long.tokens(Family::Qwen).0 as f64;
            for odd in [1.0 / 30_000.0, 0.05, 0.27, 0.5, 3.0] {
                let mut counting = exact.clone();

                counting.learn(&long, TokenCount((truly * odd).ceil() as u64), whose);

                for code in CODE {
                    let prompt = counted(code);
                    let off = off(counting.tokens(&prompt, whose), prompt.tokens(Family::Qwen));
                    assert!(off < 0.01, "{odd} {whose:?} {off}");
                }
            }
        }
    }

    #[test]
    fn what_is_billed_beside_the_text_is_not_billed_for_pictures() {
        let pictures = |count: usize| {
            let picture = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}});
            let mut content = vec![picture; count];
            content.push(json!({"type": "text", "text": CODE[0]}));
            let body = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
            count_of(&body)
        };
        let mut counting = Counting::default();
        for code in CODE.iter().cycle().take(40) {
            let prompt = counted(code);
            let billed = prompt.tokens(Family::Llama).0 + 1_000;
            counting.learn(&prompt, TokenCount(billed), STRANGER);
        }

        let (none, six) = (pictures(0), pictures(6));

        let of = |it| counting.tokens(it, STRANGER).0;
        let more = six.tokens(Family::Llama).0 - none.tokens(Family::Llama).0;
        assert_eq!(of(&six) - of(&none), more);
    }

    #[test]
    fn it_is_kept_and_read_again() {
        let mut counting = Counting::default();
        let prompt = counted(CODE[0]);
        counting.learn(&prompt, prompt.tokens(Family::Gemma), STRANGER);

        let text = serde_json::to_string(&counting).expect("it can be written");

        let read: Counting = serde_json::from_str(&text).expect("it can be read");
        let again = serde_json::to_string(&read).expect("it can be written");
        assert_eq!(again, text);
        let (tokens, should) = (
            read.tokens(&prompt, STRANGER),
            counting.tokens(&prompt, STRANGER),
        );
        assert!(off(tokens, should) < 0.000_5 && read.bend.is_some());
    }
}
