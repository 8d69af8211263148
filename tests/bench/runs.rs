//! One run each: a load of a known shape, for a known time, and what it took.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

use crate::Fault;
use crate::client::Client;
use crate::requests::Requests;
use crate::sides::Side;

/// Callers at once where the load is not about streams.
const CALLERS: u64 = 8;
/// Calls a second at moderate load, by all callers together.
const RATE: u64 = 200;
/// Calls a second where work is compared at the same rate.
const BUSY: u64 = 2_000;
/// No run makes more calls than this.
const MOST: u64 = 200_000;

/// The moment that stamps count from.
pub(crate) type Start = Instant;

/// CPU time per call, in us: callers that never rest.
pub(crate) async fn cpu_per_call(
    side: &Side,
    size: usize,
    time: Duration,
    start: Start,
) -> Result<f64, Fault> {
    let requests = Requests::new(&side.key, size, None);
    let process = side.process.as_ref().ok_or("no process of its own")?;
    closed(side, &requests, Duration::from_millis(100), start).await?;

    let before = process.cpu()?;
    let calls = closed(side, &requests, time, start).await?;
    let took = process.cpu()?.saturating_sub(before);

    Ok(took.as_secs_f64() * 1e6 / to_f64(calls.max(1)))
}

async fn closed(
    side: &Side,
    requests: &Requests,
    time: Duration,
    start: Start,
) -> Result<u64, Fault> {
    let calls = Rc::new(Cell::new(0));
    let end = Instant::now() + time;
    all(
        time,
        (0..CALLERS).map(|caller| {
            let (mut requests, calls) = (requests.clone(), Rc::clone(&calls));
            let mut client = Client::new(side.address, start);
            async move {
                let mut n = caller;
                while Instant::now() < end && calls.get() < MOST {
                    client.call(requests.at(n), |_| ()).await?;
                    calls.set(calls.get() + 1);
                    n += 1;
                }
                Ok(())
            }
        }),
    )
    .await?;
    Ok(calls.get())
}

/// CPU time per call, in us, while calls come at a rate: every side does the same work in the same time.
pub(crate) async fn cpu_at_rate(
    side: &Side,
    size: usize,
    time: Duration,
    start: Start,
) -> Result<f64, Fault> {
    let process = side.process.as_ref().ok_or("no process of its own")?;
    let before = process.cpu()?;
    let times = at_rate(side, size, false, BUSY, time, start).await?;
    let took = process.cpu()?.saturating_sub(before);

    Ok(took.as_secs_f64() * 1e6 / to_f64(u64::try_from(times.len())?.max(1)))
}

/// Times of calls at moderate load, in ms: to the end of the answer, or of a stream to its first byte.
pub(crate) async fn paced(
    side: &Side,
    size: usize,
    stream: bool,
    time: Duration,
    start: Start,
) -> Result<Vec<f64>, Fault> {
    at_rate(side, size, stream, RATE, time, start).await
}

async fn at_rate(
    side: &Side,
    size: usize,
    stream: bool,
    rate: u64,
    time: Duration,
    start: Start,
) -> Result<Vec<f64>, Fault> {
    let shape = stream.then_some((3, 2_000));
    let requests = Requests::new(&side.key, size, shape);
    let times = Rc::new(RefCell::new(Vec::new()));
    let each = Duration::from_secs(CALLERS) / u32::try_from(rate)?;
    let end = Instant::now() + time;
    all(
        time,
        (0..CALLERS).map(|caller| {
            let (mut requests, times) = (requests.clone(), Rc::clone(&times));
            let mut client = Client::new(side.address, start);
            async move {
                let offset = each * u32::try_from(caller).unwrap_or(0) / CALLERS as u32;
                let mut ticks = interval_at(Instant::now() + offset, each);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                let mut n = caller;
                while Instant::now() < end {
                    ticks.tick().await;
                    let timing = client.call(requests.at(n), |_| ()).await?;
                    n += 1;
                    // The first call of a connection also opens it.
                    if n > caller + 1 {
                        let took = if stream {
                            timing.first_byte
                        } else {
                            timing.whole
                        };
                        times.borrow_mut().push(took.as_secs_f64() * 1e3);
                    }
                }
                Ok(())
            }
        }),
    )
    .await?;
    Ok(times.take())
}

/// A load of streams.
#[derive(Clone, Copy)]
pub(crate) struct Streams {
    pub(crate) count: u64,
    /// Between the events of one stream.
    pub(crate) interval: Duration,
    /// From the first stream's opening to the last one's.
    pub(crate) ramp: Duration,
    /// For how long all of them are open and looked at.
    pub(crate) time: Duration,
}

/// What streams took.
#[derive(Default)]
pub(crate) struct Streamed {
    /// Of each event, from its sending to its reading, in ms.
    pub(crate) transit: Vec<f64>,
    /// CPU time per event, in us, while all were open.
    pub(crate) cpu: Option<f64>,
    /// Events that came, of those that should have, while all were open.
    pub(crate) rate: f64,
    /// Memory of the process, in MB, while all were open.
    pub(crate) memory: Option<f64>,
}

/// Opens streams and watches them while all are open.
pub(crate) async fn streams(side: &Side, load: Streams, start: Start) -> Result<Streamed, Fault> {
    // Half a second for the last to get going, and half a second before the first one ends.
    let margin = Duration::from_millis(500);
    let life = load.ramp + load.time + 2 * margin;
    let events = life.as_micros() / load.interval.as_micros().max(1);
    let shape = (
        u64::try_from(events)?,
        u64::try_from(load.interval.as_micros())?,
    );
    let requests = Requests::new(&side.key, 1_000, Some(shape));
    let transit = Rc::new(RefCell::new(Vec::new()));
    let watched = Rc::new(Cell::new(false));
    let began = Instant::now();
    let callers = all(
        life + margin,
        (0..load.count).map(|caller| {
            let (mut requests, transit) = (requests.clone(), Rc::clone(&transit));
            let watched = Rc::clone(&watched);
            let mut client = Client::new(side.address, start);
            let turn = began + load.ramp.mul_f64(to_f64(caller) / to_f64(load.count));
            async move {
                sleep_until(turn).await;
                let each = |took: Duration| {
                    if watched.get() {
                        transit.borrow_mut().push(took.as_secs_f64() * 1e3);
                    }
                };
                client.call(requests.at(caller), each).await.map(drop)
            }
        }),
    );
    let watch = async {
        sleep(load.ramp + margin).await;
        let cpu = || side.process.as_ref().map(|it| it.cpu()).transpose();
        let (before, at) = (cpu()?, Instant::now());
        watched.set(true);
        sleep(load.time).await;
        watched.set(false);
        let (after, took) = (cpu()?, at.elapsed());
        let memory = side.process.as_ref().map(|it| it.memory()).transpose()?;
        Ok::<_, Fault>((before.zip(after), took, memory))
    };
    let (ended, seen) = tokio::join!(callers, watch);
    ended?;
    let (cpu, took, memory) = seen?;
    let transit = transit.take();
    let count = to_f64(transit.len() as u64);
    let due = to_f64(load.count) * took.as_secs_f64() / load.interval.as_secs_f64();
    Ok(Streamed {
        cpu: cpu.map(|(before, after)| (after - before).as_secs_f64() * 1e6 / count.max(1.0)),
        rate: count / due,
        memory: memory.map(|bytes| to_f64(bytes) / 1e6),
        transit,
    })
}

/// Waits for all callers, and for no longer than their time and ten seconds.
async fn all<F>(time: Duration, callers: impl Iterator<Item = F>) -> Result<(), Fault>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let mut set = JoinSet::new();
    for caller in callers {
        set.spawn_local(caller);
    }
    let work = async {
        while let Some(ended) = set.join_next().await {
            ended??;
        }
        Ok::<_, Fault>(())
    };
    timeout(time + Duration::from_secs(10), work)
        .await
        .map_err(|_| "stuck: calls did not end")?
}

fn to_f64(count: u64) -> f64 {
    // Counts and bytes of a run are far below 2^53.
    count as f64
}
