//! How long it takes to try a policy on a long log: `cargo bench --bench gateway -- --replay [CALLS]`, a million where no number
//! is said. The log is made first: calls of a desk with eight models and twelve rules, in conversations of twenty.

use std::io::{self, Write};
use std::sync::Arc;

use tokio::time::Instant;
use tollgate::config::{Given, Trial};
use tollgate::domain::clock::{Clock, Timestamp, mix};
use tollgate::domain::facts::{Facts, Task};
use tollgate::domain::ids::{AttemptId, RequestId, SessionId};
use tollgate::domain::outlook::Pace;
use tollgate::domain::tokens::{TokenCount, Usage};
use tollgate::ledger::{self, Amount, CallEnd, CallHead, End, Entry, Intent, Ledger, Sqlite};
use tollgate::policy::{Asked, Logged, Made, Plan};
use tollgate::replay::{self, Ask};
use tollgate::store::{Settings, Store};

use crate::Fault;
use crate::decisions::{self, Desk};

/// Calls that are written together.
const PART: u64 = 10_000;
const BEGIN: i64 = 1_790_000_000_000;

/// What is tried: the rules that are hard to come by are left out.
const TRIED: &str = "version: 1\nobjective: { failure_usd: 0.20 }\nrules:\n  \
    - { name: home, when: { secrets: found }, only: { hosting: own }, otherwise: refuse }\n";

/// Makes the log, goes through it, and prints both times.
pub(crate) async fn run(calls: u64) -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&Settings::at(folder.path()), &[ledger::ROOM])?;
    let (ledger, _) = Ledger::open(store.clone(), Clock::system()).await?;
    let desk = Arc::new(Desk::new()?);
    ledger.keep(Arc::clone(&desk.snapshot.written)).await?;
    let mut out = io::stdout().lock();
    let began = Instant::now();
    for part in 0..calls.div_ceil(PART) {
        let desk = Arc::clone(&desk);
        let span = part * PART..((part + 1) * PART).min(calls);
        let write = move |conn: &_| {
            for call in span.clone() {
                Sqlite(conn).apply_all(&entries(&desk, call))?;
            }
            Ok(())
        };
        store.write(write).await?;
    }
    writeln!(
        out,
        "{calls} calls written in {:.1} s",
        began.elapsed().as_secs_f64()
    )?;
    let given = Given {
        file: "default.yaml".into(),
        text: TRIED.into(),
    };
    let snapshot = &desk.snapshot;
    let trial = Trial::read(vec![given], false, snapshot, &snapshot.catalog)?;
    let ask = Ask {
        since: None,
        until: Timestamp::from_millis(i64::MAX),
        tenant: None,
    };
    let began = Instant::now();
    let report = replay::simulate(&ledger, Arc::new(trial), &ask, |_| ()).await?;
    let took = began.elapsed().as_secs_f64();
    let report = serde_json::to_value(&report)?;
    writeln!(
        out,
        "{} decided once more in {took:.1} s ({:.1} us a call), {} moved, {} otherwise than then",
        report["decided"],
        took * 1e6 / calls as f64,
        report["change"]["moved"],
        report["other"],
    )?;
    store.close().await;
    Ok(())
}

/// The facts of one of many calls.
fn facts(desk: &Desk, call: u64) -> Facts {
    let chance = mix(call);
    let [plain, hard, guarded] = decisions::calls().map(|(_, facts)| facts);
    let mut facts = match chance % 8 {
        0 => hard,
        1 => guarded,
        _ => plain,
    };
    facts.at = Timestamp::from_millis(BEGIN + i64::try_from(call * 50).unwrap_or(0));
    facts.session = Some(SessionId::new(format!("s{}", call / 20)));
    facts.tenant = format!("t{}", call / 20 % 12).as_str().into();
    facts.draw = mix(call / 20);
    facts.prompt = TokenCount(2_000 + chance % 100_000);
    facts.class.task = Task::ALL[(chance % Task::ALL.len() as u64) as usize];
    facts.class.output = TokenCount(100 + chance % 900);
    facts.class.difficulty = (chance % 400) as f32 / 100.0 - 2.0;
    facts.standing.belief.mean += f64::from(facts.class.difficulty);
    let models = desk.snapshot.catalog.models.keys();
    let pace = |id: &tollgate::domain::ids::ModelId| {
        let pace = Pace {
            samples: 20.5,
            first_byte_ms: 412.25,
            ..Pace::GUESS
        };
        (id.clone(), pace)
    };
    facts.outlook.pace = models.map(pace).collect();
    facts
}

/// A decision as it is written down.
pub(crate) fn logged(desk: &Desk, facts: &Facts, plan: &Plan) -> Logged {
    let usual = &desk.ruling.policy.objective;
    let made = Made::Plan(plan, usual);
    Logged::of(
        &desk.snapshot.setting,
        facts,
        &facts.asked,
        &Asked::default(),
        made,
    )
}

fn entries(desk: &Desk, call: u64) -> Vec<Entry> {
    let facts = facts(desk, call);
    let plan = desk.decide(&facts).expect("some model may answer");
    let request =
        RequestId((u128::from(facts.at.millis().unsigned_abs()) << 80) | u128::from(call));
    let attempt = AttemptId(request.0 + 1);
    let first = plan.first();
    let head = Arc::new(CallHead {
        request,
        at: facts.at,
        tenant: facts.tenant.clone(),
        key: facts.key.clone(),
        tags: Vec::new(),
        session: facts.session.clone(),
        endpoint: facts.endpoint,
        asked: facts.asked.to_string(),
        policy: plan.policy.clone(),
        rule: plan.rule.clone(),
        reason: plan.reason.clone(),
        task: facts.class.task,
        explanation: logged(desk, &facts, &plan).text(),
    });
    let used = Amount {
        usage: Usage {
            input: facts.prompt,
            output: facts.class.output,
            ..Usage::default()
        },
        cost: Some(first.score.now),
    };
    let intent = Intent {
        attempt,
        head,
        model: first.model.id.clone(),
        target: first.model.target.id.clone(),
        hosting: first.model.target.hosting,
        price: None,
        at: facts.at,
        mark: Amount::FREE,
    };
    let end = CallEnd {
        at: facts.at,
        status: 200,
        model: Some(intent.model.clone()),
        hosting: Some(intent.hosting),
        baseline: None,
        first_byte_ms: Some(400),
        duration_ms: 4_000,
        error: None,
        translation: None,
        flaws: None,
    };
    let settle = Entry::Settle {
        request,
        attempt,
        amount: used,
        actual: true,
        sent: Some(facts.at),
        end: End::Complete,
        at: facts.at,
    };
    let close = Entry::Close {
        request,
        head: None,
        end,
    };
    vec![Entry::Intent(Box::new(intent)), settle, close]
}
