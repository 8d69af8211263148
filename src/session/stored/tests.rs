//! What is kept of answers, told whole, and what is not.

use super::*;
use crate::domain::clock::{Clock, Entropy, Timestamp};

fn call(body: &str) -> Call {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Call::read(Endpoint::Responses, body, 64).expect("a valid body")
}

fn stored() -> Stored {
    let clock = Clock::fixed(Timestamp::from_millis(1_795_262_400_000));
    Stored::of(&Talks::alone(clock, &Entropy::seeded(3)), &"k".into())
}

fn keep(stored: &Stored, body: &str, answer: &str) {
    let (target, given) = ("a".into(), Given::default());
    stored.keep(&call(body), answer, Some(&target), &given);
}

const ANSWER: &str = r#"{"id":"resp_1","status":"completed","output":[{"type":"message","role":"assistant","content":"b"}]}"#;
const NEXT: &str = r#"{"previous_response_id":"resp_1","model":"m","tools":[],"input":"c"}"#;

#[test]
fn a_conversation_is_told_whole_to_its_caller_alone() {
    let stored = stored();
    keep(&stored, r#"{"model":"m","input":"a"}"#, ANSWER);
    let second =
        r#"{"model":"m","input":[{"role":"user","content":"c"}],"previous_response_id":"resp_1"}"#;
    keep(&stored, second, &ANSWER.replace("resp_1", "resp_2"));
    let third = call(&NEXT.replace("resp_1", "resp_2"));

    let whole = stored.whole(&third).expect("all is known");

    assert_eq!(
        whole.body,
        r#"{"model":"m","tools":[],"input":[{"role":"user","content":"a"},{"type":"message","role":"assistant","content":"b"},{"role":"user","content":"c"},{"type":"message","role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#
    );
    assert_eq!(whole.lies_at, Some("a".into()));
    let other = Stored::of(&stored.talks, &"other".into());
    assert!(other.whole(&third).is_err() && other.answer("resp_2").is_none());
}

#[test]
fn what_is_not_to_be_kept_is_not_and_what_has_no_answer_neither() {
    for (body, answer) in [
        (
            r#"{"model":"m","input":"a","store":false}"#,
            ANSWER.to_owned(),
        ),
        (
            r#"{"model":"m","input":"a"}"#,
            ANSWER.replace("completed", "queued"),
        ),
        (
            r#"{"model":"m","input":"a","conversation":"conv_1"}"#,
            ANSWER.to_owned(),
        ),
    ] {
        let stored = stored();
        keep(&stored, body, &answer);

        assert!(stored.whole(&call(NEXT)).is_err(), "{body}");
    }
}

#[test]
fn what_its_target_does_not_keep_lies_nowhere_else() {
    let stored = stored();
    let answer = ANSWER.replace("\"output\"", "\"store\":false,\"output\"");
    keep(&stored, r#"{"model":"m","input":"a"}"#, &answer);

    let whole = stored.whole(&call(NEXT)).expect("all is known");

    assert_eq!(whole.lies_at, None);
}

#[tokio::test]
async fn an_item_that_is_only_named_is_told_as_it_was() {
    let stored = stored();
    let answer = r#"{"id":"resp_1","status":"completed","output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","id":"msg_1","role":"assistant","content":"b"}]}"#;
    keep(&stored, r#"{"model":"m","input":"a"}"#, answer);
    let next = |name: &str| {
        call(&format!(
            r#"{{"model":"m","input":[{{"role":"user","content":"a"}},{{"type":"item_reference","id":"{name}"}},{{"role":"user","content":"c"}}]}}"#
        ))
    };

    let whole = stored.whole(&next("msg_1")).expect("all is known");

    assert_eq!(
        whole.body,
        r#"{"model":"m","input":[{"role":"user","content":"a"},{"type":"message","id":"msg_1","role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#
    );
    assert_eq!(whole.lies_at, Some("a".into()));
    assert!(Stored::refers(&next("msg_2")) && stored.whole(&next("msg_2")).is_err());
    assert!(!Stored::refers(&call(r#"{"model":"m","input":"a"}"#)));
    let removed = stored.remove("msg_1").await.expect("nothing to do");
    assert!(!removed, "it is no answer");
}

#[tokio::test]
async fn a_conversation_of_which_a_part_is_gone_is_not_told() {
    let stored = stored();
    keep(&stored, r#"{"model":"m","input":"a"}"#, ANSWER);
    keep(&stored, NEXT, &ANSWER.replace("resp_1", "resp_2"));
    for there in [true, false] {
        assert_eq!(stored.remove("resp_1").await.expect("done"), there);
    }

    let third = call(&NEXT.replace("resp_1", "resp_2"));

    assert!(stored.whole(&third).is_err());
    assert!(stored.answer("resp_2").is_some());
}

#[test]
fn room_for_conversations_that_are_put_together_is_bounded() {
    let talks = stored().talks;

    let all = talks.room(256 << 20).expect("there is room");
    assert!(talks.room(1).is_none());
    drop(all);

    assert!(talks.room(1).is_some());
}

#[test]
fn what_is_kept_is_bounded() {
    let stored = stored();
    let text = "x".repeat(4 << 20);
    let most = Shelf::Answer.most() / text.len();
    for at in 0..2 * most {
        let id = format!("resp_{at}");
        let body = format!(r#"{{"model":"m","input":"{text}"}}"#);
        keep(&stored, &body, &ANSWER.replace("resp_1", &id));
    }
    let long = format!(r#"{{"model":"m","input":"{text}{text}"}}"#);
    keep(&stored, &long, &ANSWER.replace("resp_1", "resp_long"));

    let there = |at: usize| stored.text(&format!("resp_{at}")).is_some();
    let count = (0..2 * most).filter(|at| there(*at)).count();
    assert!(count < most && there(2 * most - 1) && !there(0), "{count}");
    assert!(stored.answer("resp_long").is_none());
}

#[test]
fn what_one_call_may_have_read_is_bounded() {
    let stored = stored();
    let body = format!(r#"{{"model":"m","input":"{}"}}"#, "x".repeat(LONGEST / 2));
    let answer = r#"{"id":"resp_1","status":"completed","output":[{"type":"message","id":"msg_1","role":"assistant","content":"b"}]}"#;
    keep(&stored, &body, answer);
    let named = r#"{"type":"item_reference","id":"msg_1"}"#;
    let naming = |times: usize| {
        let items = vec![named; times].join(",");
        call(&format!(r#"{{"model":"m","input":[{items}]}}"#))
    };

    let (few, many) = (stored.whole(&naming(3)), stored.whole(&naming(40)));

    assert!(few.is_ok());
    assert_eq!(many.err(), Some(Untold::TooLong { elsewhere: true }));
}
