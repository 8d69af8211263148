//! What a training learns of small made-up data, and that it does so again.

use std::collections::BTreeMap;

use super::*;
use crate::classifier::net::Net;
use crate::classifier::rows::Row;
use crate::domain::facts::Task;

const WORDS: [&str; 24] = [
    "list", "page", "form", "menu", "user", "order", "file", "route", "cache", "query", "token",
    "image", "chart", "mail", "clock", "queue", "score", "label", "table", "panel", "graph",
    "shelf", "crate", "stack",
];

/// Problems of which "deadlock" tells that they are hard, and requests whose verb tells the kind.
fn rows(count: usize) -> Vec<Row> {
    let chance = chance::Chance::new(9, 9);
    let word = || WORDS[chance.below(WORDS.len())];
    let problem = |at: usize| {
        let hard = at.is_multiple_of(2);
        let prompt = format!(
            "{} in the {} of the {} {}",
            if hard { "deadlock" } else { "typo" },
            word(),
            word(),
            word()
        );
        let rate = |easy: f64| if hard { easy - 0.5 } else { easy };
        Row {
            id: format!("p{at}"),
            benchmark: "trial".to_owned(),
            category: "fix".to_owned(),
            group: Some(format!("g{}", at / 2)),
            prompt,
            outcomes: BTreeMap::from([
                ("small".to_owned(), rate(0.6)),
                ("large".to_owned(), rate(0.95)),
            ]),
            ..Row::default()
        }
    };
    let request = |at: usize| {
        let (verb, task, output) = [
            ("rename", Task::Refactor, 50),
            ("explain", Task::Explain, 800),
            ("deploy", Task::Command, 20),
        ][at % 3];
        Row {
            id: format!("r{at}"),
            benchmark: "requests".to_owned(),
            prompt: format!("{verb} the {} {}", word(), word()),
            task: Some(task),
            language: "rust".to_owned(),
            output: Some(output + chance.below(20) as u32),
            ..Row::default()
        }
    };
    (0..count)
        .map(problem)
        .chain((0..count).map(request))
        .collect()
}

fn small() -> Settings {
    Settings {
        shape: Shape {
            rows: 512,
            members: 2,
            width: 4,
            hidden: 4,
            kind_width: 6,
            kind_hidden: 12,
        },
        epochs: 120,
        folds: 3,
        seed: 5,
        exclude: Vec::new(),
    }
}

fn quiet(_: Progress) {}

#[test]
fn a_net_learns_what_is_hard_and_what_kind_of_work_it_is() {
    let set = Set::of(&rows(600), 512).expect("a set");

    let fit = fit(&set, &small(), &quiet).expect("a fit");
    let net = Net::new(&small().shape, fit.tensors).expect("a net");
    let ask = |text: &str| net.answer(&crate::classifier::features::Features::of_text(text, 512));

    let (hard, easy) = (
        ask("deadlock in the menu of the mail queue"),
        ask("typo in the menu of the mail queue"),
    );
    assert!(hard.difficulty > easy.difficulty + 0.5, "{hard:?} {easy:?}");
    assert!(fit.abilities.chance("large", &hard) > fit.abilities.chance("small", &hard));
    assert!((fit.abilities.chance("small", &easy) - 0.6).abs() < 0.15);
    assert!((fit.abilities.chance("small", &hard) - 0.1).abs() < 0.15);
    assert_eq!(ask("rename the label clock").task, Task::Refactor);
    let (long, short) = (
        ask("explain the label clock"),
        ask("deploy the label clock"),
    );
    assert_eq!((long.task, short.task), (Task::Explain, Task::Command));
    assert!(
        long.output.0 > 300 && short.output.0 < 80,
        "{long:?} {short:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    let set = Set::of(&rows(150), 512).expect("a set");
    let weights = |seed| {
        let settings = Settings {
            seed,
            epochs: 2,
            ..small()
        };
        let fit = fit(&set, &settings, &quiet).expect("a fit");
        let flat =
            |tensor: &candle_core::Tensor| tensor.flatten_all().and_then(|it| it.to_vec1::<f32>());
        let all: BTreeMap<String, Vec<u32>> = (fit.tensors.iter())
            .map(|(name, tensor)| {
                (
                    name.clone(),
                    flat(tensor)
                        .expect("numbers")
                        .iter()
                        .map(|it| it.to_bits())
                        .collect(),
                )
            })
            .collect();
        (all, fit.abilities)
    };

    let (one, two) = (weights(5), weights(5));

    assert!(one == two);
    assert!(one.0 != weights(6).0);
}

#[test]
fn the_tensors_are_those_of_the_shape() {
    let set = Set::of(&rows(120), 512).expect("a set");
    let settings = Settings {
        epochs: 1,
        ..small()
    };

    let fit = fit(&set, &settings, &quiet).expect("a fit");

    for (name, dims) in settings.shape.tensors() {
        assert_eq!(fit.tensors[&name].dims(), dims, "{name}");
    }
    assert_eq!(fit.tensors.len(), settings.shape.tensors().len());
}

#[test]
fn rows_of_one_group_are_in_one_fold() {
    let set = Set::of(&rows(200), 512).expect("a set");

    let folds = folds::folds(&set, 5, &chance::Chance::new(1, 1));

    for pair in 0..100 {
        assert_eq!(folds[2 * pair], folds[2 * pair + 1]);
    }
    for fold in 0..5 {
        let size = folds.iter().filter(|it| **it == fold).count();
        assert!((70..=90).contains(&size), "{size}");
    }
}

#[test]
fn a_cross_validation_is_told_in_a_report_and_a_picture() {
    let rows = rows(600);
    let set = Set::of(&rows, 512).expect("a set");
    let pairs = serde_json::from_str(
        r#"{"pairs":[{"pair":"small>large","benchmark":"trial","weak":"small","strong":"large","est_out_tokens":100}],
            "prices":{"small":{"usd_per_mtok_in":1,"usd_per_mtok_out":2},"large":{"usd_per_mtok_in":5,"usd_per_mtok_out":9}}}"#,
    );
    let pairs = pairs.expect("pairs");

    let held = cross_validate(&set, &small(), &quiet).expect("folds");
    let settings = crate::classifier::eval::Settings {
        boot: 40,
        ..Default::default()
    };
    let compared = compare(&rows, &set, &held, &pairs, 512, &settings).expect("measured");
    let report = report(
        &rows,
        &set,
        &small(),
        &held.abilities[0],
        Some(&held),
        Some((&pairs, &compared)),
    );

    let auroc = |name: &str| {
        let way = compared
            .iter()
            .find(|it| it.name == name)
            .expect("compared");
        way.summaries[0].metrics.auroc.expect("defined")
    };
    assert!((auroc("chance") - 0.5).abs() < 1e-9);
    assert!(auroc("net") > 0.7 && auroc("logistic regression") > 0.7);
    assert!(report.text.contains("### small>large") && report.text.contains("| refactor |"));
    assert!(report.picture.expect("a picture").starts_with("<svg"));
    assert!(report.figures["kind_right"].as_f64().expect("a figure") > 0.9);
}

#[test]
fn rows_that_tell_nothing_are_refused() {
    let few = Set::of(&rows(10), 512).expect("a set");

    let error = fit(&few, &small(), &quiet)
        .expect_err("refused")
        .to_string();

    assert!(error.contains("10 rows have outcomes"), "{error}");
}

#[test]
fn of_what_is_excluded_nothing_is_in_weights_and_abilities() {
    let mut rows = rows(150);
    let other = |at: usize| Row {
        id: format!("x{at}"),
        benchmark: "borrowed".to_owned(),
        category: "fix".to_owned(),
        prompt: format!("strange words {at}"),
        outcomes: BTreeMap::from([("borrowed-model".to_owned(), 0.5)]),
        ..Row::default()
    };
    let settings = Settings {
        epochs: 2,
        exclude: vec!["borrowed".to_owned()],
        ..small()
    };
    let weights = |rows: &[Row]| {
        let set = Set::of(rows, 512).expect("a set");
        let fit = fit(&set, &settings, &quiet).expect("a fit");
        let table = fit.tensors["pieces.known"]
            .to_vec1::<f32>()
            .expect("numbers");
        (table, fit.abilities)
    };

    let (without, _) = weights(&rows);
    rows.extend((0..50).map(other));
    let (with, abilities) = weights(&rows);

    assert!(without == with);
    assert!(!abilities.knows("borrowed-model") && abilities.knows("small"));
}

#[test]
fn what_the_net_is_compared_with_learns_from_the_same_rows() {
    let pairs = serde_json::from_str(
        r#"{"pairs":[{"pair":"a","benchmark":"trial","weak":"small","strong":"large"},
                     {"pair":"b","benchmark":"borrowed","weak":"small","strong":"large"}],
            "prices":{"small":{"usd_per_mtok_in":1,"usd_per_mtok_out":2},"large":{"usd_per_mtok_in":5,"usd_per_mtok_out":9}}}"#,
    );
    let pairs = pairs.expect("pairs");
    let judged = |rate: f64| {
        let mut rows = rows(150);
        let borrowed = (0..100).map(|at| Row {
            id: format!("x{at}"),
            benchmark: "borrowed".to_owned(),
            prompt: format!("deadlock words {at}"),
            category: "fix".to_owned(),
            outcomes: ["small", "large"].map(|it| (it.to_owned(), rate)).into(),
            ..Row::default()
        });
        rows.extend(borrowed);
        let set = Set::of(&rows, 512).expect("a set");
        let learned = rows.iter().map(|it| it.benchmark != "borrowed");
        let held = Held {
            folds: folds::folds(&set, 3, &chance::Chance::new(1, 1)),
            classes: vec![crate::domain::facts::Classification::UNKNOWN; rows.len()],
            abilities: vec![crate::classifier::abilities::Abilities::default(); 3],
            learned: learned.collect(),
        };
        let settings = crate::classifier::eval::Settings {
            boot: 0,
            ..Default::default()
        };
        let compared = compare(&rows, &set, &held, &pairs, 512, &settings).expect("measured");
        let scores = |name: &str| {
            let way = compared.iter().find(|it| it.name.starts_with(name));
            way.expect("compared").scores.clone()
        };
        [
            scores("table"),
            scores("logistic regression"),
            scores("logistic regression, nothing excluded"),
        ]
    };

    let (never, always) = (judged(0.0), judged(1.0));

    assert_eq!(never[..2], always[..2]);
    assert_ne!(never[2], always[2]);
}
