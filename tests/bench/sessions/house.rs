//! A gateway as people run it, its targets, and the time, which stands still but for what is moved here.
//!
//! Calls are made one after the other, whatever sessions they belong to. Tokio's time, by which the gateway measures how
//! long things take, moves by what the target would have taken; the time of day is set before each call to when its session
//! makes it. So hours of work are replayed in seconds, and nothing that is decided by time notices.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use tempfile::TempDir;
use tollgate::app::{self, Gateway};
use tollgate::config::Sources;
use tollgate::domain::clock::{Clock, Timestamp};
use tollgate::domain::tokens::Usage;
use tollgate::ledger::{Filter, Record};
use tollgate::replay;
use tollgate::sim::{BillLine, Profile, Sim};

use crate::Fault;
use crate::client::{Client, Transcript};
use crate::truth::Side;

/// The price sheet's day and a working day's morning.
const START: &str = "2026-11-23T08:00:00Z";
/// How often everybody else may go on before an answer that has not begun is taken to be held back.
const PATIENCE: usize = 1_000;
/// Moved beyond what is waited for, as timers count in whole milliseconds.
const SLACK: Duration = Duration::from_millis(1);

/// Dollars an hour for the machine of the own model.
const RENT: &str = "3.50";

const DEPLOYMENT: &str = "\
listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, token: { env: BENCH_TOKEN } }
access: keys
store: { path: books }
policies: policies
targets:
  gpu: { hosting: own, dialects: [chat, completions, messages], url: OWN/v1, max_in_flight: 64, gpu_hour_usd: RENT, gpus: 1 }
  anthropic: { hosting: vendor, dialects: [messages], url: MESSAGES, key: { env: BENCH_KEY } }
  openai: { hosting: vendor, dialects: [chat], url: CHAT/v1, key: { env: BENCH_KEY } }
models:
  base1: { target: gpu, name: base1-coder, window: 262144, max_output: 16384, can: [tools, fim], like: LIKE }
  claude-opus: { target: anthropic, name: claude-opus-5-5 }
  gpt: { target: openai, name: frontier-chat, window: 1000000, max_output: 128000, can: [tools, images, thinking], like: claude-opus-5-5 }
";

/// The chat door's frontier model costs what the other does, and keeps prompts as the simulated provider does.
const PRICES: &str = "\
version: 1
models:
  frontier-chat: { from: 2026-10-07, source: \"as claude-opus-5-5\", input: 4, output: 20, cache_read: 0.2, cache_write_5m: 5,
                   cache: { life_s: 300, least: 1024, renews: true, marks: false } }
";

/// Pico-dollars for a token of the frontier's: input, read, written, output.
const FRONTIER: [u64; 4] = [4_000_000, 200_000, 5_000_000, 20_000_000];

/// How many tokens an agent's answer has, its thoughts and the code that it writes included.
const WORDS: std::ops::RangeInclusive<u64> = 100..=900;

/// One answer.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The id of the call.
    pub(crate) request: String,
    pub(crate) side: Side,
    pub(crate) said: String,
    /// Milliseconds, from the call to the answer's end.
    pub(crate) took: u64,
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
}

struct Target {
    sim: Sim,
    profile: Profile,
    side: Side,
}

/// Everything that runs.
pub(crate) struct House {
    gateway: Gateway,
    targets: [Target; 3],
    clock: Clock,
    client: reqwest::Client,
    key: String,
    start: Timestamp,
    // While somebody waits for this, tokio's time does not move by itself.
    _still: mpsc::Sender<()>,
    _folder: TempDir,
}

impl House {
    /// Opens one under this policy.
    pub(crate) async fn open(like: &str, policy: &str) -> Result<Self, Fault> {
        let (still, moved) = mpsc::channel::<()>();
        // It ends with its sender.
        drop(tokio::task::spawn_blocking(move || moved.recv().is_err()));
        let start = Timestamp::parse(START).ok_or("a date")?;
        let clock = Clock::fixed(start);
        let own = Profile {
            window: 262_144,
            ..Profile::own()
        };
        let targets = [
            target(Side::Own, own, &clock, "").await?,
            target(
                Side::Frontier,
                Profile::frontier(),
                &clock,
                "bench-key-of-targets",
            )
            .await?,
            target(
                Side::Frontier,
                Profile::frontier(),
                &clock,
                "bench-key-of-targets",
            )
            .await?,
        ];
        let folder = tempfile::tempdir()?;
        let at = |place: usize| format!("http://{}", targets[place].sim.addr());
        let deployment = DEPLOYMENT
            .replace("RENT", RENT)
            .replace("OWN", &at(0))
            .replace("MESSAGES", &at(1))
            .replace("CHAT", &at(2))
            .replace("LIKE", like);
        let file = folder.path().join("tollgate.yaml");
        write(&file, &deployment)?;
        write(&folder.path().join("policies/default.yaml"), policy)?;
        write(&folder.path().join("policies/prices.yaml"), PRICES)?;
        let env = [
            ("BENCH_TOKEN", TOKEN),
            ("BENCH_KEY", "bench-key-of-targets"),
        ];
        let sources = Sources {
            file: Some(file),
            env: env.map(|(name, value)| (name.into(), value.into())).into(),
            ..Sources::default()
        };
        let gateway = app::start_at(sources, clock.clone()).await;
        let gateway = gateway.map_err(|error| error.to_string())?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let key = make_key(&client, &gateway).await?;
        Ok(Self {
            gateway,
            targets,
            clock,
            client,
            key,
            start,
            _still: still,
            _folder: folder,
        })
    }

    fn served(&self) -> usize {
        self.targets.iter().map(|it| it.sim.newest().0).sum()
    }

    /// Makes a call at so many milliseconds after the beginning, by the model that is forced, if one is.
    pub(crate) async fn ask(
        &self,
        talk: &Transcript,
        at: u64,
        force: Option<&str>,
    ) -> Result<Heard, Fault> {
        self.clock.set(self.start.plus_millis(i64::try_from(at)?));
        let counts = self.targets.each_ref().map(|it| it.sim.newest().0);
        let before = self.served();
        let request = self
            .client
            .post(format!("http://{}{}", self.gateway.address, talk.path()));
        let mut request = request
            .bearer_auth(&self.key)
            .header("content-type", "application/json");
        if talk.client == Client::Claude {
            request = request
                .header("x-claude-code-session-id", &talk.name)
                .header("anthropic-version", "2023-06-01");
        }
        if let Some(model) = force {
            request = request.header("x-tollgate-model", model);
        }
        let mut sent = std::pin::pin!(request.body(talk.body()).send());
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut sent => break Err(answer),
                () = tokio::task::yield_now() => {}
            }
            if self.served() > before {
                break Ok(());
            }
        };
        if let Err(refused) = answer {
            let refused = refused?;
            return Err(format!("{}: {}", refused.status(), refused.text().await?).into());
        }
        let place = (0..3).find(|place| self.targets[*place].sim.newest().0 > counts[*place]);
        let target = &self.targets[place.ok_or("nobody has answered")?];
        let usage = target.sim.newest().1;
        let (first, rest) = times(&target.profile, &usage);
        tokio::time::advance(first + SLACK).await;
        let mut begun = None;
        for _ in 0..PATIENCE {
            tokio::select! {
                biased;
                answer = &mut sent => {
                    begun = Some(answer?);
                    break;
                }
                () = tokio::task::yield_now() => {}
            }
        }
        tokio::time::advance(rest + SLACK).await;
        let mut answer = match begun {
            Some(answer) => answer,
            // It was held back, until it was known to be good.
            None => sent.await?,
        };
        let model = told(answer.headers(), "x-tollgate-model")?;
        let request = told(answer.headers(), "x-tollgate-request-id")?;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            body.extend_from_slice(&piece);
        }
        while self.gateway.ledger().open_holds() > 0 {
            tokio::task::yield_now().await;
        }
        // What the answer adds to its conversation is taken in by a task of its own.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        if (model == "base1") != (target.side == Side::Own) {
            return Err(format!("{model} is not what has answered").into());
        }
        Ok(Heard {
            request,
            side: target.side,
            said: said(&body)?,
            took: u64::try_from((first + rest).as_millis())?,
            prompt: usage.prompt().0,
            cached: usage.cache_read.0,
        })
    }

    /// All calls as the ledger has them.
    pub(crate) async fn records(&self) -> Result<Vec<Record>, Fault> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let filter = Filter {
                cursor,
                limit: 1_000,
                ..Filter::default()
            };
            let page = self.gateway.ledger().records(filter).await?;
            all.extend(page.requests);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// The same call with its explanation.
    pub(crate) async fn explained(&self, call: &Record) -> Result<Record, Fault> {
        let found = replay::told(self.gateway.ledger(), call.request_id).await?;
        found.ok_or_else(|| "the ledger has lost a call".into())
    }

    /// What the targets have billed, each line with its cost worked out by hand in nano-dollars; none for the own machine,
    /// whose rent nobody else bills.
    pub(crate) fn bills(&self) -> Vec<(BillLine, Option<u64>)> {
        let bills = self
            .targets
            .iter()
            .flat_map(|it| it.sim.bill().into_iter().map(move |line| (it.side, line)));
        let priced = bills.map(|(side, line)| {
            let cost = (side == Side::Frontier).then(|| by_hand(&line.usage));
            (line, cost)
        });
        priced.collect()
    }

    pub(crate) async fn close(self) {
        self.gateway.stop().await;
        for target in self.targets {
            target.sim.stop().await;
        }
    }
}

const TOKEN: &str = "operator-of-the-session-bench";

async fn target(side: Side, profile: Profile, clock: &Clock, key: &str) -> Result<Target, Fault> {
    let profile = Profile {
        models: Vec::new(),
        key: (!key.is_empty()).then(|| key.to_owned()),
        words: WORDS,
        keep_requests: 0,
        clock: clock.clone(),
        ..profile
    };
    let sim = Sim::start(profile.clone()).await?;
    Ok(Target { sim, profile, side })
}

/// How long a target takes to the first byte, and from there to the last.
fn times(profile: &Profile, usage: &Usage) -> (Duration, Duration) {
    let fresh = usage.prompt().saturating_sub(usage.cache_read).0;
    let fresh = u32::try_from(fresh).unwrap_or(u32::MAX);
    let output = u32::try_from(usage.output.0).unwrap_or(u32::MAX);
    (
        profile.first_byte + profile.prefill * fresh / 1_000,
        profile.per_token * output,
    )
}

fn by_hand(usage: &Usage) -> u64 {
    let counts = [
        usage.input,
        usage.cache_read,
        usage.cache_write_short,
        usage.output,
    ];
    let pico: u64 = counts
        .iter()
        .zip(FRONTIER)
        .map(|(count, price)| count.0 * price)
        .sum();
    pico.div_ceil(1_000)
}

fn told(headers: &HeaderMap, name: &str) -> Result<String, Fault> {
    let value = headers
        .get(name)
        .ok_or_else(|| format!("an answer without {name}"))?;
    Ok(value.to_str()?.to_owned())
}

/// The words of a streamed answer.
fn said(body: &[u8]) -> Result<String, Fault> {
    let mut said = String::new();
    for line in std::str::from_utf8(body)?.lines() {
        let Some(data) = line
            .strip_prefix("data: ")
            .filter(|data| data.starts_with('{'))
        else {
            continue;
        };
        let event: serde_json::Value = serde_json::from_str(data)?;
        let piece = event["delta"]["text"].as_str();
        said.push_str(
            piece
                .or(event["choices"][0]["delta"]["content"].as_str())
                .unwrap_or_default(),
        );
    }
    match said.is_empty() {
        true => Err("an answer without words".into()),
        false => Ok(said),
    }
}

async fn make_key(client: &reqwest::Client, gateway: &Gateway) -> Result<String, Fault> {
    let answer = client
        .post(format!("http://{}/admin/v1/keys", gateway.admin))
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(r#"{"tenant": "bench", "name": "sessions", "force": true}"#);
    let made: serde_json::Value = serde_json::from_str(&answer.send().await?.text().await?)?;
    let key = made["key"]
        .as_str()
        .ok_or_else(|| format!("no key was made: {made}"))?;
    Ok(key.to_owned())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, text)
}
