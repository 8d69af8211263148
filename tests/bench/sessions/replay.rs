//! Lives all sessions under one strategy, and counts what comes of it, session by session.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use tollgate::ledger::{Record, State};

use crate::Fault;
use crate::house::House;
use crate::script::{Next, Script, Session};
use crate::strategy::{self, PerCall, Strategy};
use crate::truth::{Population, Side};

/// What came of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    pub(crate) turns: u32,
    pub(crate) failed: u32,
    pub(crate) calls: u32,
    pub(crate) frontier_calls: u32,
    pub(crate) switches: u32,
    /// Milliseconds from calls to the ends of their answers.
    pub(crate) waited: u64,
    /// Nano-dollars by the ledger: to vendors, and for the own machine's time.
    pub(crate) vendor: u64,
    pub(crate) rent: u64,
    /// Prompt tokens at vendors, and those of them that were cached.
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
}

/// What came of a strategy.
pub(crate) struct Outcome {
    pub(crate) strategy: Strategy,
    pub(crate) sessions: Vec<Count>,
    /// How hard each turn looked when it began, and whether the own model was to pass at once.
    pub(crate) forecasts: Vec<(f64, bool)>,
    /// The ledger's records, for whoever wants to know why.
    pub(crate) records: Vec<Record>,
}

/// A session that goes on, and what is known of it.
struct Live<'s> {
    session: Session<'s>,
    count: Count,
    last: Option<Side>,
    /// How hard the turn looked when it began.
    looks: f64,
}

pub(crate) async fn live(
    scripts: &[Script],
    population: &Population,
    strategy: Strategy,
    router: &PerCall,
    explain: bool,
) -> Result<Outcome, Fault> {
    let house = House::open(population.like, &strategy.policy()).await?;
    let mut sessions: Vec<Live<'_>> = Vec::new();
    let mut due = BinaryHeap::new();
    for (place, script) in scripts.iter().enumerate() {
        let session = Session::begin(script, population);
        sessions.push(Live {
            session,
            count: Count::default(),
            last: None,
            looks: 0.0,
        });
        due.push(Reverse((script.begins, place)));
    }
    let mut owners = BTreeMap::new();
    let mut forecasts = Vec::new();
    while let Some(Reverse((at, place))) = due.pop() {
        let live = &mut sessions[place];
        let talk = &live.session.transcript;
        if live.session.easy.len() > forecasts_of(&forecasts, place) {
            let passes = live.session.easy.last().copied().unwrap_or_default();
            live.looks = router.difficulty(talk)?;
            forecasts.push((place, live.looks, passes));
        }
        let hard = match strategy {
            Strategy::PerCall(above) => Some(router.difficulty(talk)? > above),
            Strategy::Red(above) => Some(live.looks > above || live.session.has_shown()),
            Strategy::Known => Some(live.session.needs_frontier()),
            _ => None,
        };
        let forced = hard.map(|hard| strategy::model(talk.client, hard));
        let heard = house.ask(talk, at, forced).await?;
        let count = &mut live.count;
        count.calls += 1;
        count.waited += heard.took;
        if heard.side == Side::Frontier {
            count.frontier_calls += 1;
            count.prompt += heard.prompt;
            count.cached += heard.cached;
        }
        count.switches += u32::from(live.last.is_some_and(|last| last != heard.side));
        live.last = Some(heard.side);
        owners.insert(heard.request, place);
        let next = live.session.answered(heard.side, &heard.said);
        if let Next::Call(after) = next {
            due.push(Reverse((at + heard.took + after, place)));
        }
    }
    let mut counts: Vec<Count> = sessions.into_iter().map(finished).collect();
    let mut records = reckon(&house, &owners, &mut counts).await?;
    if explain {
        for record in &mut records {
            *record = house.explained(record).await?;
        }
    }
    house.close().await;
    Ok(Outcome {
        strategy,
        sessions: counts,
        forecasts: forecasts
            .into_iter()
            .map(|(_, looks, passes)| (looks, passes))
            .collect(),
        records,
    })
}

fn forecasts_of(forecasts: &[(usize, f64, bool)], place: usize) -> usize {
    forecasts.iter().filter(|(of, ..)| *of == place).count()
}

fn finished(live: Live<'_>) -> Count {
    let solved = &live.session.solved;
    Count {
        turns: solved.len() as u32,
        failed: solved.iter().filter(|solved| !**solved).count() as u32,
        ..live.count
    }
}

/// Holds the ledger against the targets' bills, to the nano-dollar, and gives each session what it cost.
async fn reckon(
    house: &House,
    owners: &BTreeMap<String, usize>,
    counts: &mut [Count],
) -> Result<Vec<Record>, Fault> {
    let records = house.records().await?;
    let mut bills: BTreeMap<String, _> = BTreeMap::new();
    for (line, cost) in house.bills() {
        let attempt = line.attempt.clone().ok_or("a bill for nobody's attempt")?;
        bills.insert(attempt, (line, cost));
    }
    for record in &records {
        let owner = owners
            .get(&record.request_id.to_string())
            .ok_or("a call that nobody made")?;
        for attempt in &record.attempts {
            let name = attempt.attempt_id.to_string();
            let (line, by_hand) = bills
                .remove(&name)
                .ok_or("an attempt that nobody has billed")?;
            let cost = attempt
                .cost_nano_usd
                .and_then(|cost| u64::try_from(cost.0).ok());
            let cost = cost.ok_or("an attempt without a cost")?;
            let agrees = attempt.state == State::Actual
                && line.usage == attempt.tokens
                && by_hand.is_none_or(|by_hand| by_hand == cost);
            if !agrees {
                return Err(format!(
                    "the ledger says {attempt:?}, the target {line:?}, which is {by_hand:?}"
                )
                .into());
            }
            match by_hand {
                Some(_) => counts[*owner].vendor += cost,
                None => counts[*owner].rent += cost,
            }
        }
    }
    match bills.is_empty() {
        true => Ok(records),
        false => Err(format!(
            "{} answers were billed that the ledger does not have",
            bills.len()
        )
        .into()),
    }
}
