//! What is measured, in which order, and against which bar.

use std::time::Duration;

use crate::Fault;
use crate::report::{Kind, Line, Samples, quantile};
use crate::runs::{Start, Streams, cpu_at_rate, cpu_per_call, paced, streams};
use crate::sides::{SPOOLING, Side};

/// A wait that is a stall: Nagle's algorithm against a delayed acknowledgement costs 40 ms.
const STALL_MS: f64 = 30.0;

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: u32,
    pub(crate) time: Duration,
}

const SIZES: [(&str, usize); 4] = [
    ("cpu 1 KB", 1_000),
    ("cpu 20 KB", 20_000),
    ("cpu 200 KB", 200_000),
    ("cpu 1 MB", 1_000_000),
];

/// Beside nginx that writes large requests to files.
const SPOOLED: [(&str, usize); 2] = [
    ("cpu 200 KB, spooled", 200_000),
    ("cpu 1 MB, spooled", 1_000_000),
];

const DELAYS: [(&str, &str, usize, bool); 3] = [
    ("p50 1 KB", "p99 1 KB", 1_000, false),
    ("p50 20 KB", "p99 20 KB", 20_000, false),
    ("p50 first byte", "p99 first byte", 1_000, true),
];

/// One run of each kind against one side.
pub(crate) async fn measure(
    side: &Side,
    time: Duration,
    start: Start,
    samples: &mut Samples,
) -> Result<(), Fault> {
    if side.name == SPOOLING {
        for (measure, size) in SPOOLED {
            let cpu = cpu_per_call(side, size, time, start).await?;
            samples.add(measure, "nginx", cpu);
        }
        return Ok(());
    }
    if side.process.is_some() {
        let cpu = cpu_at_rate(side, 1_000, time, start).await?;
        samples.add("cpu at rate", side.name, cpu);
        for (measure, size) in SIZES {
            let cpu = cpu_per_call(side, size, time, start).await?;
            samples.add(measure, side.name, cpu);
            for (measure, _) in SPOOLED.iter().filter(|(_, spooled)| *spooled == size) {
                if side.name == "gateway" {
                    samples.add(measure, side.name, cpu);
                }
            }
        }
    }
    for (p50, p99, size, stream) in DELAYS {
        let times = paced(side, size, stream, time, start).await?;
        for (measure, share) in [(p50, 0.5), (p99, 0.99)] {
            let value = quantile(&times, share).ok_or("no call was timed")?;
            samples.add(measure, side.name, value);
        }
    }
    few_streams(side, time, start, samples).await?;
    many_streams(side, time, start, samples).await
}

async fn few_streams(
    side: &Side,
    time: Duration,
    start: Start,
    samples: &mut Samples,
) -> Result<(), Fault> {
    // As fast as models write.
    let mut load = Streams {
        count: 64,
        interval: Duration::from_millis(20),
        ramp: Duration::from_millis(200),
        time,
    };
    let calm = streams(side, load, start).await?;
    let p99 = quantile(&calm.transit, 0.99).ok_or("no event came")?;
    samples.add("transit p99", side.name, p99);
    let stalls = calm.transit.iter().filter(|took| **took > STALL_MS).count();
    samples.add("stalls", side.name, stalls as f64);

    // Faster, so that there is CPU time to measure.
    load.interval = Duration::from_millis(5);
    if let Some(cpu) = streams(side, load, start).await?.cpu {
        samples.add("cpu event", side.name, cpu);
    }
    Ok(())
}

async fn many_streams(
    side: &Side,
    time: Duration,
    start: Start,
    samples: &mut Samples,
) -> Result<(), Fault> {
    let load = Streams {
        count: 1_000,
        interval: Duration::from_millis(100),
        ramp: Duration::from_secs(1),
        time,
    };
    let seen = streams(side, load, start).await?;
    samples.add("rate", side.name, seen.rate * 100.0);
    if let Some(memory) = seen.memory {
        samples.add("memory", side.name, memory);
    }
    Ok(())
}

const fn line(
    what: &'static str,
    measure: &'static str,
    unit: &'static str,
    kind: Kind,
    bar: Option<f64>,
    stretch: Option<f64>,
) -> Line {
    Line {
        what,
        measure,
        unit,
        kind,
        bar,
        stretch,
    }
}

/// The table's lines.
#[rustfmt::skip]
pub(crate) const LINES: [Line; 19] = [
    line("CPU per call, 1 KB", "cpu 1 KB", "us", Kind::Ratio, Some(4.0), Some(2.5)),
    line("CPU per call, 1 KB, 2,000 calls/s", "cpu at rate", "us", Kind::Ratio, Some(4.0), Some(2.5)),
    line("CPU per call, 20 KB", "cpu 20 KB", "us", Kind::Ratio, None, None),
    line("CPU per call, 200 KB", "cpu 200 KB", "us", Kind::Ratio, Some(5.0), Some(3.0)),
    line("CPU per call, 1 MB", "cpu 1 MB", "us", Kind::Ratio, Some(2.0), Some(1.0)),
    line("CPU per call, 200 KB, nginx with its defaults", "cpu 200 KB, spooled", "us", Kind::Ratio, None, None),
    line("CPU per call, 1 MB, nginx with its defaults", "cpu 1 MB, spooled", "us", Kind::Ratio, None, None),
    line("added p50, 1 KB, 200 calls/s", "p50 1 KB", "ms", Kind::Added, Some(0.45), Some(0.25)),
    line("added p99, 1 KB, 200 calls/s", "p99 1 KB", "ms", Kind::Added, None, None),
    line("added p50, 20 KB, 200 calls/s", "p50 20 KB", "ms", Kind::Added, Some(0.5), Some(0.25)),
    line("added p99, 20 KB, 200 calls/s", "p99 20 KB", "ms", Kind::Added, None, None),
    line("added to first byte of a stream, p50", "p50 first byte", "ms", Kind::Added, Some(0.45), Some(0.25)),
    line("added to first byte of a stream, p99", "p99 first byte", "ms", Kind::Added, None, None),
    line("transit of an event, 64 streams, p99", "transit p99", "ms", Kind::Plain, Some(1.0), None),
    line("events that took over 30 ms", "stalls", "", Kind::Plain, Some(0.0), None),
    line("CPU per stream event", "cpu event", "us", Kind::Ratio, Some(1.5), Some(1.2)),
    line("1,000 streams: share of full rate", "rate", "%", Kind::AtLeast, Some(98.0), None),
    line("1,000 streams: memory", "memory", "MB", Kind::Plain, Some(120.0), Some(80.0)),
    line("start to ready", "start", "s", Kind::Plain, Some(0.5), Some(0.1)),
];
