//! Rows from the gateway's own record: what each call knew, and what the calls after it tell of how it went.
//!
//! An outcome is the last word on the work of one model without a break: the tests it left green or red, the person's thanks
//! or complaint. Work of which nobody said how it ended makes no rows, which is most of it; so the figures are those of work
//! that is tested or talked about. The signs that a row holds are older than the word it is held against.

use serde_json::Value;

use super::Row;
use crate::domain::belief::Belief;
use crate::domain::facts::{Source, Task};
use crate::domain::sign::{Sign, Signs};

/// A call of a conversation, as far as its record tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    session: String,
    time: String,
    turns: u64,
    model: String,
    task: Task,
    prior: Belief,
    signs: Signs,
}

impl Moment {
    /// Reads the record of a call, as the admin API tells it; `None` where there was no conversation or no answer, and of what
    /// clients ask on the side, like titles.
    pub fn read(record: &Value) -> Option<Self> {
        let facts = &record["explanation"]["facts"];
        let standing = &facts["standing"];
        if facts["source"] == Source::Shape.as_str() {
            return None;
        }
        let text = |it: &Value| Some(it.as_str()?.to_owned());
        let number = |it: &Value| it.as_f64().unwrap_or(0.0);
        let mut signs = Signs::default();
        for pair in standing["signs"].as_array().into_iter().flatten() {
            let sign: Sign = pair[0].as_str()?.parse().ok()?;
            (0..pair[1].as_u64()?.min(100)).for_each(|_| signs.add(sign));
        }
        let belief = &standing["belief"];
        Some(Self {
            session: text(&record["session"])?,
            time: text(&record["time"])?,
            turns: facts["turns"].as_u64().unwrap_or(0),
            model: text(&record["model"])?,
            task: facts["task"].as_str()?.parse().ok()?,
            // What it was before anything was seen.
            prior: Belief {
                mean: belief["mean"].as_f64()? - number(&standing["moved"]),
                variance: belief["variance"].as_f64()? / number(&standing["wider"]).exp(),
            },
            signs,
        })
    }

    /// Whether this is about another thing than the call before it.
    fn is_new(&self, before: &Self) -> bool {
        let fell = Sign::ALL
            .iter()
            .any(|sign| self.signs.count(*sign) < before.signs.count(*sign));
        let complains = more(before, self, Sign::Complaint);
        self.session != before.session || fell || (self.turns != before.turns && !complains)
    }
}

fn more(before: &Moment, after: &Moment, sign: Sign) -> bool {
    after.signs.count(sign) > before.signs.count(sign)
}

/// What came of an answer, by what was new at the next call.
fn word(before: &Moment, after: &Moment) -> Option<bool> {
    if after.is_new(before) {
        let thanked = after.session == before.session && after.signs.count(Sign::Thanks) > 0;
        return thanked.then_some(true);
    }
    let more = |sign| more(before, after, sign);
    let bad = [Sign::TestsFailed, Sign::MoreFailed, Sign::Complaint];
    let good = [Sign::TestsPassed, Sign::Thanks];
    match (bad.into_iter().any(more), good.into_iter().any(more)) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    }
}

/// The rows of calls, in any order; abilities are those that `ability` tells of models.
pub fn moments(mut all: Vec<Moment>, ability: &dyn Fn(&str, Task) -> Option<Belief>) -> Vec<Row> {
    all.sort_by(|a, b| (&a.session, &a.time).cmp(&(&b.session, &b.time)));
    let mut rows = Vec::new();
    // From the last to the first: what is known of the end goes back to where the model began.
    let mut end: Option<bool> = None;
    let mut piece = 0;
    for place in (0..all.len()).rev() {
        let (this, next) = (&all[place], all.get(place + 1));
        let goes_on = next.is_some_and(|next| !next.is_new(this) && next.model == this.model);
        if !goes_on {
            (end, piece) = (None, piece + 1);
        }
        end = end.or_else(|| word(this, next?));
        let Some(passed) = end else { continue };
        rows.push(Row {
            work: format!("{}/{piece}", this.session),
            prior: this.prior,
            task: this.task,
            model: this.model.clone(),
            ability: ability(&this.model, this.task),
            signs: this.signs,
            passed,
        });
    }
    rows.reverse();
    rows
}
