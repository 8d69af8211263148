//! All decisions of a span made once more: by the policies of then, which must choose the same, and by those that are tried.
//! The log is read in parts, so that one of any length can be gone through while calls are taken.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::report::{self, Move, Other, Report};
use super::tally::{Draws, Group, Measured, Moved, Outcome};
use super::told::{Settings, beside};
use crate::catalog::{Billing, Catalog, Charge, Model, Tariff};
use crate::config::{Snapshot, Trial};
use crate::domain::clock::{Timestamp, mix};
use crate::domain::facts::{Facts, Task};
use crate::domain::ids::{ModelId, RequestId, TenantId};
use crate::domain::money::NanoUsd;
use crate::ledger::{Ledger, LedgerError, Record, first_at};
use crate::policy::{Logged, Plan, Policies, Score, Setting, Unmade};

/// Calls that are read at a time.
const PART: usize = 4_096;
/// Tenants that are told apart; those beyond share `other`.
const TENANTS: usize = 200;
const OTHERS: &str = "other";

/// Which calls to decide once more.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Older than this.
    pub until: Timestamp,
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
}

impl Ask {
    /// Reads a span: `7d`, `12h` and `30m` are so long ago; else dates. An empty text is none. Or says what is wrong.
    pub fn read(
        [since, until]: [&str; 2],
        tenant: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let when = |name: &str, text: &str| {
            match text {
            "" => Ok(None),
            _ => moment(text, now).map(Some).ok_or_else(|| {
                format!("{name}: {text:?} is not a time; write 7d, 12h, 2026-11-21 or 2026-11-21T10:00:00Z")
            }),
        }
        };
        Ok(Self {
            since: when("since", since)?,
            until: when("until", until)?.unwrap_or_else(|| now.plus_millis(1)),
            tenant: tenant.map(Into::into),
        })
    }
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let units = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000)];
    let ago = units.iter().find_map(|(letter, millis)| {
        let count: u32 = text.strip_suffix(*letter)?.parse().ok()?;
        Some(now.plus_millis(-i64::from(count) * millis))
    });
    ago.or_else(|| Timestamp::parse(text))
}

/// The models that policies may name which are tried: those of today, or where only a running gateway would find some, those
/// of the last one that ran.
pub async fn catalog(ledger: &Ledger, snapshot: &Snapshot) -> Result<Arc<Catalog>, LedgerError> {
    if !snapshot.catalog.models.is_empty() {
        return Ok(Arc::clone(&snapshot.catalog));
    }
    let last = ledger.last_setting().await?;
    let last = last.and_then(|written| Setting::restore(&written).ok());
    Ok(last.map_or_else(|| Arc::clone(&snapshot.catalog), |last| last.catalog))
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Calls so far.
    pub calls: u64,
    /// When the last of them came in.
    pub at: Timestamp,
}

/// Goes through the log. `tell` hears of each part.
pub async fn simulate(
    ledger: &Ledger,
    trial: Arc<Trial>,
    ask: &Ask,
    mut tell: impl FnMut(Progress),
) -> Result<Report, LedgerError> {
    let mut run = Run::new(trial);
    let end = first_at(ask.until);
    let start = ask.since.map_or(RequestId(0), first_at);
    let read = |from| ledger.explained((from, end), ask.tenant.clone(), PART);
    let mut part = read(start).await?;
    while let Some(last) = part.last() {
        let (next, at) = (RequestId(last.request_id.0.saturating_add(1)), last.time);
        let more = part.len() == PART;
        // While one part is gone through, the next is read.
        let (gone, later) = tokio::join!(run.go(ledger, part), async {
            match more {
                true => read(next).await,
                false => Ok(Vec::new()),
            }
        });
        run = gone?;
        part = later?;
        let calls = run.seen.calls;
        tell(Progress { calls, at });
    }
    Ok(run.report(ask))
}

/// A call of the log; `None` where an older version wrote its decision.
type Read = (Record, Option<Logged>);

#[derive(Debug)]
pub(super) struct Run {
    pub(super) trial: Arc<Trial>,
    settings: Settings,
    /// The policies that are tried, for the models of each setting.
    tried: HashMap<Arc<str>, Arc<Policies>>,
    pub(super) seen: report::Seen,
    pub(super) all: Group,
    pub(super) by_task: BTreeMap<Task, Group>,
    pub(super) by_tenant: BTreeMap<TenantId, Group>,
    pub(super) flows: BTreeMap<(Option<ModelId>, Option<ModelId>), u64>,
    pub(super) measured: BTreeMap<ModelId, Measured>,
    pub(super) others: Vec<Other>,
    pub(super) moves: Vec<Move>,
}

impl Run {
    fn new(trial: Arc<Trial>) -> Self {
        Self {
            trial,
            settings: Settings::default(),
            tried: HashMap::new(),
            seen: report::Seen::default(),
            all: Group::default(),
            by_task: BTreeMap::new(),
            by_tenant: BTreeMap::new(),
            flows: BTreeMap::new(),
            measured: BTreeMap::new(),
            others: Vec::new(),
            moves: Vec::new(),
        }
    }

    /// Goes through a part, on a thread where nobody waits.
    async fn go(mut self, ledger: &Ledger, part: Vec<Record>) -> Result<Self, LedgerError> {
        let part = aside(move || part.into_iter().map(read).collect::<Vec<Read>>()).await?;
        for logged in part.iter().filter_map(|(_, logged)| logged.as_ref()) {
            let found = self.settings.find(ledger, logged.setting()).await?;
            if let Some(setting) = found
                && !self.tried.contains_key(&setting.id)
            {
                let policies = Arc::new(self.trial.under(&setting.catalog));
                self.tried.insert(Arc::clone(&setting.id), policies);
            }
        }
        aside(move || {
            part.iter()
                .for_each(|(record, logged)| self.take(record, logged.as_ref()));
            self
        })
        .await
    }

    fn take(&mut self, record: &Record, logged: Option<&Logged>) {
        self.seen.call(record);
        let Some(logged) = logged else {
            self.seen.without_facts += 1;
            return;
        };
        if !logged.asked() {
            self.seen.refused_before += 1;
            return;
        }
        let setting = self.settings.get(logged.setting()).cloned();
        let tried = self.tried.get(logged.setting()).cloned();
        let beside = beside(record);
        let known = setting.zip(tried).and_then(|(setting, tried)| {
            let facts = logged.facts(&beside, &setting)?;
            Some((setting, tried, facts))
        });
        let Some((setting, tried, facts)) = known else {
            self.seen.without_facts += 1;
            return;
        };
        let then = self.again(record, logged, &facts, &setting);
        let tried = logged.decide(&facts, &tried, &setting.catalog);
        self.compare(record, &facts, &setting, (then, tried));
    }

    /// Decides as then. What was chosen is what was written down; whether it is chosen again is noted.
    fn again(
        &mut self,
        record: &Record,
        logged: &Logged,
        facts: &Facts,
        setting: &Setting,
    ) -> Option<(ModelId, Score)> {
        self.seen.decided += 1;
        let again = logged.decide(facts, &setting.policies, &setting.catalog);
        let chosen = logged.candidates(setting).next();
        let chosen = chosen.map(|(id, score)| (id.clone(), score));
        let model = again.as_ref().ok().map(|plan| &plan.first().model.id);
        if model != chosen.as_ref().map(|(id, _)| id) {
            self.seen.other += 1;
            self.others.push(Other::of(record, chosen.as_ref(), &again));
            self.others.truncate(report::MOST);
        } else if let Ok(plan) = &again
            && !logged.agrees(plan, setting)
        {
            self.seen.other_terms += 1;
        }
        chosen
    }

    fn compare(
        &mut self,
        record: &Record,
        facts: &Facts,
        setting: &Setting,
        (then, tried): (Option<(ModelId, Score)>, Result<Plan, Unmade>),
    ) {
        let model = |id: &ModelId| setting.catalog.models.get(id).map(Arc::as_ref);
        let billed = record.cost_nano_usd.unwrap_or_default();
        let before = outcome(then.as_ref().map(|(id, score)| (model(id), score)), facts);
        if let Some((id, _)) = &then
            && record.model.as_ref() == Some(id)
            && record.attempts.len() == 1
            && record.cost_nano_usd.is_some()
        {
            let measured = self.measured.entry(id.clone()).or_default();
            measured.add(billed, before.expected);
        }
        let first = tried.as_ref().ok().map(Plan::first);
        let (from, to) = (
            then.as_ref().map(|(id, _)| id),
            first.map(|it| &it.model.id),
        );
        if from == to {
            return self.add(record, billed, &before, None);
        }
        let after = outcome(first.map(|it| (Some(&**it.model), &it.score)), facts);
        let draws = Draws::of(conversation(record));
        let moved = Moved {
            to,
            tried: after,
            draws: &draws,
        };
        self.add(record, billed, &before, Some(&moved));
        let flow = (from.cloned(), to.cloned());
        *self.flows.entry(flow).or_default() += 1;
        Move::keep(&mut self.moves, record, (from, &before), (&tried, &after));
    }

    fn add(
        &mut self,
        record: &Record,
        billed: NanoUsd,
        before: &Outcome,
        moved: Option<&Moved<'_>>,
    ) {
        let room = self.by_tenant.len() < TENANTS || self.by_tenant.contains_key(&record.tenant);
        let tenant = match room {
            true => record.tenant.clone(),
            false => TenantId::from(OTHERS),
        };
        let of_tenant = self.by_tenant.entry(tenant).or_default();
        of_tenant.add(billed, before, moved);
        let of_task = self.by_task.entry(record.task).or_default();
        of_task.add(billed, before, moved);
        self.all.add(billed, before, moved);
    }
}

fn read(mut record: Record) -> Read {
    let text = record.explanation.take();
    let logged = text.and_then(|text| Logged::read(text.get()));
    (record, logged)
}

async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LedgerError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| LedgerError::Read(crate::store::StoreError::Closed))
}

/// What tells one conversation from another: a call that belongs to none is one of its own.
fn conversation(record: &Record) -> u64 {
    let Some(session) = &record.session else {
        return mix(record.request_id.0 as u64);
    };
    let parts = [
        record.tenant.as_str(),
        record.key_id.as_str(),
        session.as_str(),
    ];
    let bytes = parts.iter().flat_map(|part| part.bytes());
    bytes.fold(0, |sum, byte| mix(sum ^ u64::from(byte)))
}

fn outcome(first: Option<(Option<&Model>, &Score)>, facts: &Facts) -> Outcome {
    let Some((model, score)) = first else {
        // Nobody answers: that is a failure that takes no time.
        return Outcome {
            failure: 1.0,
            refused: true,
            ..Outcome::default()
        };
    };
    Outcome {
        expected: model.map_or(0.0, |model| bill(model, score, facts.at)),
        failure: 1.0 - score.success,
        wait_ms: score.wait_ms,
        refused: false,
    }
}

/// The bill that is expected of an answer. An own machine's is by the time that it takes; how many share the machine, real bills
/// tell.
fn bill(model: &Model, score: &Score, at: Timestamp) -> f64 {
    match (&model.billing, model.tariff(at)) {
        (Billing::Rent { rent, .. }, _) => {
            let cost = rent.hour.of((score.wait_ms * 1e6) as u64, rent.gpus);
            cost.and_then(|cost| cost.ceil())
                .map_or(0.0, |cost| cost.0 as f64)
        }
        (_, Tariff::Tokens(price)) if matches!(price.charge, Charge::Token(_)) => {
            score.now.0 as f64
        }
        _ => 0.0,
    }
}
