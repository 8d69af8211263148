//! Conversations of which the truth is known, because they are made up: weights that are found again, and chances that hold
//! better with them.

use serde_json::json;

use super::*;
use crate::classifier::train::chance::Chance;

/// The weights that the made-up world goes by: some signs say more than we think, some say nothing.
fn truth() -> Weights {
    let mut weights = Weights::default();
    let other = [
        (Sign::TestsFailed, 0.75),
        (Sign::TestsPassed, -1.0),
        (Sign::CompileError, 0.0),
        (Sign::SameError, 0.9),
        (Sign::RepeatedCall, -0.1),
        (Sign::Complaint, 0.85),
        (Sign::ErrorStreak, 0.0),
    ];
    for (sign, mean) in other {
        weights.signs.entry(sign).or_default().mean = mean;
    }
    weights
}

const SEEN: [Sign; 9] = [
    Sign::TestsFailed,
    Sign::TestsPassed,
    Sign::CompileError,
    Sign::SameError,
    Sign::RepeatedCall,
    Sign::Complaint,
    Sign::ErrorStreak,
    Sign::FewerFailed,
    Sign::PatchFailed,
];

fn unlike(chance: &Chance) -> f64 {
    (0..12).map(|_| f64::from(chance.share())).sum::<f64>() - 6.0
}

/// Work with a model, of which nothing was seen yet.
fn begun(chance: &Chance, number: usize) -> Row {
    Row {
        work: format!("w{number}"),
        prior: Belief {
            mean: unlike(chance),
            variance: 0.4,
        },
        task: Task::Fix,
        model: "m".to_owned(),
        ability: Some(Belief {
            mean: 0.5 + 0.7 * unlike(chance),
            variance: 0.2,
        }),
        signs: Signs::default(),
        passed: false,
    }
}

/// One moment a piece of work, whose end is drawn by the true weights.
fn moments_of(truth: &Weights, count: usize, seed: u64) -> Vec<Row> {
    let chance = Chance::new(seed, 40);
    let mut one = |number| {
        let mut row = begun(&chance, number);
        for sign in SEEN {
            while chance.share() < 0.25 {
                row.signs.add(sign);
            }
        }
        row.passed = f64::from(chance.share()) < row.chance(truth);
        row
    };
    (0..count).map(&mut one).collect()
}

/// Whole conversations: how a piece of work will end decides which signs it shows, each at one turn of six.
fn conversations(count: usize, seed: u64) -> Vec<Row> {
    // In how much of the work that fails, and that succeeds, the sign is seen.
    const RATES: [(Sign, f32, f32); 5] = [
        (Sign::TestsFailed, 0.6, 0.3),
        (Sign::TestsPassed, 0.2, 0.6),
        (Sign::CompileError, 0.5, 0.5),
        (Sign::SameError, 0.5, 0.15),
        (Sign::RepeatedCall, 0.4, 0.4),
    ];
    let chance = Chance::new(seed, 41);
    let mut rows = Vec::new();
    for number in 0..count {
        let mut row = begun(&chance, number);
        row.passed = f64::from(chance.share()) < row.chance(&Weights::default());
        let turns = RATES.map(|(_, fails, passes)| {
            let shows = chance.share() < if row.passed { passes } else { fails };
            shows.then(|| chance.below(6))
        });
        for turn in 0..6 {
            for ((sign, ..), shown) in RATES.iter().zip(turns) {
                if shown == Some(turn) {
                    row.signs.add(*sign);
                }
            }
            rows.push(row.clone());
        }
    }
    rows
}

fn all(rows: &[Row]) -> Vec<&Row> {
    rows.iter().collect()
}

#[test]
fn known_weights_are_found_within_their_intervals() {
    let (truth, hand) = (truth(), Weights::default());
    let rows = moments_of(&truth, 6_000, 1);

    let fitted = fit(&all(&rows), &hand).expect("enough rows");

    let mean = |of: &Weights, sign: &Sign| f64::from(of.signs[sign].mean);
    let inside = |sign: &&Sign| {
        let off = (mean(&fitted.weights, sign) - mean(&truth, sign)).abs();
        off < 1.96 * fitted.errors[*sign]
    };
    let found = SEEN.iter().filter(inside).count();
    assert!(found >= SEEN.len() - 1, "{found} of {}", SEEN.len());
    for sign in SEEN {
        assert!(fitted.errors[&sign] < 0.12, "{sign}");
    }
    // Of what nobody has seen, nothing is learned.
    let (unseen, before) = (Sign::Thanks, hand.signs[&Sign::Thanks]);
    assert!((fitted.weights.signs[&unseen].mean - before.mean).abs() < 1e-6);
    assert!((fitted.errors[&unseen] - DOUBT.0).abs() < 1e-6);
}

#[test]
fn few_rows_hardly_move_what_is_set_by_hand() {
    let hand = Weights::default();
    let rows = moments_of(&truth(), FEWEST, 2);

    let fitted = fit(&all(&rows), &hand).expect("just enough rows");
    let refused = fit(&all(&rows[1..]), &hand);

    for (sign, weight) in &fitted.weights.signs {
        assert!((weight.mean - hand.signs[sign].mean).abs() < 0.45, "{sign}");
    }
    assert!(
        refused
            .expect_err("too few")
            .to_string()
            .contains("50 are needed")
    );
}

#[test]
fn along_conversations_the_chance_holds_better_than_before() {
    let (rows, hand) = (conversations(3_000, 3), Weights::default());
    let fitted = fit(&all(&rows), &hand).expect("enough rows");

    let told = report(&rows, &fitted, &hand, 1).expect("a report");

    let off = |name: &str| told.figures[name].as_f64().expect("a number");
    let (before, after) = (off("evidence_ece_by_hand"), off("evidence_ece_fitted"));
    assert!(
        after < before && after < 0.03,
        "{before} {after}\n{}",
        told.text
    );
    for part in [
        "## set by hand",
        "## fitted, held out",
        "| same_error |",
        "| told | came true |",
    ] {
        assert!(told.text.contains(part), "{part}");
    }
    // The file that the gateway reads.
    let file = serde_json::to_vec(&fitted.weights).expect("JSON");
    assert_eq!(Weights::parse(&file), Ok(fitted.weights));
}

#[test]
fn without_evidence_the_belief_is_what_the_classifier_says() {
    let rows = moments_of(&truth(), 100, 4);

    for row in rows.iter().filter(|row| row.signs.is_empty()) {
        let told = row.chance(&truth());
        assert_eq!(told, row.prior.passed_by(row.ability()));
    }
}

#[test]
fn records_become_rows_by_what_later_calls_tell() {
    let call = |session: &str, second: u32, turns: u32, model: &str, signs: &[(&str, u32)]| {
        json!({
            "session": session, "time": format!("2026-11-21T10:00:{second:02}.000Z"), "model": model,
            "explanation": { "facts": { "task": "fix", "turns": turns, "standing": {
                "belief": { "mean": 1.5, "variance": 0.5 }, "moved": 0.5, "signs": signs,
            }}},
        })
    };
    let mut aside = call("a", 2, 1, "base", &[("thanks", 1)]);
    aside["explanation"]["facts"]["source"] = "shape".into();
    let records = [
        call("a", 1, 1, "base", &[]),
        call("a", 2, 1, "base", &[("tests_failed", 1)]),
        call("a", 3, 1, "opus", &[("tests_failed", 2)]),
        call(
            "a",
            4,
            1,
            "opus",
            &[("tests_failed", 2), ("tests_passed", 1)],
        ),
        // Something else: nobody says how it ends.
        call("a", 5, 2, "base", &[]),
        // The person complains, then thanks.
        call("b", 1, 1, "base", &[]),
        call("b", 2, 2, "base", &[("complaint", 1)]),
        call("b", 3, 3, "base", &[("thanks", 1)]),
        json!({ "session": "c", "time": "x" }),
        aside,
    ];
    let read: Vec<Moment> = records.iter().rev().filter_map(Moment::read).collect();

    let rows = moments(read, &|model, _| (model == "opus").then_some(Belief::WIDE));

    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.model.as_str(), row.signs.iter().count(), row.passed))
        .collect();
    assert_eq!(
        told,
        [
            ("base", 0, false),
            ("base", 1, false),
            ("opus", 1, true),
            ("base", 0, true),
            ("base", 1, true),
        ]
    );
    assert_eq!(rows[0].work, rows[1].work);
    assert_ne!(rows[1].work, rows[2].work);
    assert_eq!(rows[0].prior.mean, 1.0);
    assert_eq!(
        (rows[0].ability, rows[2].ability),
        (None, Some(Belief::WIDE))
    );
}

#[test]
fn rows_are_read_and_abilities_looked_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.jsonl");
    let row = r#"{"work":"w","prior":{"mean":0.1,"variance":0.5},"task":"fix","model":"m","signs":{"crash":2},"passed":true}"#;
    std::fs::write(&path, format!("{row}\n\n{row}\n")).expect("written");
    let read = |text: &str| {
        std::fs::write(&path, text).expect("written");
        read(std::slice::from_ref(&path), &Abilities::default())
    };

    let rows = read(&format!("{row}\n\n{row}\n")).expect("two rows");
    let wrong = read(&row.replace("0.5", "-1")).expect_err("no variance");

    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].signs.count(Sign::Crash), 2);
    assert!(rows[0].ability.is_some());
    assert!(wrong.to_string().contains("variance"), "{wrong}");
}
