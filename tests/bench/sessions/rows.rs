//! What was seen in the sessions of one model alone and how its work ended, as rows that the weights of signs are fitted to.

use serde_json::json;
use tollgate::classifier::abilities;
use tollgate::classifier::train::evidence::{Moment, Row, moments};
use tollgate::domain::belief::Belief;
use tollgate::domain::weights::Weights;

use crate::Fault;
use crate::replay::Outcome;
use crate::strategy::Strategy;
use crate::truth::Population;

/// Halvings that find an ability to far more digits than it is known to.
const HALVINGS: u32 = 40;

/// The rows of a strategy under which one model did all. How able it is thought to be is set so that those moments at which
/// nothing had been seen are right on the whole: what the table has wrong of a model is not the signs' to tell.
pub(crate) fn of(population: &Population, outcome: &Outcome) -> Result<Vec<Row>, Fault> {
    let like = match outcome.strategy {
        Strategy::Own => population.like,
        _ => "claude-opus-5-5",
    };
    let table = abilities::shipped();
    let told = outcome
        .records
        .iter()
        .filter_map(|it| Moment::read(&json!(it)));
    let mut rows = moments(told.collect(), &|_, task| Some(table.of(like, task).into()));
    let by = off(&rows)?;
    for row in &mut rows {
        row.work = format!("{}/{like}/{}", population.name, row.work);
        row.ability = row.ability.map(|it| it.moved(by, 0.0));
    }
    Ok(rows)
}

/// By how much abilities have to be moved.
fn off(rows: &[Row]) -> Result<f64, Fault> {
    let unseen: Vec<&Row> = rows.iter().filter(|row| row.signs.is_empty()).collect();
    let passed = unseen.iter().filter(|row| row.passed).count() as f64;
    let weights = Weights::default();
    let told = |by: f64| -> f64 {
        let moved = |row: &&Row| {
            let ability = row.ability.unwrap_or(Belief::WIDE).moved(by, 0.0);
            let row = Row {
                ability: Some(ability),
                ..(*row).clone()
            };
            row.chance(&weights)
        };
        unseen.iter().map(moved).sum()
    };
    let (mut low, mut high) = (-10.0, 10.0);
    if unseen.is_empty() || !(told(low)..told(high)).contains(&passed) {
        return Err("nothing can be told of work that has shown no sign".into());
    }
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if told(middle) < passed {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok((low + high) / 2.0)
}
