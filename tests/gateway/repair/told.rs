//! What a call's record tells where an answer to it was caught: of the one that its caller got, and of no other.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate::ledger::Record;
use tollgate::sim::{Cue, Fault, Profile};

use super::{flaw, flaws, seen};
use crate::calls::Door;
use crate::rig::{House, Plan};
use crate::stub::Stub;

fn event(delta: &Value) -> String {
    let event =
        json!({"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    format!("data: {event}\n\n")
}

/// An own model that cites something before it has said a word, and then says the same until it is left.
async fn house(more: &str) -> (Stub, House) {
    let policy = "version: 1\nrules: [ { name: own first, prefer: [alpha] } ]\nrepair: { hold: { text_bytes: 60000, bytes: 1000000 } }\n";
    let cites = json!({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}]});
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{}",
        event(&cites)
    );
    let again = event(&json!({"content": "I will look at the file once more. "}));
    let stub = Stub::drip(head, &again, Duration::from_millis(1)).await;
    let plan = Plan::new().target("a", &stub.url(), more);
    let plan = plan.speaks("chat").own().model("alpha", "a");
    let plan = plan.sim("b", Profile::instant(), "").await.speaks("chat");
    let house = plan.model("beta", "b").policy(policy).start().await;
    (stub, house)
}

fn dropped(record: &Record) -> String {
    let told = record.translation.as_ref().expect("it is translated");
    told.get().to_owned()
}

#[tokio::test]
async fn what_was_left_out_of_a_loop_is_not_told_of_the_answer_that_came_instead() {
    let (_stub, house) = house("").await;
    house.sim("b").cue([Cue::says("It is in line 3.")]);

    let heard = house.ask_at(Door::Messages, "auto", true).await;

    assert!(seen(&heard).contains("line 3"), "{}", heard.text());
    let record = house.record().await;
    assert_eq!(flaws(&record), [flaw("alpha", "repeats", "next")]);
    assert_eq!(dropped(&record), r#"{"wire":"chat"}"#);
    house.close().await;
}

#[tokio::test]
async fn what_was_left_out_of_a_loop_is_told_where_that_is_the_answer() {
    let (_stub, house) = house(", timeouts: { total_ms: 2000 }").await;
    house.sim("b").script([Fault::status(500)]);

    let heard = house.ask_at(Door::Messages, "auto", true).await;

    assert!(seen(&heard).contains("once more"), "{}", heard.text());
    let record = house.record().await;
    assert_eq!(flaws(&record), [flaw("alpha", "repeats", "released")]);
    assert!(
        dropped(&record).contains("citation"),
        "{}",
        dropped(&record)
    );
    house.close().await;
}
