//! Sums and their spread, and spans as people say them.

use super::run::Ask;
use super::tally::{Draws, Group, Moved, Outcome};
use crate::domain::clock::Timestamp;
use crate::domain::ids::ModelId;
use crate::domain::money::NanoUsd;

fn outcome(expected: f64, failure: f64) -> Outcome {
    Outcome {
        expected,
        failure,
        wait_ms: 1_000.0,
        refused: false,
    }
}

#[test]
fn what_stays_changes_nothing_and_what_moves_by_its_difference() {
    let mut group = Group::default();
    let model = ModelId::from("large");

    for conversation in 0..1_000 {
        group.add(NanoUsd(500), &outcome(400.0, 0.5), None);
        let draws = Draws::of(conversation);
        let moved = Moved {
            to: Some(&model),
            tried: outcome(1_000.0, 0.1),
            draws: &draws,
        };
        group.add(NanoUsd(700), &outcome(400.0, 0.5), Some(&moved));
    }

    let money = group.money(|_| 2.0);
    assert_eq!(
        (group.calls, group.moved, group.billed),
        (2_000, 1_000, NanoUsd(1_200_000))
    );
    assert_eq!(money.by, 1_000.0 * (2.0 * 1_000.0 - 700.0));
    let (then, failures) = group.failures();
    assert!((then - 1_000.0).abs() < 1e-9 && (failures.by + 400.0).abs() < 1e-6);
    // A thousand conversations alike: a twentieth to either side is what draws of them come to.
    for change in [money, failures] {
        let wide = (change.high - change.low).abs() / change.by.abs();
        assert!(
            change.low < change.by && change.by < change.high,
            "{change:?}"
        );
        assert!((0.07..0.14).contains(&wide), "{change:?}");
    }
}

#[test]
fn nothing_moved_is_no_change_at_all() {
    let mut group = Group::default();
    group.add(NanoUsd(500), &outcome(400.0, 0.5), None);

    let money = group.money(|_| 3.0);

    assert_eq!((money.by, money.low, money.high), (0.0, 0.0, 0.0));
}

#[test]
fn spans_are_read_as_people_say_them() {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("a moment");
    let since = |text: &str| Ask::read([text, ""], None, now).map(|ask| ask.since);
    let at = |text: &str| Ok(Timestamp::parse(text));

    assert_eq!(since("7d"), at("2026-11-14T12:00:00Z"));
    assert_eq!(since("12h"), at("2026-11-21T00:00:00Z"));
    assert_eq!(since("30m"), at("2026-11-21T11:30:00Z"));
    assert_eq!(since("2026-11-20"), at("2026-11-20"));
    assert_eq!(since(""), Ok(None));
    for wrong in ["7", "d", "-1d", "7 days", "soon"] {
        assert!(since(wrong).is_err(), "{wrong}");
    }
}
