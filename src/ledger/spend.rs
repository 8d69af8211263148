//! Sums over calls. Whole numbers, and nothing unpriced is added as nothing: it is counted apart.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use serde::Serialize;

use crate::domain::dialect::Hosting;
use crate::domain::ids::{ModelId, TenantId};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::Usage;

use super::entry::State;
use super::record::{AttemptRecord, Record};

/// What to group by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Who pays.
    Tenant,
    /// The key.
    Key,
    /// The model of each attempt.
    Model,
    /// The target of each attempt.
    Target,
    /// The value of this label.
    Tag(String),
    /// Kind of work.
    Task,
    /// The day that the call came in, UTC.
    Day,
}

impl FromStr for By {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "tenant" => Self::Tenant,
            "key" => Self::Key,
            "model" => Self::Model,
            "target" => Self::Target,
            "task" => Self::Task,
            "day" => Self::Day,
            _ => match text.strip_prefix("tag:") {
                Some(name) if !name.is_empty() => Self::Tag(name.to_owned()),
                _ => return Err(()),
            },
        })
    }
}

/// What one group spent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpendRow {
    /// The group; `None` for calls without the label that was asked for.
    pub group: Option<String>,
    /// Calls.
    pub requests: u64,
    /// Attempts of them.
    pub attempts: u64,
    /// Tokens of the settled attempts.
    pub tokens: Usage,
    /// What the settled attempts with a price cost.
    pub cost_nano_usd: NanoUsd,
    /// The same in dollars.
    pub cost_usd: String,
    /// What was saved, by calls whose cost and baseline are known; by model and target, where the call's last attempt was.
    pub saved_nano_usd: NanoUsd,
    /// The same in dollars.
    pub saved_usd: String,
    /// Settled attempts whose price is not known: their cost comes on top.
    pub unpriced_attempts: u64,
    /// The part of the cost that is estimated.
    pub estimated_nano_usd: NanoUsd,
    /// The same in dollars.
    pub estimated_usd: String,
}

impl SpendRow {
    fn add(&mut self, attempt: &AttemptRecord) {
        self.attempts += 1;
        if !attempt.settled() {
            return;
        }
        self.tokens = sum(self.tokens, attempt.tokens);
        match attempt.cost_nano_usd {
            Some(cost) => {
                self.cost_nano_usd = self.cost_nano_usd + cost;
                if attempt.state == State::Estimated {
                    self.estimated_nano_usd = self.estimated_nano_usd + cost;
                }
            }
            None => self.unpriced_attempts += 1,
        }
    }
}

fn sum(a: Usage, b: Usage) -> Usage {
    Usage {
        input: a.input + b.input,
        cache_read: a.cache_read + b.cache_read,
        cache_write_short: a.cache_write_short + b.cache_write_short,
        cache_write_long: a.cache_write_long + b.cache_write_long,
        output: a.output + b.output,
        reasoning: a.reasoning + b.reasoning,
    }
}

/// Adds calls up by group, one at a time.
#[derive(Debug)]
pub(super) struct Sums<'b> {
    by: &'b By,
    rows: HashMap<Option<String>, SpendRow>,
}

impl<'b> Sums<'b> {
    pub(super) fn by(by: &'b By) -> Self {
        Self {
            by,
            rows: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, call: &Record) {
        if let Some(of) = self.of_attempt() {
            return self.add_by_attempt(call, of);
        }
        let group = match self.by {
            By::Tenant => Some(call.tenant.as_str().to_owned()),
            By::Key => Some(call.key_id.as_str().to_owned()),
            By::Task => Some(call.task.as_str().to_owned()),
            By::Day => Some(call.time.day()),
            By::Tag(name) => call.tags.value(name).map(str::to_owned),
            By::Model | By::Target => None,
        };
        let row = self.rows.entry(group).or_default();
        row.requests += 1;
        call.attempts.iter().for_each(|attempt| row.add(attempt));
        row.saved_nano_usd = row.saved_nano_usd + call.saved_nano_usd.unwrap_or_default();
    }

    fn of_attempt(&self) -> Option<fn(&AttemptRecord) -> &str> {
        match self.by {
            By::Model => Some(|attempt| attempt.model.as_str()),
            By::Target => Some(|attempt| attempt.target.as_str()),
            _ => None,
        }
    }

    /// A call counts once in each group that one of its attempts belongs to.
    fn add_by_attempt(&mut self, call: &Record, of: fn(&AttemptRecord) -> &str) {
        for (index, attempt) in call.attempts.iter().enumerate() {
            let row = self.rows.entry(Some(of(attempt).to_owned())).or_default();
            let seen = call.attempts[..index]
                .iter()
                .any(|earlier| of(earlier) == of(attempt));
            row.requests += u64::from(!seen);
            row.add(attempt);
            if index + 1 == call.attempts.len() {
                row.saved_nano_usd = row.saved_nano_usd + call.saved_nano_usd.unwrap_or_default();
            }
        }
    }

    /// Days in order; anything else by cost, the dearest first.
    pub(super) fn rows(self) -> Vec<SpendRow> {
        let mut rows: Vec<_> = self
            .rows
            .into_iter()
            .map(|(group, row)| SpendRow {
                group,
                cost_usd: row.cost_nano_usd.to_string(),
                saved_usd: row.saved_nano_usd.to_string(),
                estimated_usd: row.estimated_nano_usd.to_string(),
                ..row
            })
            .collect();
        match self.by {
            By::Day => rows.sort_by(|a, b| a.group.cmp(&b.group)),
            _ => rows.sort_by(|a, b| (b.cost_nano_usd, &a.group).cmp(&(a.cost_nano_usd, &b.group))),
        }
        rows
    }
}

/// All that was ever spent, to start the metrics from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By who pays, what answered and who runs it.
    pub spend: BTreeMap<(TenantId, ModelId, Hosting), NanoUsd>,
    /// By who pays.
    pub saved: BTreeMap<TenantId, NanoUsd>,
    /// By model.
    pub tokens: BTreeMap<ModelId, Usage>,
}

impl Totals {
    pub(super) fn add(&mut self, call: &Record) {
        if let Some(saved) = call.saved_nano_usd {
            let total = self.saved.entry(call.tenant.clone()).or_default();
            *total = *total + saved;
        }
        for attempt in call.attempts.iter().filter(|attempt| attempt.settled()) {
            let tokens = self.tokens.entry(attempt.model.clone()).or_default();
            *tokens = sum(*tokens, attempt.tokens);
            let Some(cost) = attempt.cost_nano_usd else {
                continue;
            };
            let key = (call.tenant.clone(), attempt.model.clone(), attempt.hosting);
            let total = self.spend.entry(key).or_default();
            *total = *total + cost;
        }
    }
}
