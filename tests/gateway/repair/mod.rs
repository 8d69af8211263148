//! Answers of own models that are plainly wrong: caught before anybody sees them, asked again or left for the next model, and
//! given where nobody does better. Each try is billed as it was.

mod budgets;
mod flow;
mod money;
mod told;

use serde_json::{Value, json};
use tollgate::ledger::{End, Record, State};
use tollgate::sim::{Cue, Fault, Profile};

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan};

const DOORS: [Door; 3] = [Door::Chat, Door::Responses, Door::Messages];
const GOOD: &str = r#"{"path":"src/good.rs"}"#;
const FLAWED: [(&str, &str, &str); 4] = [
    ("look", r#"{"path": "src/worse"#, "bad_json"),
    ("look", r#"{"path": 7}"#, "bad_schema"),
    ("look", r#"{"file": "worse"}"#, "bad_schema"),
    ("erase", r#"{"path": "worse"}"#, "unknown_tool"),
];

fn good() -> Cue {
    Cue::default().calls("look", GOOD)
}

/// A call that offers one tool.
fn body(door: Door, model: &str, stream: bool) -> Value {
    let schema =
        json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    let words = "Look at the file.";
    match door {
        Door::Chat | Door::Completions => json!({"model": model, "stream": stream,
            "messages": [{"role": "user", "content": words}],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}]}),
        Door::Responses => json!({"model": model, "stream": stream, "input": words,
            "tools": [{"type": "function", "name": "look", "parameters": schema}]}),
        Door::Messages => json!({"model": model, "stream": stream, "max_tokens": 900,
            "messages": [{"role": "user", "content": words}],
            "tools": [{"name": "look", "input_schema": schema}]}),
    }
}

/// An own model that speaks one dialect, and a vendor's behind it.
async fn plan(dialects: &str) -> Plan {
    let plan = Plan::new().sim("a", Profile::instant(), "").await.own();
    let plan = plan.speaks(dialects).model("alpha", "a");
    let plan = plan.sim("b", Profile::instant(), "").await;
    plan.model("beta", "b")
}

async fn ask(house: &House, door: Door, stream: bool) -> Heard {
    house.ask(door.path(), &body(door, "auto", stream)).await
}

/// What the caller sees of words and of calls, a stream's pieces put together.
fn seen(heard: &Heard) -> String {
    let events = heard.events();
    if events.is_empty() {
        return heard.text().to_owned();
    }
    let piece = |event: &Value| {
        let (choice, delta) = (&event["choices"][0]["delta"], &event["delta"]);
        let call = &choice["tool_calls"][0]["function"];
        let is_delta = event["type"]
            .as_str()
            .is_some_and(|it| it.ends_with(".delta"));
        let places = [
            &choice["content"],
            &call["name"],
            &call["arguments"],
            &event["content_block"]["name"],
            &delta["text"],
            &delta["partial_json"],
            if is_delta { delta } else { &Value::Null },
        ];
        let texts = places.into_iter().filter_map(Value::as_str);
        texts.collect::<String>()
    };
    events.iter().map(piece).collect()
}

fn ends(record: &Record) -> Vec<(&str, State, Option<End>)> {
    let attempts = record.attempts.iter();
    attempts
        .map(|a| (a.model.as_str(), a.state, a.end))
        .collect()
}

/// Model, flaw and fate of each answer in which something was wrong.
fn flaws(record: &Record) -> Vec<[String; 3]> {
    let Some(flaws) = &record.flaws else {
        return Vec::new();
    };
    let flaws: Vec<Value> = serde_json::from_str(flaws.get()).expect("a list");
    let word = |it: &Value, name: &str| it[name].as_str().expect("a word").to_owned();
    let read = |it: &Value| ["model", "flaw", "fate"].map(|name| word(it, name));
    flaws.iter().map(read).collect()
}

fn flaw(model: &str, flaw: &str, fate: &str) -> [String; 3] {
    [model, flaw, fate].map(str::to_owned)
}

const CAUGHT: (&str, State, Option<End>) = ("alpha", State::Actual, Some(End::Caught));

#[tokio::test]
async fn asked_again_the_model_does_better_and_its_caller_hears_only_that() {
    for dialects in ["chat", "chat, responses, messages"] {
        for door in DOORS {
            for stream in [false, true] {
                for (tool, arguments, wrong) in FLAWED {
                    // A whole answer of Messages has a place for JSON alone.
                    let native =
                        dialects.contains(door.path().rsplit('/').next().unwrap_or("chat"));
                    if wrong == "bad_json" && door == Door::Messages && native && !stream {
                        continue;
                    }
                    let house = plan(dialects).await.start().await;
                    house
                        .a()
                        .cue([Cue::default().calls(tool, arguments), good()]);

                    let heard = ask(&house, door, stream).await;

                    let at = format!(
                        "{door:?} {dialects} stream {stream} {wrong}: {}",
                        heard.text()
                    );
                    assert_eq!((heard.status, heard.whole), (200, true), "{at}");
                    assert!(seen(&heard).contains("good.rs"), "{at}");
                    assert!(!seen(&heard).contains("worse"), "{at}");
                    assert_eq!(door.errors(&heard), 0, "{at}");
                    assert_eq!(heard.header("x-tollgate-model"), "alpha", "{at}");
                    let reason = heard.header("x-tollgate-reason");
                    assert!(
                        reason.ends_with(&format!("asked again after a flaw: {wrong}")),
                        "{reason}"
                    );
                    let record = house.record().await;
                    let good = ("alpha", State::Actual, Some(End::Complete));
                    assert_eq!(ends(&record), [CAUGHT, good], "{at}");
                    assert_eq!(
                        flaws(&record),
                        [flaw("alpha", wrong, "asked_again")],
                        "{at}"
                    );
                    house.close().await;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_next_model_answers_where_the_first_errs_twice() {
    for door in DOORS {
        for stream in [false, true] {
            let house = plan("chat").await.start().await;
            let bad = || Cue::default().calls("look", "{\"path\": [\"worse\"]}");
            house.a().cue([bad(), Cue::says("")]);
            house.sim("b").cue([good()]);

            let heard = ask(&house, door, stream).await;

            let at = format!("{door:?} stream {stream}: {}", heard.text());
            assert!(
                seen(&heard).contains("good.rs") && !seen(&heard).contains("worse"),
                "{at}"
            );
            assert_eq!(heard.header("x-tollgate-model"), "beta", "{at}");
            assert_eq!(heard.header("x-tollgate-hosting"), "vendor", "{at}");
            let record = house.record().await;
            let good = ("beta", State::Actual, Some(End::Complete));
            assert_eq!(ends(&record), [CAUGHT, CAUGHT, good], "{at}");
            let both = [
                flaw("alpha", "bad_schema", "asked_again"),
                flaw("alpha", "empty", "next"),
            ];
            assert_eq!(flaws(&record), both, "{at}");
            let page = house.admin_get("/metrics").await;
            let counted = r#"tollgate_flaws_total{fate="next",flaw="empty",model="alpha"} 1"#;
            assert!(page.text().contains(counted), "{}", page.text());
            house.close().await;
        }
    }
}

#[tokio::test]
async fn an_answer_is_given_as_it_is_where_nobody_does_better() {
    for stream in [false, true] {
        let alone = Plan::new().sim("a", Profile::instant(), "").await.own();
        let house = alone.model("alpha", "a").start().await;
        let bad = |word: &str| Cue::default().calls("look", format!("{{\"path\": \"{word}"));
        house.a().cue([bad("first"), bad("second")]);

        let heard = ask(&house, Door::Chat, stream).await;

        assert_eq!((heard.status, heard.whole), (200, true));
        assert!(seen(&heard).contains("second") && !seen(&heard).contains("first"));
        assert!(stream == heard.text().contains("[DONE]"));
        let record = house.record().await;
        assert_eq!(
            flaws(&record),
            [
                flaw("alpha", "bad_json", "asked_again"),
                flaw("alpha", "bad_json", "released"),
            ]
        );
        // The second was let through at once: nobody else could have answered.
        let through = ("alpha", State::Actual, Some(End::Complete));
        assert_eq!(ends(&record), [CAUGHT, through]);
        house.close().await;
    }
}

#[tokio::test]
async fn what_was_caught_is_given_after_all_where_the_next_fails() {
    for stream in [false, true] {
        let house = plan("chat").await.start().await;
        let bad = |word: &str| Cue::default().calls("look", format!("{{\"path\": \"{word}"));
        house.a().cue([bad("first"), bad("second")]);
        house.sim("b").script([Fault::status(500)]);

        let heard = ask(&house, Door::Chat, stream).await;

        assert_eq!((heard.status, heard.whole), (200, true), "{}", heard.text());
        assert!(seen(&heard).contains("second"), "{}", heard.text());
        assert_eq!(heard.header("x-tollgate-model"), "alpha");
        let record = house.record().await;
        assert_eq!(record.model.as_ref().map(|it| it.as_str()), Some("alpha"));
        let failed = ("beta", State::Void, Some(End::Status));
        assert_eq!(ends(&record), [CAUGHT, CAUGHT, failed]);
        assert_eq!(flaws(&record)[1], flaw("alpha", "bad_json", "released"));
        if !stream {
            let told = heard.header("x-tollgate-cost-usd");
            assert_eq!(Some(told), record.cost_usd.as_deref());
        }
        house.close().await;
    }
}

#[tokio::test]
async fn a_loop_is_left_for_the_next_model() {
    const HELD: &str = "version: 1\nrules: [ { name: own first, prefer: [alpha] } ]\nrepair: { hold: { text_bytes: 60000 } }\n";
    let again = "I will look at the file once more. ".repeat(60);
    for stream in [false, true] {
        let house = plan("chat").await.policy(HELD).start().await;
        house.a().cue([Cue::says(&again)]);
        house.sim("b").cue([Cue::says("It is in line 3.")]);

        let heard = ask(&house, Door::Messages, stream).await;

        let text = seen(&heard);
        assert!(!text.contains("once"), "stream {stream}: {text}");
        let record = house.record().await;
        assert_eq!(flaws(&record), [flaw("alpha", "repeats", "next")]);
        assert_eq!(record.attempts[0].end, Some(End::Caught));
        assert_eq!(record.attempts[1].end, Some(End::Complete));
        house.close().await;
    }
}

#[tokio::test]
async fn nobody_looks_at_vendors_or_where_the_policy_says_so() {
    let none = "version: 1\nrules: [ { name: own first, prefer: [alpha] } ]\nrepair: none\n";
    let vendor = "version: 1\nrules: [ { name: other first, prefer: [beta] } ]\n";
    for (policy, asked) in [(none, "a"), (vendor, "b")] {
        let house = plan("chat").await.policy(policy).start().await;
        house
            .sim(asked)
            .cue([Cue::default().calls("look", "{\"path\": worse")]);

        let heard = ask(&house, Door::Chat, true).await;

        assert!(seen(&heard).contains("worse"), "{}", heard.text());
        let record = house.record().await;
        assert_eq!((record.attempts.len(), record.flaws.is_none()), (1, true));
        house.close().await;
    }
}

#[tokio::test]
async fn a_data_rule_binds_whoever_is_asked_in_anothers_place() {
    let policy = "version: 1
answers: [auto]
models: [alpha, beta]
rules:
  - { name: stays home, when: { path: \"**/payments/**\" }, only: { hosting: own }, otherwise: refuse }
  - { name: own first, prefer: [alpha] }
";
    let house = plan("chat").await.policy(policy).start().await;
    let bad = || Cue::default().calls("look", "{\"path\": worse");
    house.a().cue([bad(), bad()]);
    let mut body = body(Door::Chat, "auto", true);
    body["messages"][0]["content"] = json!("Look at src/payments/card.rs.");

    let heard = house.ask(Door::Chat.path(), &body).await;

    assert!(seen(&heard).contains("worse"), "{}", heard.text());
    assert!(house.sim("b").seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_model_asked_for_by_name_may_try_again_and_is_not_replaced() {
    let policy = "version: 1\nanswers: [auto]\n";
    let house = plan("chat").await.policy(policy).start().await;
    let bad = || Cue::default().calls("look", "{\"path\": worse");
    house.a().cue([bad(), good(), bad(), bad()]);

    let body = body(Door::Chat, "alpha", true);
    let first = house.ask(Door::Chat.path(), &body).await;
    let second = house.ask(Door::Chat.path(), &body).await;

    assert!(seen(&first).contains("good.rs"), "{}", first.text());
    assert!(seen(&second).contains("worse"), "{}", second.text());
    assert!(house.sim("b").seen().is_empty());
    house.close().await;
}

/// What the conversation shows of how the work goes, as the decision on a call saw it.
async fn signs(house: &House, heard: &Heard) -> Value {
    house.records().await;
    let path = format!("/admin/v1/requests/{}", heard.request_id());
    let told = house.admin_get(&path).await.json();
    told["explanation"]["facts"]["standing"]["signs"].clone()
}

#[tokio::test]
async fn what_was_wrong_counts_once_whoever_saw_it() {
    // Whether another model answers in its place, and so whether the transcript shows it.
    for replaced in [true, false] {
        let house = match replaced {
            true => plan("chat").await.start().await,
            false => {
                let alone = Plan::new().sim("a", Profile::instant(), "").await.own();
                alone.speaks("chat").model("alpha", "a").start().await
            }
        };
        let bad = "{\"path\": worse";
        let cue = || Cue::default().calls("look", bad);
        house.a().cue([cue(), cue(), Cue::says("Yes.")]);
        house.sim(if replaced { "b" } else { "a" }).cue([good()]);
        let mut next = body(Door::Chat, "auto", true);

        ask(&house, Door::Chat, true).await;
        house.gateway.talks().settle().await;
        let arguments = if replaced { GOOD } else { bad };
        let mut more = json!([
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "fn main() {}"}]);
        let turns = next["messages"].as_array_mut().expect("a list");
        turns.append(more.as_array_mut().expect("a list"));
        let second = house.ask(Door::Chat.path(), &next).await;

        // Two answers were wrong, of which the transcript shows one at most.
        let seen = signs(&house, &second).await;
        assert_eq!(seen, json!([["bad_arguments", 2]]), "replaced {replaced}");
        house.close().await;
    }
}

#[tokio::test]
async fn nobody_is_asked_beyond_the_time_that_the_call_has() {
    for stream in [false, true] {
        let time = ", timeouts: { total_ms: 400 }";
        let plan = Plan::new().sim("a", Profile::instant(), time).await.own();
        let plan = plan.sim("b", Profile::instant(), "").await;
        let house = plan.model("alpha", "a").model("beta", "b").start().await;
        house
            .a()
            .cue([Cue::default().calls("look", "{\"path\": worse")]);
        house.a().script([Fault::None, Fault::NeverAnswer]);

        let heard = ask(&house, Door::Chat, stream).await;

        assert!(seen(&heard).contains("worse"), "{}", heard.text());
        assert!(house.sim("b").seen().is_empty());
        let record = house.record().await;
        let silent = ("alpha", State::Estimated, Some(End::Timeout));
        assert_eq!(ends(&record), [CAUGHT, silent]);
        assert_eq!(flaws(&record), [flaw("alpha", "bad_json", "released")]);
        house.close().await;
    }
}

#[tokio::test]
async fn a_call_behind_a_sentence_is_caught_where_words_may_wait() {
    let policy = "version: 1\nrules: [ { name: own first, prefer: [alpha] } ]\nrepair: { hold: { text_bytes: 400 } }\n";
    for door in DOORS {
        let house = plan("chat").await.policy(policy).start().await;
        let bad = Cue::says("Let me look.").calls("look", "{\"path\": worse");
        house
            .a()
            .cue([bad, Cue::says("I look.").calls("look", GOOD)]);

        let heard = ask(&house, door, true).await;

        let text = seen(&heard);
        assert!(
            text.contains("I look.") && text.contains("good.rs"),
            "{text}"
        );
        assert!(
            !text.contains("Let me") && !text.contains("worse"),
            "{text}"
        );
        let record = house.record().await;
        assert_eq!(
            flaws(&record),
            [flaw("alpha", "bad_json", "asked_again")],
            "{door:?}"
        );
        house.close().await;
    }
}

#[tokio::test]
async fn what_breaks_while_it_waits_is_anothers_chance() {
    for fault in [Fault::CloseAfter(3), Fault::ErrorEventAfter(3)] {
        for door in DOORS {
            let house = plan("chat").await.start().await;
            house
                .a()
                .cue([Cue::default().calls("look", "{\"path\": \"src/worse.rs\"}")]);
            house.a().script([fault.clone()]);
            house.sim("b").cue([good()]);

            let heard = ask(&house, door, true).await;

            let at = format!("{door:?} {fault:?}: {}", heard.text());
            assert!(seen(&heard).contains("good.rs"), "{at}");
            assert_eq!(heard.header("x-tollgate-model"), "beta", "{at}");
            assert_eq!(door.errors(&heard), 0, "{at}");
            let record = house.record().await;
            assert_eq!(record.attempts[0].state, State::Estimated, "{at}");
            assert!(record.flaws.is_none(), "{at}");
            house.close().await;
        }
    }
}
