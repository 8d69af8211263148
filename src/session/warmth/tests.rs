//! What is expected of a cache, beside what its provider's rules say.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::domain::dialect::Endpoint;
use crate::protocol::call::Call;
use crate::session::hash::Key;

const MARKS: CacheRule = CacheRule {
    life_s: 300,
    long_s: 3_600,
    least: TokenCount(1_024),
    renews: true,
    marks: true,
};

fn auto() -> CacheRule {
    CacheRule {
        marks: false,
        ..MARKS
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1_000)
}

/// A conversation of `turns` messages of 4,000 bytes, the last marked where marks are wanted.
fn prompt(turns: usize, tail: &str, mark: Option<&str>) -> Prompt {
    let mut messages: Vec<String> = (0..turns)
        .map(|at| {
            format!(
                r#"{{"role":"user","content":"{at} {}"}}"#,
                "word ".repeat(800)
            )
        })
        .collect();
    let marked =
        mark.map(|ttl| format!(r#","cache_control":{{"type":"ephemeral","ttl":"{ttl}"}}"#));
    messages.push(format!(
        r#"{{"role":"user","content":[{{"type":"text","text":"{tail}"{}}}]}}"#,
        marked.unwrap_or_default()
    ));
    let body = format!(r#"{{"model":"m","messages":[{}]}}"#, messages.join(","));
    let call = Call::read(Endpoint::Messages, Bytes::from(body), 64).expect("a valid body");
    Prompt::read(&call, &Key::new([2; 16]))
}

fn usage(input: u64, read: u64, short: u64, long: u64) -> Usage {
    Usage {
        input: TokenCount(input),
        cache_read: TokenCount(read),
        cache_write_short: TokenCount(short),
        cache_write_long: TokenCount(long),
        ..Usage::default()
    }
}

fn observe(
    warmth: &mut Warmth,
    model: &str,
    rule: CacheRule,
    prompt: &Prompt,
    usage: Usage,
    at: Timestamp,
) {
    warmth.observe(&Answered {
        model: &model.into(),
        rule,
        prompt,
        usage,
        at,
    });
}

fn predict(warmth: &Warmth, model: &str, rule: CacheRule, prompt: &Prompt, now: Timestamp) -> Warm {
    let survival = Survival::default();
    let (model, target) = (ModelId::from(model), TargetId::from("t"));
    warmth.predict_at((&model, &target), rule, prompt, now, &survival)
}

#[test]
fn the_next_turn_reads_all_of_the_last_prompt_until_it_expires() {
    let mut warmth = Warmth::default();
    let (first, second) = (prompt(10, "a", None), prompt(11, "b", None));
    observe(
        &mut warmth,
        "m",
        auto(),
        &first,
        usage(10_000, 0, 0, 0),
        at(0),
    );

    // The first prompt ended in another word than the second has there, so one message less is common.
    let soon = predict(&warmth, "m", auto(), &second, at(10));
    let late = predict(&warmth, "m", auto(), &second, at(301));
    let same = predict(&warmth, "m", auto(), &first, at(299));

    assert!((9_950..10_000).contains(&soon.tokens.0), "{soon:?}");
    assert_eq!((soon.sure, soon.until), (1.0, Some(at(300))));
    assert_eq!((same.tokens, same.sure), (TokenCount(10_000), 1.0));
    assert_eq!(late.expected(), 0.0);
    assert_eq!(
        predict(&warmth, "other", auto(), &second, at(10)),
        Warm::default()
    );
}

#[test]
fn reading_renews_where_the_provider_says_so() {
    let rule = |renews| CacheRule { renews, ..auto() };
    let (first, second) = (prompt(10, "a", None), prompt(12, "b", None));
    let sure = |renews| {
        let mut warmth = Warmth::default();
        observe(
            &mut warmth,
            "m",
            rule(renews),
            &first,
            usage(10_000, 0, 0, 0),
            at(0),
        );
        observe(
            &mut warmth,
            "m",
            rule(renews),
            &second,
            usage(2_000, 9_999, 0, 0),
            at(200),
        );
        predict(&warmth, "m", rule(renews), &prompt(10, "c", None), at(400)).sure
    };

    assert_eq!((sure(true), sure(false)), (1.0, 0.0));
}

#[test]
fn only_marked_prefixes_are_kept_where_marks_count() {
    let mut warmth = Warmth::default();
    let marked = prompt(10, "a", Some("5m"));
    observe(
        &mut warmth,
        "m",
        MARKS,
        &marked,
        usage(3, 0, 10_000, 0),
        at(0),
    );

    let bare = predict(&warmth, "m", MARKS, &prompt(10, "a", None), at(1));
    let again = predict(&warmth, "m", MARKS, &marked, at(1));

    assert_eq!(bare, Warm::default(), "a call without marks reads nothing");
    assert_eq!(
        (again.tokens, again.until),
        (TokenCount(10_000), Some(at(300)))
    );

    let long = prompt(10, "a", Some("1h"));
    observe(
        &mut warmth,
        "m",
        MARKS,
        &long,
        usage(3, 0, 0, 10_000),
        at(0),
    );
    assert_eq!(predict(&warmth, "m", MARKS, &long, at(3_599)).sure, 1.0);
    assert_eq!(predict(&warmth, "m", MARKS, &long, at(3_601)).sure, 0.0);
}

#[test]
fn what_is_too_short_is_not_kept() {
    let mut warmth = Warmth::default();
    let short = prompt(0, "a", None);

    observe(
        &mut warmth,
        "m",
        auto(),
        &short,
        usage(1_000, 0, 0, 0),
        at(0),
    );

    assert_eq!(
        predict(&warmth, "m", auto(), &short, at(1)),
        Warm::default()
    );
}

#[test]
fn what_is_kept_is_bounded() {
    let mut warmth = Warmth::default();
    for step in 0..200_i64 {
        let model = format!("m{}", step % 12);
        let sent = prompt(usize::try_from(step).expect("small") % 40, "a", None);
        observe(
            &mut warmth,
            &model,
            auto(),
            &sent,
            usage(50_000, 0, 0, 0),
            at(step),
        );
    }

    assert_eq!(warmth.models().count(), MODELS);
    assert!(warmth.0.iter().all(|visit| visit.anchors.len() <= ANCHORS));
}

proptest! {
    #[test]
    fn overlapping_answers_may_come_in_any_order(
        calls in prop::collection::vec((0_usize..12, 0_i64..50, any::<bool>(), 0_usize..3), 1..12),
        shift in 0_usize..12,
    ) {
        let apply = |calls: &[(usize, i64, bool, usize)]| {
            let mut warmth = Warmth::default();
            for (turns, moment, marks, model) in calls {
                let rule = if *marks { MARKS } else { auto() };
                let sent = prompt(*turns, "a", Some("5m"));
                let tokens = sent.bytes() / 4;
                let told = usage(0, 0, tokens, 0);
                observe(&mut warmth, ["a", "b", "c"][*model], rule, &sent, told, at(*moment));
            }
            warmth
        };
        // Two calls of one moment are one to the cache: only the order of different moments is free.
        let mut calls = calls;
        calls.sort_by_key(|call| call.1);
        calls.dedup_by_key(|call| call.1);
        let mut turned = calls.clone();
        turned.rotate_left(shift % calls.len());
        prop_assert_eq!(apply(&calls), apply(&turned));
    }
}
