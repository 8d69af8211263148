//! What a call costs and saves where an answer to it was caught: all that was asked for is paid, and the frontier would have given
//! one answer, the one that its caller got.

use serde_json::json;
use tollgate::domain::tokens::Usage;
use tollgate::ledger::{AttemptRecord, End, Record, State};
use tollgate::sim::{Cue, Fault, Profile};

use super::{CAUGHT, ask, ends, flaw, flaws, good, seen};
use crate::books;
use crate::calls::Door;
use crate::rig::{House, Plan};
use crate::stub::{Stub, answer, stream};

const PRICES: &str = "  alpha-there: { input: 0.3, output: 1.7 }
  gamma-there: { input: 0.2, output: 0.9 }
  beta-there: { input: 3, output: 15 }
";

fn price(model: &str, usage: &Usage) -> Option<u64> {
    let [input, output] = match model {
        "alpha" => [300_000, 1_700_000],
        "gamma" => [200_000, 900_000],
        "beta" => [3_000_000, 15_000_000],
        _ => return None,
    };
    Some(books::at([input, input, input, input, output], usage))
}

/// Two own models of Chat, and a vendor's behind them.
async fn plan() -> Plan {
    let mut plan = Plan::new();
    for (target, model) in [("a", "alpha"), ("c", "gamma")] {
        plan = plan.sim(target, Profile::instant(), "").await.own();
        plan = plan.speaks("chat").model(model, target);
    }
    let plan = plan.sim("b", Profile::instant(), "").await;
    plan.model("beta", "b").prices(PRICES, price)
}

/// A flawed answer; the longer its word, the dearer.
fn bad(word: &str) -> Cue {
    Cue::default().calls("look", format!("{{\"path\": \"{word}"))
}

/// What the vendor's model would have cost for what `given` told, and what the call saved so.
fn check(record: &Record, given: &AttemptRecord) {
    let would = price("beta", &given.tokens).and_then(|it| i64::try_from(it).ok());
    let paid = record.cost_nano_usd.expect("all prices are known").0;

    assert_eq!(record.baseline_nano_usd.map(|it| it.0), would, "{record:?}");
    let saved = would.map(|would| would - paid);
    assert_eq!(record.saved_nano_usd.map(|it| it.0), saved, "{record:?}");
}

async fn close(house: House) {
    let record = house.record().await;
    let page = house.admin_get("/metrics").await;
    let told = page.text().lines().find_map(|line| {
        line.strip_prefix("tollgate_saved_usd_total{tenant=\"core\"} ")
            .and_then(|it| it.parse::<f64>().ok())
    });
    let saved = record.saved_nano_usd.map(|it| it.0 as f64 / 1e9);
    assert!(
        (told.unwrap_or(0.0) - saved.unwrap_or(0.0)).abs() < 1e-12,
        "{told:?} {saved:?}"
    );
    house.close().await;
}

#[tokio::test]
async fn an_answer_that_was_caught_is_paid_and_says_nothing_of_the_saving() {
    for stream in [false, true] {
        let house = plan().await.start().await;
        house.a().cue([bad(&"worse ".repeat(100)), good()]);

        ask(&house, Door::Chat, stream).await;

        let record = house.record().await;
        let complete = ("alpha", State::Actual, Some(End::Complete));
        assert_eq!(ends(&record), [CAUGHT, complete]);
        assert!(record.attempts[0].tokens.output > record.attempts[1].tokens.output);
        check(&record, &record.attempts[1]);
        close(house).await;
    }
}

#[tokio::test]
async fn of_those_that_were_caught_the_one_that_is_given_after_all_tells_the_saving() {
    for stream in [false, true] {
        let house = plan().await.start().await;
        house
            .a()
            .cue([bad(&"first ".repeat(100)), bad("second second")]);
        for target in ["c", "b"] {
            house.sim(target).script([Fault::status(500)]);
        }

        let heard = ask(&house, Door::Chat, stream).await;

        assert!(seen(&heard).contains("second"), "{}", heard.text());
        let record = house.record().await;
        assert_eq!(ends(&record)[..2], [CAUGHT, CAUGHT]);
        check(&record, &record.attempts[1]);
        close(house).await;
    }
}

#[tokio::test]
async fn what_failed_before_says_nothing_of_the_saving_either() {
    for stream in [false, true] {
        let house = plan().await.start().await;
        house.a().script([Fault::ResetBeforeAnswer]);
        house.sim("c").cue([bad(&"given ".repeat(50))]);
        house.sim("c").script([Fault::None, Fault::status(500)]);
        house.sim("b").script([Fault::status(500)]);

        let heard = ask(&house, Door::Chat, stream).await;

        assert!(seen(&heard).contains("given"), "{}", heard.text());
        let record = house.record().await;
        let lost = ("alpha", State::Estimated, Some(End::Lost));
        let caught = ("gamma", State::Actual, Some(End::Caught));
        assert_eq!(ends(&record)[..2], [lost, caught]);
        check(&record, &record.attempts[1]);
        close(house).await;
    }
}

#[tokio::test]
async fn where_nobody_answers_nothing_was_saved() {
    for stream in [false, true] {
        let house = plan().await.start().await;
        house.a().script([Fault::ResetBeforeAnswer]);
        for target in ["c", "b"] {
            house.sim(target).script([Fault::status(500)]);
        }

        let heard = ask(&house, Door::Chat, stream).await;

        assert_eq!(heard.status, 500, "{}", heard.text());
        let record = house.record().await;
        assert!(record.cost_nano_usd.is_some_and(|cost| cost.0 > 0));
        assert_eq!(record.baseline_nano_usd, None);
        assert_eq!(record.saved_nano_usd, None);
        close(house).await;
    }
}

#[tokio::test]
async fn a_loop_that_was_broken_off_is_paid_and_one_that_is_given_tells_the_saving() {
    let policy = "version: 1\nrules: [ { name: own first, prefer: [alpha, gamma] } ]\nrepair: { hold: { text_bytes: 60000, bytes: 1000000 } }\n";
    let again = "I will look at the file once more. ".repeat(60);
    for others in [true, false] {
        let house = plan().await.policy(policy).start().await;
        house.a().cue([Cue::says(&again)]);
        // It is whole before the loop is left for good.
        house.sim("c").cue([good()]);
        for target in ["c", "b"].iter().filter(|_| !others) {
            house.sim(target).script([Fault::status(500)]);
        }

        let heard = ask(&house, Door::Chat, true).await;

        assert_eq!(!seen(&heard).contains("once more"), others);
        let record = house.record().await;
        let fate = if others { "next" } else { "released" };
        assert_eq!(flaws(&record), [flaw("alpha", "repeats", fate)]);
        let given = if others { 1 } else { 0 };
        check(&record, &record.attempts[given]);
        close(house).await;
    }
}

#[tokio::test]
async fn a_caught_answer_whose_counts_cannot_be_is_paid_by_our_own() {
    for fault in [Fault::NegativeUsage, Fault::AbsurdUsage] {
        for stream in [false, true] {
            let house = plan().await.start().await;
            house.a().cue([bad(&"worse ".repeat(100)), good()]);
            house.a().script([fault.clone()]);

            ask(&house, Door::Chat, stream).await;

            let record = house.record().await;
            let caught = ("alpha", State::Estimated, Some(End::Caught));
            let complete = ("alpha", State::Actual, Some(End::Complete));
            assert_eq!(ends(&record), [caught, complete], "{fault:?} {stream}");
            let estimated = &record.attempts[0];
            let (prompt, output) = (estimated.tokens.prompt(), estimated.tokens.output);
            assert!(prompt.0 > 0 && output.0 > 50, "{estimated:?}");
            assert!(output.0 < 10_000, "{estimated:?}");
            check(&record, &record.attempts[1]);
            close(house).await;
        }
    }
}

#[tokio::test]
async fn a_count_with_a_fraction_is_none() {
    let call = json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"path\": worse"}}]}}],
        "usage": {"prompt_tokens": 9.5, "completion_tokens": 3, "total_tokens": 12}});
    let stub = Stub::start(answer("200 OK", "", &call.to_string())).await;
    let plan = Plan::new()
        .target("a", &stub.url(), "")
        .speaks("chat")
        .own();
    let plan = plan.model("alpha", "a").sim("b", Profile::instant(), "");
    let plan = plan.await.model("beta", "b").prices(PRICES, price);
    let house = plan.start().await;

    ask(&house, Door::Chat, false).await;

    let record = house.record().await;
    let caught = ("alpha", State::Estimated, Some(End::Caught));
    assert_eq!(ends(&record)[..2], [caught, caught]);
    assert!(record.attempts[0].tokens.prompt().0 > 9);
    check(&record, &record.attempts[2]);
    close(house).await;
}

#[tokio::test]
async fn a_held_stream_that_breaks_in_translation_is_paid_and_left_for_the_next_model() {
    let event = |calls: &serde_json::Value| {
        let event = json!({"id": "c1", "choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": null}]});
        format!("data: {event}\n\n")
    };
    let begins = json!([{"index": 0, "id": "call_1", "function": {"name": "look", "arguments": "{\"path\""}}]);
    // More calls than are kept of one answer.
    let breaks: Vec<_> = (0..5_000).map(|at| json!({"index": at})).collect();
    let breaks = event(&json!(breaks));
    for events in [breaks.clone(), format!("{}{breaks}", event(&begins))] {
        let stub = Stub::start(stream(&events)).await;
        let plan = Plan::new()
            .target("a", &stub.url(), "")
            .speaks("chat")
            .own();
        let plan = plan.model("alpha", "a").sim("b", Profile::instant(), "");
        let plan = plan.await.model("beta", "b").prices(PRICES, price);
        let house = plan.start().await;
        house.sim("b").cue([good()]);

        let heard = ask(&house, Door::Messages, true).await;

        assert!(seen(&heard).contains("good.rs"), "{}", heard.text());
        assert_eq!(Door::Messages.errors(&heard), 0);
        let record = house.record().await;
        let broken = ("alpha", State::Estimated, Some(End::BadBody));
        let complete = ("beta", State::Actual, Some(End::Complete));
        assert_eq!(ends(&record), [broken, complete]);
        assert!(record.attempts[0].cost_nano_usd.is_some_and(|it| it.0 > 0));
        check(&record, &record.attempts[1]);
        close(house).await;
    }
}
