//! One test for each fault that was found.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tollgate::ledger::{End, State};
use tollgate::sim::{Fault, Profile};

use crate::calls::Door;
use crate::rig::{House, Plan, builder, until};
use crate::stub::{Stub, answer, stream};

/// The alarm for a silent target was set long before the stream was complete, and rang only then.
#[tokio::test]
async fn a_target_that_does_not_close_a_complete_stream_does_not_hold_its_caller() {
    let said = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
    let head = String::from_utf8(stream(said)).expect("text");
    let stub = Stub::drip(head, ": still here\n\n", Duration::from_secs(60)).await;
    let house = Plan::new()
        .target("a", &stub.url(), "")
        .model("alpha", "a")
        .start()
        .await;
    let began = Instant::now();

    let heard = house.ask_at(Door::Chat, "alpha", true).await;

    assert!(
        heard.whole && began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(heard.text(), said);
    assert_eq!(house.attempt().await.state, State::Actual);
    house.close().await;
}

/// The time for the whole stream was looked at only when the target had been silent for long.
#[tokio::test]
async fn the_time_for_the_whole_ends_a_stream_that_still_moves() {
    let profile = Profile {
        per_token: Duration::from_millis(50),
        ..Profile::instant()
    };
    let plan = Plan::new()
        .sim("a", profile, ", timeouts: { total_ms: 300 }")
        .await;
    let house = plan.model("alpha", "a").start().await;

    let heard = house.ask_at(Door::Chat, "alpha", true).await;

    assert_eq!(Door::Chat.errors(&heard), 1, "{}", heard.text());
    assert_eq!(house.attempt().await.end, Some(End::Timeout));
    house.close().await;
}

/// The events of this dialect say `error` first and fail the response after it: the first was relayed at once.
#[tokio::test]
async fn an_error_before_all_else_in_a_responses_stream_fails_over() {
    let house = House::two().await;
    house.a().script([Fault::ErrorEventFirst]);

    let heard = house.ask_at(Door::Responses, "auto", true).await;

    assert_eq!(
        (heard.status, heard.header("x-tollgate-model")),
        (200, "beta")
    );
    assert_eq!(house.record().await.attempts[0].state, State::Void);
    house.close().await;
}

/// `Authorization: Bearer ` without a key arrives without its space, and was taken for the key `Bearer`.
#[tokio::test]
async fn an_empty_bearer_beside_a_key_is_no_second_key() {
    let house = House::one().await;
    let request = house
        .client
        .get(house.url("/v1/models"))
        .header("authorization", "Bearer ");

    let heard = house.hear(request.header("x-api-key", &house.key)).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    house.close().await;
}

/// A price that is not known is a state: the answer said that it had cost nothing.
#[tokio::test]
async fn an_answer_without_a_price_does_not_say_that_it_was_free() {
    let house = Plan::one().await.model("gamma", "a").start().await;

    let heard = house.ask_at(Door::Chat, "gamma", false).await;

    assert_eq!(
        (heard.status, heard.header("x-tollgate-cost-usd")),
        (200, "")
    );
    house.close().await;
}

/// A call that waited for its target when the grace was over got no answer at all.
#[tokio::test]
async fn a_call_without_an_answer_when_the_grace_is_over_is_told_so() {
    for stream in [false, true] {
        let house = Plan::two().await.with("grace_ms: 100").start().await;
        house.a().script([Fault::NeverAnswer]);
        let tasks = tokio_util::task::TaskTracker::new();
        let request = house.post(
            Door::Chat.path(),
            Door::Chat.body("auto", stream).to_string(),
        );
        let call = tasks.spawn(request.send());
        until("the target has a call", async || {
            house.a().seen().len() == 1
        })
        .await;

        let left = house.stop().await;

        let response = call.await.expect("no panic").expect("an answer");
        assert_eq!(response.status(), 503);
        let records = left.check_books().await;
        let attempts = &records[0].attempts;
        assert_eq!(
            (attempts.len(), attempts[0].state),
            (1, State::Estimated),
            "{attempts:?}"
        );
    }
}

/// What a target says about coming again in milliseconds was passed on without a bound.
#[tokio::test]
async fn a_wish_for_quiet_is_bounded_in_milliseconds_too() {
    for (told, seconds, millis) in [
        ("retry-after-ms: 7000000000\r\n", "", "60000"),
        ("retry-after-ms: 1500\r\nretry-after: 2\r\n", "2", "1500"),
        ("retry-after: soon\r\n", "", ""),
        ("retry-after: -5\r\n", "", ""),
    ] {
        let stub = Stub::start(answer("429 Too Many Requests", told, "{\"error\":{}}")).await;
        let house = Plan::new()
            .target("a", &stub.url(), "")
            .model("alpha", "a")
            .start()
            .await;
        let heard = house
            .ask("/v1/chat/completions", &json!({"model": "alpha"}))
            .await;

        let passed = (heard.header("retry-after"), heard.header("retry-after-ms"));
        assert_eq!((heard.status, passed), (429, (seconds, millis)), "{told}");
        house.close().await;
    }
}

/// Two attempts of one millisecond were told in the order of chance.
#[tokio::test]
async fn attempts_are_told_in_the_order_in_which_they_were_made() {
    let house = House::two().await;
    for _ in 0..30 {
        house.a().script([Fault::retry_after(429, "0")]);
        house.ask_at(Door::Chat, "auto", false).await;
    }

    let records = house.records().await;
    let tried = records.iter().filter(|record| record.asked == "auto");
    assert!(
        tried.clone().count() == 30
            && tried
                .clone()
                .all(|r| r.attempts[0].model.as_str() == "alpha")
    );
    assert!(tried.clone().all(|record| record.attempts.len() == 2));
    house.close().await;
}

/// A stream that began was taken for a success, so that a target whose every stream breaks never went to rest.
#[tokio::test]
async fn a_target_whose_streams_all_break_goes_to_rest() {
    let house = House::two().await;
    house
        .a()
        .script(std::iter::repeat_n(Fault::ResetAfter(5), 5));
    for _ in 0..5 {
        assert_eq!(
            house
                .ask_at(Door::Chat, "auto", true)
                .await
                .header("x-tollgate-model"),
            "alpha"
        );
    }

    let heard = house.ask_at(Door::Chat, "auto", true).await;

    assert_eq!(heard.header("x-tollgate-model"), "beta");
    house.close().await;
}

/// Over HTTP/2 it is the stream's window that runs full, not the socket: nothing noticed.
#[tokio::test]
async fn a_reader_who_stops_reading_over_http2_is_cut_too() {
    let text = "word ".repeat(4_000);
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let head = String::from_utf8(stream("")).expect("text");
    let stub = Stub::drip(head, &event, Duration::ZERO).await;
    let plan = Plan::new().target("a", &stub.url(), "").model("alpha", "a");
    let house = plan.with("limits: { write_stall_ms: 300 }").start().await;
    let client = builder().http2_prior_knowledge().build().expect("a client");
    let request = client
        .post(house.url(Door::Chat.path()))
        .bearer_auth(&house.key);
    let response = request
        .body(Door::Chat.body("alpha", true).to_string())
        .send()
        .await
        .expect("an answer");

    until("the target is let go", async || stub.hung_up() == 1).await;

    assert_eq!(house.attempt().await.state, State::Estimated);
    drop(response);
    house.close().await;
}
