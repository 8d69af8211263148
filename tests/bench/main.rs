//! The gateway beside nginx and the target asked directly, in one run. See this folder's README.

mod client;
mod decisions;
mod http;
mod micro;
mod plan;
mod process;
mod replay;
mod report;
mod requests;
mod runs;
mod sides;
mod target;
mod translation;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::task::LocalSet;
use tokio::time::Instant;

use plan::{Effort, LINES};
use report::Samples;
use sides::Side;

/// Whatever ends the bench, or the part of it on one side.
pub(crate) type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    // Cargo adds `--bench`.
    if std::env::args().any(|it| it == "--micro") {
        return Ok(micro::run()?);
    }
    if let Some(place) = std::env::args().position(|it| it == "--replay") {
        let calls = std::env::args().nth(place + 1);
        let calls = calls.and_then(|it| it.parse().ok()).unwrap_or(1_000_000);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        return runtime.block_on(replay::run(calls));
    }
    let quick = std::env::args().any(|it| it == "--quick");
    let effort = if quick {
        Effort {
            rounds: 1,
            time: Duration::from_secs(1),
        }
    } else {
        Effort {
            rounds: 5,
            time: Duration::from_secs(2),
        }
    };
    process::settle_in()?;
    // One thread: the load and the target share a core, and leave the other to what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let folder = Folder::new()?;
    LocalSet::new().block_on(&runtime, bench(&folder.0, effort))
}

async fn bench(folder: &Path, effort: Effort) -> Result<(), Fault> {
    let start = Instant::now();
    let target = target::serve(start).await?;
    let mut samples = Samples::default();
    let (nginx, spooling) = sides::nginx(folder, target).await?;
    let mut sides = vec![Side::direct(target), nginx, spooling];
    match sides::gateway(folder, target).await {
        Ok((side, starts)) => {
            for took in starts {
                samples.add("start", side.name, took.as_secs_f64());
            }
            sides.push(side);
        }
        Err(fault) => say(&format!("the gateway is left out: {fault}"))?,
    }

    for round in 0..effort.rounds {
        say(&format!("round {} of {}", round + 1, effort.rounds))?;
        let mut kept = Vec::new();
        // There and back, so that no side is always the first.
        sides.reverse();
        for side in sides {
            match plan::measure(&side, effort.time, start, &mut samples).await {
                Ok(()) => kept.push(side),
                Err(fault) => say(&format!("{} is left out from here: {fault}", side.name))?,
            }
        }
        sides = kept;
    }

    let rows = report::rows(&LINES, &samples);
    say(&report::table(&rows))?;
    let data = json!({
        "processor": process::processor(),
        "cores": process::cores(),
        "rounds": effort.rounds,
        "seconds_a_run": effort.time.as_secs(),
        "rows": rows,
    });
    let place = written(&serde_json::to_string_pretty(&data)?)?;
    say(&format!("written to {}", place.display()))
}

fn written(text: &str) -> Result<PathBuf, Fault> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .ok_or("the target folder has a parent")?
        .join("bench");
    fs::create_dir_all(&folder)?;
    let place = folder.join("gateway.json");
    fs::write(&place, text)?;
    Ok(place)
}

fn say(text: &str) -> Result<(), Fault> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// A temporary folder, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let name = format!("tollgate-bench-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}
