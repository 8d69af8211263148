//! `tollgate check --probe`: asks the targets what they can do, and says what of the configuration is not so.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Outcome;
use super::output::{Format, complain, rows, say};
use crate::catalog::{Catalog, Model, Target};
use crate::config::{Loaded, Sources};
use crate::discover;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::ids::TargetId;
use crate::domain::money::NanoUsd;
use crate::upstream::client::Upstreams;
use crate::upstream::survey::{Bill, Course, Finding, Heard};

#[derive(Args, Debug)]
#[group(skip)]
pub(super) struct Arguments {
    /// How long each target may take with all of it
    #[arg(
        long,
        requires = "probe",
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    timeout: u64,
    /// Ask this target alone; may be repeated
    #[arg(long = "target", requires = "probe", value_name = "NAME")]
    targets: Vec<String>,
    /// Ask every model what it can do, not only the first of each target
    #[arg(long, requires = "probe")]
    every_model: bool,
}

/// What is asked of one target.
struct Errand {
    target: Arc<Target>,
    models: Vec<Arc<Model>>,
    asked: usize,
    limit: Duration,
}

impl Errand {
    async fn run(self, upstreams: Arc<Upstreams>, at: Timestamp, loud: bool) -> Heard {
        let target = self.target.id.clone();
        let tell = |step: &str| {
            if loud {
                complain(&format!("{target}: {step}"));
            }
        };
        let entropy = Entropy::system();
        let models = self.models();
        self.course(&models)
            .run(&upstreams, at, &entropy, tell)
            .await
    }

    fn models(&self) -> Vec<&Model> {
        self.models.iter().map(Arc::as_ref).collect()
    }

    fn course<'a>(&'a self, models: &'a [&'a Model]) -> Course<'a> {
        Course {
            target: &self.target,
            models,
            asked: &models[..self.asked.min(models.len())],
            limit: self.limit,
        }
    }

    fn plan(&self, at: Timestamp) -> Bill {
        self.course(&self.models()).plan(at)
    }
}

pub(super) async fn run(
    sources: &Sources,
    loaded: Loaded,
    arguments: Arguments,
    format: Format,
) -> Outcome {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let catalog = match catalog(sources, loaded).await {
        Ok(catalog) => catalog,
        Err(told) => return refuse(&told),
    };
    let errands = match errands(&catalog, &arguments) {
        Ok(errands) => errands,
        Err(told) => return refuse(&told),
    };
    let (at, upstreams) = (Clock::system().now(), Arc::new(Upstreams::default()));
    let planned = sum(errands.iter().map(|errand| errand.plan(at)));
    let loud = format != Format::Json;
    if loud {
        let targets = match errands.len() {
            1 => "one target".to_owned(),
            many => format!("{many} targets"),
        };
        let most = worth(&planned);
        complain(&format!(
            "asks {targets}, in at most {} small calls: {most} at most",
            planned.calls
        ));
    }
    let mut running = JoinSet::new();
    for errand in errands {
        running.spawn(errand.run(upstreams.clone(), at, loud));
    }
    let mut heard = running.join_all().await;
    heard.sort_by(|one, other| one.target.cmp(&other.target));
    tell(&heard, &planned, format);
    if heard.iter().any(|heard| !heard.reached) {
        return Outcome::NotReachable;
    }
    match heard.iter().any(differs) {
        true => Outcome::Refused,
        false => Outcome::Done,
    }
}

fn refuse(told: &str) -> Outcome {
    complain(told);
    Outcome::Refused
}

fn differs(heard: &Heard) -> bool {
    heard.findings.iter().any(|finding| finding.differs)
}

/// What is configured, or else what is found as a gateway would find it.
async fn catalog(sources: &Sources, loaded: Loaded) -> Result<Arc<Catalog>, String> {
    if !loaded.snapshot.catalog.targets.is_empty() {
        return Ok(loaded.snapshot.catalog);
    }
    let found = discover::discover(&sources.env).await;
    let found = found.map_err(|error| error.to_string())?;
    let snapshot = found.snapshot(&loaded.deployment);
    let simulated = found.simulated();
    found.stop().await;
    match snapshot {
        Ok(_) if simulated => Err("there is no target to ask: name a tollgate.yaml by --config, set TOLLGATE_OWN_URL or a provider's key".into()),
        Ok(snapshot) => Ok(snapshot.catalog),
        Err(faults) => Err(faults.to_string()),
    }
}

fn errands(catalog: &Catalog, arguments: &Arguments) -> Result<Vec<Errand>, String> {
    for name in &arguments.targets {
        if !catalog.targets.contains_key(&TargetId::from(name.as_str())) {
            return Err(format!("there is no target {name:?}"));
        }
    }
    let wanted = |id: &TargetId| {
        let mut names = arguments.targets.iter();
        arguments.targets.is_empty() || names.any(|name| name == id.as_str())
    };
    let targets = catalog.targets.values().filter(|it| wanted(&it.id));
    let errand = |target: &Arc<Target>| {
        let models = catalog.order.iter().filter_map(|id| catalog.models.get(id));
        let models: Vec<_> = models
            .filter(|model| model.target.id == target.id)
            .cloned()
            .collect();
        Errand {
            target: target.clone(),
            asked: if arguments.every_model {
                models.len()
            } else {
                1
            },
            models,
            limit: Duration::from_secs(arguments.timeout),
        }
    };
    Ok(targets.map(errand).collect())
}

fn sum(bills: impl Iterator<Item = Bill>) -> Bill {
    bills.fold(Bill::default(), Bill::and)
}

/// Dollars, and what they leave out.
fn worth(bill: &Bill) -> String {
    let spent = match bill.spent {
        NanoUsd::ZERO => "nothing".to_owned(),
        spent => format!("${spent}"),
    };
    match bill.unpriced {
        0 => format!("{spent} by our own prices"),
        calls => format!("{spent} by our own prices, and {calls} calls that no price is known of"),
    }
}

fn tell(heard: &[Heard], planned: &Bill, format: Format) {
    let bill = sum(heard.iter().map(|heard| heard.bill));
    let whole = json!({
        "ok": heard.iter().all(|heard| heard.reached && !differs(heard)),
        "targets": heard.iter().map(target).collect::<Vec<_>>(),
        "planned": told(planned), "asked": told(&bill),
    });
    let lines = heard
        .iter()
        .flat_map(|heard| heard.findings.iter().map(|it| line(heard, it)));
    let columns = [
        ("target", "target"),
        ("model", "model"),
        ("asked", "asked"),
        ("found", "verdict"),
        ("told", "told"),
    ];
    rows(format, &whole, &lines.collect::<Vec<_>>(), &columns);
    if format == Format::Table {
        tell_mends(heard);
        say(&format!("\n{} calls cost {}", bill.calls, worth(&bill)));
        if bill.estimated > 0 {
            say(&format!(
                "of {} of them the usage was not told: the most that they can have cost is counted",
                bill.estimated
            ));
        }
    }
}

/// The lines that are to be written, each once.
fn mends(heard: &[Heard], differs: bool) -> Vec<String> {
    let findings = heard.iter().flat_map(|heard| &heard.findings);
    let mends = findings.filter(|it| it.differs == differs);
    let mut lines: Vec<String> = Vec::new();
    for mend in mends.filter_map(|finding| finding.mend.as_ref()) {
        let line = format!("  {}:  {}", mend.at, mend.line);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn tell_mends(heard: &[Heard]) {
    let wrong = mends(heard, true);
    let mut better = mends(heard, false);
    better.retain(|line| !wrong.contains(line));
    for (title, lines) in [
        (
            "what is configured and is not so, with the line that would be",
            wrong,
        ),
        ("what could be configured better", better),
    ] {
        if !lines.is_empty() {
            say(&format!("\n{title}:"));
            lines.iter().for_each(|line| say(line));
        }
    }
}

fn told(bill: &Bill) -> Value {
    json!({ "calls": bill.calls, "cost_usd": bill.spent.to_string(), "unpriced": bill.unpriced, "estimated": bill.estimated })
}

fn target(heard: &Heard) -> Value {
    let (kind, known_by) = heard.kind;
    json!({
        "target": heard.target, "kind": kind, "known_by": known_by, "reached": heard.reached,
        "asked": told(&heard.bill), "findings": heard.findings,
    })
}

fn line(heard: &Heard, finding: &Finding) -> Value {
    let asked = match finding.dialect {
        Some(dialect) => format!("{} {dialect}", finding.what),
        None => finding.what.to_string(),
    };
    json!({
        "target": heard.target, "model": finding.model, "asked": asked,
        "verdict": finding.verdict, "told": finding.told,
    })
}
