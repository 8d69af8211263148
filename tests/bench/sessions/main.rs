//! Agents' sessions, replayed through the real gateway under several strategies, with a known truth for who solves what. See
//! this folder's README.

mod client;
mod dice;
mod house;
mod replay;
mod report;
mod rows;
mod script;
mod strategy;
mod texts;
mod truth;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tokio::runtime::Builder;

use replay::Outcome;
use report::Report;
use script::Script;
use strategy::{FAILURE_USD, PerCall, Strategy};
use texts::Request;
use truth::{POPULATIONS, Population};

/// Whatever ends the bench.
pub(crate) type Fault = Box<dyn std::error::Error>;

/// Thresholds of the router without memory, as parts of the requests that look less hard.
const PARTS: [f64; 3] = [0.3, 0.55, 0.8];

/// The same where the frontier is asked when something has shown, too.
const ESCALATED: [f64; 3] = [0.3, 0.55, 1.0];

fn main() -> Result<(), Fault> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|it| it == name);
    let number = |name: &str| {
        let place = arguments.iter().position(|it| it == name)?;
        arguments.get(place + 1)?.parse::<u64>().ok()
    };
    let plan = Plan {
        sessions: number("--sessions").unwrap_or(if has("--quick") { 24 } else { 120 }),
        seed: number("--seed").unwrap_or(1),
        quick: has("--quick"),
        trace: has("--trace"),
    };
    let rows = arguments.iter().position(|it| it == "--rows");
    let rows = rows.and_then(|place| arguments.get(place + 1));
    // Tokio's time stands still in a runtime of one thread only.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::pause();
        match rows {
            Some(file) => learn(&plan, Path::new(file)).await,
            None => bench(&plan).await,
        }
    })
}

struct Plan {
    sessions: u64,
    seed: u64,
    quick: bool,
    trace: bool,
}

/// The sessions of a plan.
fn scripts(plan: &Plan, router: &PerCall) -> Result<Vec<Script>, Fault> {
    let requests = looked_at(router)?;
    let all = 0..plan.sessions;
    Ok(all
        .map(|it| Script::draw(plan.seed, it, &requests))
        .collect())
}

/// Writes down what signs were seen in sessions of one model alone, and how its work ended.
async fn learn(plan: &Plan, file: &Path) -> Result<(), Fault> {
    let router = PerCall::new()?;
    let scripts = scripts(plan, &router)?;
    let mut file = io::BufWriter::new(fs::File::create(file)?);
    for population in &POPULATIONS {
        for strategy in [Strategy::Own, Strategy::Frontier] {
            let outcome = replay::live(&scripts, population, strategy, &router, true).await?;
            for row in rows::of(population, &outcome)? {
                serde_json::to_writer(&mut file, &row)?;
                writeln!(file)?;
            }
            progress(Some(&outcome))?;
        }
    }
    Ok(file.flush()?)
}

async fn bench(plan: &Plan) -> Result<(), Fault> {
    let router = PerCall::new()?;
    let scripts = scripts(plan, &router)?;
    let turns: usize = scripts.iter().map(Script::turns).sum();
    say(&format!(
        "{} sessions, {turns} turns of the person; seed {}",
        scripts.len(),
        plan.seed
    ))?;
    let populations = if plan.quick {
        &POPULATIONS[..1]
    } else {
        &POPULATIONS[..]
    };
    let mut data = Vec::new();
    for population in populations {
        let outcomes = compare(plan, &scripts, population, &router).await?;
        let report = Report {
            name: population.name,
            outcomes: &outcomes,
        };
        say(&report.table())?;
        data.push(report.data());
        if plan.trace {
            trace(population, &outcomes)?;
        }
    }
    let folder = folder();
    fs::create_dir_all(&folder)?;
    let file = folder.join("sessions.json");
    let all = json!({"sessions": plan.sessions, "seed": plan.seed, "populations": data});
    fs::write(&file, serde_json::to_string_pretty(&all)?)?;
    Ok(say(&format!("data: {}", file.display()))?)
}

/// All strategies on the same sessions.
async fn compare(
    plan: &Plan,
    scripts: &[Script],
    population: &Population,
    router: &PerCall,
) -> Result<Vec<Outcome>, Fault> {
    let mut strategies = vec![
        Strategy::Frontier,
        Strategy::Own,
        Strategy::Shipped,
        Strategy::Cost(FAILURE_USD),
        Strategy::Known,
    ];
    if !plan.quick {
        strategies.push(Strategy::Cost(4.0 * FAILURE_USD));
    }
    let mut outcomes = Vec::new();
    for strategy in strategies {
        outcomes.push(replay::live(scripts, population, strategy, router, plan.trace).await?);
        progress(outcomes.last())?;
    }
    // As often as ours, and at thresholds by how hard calls looked.
    let ours = Report::sum(&outcomes[3]);
    let mut looks: Vec<f64> = outcomes[1]
        .forecasts
        .iter()
        .map(|(looks, _)| *looks)
        .collect();
    looks.sort_by(f64::total_cmp);
    let mut simple = vec![Strategy::Random(ours.frontier_calls / ours.calls.max(1.0))];
    let parts = if plan.quick { &PARTS[1..2] } else { &PARTS[..] };
    let at = |part: &f64| looks[(part * (looks.len() - 1) as f64) as usize];
    simple.extend(parts.iter().map(|part| Strategy::PerCall(at(part))));
    simple.extend(ESCALATED.iter().map(|part| Strategy::Red(at(part))));
    for strategy in simple {
        outcomes.push(replay::live(scripts, population, strategy, router, plan.trace).await?);
        progress(outcomes.last())?;
    }
    Ok(outcomes)
}

fn progress(outcome: Option<&Outcome>) -> io::Result<()> {
    let Some(outcome) = outcome else {
        return Ok(());
    };
    let sum = Report::sum(outcome);
    let (name, auroc) = (outcome.strategy.name(), report::auroc(&outcome.forecasts));
    say(&format!(
        "  {name}: ${:.2}, {:.1} % failed; text alone ranks {auroc:.2}",
        sum.dollars(),
        sum.failures()
    ))
}

/// Requests, and how hard each looks among all: 0 is the middle, 1 the spread.
fn looked_at(router: &PerCall) -> Result<Vec<(Request, f64)>, Fault> {
    let requests = texts::requests()?;
    let looks: Vec<f64> = requests
        .iter()
        .map(|it| router.looks(&it.text))
        .collect::<Result<_, _>>()?;
    let count = looks.len() as f64;
    let mean = looks.iter().sum::<f64>() / count;
    let spread = (looks.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / count).sqrt();
    Ok(requests
        .into_iter()
        .zip(looks)
        .map(|(request, it)| (request, (it - mean) / spread))
        .collect())
}

/// Writes each decision down, for whoever wants to know why.
fn trace(population: &Population, outcomes: &[Outcome]) -> Result<(), Fault> {
    fs::create_dir_all(folder())?;
    for outcome in outcomes {
        let name = format!("{} {}.jsonl", population.name, outcome.strategy.name());
        let mut file = io::BufWriter::new(fs::File::create(
            folder().join(name.replace([' ', '/'], "_")),
        )?);
        for record in &outcome.records {
            serde_json::to_writer(&mut file, record)?;
            writeln!(file)?;
        }
    }
    Ok(())
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .join("bench")
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
