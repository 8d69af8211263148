//! How busy an own machine says it is: its server's own page of metrics, read again and again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use tokio::time::Instant;

use crate::domain::dialect::Hosting;
use crate::domain::kind::Kind;

/// How often the page is read.
pub const EVERY: Duration = Duration::from_secs(1);
/// A page that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(800);
/// What was read longer ago counts no more.
const STALE: Duration = Duration::from_secs(10);
/// What was read before this long ago counts about a third beside what is read now. Calls that run elsewhere are seen late: if
/// each page were believed at once, everybody would leave by one and come back by the next.
const SMOOTH: Duration = Duration::from_secs(3);
/// A page of metrics is no larger.
const LARGEST: usize = 4 << 20;

/// What a server says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Told {
    /// Calls that it works on.
    pub running: Option<f64>,
    /// Calls that wait.
    pub waiting: Option<f64>,
    /// The part of its cache for prompts that is in use.
    pub cache: Option<f64>,
}

/// What a line of the page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Running,
    Waiting,
    Cache,
}

impl Line {
    /// By its name. Each server has its own, so that any page can be read without knowing whose it is.
    fn of(name: &str) -> Option<Self> {
        Kind::ALL.iter().find_map(|kind| {
            let names = &kind.habits(Hosting::Own).load;
            let of = |list: &[&str], line| list.contains(&name).then_some(line);
            of(names.running, Self::Running)
                .or_else(|| of(names.waiting, Self::Waiting))
                .or_else(|| of(names.cache, Self::Cache))
        })
    }
}

impl Told {
    /// Reads a page in the format of Prometheus. Of several engines the calls are summed, and the fullest cache counts.
    pub fn read(page: &str) -> Self {
        let mut told = Self::default();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            let (name, rest) = line.split_at(end);
            // Labels may hold blanks; behind them stands the number, and perhaps a time.
            let rest = rest.rfind('}').map_or(rest, |at| &rest[at + 1..]);
            let number = rest
                .split_whitespace()
                .next()
                .and_then(|it| it.parse::<f64>().ok());
            let Some(number) = number.filter(|it| it.is_finite() && *it >= 0.0) else {
                continue;
            };
            match Line::of(name) {
                Some(Line::Running) => told.running = Some(told.running.unwrap_or(0.0) + number),
                Some(Line::Waiting) => told.waiting = Some(told.waiting.unwrap_or(0.0) + number),
                Some(Line::Cache) => told.cache = Some(told.cache.unwrap_or(0.0).max(number)),
                None => {}
            }
        }
        told
    }

    /// How busy it is, from 0 to 1: calls that wait mean that it is full.
    fn load(self, most: Option<u32>) -> f64 {
        let (running, waiting) = (self.running.unwrap_or(0.0), self.waiting.unwrap_or(0.0));
        let calls = match most {
            Some(most) => (running + waiting) / f64::from(most.max(1)),
            // Smoothed: less than half a call is none.
            None if waiting >= 0.5 => 1.0,
            None => 0.0,
        };
        calls.max(self.cache.unwrap_or(0.0)).clamp(0.0, 1.0)
    }

    /// Between what was told before and what is told now: all of it now where `part` is 1.
    fn mixed(before: Self, now: Self, part: f64) -> Self {
        let mix = |before: Option<f64>, now: Option<f64>| match (before, now) {
            (Some(before), Some(now)) => Some(before + (now - before) * part),
            (_, now) => now,
        };
        Self {
            running: mix(before.running, now.running),
            waiting: mix(before.waiting, now.waiting),
            cache: mix(before.cache, now.cache),
        }
    }
}

/// What was read of late.
#[derive(Debug, Default)]
pub struct Gauge(Mutex<Option<(Told, Instant)>>);

impl Gauge {
    /// How busy the machine is: as it says itself, and by the calls that we have there now, whichever is more. What it says is
    /// some seconds old.
    pub fn load(&self, ours: u64, most: Option<u32>) -> f64 {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = last.filter(|(_, at)| at.elapsed() < STALE);
        let told = told.map_or(0.0, |(told, _)| told.load(most));
        let ours = most.map_or(0.0, |most| ours as f64 / f64::from(most.max(1)));
        told.max(ours).clamp(0.0, 1.0)
    }

    /// Reads the page once. A server that does not answer has told nothing: what it said before grows old.
    pub async fn read(&self, client: &reqwest::Client, page: &str) {
        if let Some(told) = asked(client, page).await {
            self.tell(told);
        }
    }

    fn tell(&self, told: Told) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let before = last.map(|(before, at)| (before, now.saturating_duration_since(at)));
        let told = match before.filter(|(_, passed)| *passed < STALE) {
            Some((before, passed)) => {
                let part = 1.0 - (-passed.as_secs_f64() / SMOOTH.as_secs_f64()).exp();
                Told::mixed(before, told, part)
            }
            None => told,
        };
        *last = Some((told, now));
    }
}

async fn asked(client: &reqwest::Client, page: &str) -> Option<Told> {
    let answer = client.get(page).timeout(PATIENCE).send().await.ok()?;
    let answer: http::Response<reqwest::Body> = answer.error_for_status().ok()?.into();
    let body = Limited::new(answer.into_body(), LARGEST)
        .collect()
        .await
        .ok()?;
    let told = Told::read(std::str::from_utf8(&body.to_bytes()).ok()?);
    (told != Told::default()).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_read_by_its_own_names() {
        let vllm = "# HELP vllm:num_requests_running Calls.\n\
                    vllm:num_requests_running{engine=\"0\",model_name=\"a b\"} 3.0\n\
                    vllm:num_requests_running{engine=\"1\",model_name=\"a b\"} 4.0\n\
                    vllm:num_requests_waiting{engine=\"0\"} 1.0 1700000000\n\
                    vllm:kv_cache_usage_perc{engine=\"0\"} 0.25\n\
                    vllm:kv_cache_usage_perc{engine=\"1\"} 0.5\n\
                    vllm:num_requests_running_total 99\n";
        let sglang = "sglang:num_running_reqs 2\nsglang:num_queue_reqs 0\nsglang:token_usage 0.1\n";
        let llama = "llamacpp:requests_processing 1\nllamacpp:requests_deferred NaN\n";
        let told = |running, waiting, cache| Told {
            running,
            waiting,
            cache,
        };

        assert_eq!(Told::read(vllm), told(Some(7.0), Some(1.0), Some(0.5)));
        assert_eq!(Told::read(sglang), told(Some(2.0), Some(0.0), Some(0.1)));
        assert_eq!(Told::read(llama), told(Some(1.0), None, None));
        assert_eq!(Told::read("<html>\u{0}{} { x"), Told::default());
    }

    #[tokio::test(start_paused = true)]
    async fn the_busier_of_what_is_told_and_what_is_seen_counts_while_it_is_fresh() {
        let gauge = Gauge::default();
        let idle = gauge.load(1, Some(10));
        gauge.tell(Told {
            running: Some(6.0),
            waiting: Some(2.0),
            cache: Some(0.3),
        });
        let fresh = (gauge.load(1, Some(10)), gauge.load(1, None));
        tokio::time::advance(STALE).await;
        let stale = gauge.load(1, Some(10));

        assert_eq!((idle, fresh, stale), (0.1, (0.8, 1.0), 0.1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_page_does_not_turn_everybody_away() {
        let gauge = Gauge::default();
        let running = |running| Told {
            running: Some(running),
            waiting: Some(0.0),
            cache: None,
        };
        gauge.tell(running(2.0));
        tokio::time::advance(EVERY).await;
        gauge.tell(running(10.0));
        let soon = gauge.load(0, Some(10));
        for _ in 0..12 {
            tokio::time::advance(EVERY).await;
            gauge.tell(running(10.0));
        }

        assert!((0.3..0.6).contains(&soon), "{soon}");
        assert!(gauge.load(0, Some(10)) > 0.95);
        // After a silence what it said before counts nothing.
        tokio::time::advance(STALE).await;
        gauge.tell(running(1.0));
        assert_eq!(gauge.load(0, Some(10)), 0.1);
    }
}
