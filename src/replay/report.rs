//! What a run found, as programs read it. Money is in whole billionths of a dollar and in decimals; no float holds an amount.

use std::collections::BTreeMap;

use serde::Serialize;

use super::run::{Ask, Run};
use super::tally::{Change, Group, Outcome};
use crate::domain::clock::Timestamp;
use crate::domain::facts::Task;
use crate::domain::ids::{ModelId, RequestId, TenantId};
use crate::domain::money::NanoUsd;
use crate::ledger::Record;
use crate::policy::{Plan, Score, Unmade};

/// Calls that are listed.
pub(super) const MOST: usize = 20;

/// What a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    since: Option<Timestamp>,
    until: Timestamp,
    tenant: Option<TenantId>,
    /// What the policies that were tried stand in place of.
    in_place_of: String,
    #[serde(flatten)]
    seen: Seen,
    /// The policies of then chose the same model for each call.
    pub same: bool,
    others: Vec<Other>,
    change: Row,
    by_task: Vec<Row>,
    by_tenant: Vec<Row>,
    flows: Vec<Flow>,
    /// Those that change most.
    moves: Vec<Move>,
    measured: Vec<Factor>,
    notes: Vec<&'static str>,
}

/// What was gone through.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Seen {
    /// Calls of the span.
    pub(super) calls: u64,
    /// Those that were decided once more.
    pub(super) decided: u64,
    /// Those whose facts are not in the log: an older version wrote it, or what they were decided by is gone.
    pub(super) without_facts: u64,
    /// Those that were refused before models were looked at.
    pub(super) refused_before: u64,
    /// Those for which the policies of then choose another model now.
    pub(super) other: u64,
    /// Those for which they choose the same model at other terms.
    pub(super) other_terms: u64,
    bill_nano_usd: NanoUsd,
    bill_usd: String,
    unpriced: u64,
}

impl Seen {
    pub(super) fn call(&mut self, record: &Record) {
        self.calls += 1;
        self.unpriced += u64::from(record.unpriced);
        self.bill_nano_usd = self.bill_nano_usd + record.cost_nano_usd.unwrap_or_default();
    }
}

/// A call for which the policies of then choose another model than was written down.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Other {
    request_id: RequestId,
    recorded: Option<ModelId>,
    again: Option<ModelId>,
    why: String,
}

impl Other {
    pub(super) fn of(
        record: &Record,
        chosen: Option<&(ModelId, Score)>,
        again: &Result<Plan, Unmade>,
    ) -> Self {
        Self {
            request_id: record.request_id,
            recorded: chosen.map(|(id, _)| id.clone()),
            again: again
                .as_ref()
                .ok()
                .map(|plan| plan.first().model.id.clone()),
            why: why(again),
        }
    }
}

fn why(decided: &Result<Plan, Unmade>) -> String {
    match decided {
        Ok(plan) => plan.reason.clone(),
        Err(unmade) => unmade.to_string(),
    }
}

/// How many calls go from one model to another; `None` where no model answers.
#[derive(Clone, Debug, Serialize)]
struct Flow {
    from: Option<ModelId>,
    to: Option<ModelId>,
    calls: u64,
}

/// By how much a model's bills are larger than was expected of them.
#[derive(Clone, Debug, Serialize)]
struct Factor {
    model: ModelId,
    calls: u64,
    factor: Option<f64>,
}

/// Sums, then and with what is tried, and between what nine draws in ten lie.
#[derive(Clone, Debug, Serialize)]
struct Row {
    group: String,
    calls: u64,
    moved: u64,
    refused_then: u64,
    refused_tried: u64,
    money: Money,
    failures: Sum,
    waiting_minutes: Sum,
}

#[derive(Clone, Debug, Serialize)]
struct Money {
    then_nano_usd: NanoUsd,
    tried_nano_usd: NanoUsd,
    change_nano_usd: NanoUsd,
    low_nano_usd: NanoUsd,
    high_nano_usd: NanoUsd,
    then_usd: String,
    tried_usd: String,
    change_usd: String,
    low_usd: String,
    high_usd: String,
}

#[derive(Clone, Debug, Serialize)]
struct Sum {
    then: f64,
    tried: f64,
    change: f64,
    low: f64,
    high: f64,
}

impl Sum {
    fn of((then, change): (f64, Change), unit: f64) -> Self {
        // A thousandth is finer than any of it is known.
        let short = |amount: f64| (amount / unit * 1e3).round() / 1e3;
        Self {
            then: short(then),
            tried: short(then + change.by),
            change: short(change.by),
            low: short(change.low),
            high: short(change.high),
        }
    }
}

impl Money {
    fn of(then: NanoUsd, change: Change) -> Self {
        let nano = |amount: f64| NanoUsd(amount.round() as i64);
        let by = nano(change.by);
        let (tried, low, high) = (then + by, nano(change.low), nano(change.high));
        Self {
            then_nano_usd: then,
            tried_nano_usd: tried,
            change_nano_usd: by,
            low_nano_usd: low,
            high_nano_usd: high,
            then_usd: then.to_string(),
            tried_usd: tried.to_string(),
            change_usd: by.to_string(),
            low_usd: low.to_string(),
            high_usd: high.to_string(),
        }
    }
}

/// A call that goes elsewhere.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Move {
    request_id: RequestId,
    time: Timestamp,
    tenant: TenantId,
    task: Task,
    from: Option<ModelId>,
    to: Option<ModelId>,
    /// What it was billed.
    billed_nano_usd: NanoUsd,
    /// By how much more is expected of it: dollars, chance of failing in hundredths, seconds.
    expected_nano_usd: NanoUsd,
    failure_percent: f64,
    wait_seconds: f64,
    why: String,
    /// What all of that comes to, by what failing and waiting usually cost.
    #[serde(skip)]
    weight: f64,
}

/// What failing and waiting a minute count where calls are sorted by how much they change: a policy's usual.
const FAILURE: f64 = 2e9;
const MINUTE: f64 = 5e8;

impl Move {
    /// Keeps a call where it is one of those that change most.
    pub(super) fn keep(
        moves: &mut Vec<Self>,
        record: &Record,
        (from, before): (Option<&ModelId>, &Outcome),
        (tried, after): (&Result<Plan, Unmade>, &Outcome),
    ) {
        let money = after.expected - before.expected;
        let failure = after.failure - before.failure;
        let wait_ms = after.wait_ms - before.wait_ms;
        let weight = money.abs() + FAILURE * failure.abs() + MINUTE * wait_ms.abs() / 60_000.0;
        let place = moves.partition_point(|it| it.weight >= weight);
        if place >= MOST {
            return;
        }
        let to = tried.as_ref().ok().map(|plan| &plan.first().model.id);
        let change = Self {
            request_id: record.request_id,
            time: record.time,
            tenant: record.tenant.clone(),
            task: record.task,
            from: from.cloned(),
            to: to.cloned(),
            billed_nano_usd: record.cost_nano_usd.unwrap_or_default(),
            expected_nano_usd: NanoUsd(money.round() as i64),
            failure_percent: (failure * 1e4).round() / 1e2,
            wait_seconds: (wait_ms / 1e2).round() / 1e1,
            why: left(from, tried),
            weight,
        };
        moves.insert(place, change);
        moves.truncate(MOST);
    }
}

/// Why a call goes where it goes, and what keeps it from where it was.
fn left(from: Option<&ModelId>, tried: &Result<Plan, Unmade>) -> String {
    let rejected = tried.as_ref().ok().zip(from).and_then(|(plan, from)| {
        let mut rejected = plan.rejected.iter();
        rejected.find(|(id, _)| id == from)
    });
    match rejected {
        Some((id, what)) => format!("{}; {id}: {what}", why(tried)),
        None => why(tried),
    }
}

const NOTES: [&str; 3] = [
    "later turns are not lived again: a call that goes elsewhere would have had another answer, and what came after it in its conversation would not be what is in the log",
    "money: calls that stay cost what they were billed; calls that move cost what is expected of them by the prices of then, times what the model's bills in this log came to against what was expected of them",
    "between low and high lie nine in ten draws of conversations; failures are expected by what is believed of models, not seen",
];

impl Run {
    pub(super) fn report(self, ask: &Ask) -> Report {
        let factors: BTreeMap<&ModelId, f64> = (self.measured.iter())
            .filter_map(|(id, measured)| Some((id, measured.factor()?)))
            .collect();
        let factor = |id: &ModelId| factors.get(id).copied().unwrap_or(1.0);
        let row = |group: String, sums: &Group| Row {
            group,
            calls: sums.calls,
            moved: sums.moved,
            refused_then: sums.refused.0,
            refused_tried: sums.refused.1,
            money: Money::of(sums.billed, sums.money(factor)),
            failures: Sum::of(sums.failures(), 1.0),
            waiting_minutes: Sum::of(sums.wait_ms(), 60_000.0),
        };
        let by_task = self.by_task.iter();
        let by_tenant = self.by_tenant.iter();
        let change = row("all".to_owned(), &self.all);
        let by_task = by_task.map(|(task, sums)| row(task.to_string(), sums));
        let by_tenant = by_tenant.map(|(tenant, sums)| row(tenant.to_string(), sums));
        let (by_task, by_tenant) = (by_task.collect(), by_tenant.collect());
        let measured = self.measured.iter().map(|(model, measured)| Factor {
            model: model.clone(),
            calls: measured.calls,
            factor: measured.factor().map(|it| (it * 1e3).round() / 1e3),
        });
        let measured = measured.collect();
        let flows = self.flows.into_iter();
        let mut flows: Vec<Flow> = flows
            .map(|((from, to), calls)| Flow { from, to, calls })
            .collect();
        flows.sort_by_key(|flow| std::cmp::Reverse(flow.calls));
        let bill_usd = self.seen.bill_nano_usd.to_string();
        Report {
            since: ask.since,
            until: ask.until,
            tenant: ask.tenant.clone(),
            in_place_of: self.trial.place().to_owned(),
            same: self.seen.other == 0,
            seen: Seen {
                bill_usd,
                ..self.seen
            },
            others: self.others,
            change,
            by_task,
            by_tenant,
            flows,
            moves: self.moves,
            measured,
            notes: NOTES.to_vec(),
        }
    }
}
