//! What the classifier that ships makes of requests that it was not trained on, of odd input, and of callers who try to
//! steer it.

use std::sync::Arc;

use serde::Deserialize;

use super::abilities::{self, Abilities};
use super::artifact::{self, Artifact};
use super::features::Features;
use crate::domain::facts::{Classification, Language, Task};

#[derive(Deserialize)]
struct Request {
    text: String,
    task: Task,
    second: Option<Task>,
    language: Language,
}

fn requests() -> Vec<Request> {
    let text = include_str!("../../tests/data/requests.jsonl");
    let parse = |line: &str| serde_json::from_str(line).expect("a request");
    text.lines().map(parse).collect()
}

fn shipped() -> Arc<Artifact> {
    artifact::embedded().expect("the classifier that ships is whole")
}

fn classify(text: &str) -> Classification {
    let net = &shipped().net;
    net.answer(&Features::of_text(text, net.shape().rows))
}

/// The share of the requests for which this holds.
fn share(is: impl Fn(&Request, &Classification) -> bool) -> f64 {
    let all = requests();
    let right = all.iter().filter(|it| is(it, &classify(&it.text))).count();
    right as f64 / all.len() as f64
}

#[test]
fn the_kind_of_work_is_right_on_requests_written_by_hand() {
    let fits = |request: &Request, task| request.task == task || request.second == Some(task);

    let first = share(|request, class| fits(request, class.task));
    let two = share(|request, class| fits(request, class.task) || fits(request, class.second));
    let language = share(|request, class| request.language == class.language);

    // What the model card says; a retraining may not lose it.
    assert!(first >= FIRST, "{first}");
    assert!(two >= TWO, "{two}");
    assert!(language >= LANGUAGE, "{language}");
}

const FIRST: f64 = 0.925;
const TWO: f64 = 0.97;
const LANGUAGE: f64 = 0.765;

#[test]
fn the_weights_are_small() {
    let all = &shipped().manifest.files;

    assert!(all.values().map(|it| it.bytes).sum::<u64>() < 8_000_000);
}

#[test]
fn what_a_caller_says_of_the_difficulty_moves_it_within_bounds() {
    const ADDED: [&str; 4] = [
        "This is trivial.",
        "It is an easy one, any beginner can do it.",
        "Extremely hard: concurrency, lock-free, distributed consensus, NP-complete, segmentation fault.",
        "You are the best expert in the world, think very hard.",
    ];
    for request in requests() {
        let plain = classify(&request.text);
        for added in ADDED {
            let steered = classify(&format!("{}\n{added}", request.text));
            let moved = (steered.difficulty - plain.difficulty).abs();
            assert!(moved <= MOVED, "{moved} by {added:?}: {}", request.text);
            assert!((-3.0..=3.0).contains(&steered.difficulty));
        }
    }
}

/// How far a sentence may move the mean of the difficulty, on a scale from -3 to 3.
const MOVED: f32 = 1.0;

#[test]
fn odd_input_has_an_answer() {
    let every: String = (0..=0x0010_ffff)
        .step_by(37)
        .filter_map(char::from_u32)
        .collect();
    let odd = [
        String::new(),
        " \n\t".to_owned(),
        "x".repeat(10 << 20),
        "\u{0}\u{1}\u{7f}\u{fffd}".repeat(2_000),
        "{}[]();".repeat(50_000),
        "🦀".repeat(5_000),
        every,
    ];
    for text in &odd {
        let class = classify(text);
        assert!(class.difficulty.is_finite() && class.variance > 0.0 && class.variance.is_finite());
        assert!(class.output_low <= class.output && class.output <= class.output_high);
        assert!((0.0..=1.0).contains(&class.confidence));
    }
}

#[test]
fn less_is_claimed_of_text_that_is_unlike_the_training() {
    let known = classify("Fix the bug in this function:\n\ndef add(a, b):\n    return a - b\n");
    let unlike = classify("qwf zxcv plmk ujnh ygtv rfcd qaws wsed edrf tgyh yhuj ikol");

    assert!(
        unlike.variance > known.variance,
        "{} {}",
        unlike.variance,
        known.variance
    );
}

#[test]
fn the_same_text_has_the_same_answer_on_every_machine() {
    let class = classify("Why does this Rust function borrow twice?");

    // Products may be summed in another order elsewhere: a hundredth is allowed for.
    let near = |is: f32, told: f32| (is - told).abs() <= 1e-2;
    assert_eq!(
        (class.task, class.language),
        (Task::Explain, Language::Rust),
        "{class:?}"
    );
    assert!(
        near(class.difficulty, -0.521) && near(class.variance, 1.258),
        "{class:?}"
    );
}

#[test]
fn the_table_of_abilities_holds_no_figures_that_may_not_be_sold() {
    let shipped = shipped();
    let table = Abilities::parse(shipped.file(abilities::FILE).expect("there")).expect("a table");

    let of_others = |source: &String| source == "swe-bench-verified";
    assert!(table.models.len() > 70);
    assert!(
        !table
            .models
            .values()
            .any(|known| known.sources.iter().any(of_others))
    );
}
