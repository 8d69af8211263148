//! Readers of requests, answers and streams, and what reads conversations, against texts that were spoilt; see `README.md` here.

#![expect(
    clippy::print_stdout,
    reason = "a long run says how far it came, and how to see a text again"
)]

mod holds;
mod mutate;
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

use mutate::{Dice, mutate};
use seeds::Seeds;
use tokio::time::Instant;

/// Texts that each test spoils, where no time is given.
const COUNT: u64 = 1_500;

/// What the environment asks for.
struct Wish {
    seed: u64,
    /// For so long; without it for so many texts.
    time: Option<Duration>,
    /// This one alone.
    only: Option<u64>,
}

impl Wish {
    fn read() -> Self {
        let number = |name: &str| {
            let text = std::env::var_os(name)?.into_string().ok()?;
            text.parse::<u64>().ok()
        };
        Self {
            seed: number("TOLLGATE_FUZZ_SEED").unwrap_or(1),
            time: number("TOLLGATE_FUZZ_SECONDS").map(Duration::from_secs),
            only: number("TOLLGATE_FUZZ_CASE"),
        }
    }

    fn goes_on(&self, case: u64, began: Instant) -> bool {
        match (self.only, self.time) {
            (Some(only), _) => case <= only,
            (None, Some(time)) => began.elapsed() < time,
            (None, None) => case < COUNT,
        }
    }
}

/// Spoils one text after another, and says of one that does harm how it is made again.
fn run<P: Copy>(name: &str, seeds: &Seeds<P>, holds: impl Fn(P, &[u8], &mut Dice) -> bool) {
    let wish = Wish::read();
    let began = Instant::now();
    let mut case = wish.only.unwrap_or(0);
    let mut read: u64 = 0;
    while wish.goes_on(case, began) {
        let mut dice = Dice::new(wish.seed.rotate_left(32) ^ case);
        let at = dice.below(seeds.texts.len());
        let text = mutate(&seeds.texts[at], &seeds.texts, &mut dice);
        let held = catch_unwind(AssertUnwindSafe(|| {
            holds(seeds.places[at], &text, &mut dice)
        }));
        read += u64::from(*held.as_ref().unwrap_or(&false));
        if let Err(panic) = held {
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}-{case}"));
            let kept = std::fs::write(&file, &text);
            let seed = wish.seed;
            println!("{name}: TOLLGATE_FUZZ_SEED={seed} TOLLGATE_FUZZ_CASE={case}");
            println!("the text: {} ({kept:?})", file.display());
            resume_unwind(panic);
        }
        case += 1;
    }
    println!(
        "{name}: {case} texts, {read} of them read, in {:.1?}",
        began.elapsed()
    );
    // Texts that nobody reads try nothing.
    assert!(
        wish.only.is_some() || read * 5 > case,
        "{name}: {read} of {case}"
    );
}

#[test]
fn requests_are_survived() {
    run("requests", &seeds::requests(), |endpoint, text, _| {
        holds::of_request(endpoint, text)
    });
}

#[test]
fn answers_are_survived() {
    run("answers", &seeds::answers(), |target, text, _| {
        holds::of_answer(target, text)
    });
}

#[test]
fn streams_are_survived() {
    run("streams", &seeds::streams(), holds::of_stream);
}

#[test]
fn what_was_not_spoilt_is_read() {
    let requests = seeds::requests();
    assert!(requests.texts.len() > 15);
    for (endpoint, text) in requests.places.iter().zip(&requests.texts) {
        holds::of_request(*endpoint, text);
    }
    let mut dice = Dice::new(1);
    let streams = seeds::streams();
    assert!(streams.texts.len() > 15);
    for (target, text) in streams.places.iter().zip(&streams.texts) {
        holds::of_stream(*target, text, &mut dice);
    }
}
