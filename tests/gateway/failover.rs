//! A target that fails before the first byte is somebody else's chance, as long as nothing has been shown.

use serde_json::json;
use tollgate::ledger::{End, Record, State};
use tollgate::sim::{Fault, Profile, Sim};

use crate::rig::{Door, Heard, House, Plan, until};
use crate::stub::{Stub, answer, stream};

const SHORT: &str = ", timeouts: { connect_ms: 500, first_byte_ms: 300, between_bytes_ms: 300 }";

fn states(record: &Record) -> Vec<(&str, State, Option<End>)> {
    let attempts = record.attempts.iter();
    attempts
        .map(|a| (a.model.as_str(), a.state, a.end))
        .collect()
}

#[tokio::test]
async fn the_next_candidate_answers_where_the_first_fails_and_each_try_has_its_own_end() {
    let canary = Sim::start(Profile::instant()).await.expect("a port");
    let there = format!("http://{}/v1/chat/completions", canary.addr());
    let cases = [
        (Fault::ResetBeforeAnswer, State::Estimated, End::Lost),
        (Fault::NeverAnswer, State::Estimated, End::Timeout),
        (Fault::retry_after(429, "0"), State::Void, End::Status),
        (Fault::status(500), State::Void, End::Status),
        (Fault::status(502), State::Void, End::Status),
        (Fault::status(503), State::Void, End::Status),
        (Fault::status(529), State::Void, End::Status),
        (Fault::status(401), State::Void, End::Status),
        (Fault::status(403), State::Void, End::Status),
        (Fault::Redirect(there), State::Void, End::Status),
        (Fault::HtmlBody, State::Estimated, End::BadBody),
        (Fault::BadJson, State::Estimated, End::BadBody),
        (Fault::EmptyBody, State::Estimated, End::BadBody),
        (Fault::ErrorIn200, State::Void, End::Status),
        (Fault::StreamForJson, State::Estimated, End::BadBody),
        (
            Fault::SilenceAfterHeaders,
            State::Estimated,
            End::IdleTimeout,
        ),
        (Fault::HangAfter(1), State::Estimated, End::IdleTimeout),
        (Fault::ResetAfter(1), State::Estimated, End::Truncated),
    ];

    for (fault, state, end) in cases {
        // Each on its own, so that the target does not go to rest.
        let house = Plan::two_with(Profile::instant(), SHORT)
            .await
            .start()
            .await;
        house.a().script([fault.clone()]);
        let heard = house.ask_at(Door::Chat, "auto", false).await;

        assert_eq!(
            (heard.status, heard.header("x-tollgate-model")),
            (200, "beta"),
            "{fault:?}: {}",
            heard.text()
        );
        let record = house.record().await;
        let right = [
            ("alpha", state, Some(end)),
            ("beta", State::Actual, Some(End::Complete)),
        ];
        assert_eq!(states(&record), right, "{fault:?}");
        house.close().await;
    }
    assert!(canary.seen().is_empty());
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_fails_over() {
    let cases = [
        (Fault::NeverAnswer, State::Estimated),
        (Fault::SilenceAfterHeaders, State::Estimated),
        (Fault::CloseAfter(0), State::Estimated),
        (Fault::ResetAfter(0), State::Estimated),
        (Fault::ErrorEventFirst, State::Void),
        (Fault::ErrorIn200, State::Void),
        (Fault::HtmlBody, State::Estimated),
        (Fault::JsonForStream, State::Actual),
        (Fault::status(529), State::Void),
    ];

    for (fault, state) in cases {
        for door in Door::ALL {
            let house = Plan::two_with(Profile::instant(), SHORT)
                .await
                .start()
                .await;
            house.a().script([fault.clone()]);
            let heard = house.ask_at(door, "auto", true).await;

            let shown = (heard.status, heard.header("x-tollgate-model"));
            assert_eq!(shown, (200, "beta"), "{fault:?} {door:?}: {}", heard.text());
            assert!(
                door.says_complete(heard.text()) && door.errors(&heard) == 0,
                "{fault:?} {door:?}"
            );
            let record = house.record().await;
            assert_eq!(
                record.attempts[0].state, state,
                "{fault:?} {door:?}: {record:?}"
            );
            house.close().await;
        }
    }
}

#[tokio::test]
async fn nobody_listens_at_the_first_target() {
    // A port that was free a moment ago.
    let gone = Sim::start(Profile::instant()).await.expect("a port");
    let url = format!("http://{}/v1", gone.addr());
    gone.stop().await;
    let plan = Plan::new()
        .target("a", &url, "")
        .sim("b", Profile::instant(), "")
        .await;
    let house = plan.model("alpha", "a").model("beta", "b").start().await;

    let routed = house.ask_at(Door::Chat, "auto", false).await;
    let named = house.ask_at(Door::Chat, "alpha", false).await;

    assert_eq!(
        (routed.status, routed.header("x-tollgate-model")),
        (200, "beta")
    );
    assert_eq!(
        (named.status, &named.json()["error"]["code"]),
        (502, &json!("upstream_unreachable"))
    );
    let records = house.records().await;
    assert_eq!(
        states(&records[0])[0],
        ("alpha", State::Void, Some(End::NotSent))
    );
    assert_eq!(
        states(&records[1]),
        [("alpha", State::Void, Some(End::NotSent))]
    );
    house.close().await;
}

#[tokio::test]
async fn a_model_asked_for_by_name_is_not_replaced() {
    let house = House::two().await;
    house.a().script([Fault::status(500)]);

    let heard = house.ask_at(Door::Chat, "alpha", false).await;

    assert_eq!(heard.status, 500);
    assert!(house.sim("b").seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn what_the_last_candidate_says_passes_with_its_own_body() {
    for (code, door) in [
        (429, Door::Chat),
        (500, Door::Chat),
        (503, Door::Responses),
        (529, Door::Messages),
        (504, Door::Completions),
    ] {
        let house = House::two().await;
        let said = Fault::Status {
            code,
            retry_after: Some("7".into()),
            message: Some("come later".into()),
        };
        house.a().script([Fault::status(500)]);
        house.sim("b").script([said]);

        let heard = house.ask_at(door, "auto", false).await;

        assert_eq!((heard.status, heard.header("retry-after")), (code, "7"));
        assert_eq!(heard.json()["error"]["message"], "come later");
        assert!(
            house
                .record()
                .await
                .attempts
                .iter()
                .all(|attempt| attempt.state == State::Void)
        );
        house.close().await;
    }
}

#[tokio::test]
async fn a_retry_after_is_passed_on_within_reason() {
    for (told, passed) in [
        ("5", "5"),
        ("1000000000", "60"),
        ("Wed, 21 Oct 2099 07:28:00 GMT", "60"),
        ("0", "0"),
    ] {
        let house = House::one().await;
        house.a().script([Fault::retry_after(429, told)]);
        let heard = house.ask_at(Door::Chat, "alpha", false).await;

        assert_eq!(
            (heard.status, heard.header("retry-after")),
            (429, passed),
            "{told}"
        );
        house.close().await;
    }
}

#[tokio::test]
async fn a_callers_own_mistake_passes_and_is_not_tried_elsewhere() {
    for code in [400, 404, 413, 422] {
        let house = House::two().await;
        house.a().script([Fault::Status {
            code,
            retry_after: None,
            message: Some("your mistake".into()),
        }]);

        let heard = house.ask_at(Door::Messages, "auto", true).await;

        assert_eq!(
            (heard.status, &heard.json()["error"]["message"]),
            (code, &json!("your mistake"))
        );
        assert!(house.sim("b").seen().is_empty());
        house.close().await;
    }
}

#[tokio::test]
async fn a_target_that_refuses_our_key_is_a_fault_of_ours() {
    for code in [401, 403] {
        let house = House::one().await;
        let said = Fault::Status {
            code,
            retry_after: None,
            message: Some("your account acc_123".into()),
        };
        house.a().script([said]);

        let heard = house.ask_at(Door::Chat, "auto", false).await;

        assert_eq!(
            (heard.status, &heard.json()["error"]["code"]),
            (502, &json!("upstream_auth"))
        );
        assert!(!heard.text().contains("acc_123"));
        let metrics = house.admin_get("/metrics").await;
        assert!(
            metrics
                .text()
                .contains("auth_failures_total{target=\"a\"} 1"),
            "{}",
            metrics.text()
        );
        house.close().await;
    }
}

#[tokio::test]
async fn a_page_of_some_proxy_is_not_shown_to_a_program() {
    let stub = Stub::start(answer(
        "502 Bad Gateway",
        "retry-after: 3\r\n",
        "<html>proxy</html>",
    ))
    .await;
    let house = Plan::new()
        .target("a", &stub.url(), "")
        .model("alpha", "a")
        .start()
        .await;

    let heard = house.ask_at(Door::Chat, "alpha", false).await;

    assert_eq!(
        (heard.status, &heard.json()["error"]["code"]),
        (502, &json!("upstream_error"))
    );
    assert!(!heard.text().contains("proxy"));
    assert_eq!(stub.asked(), 1);
    house.close().await;
}

#[tokio::test]
async fn no_answer_at_all_is_502_or_504_in_the_callers_words() {
    for (fault, status, code) in [
        (Fault::ResetBeforeAnswer, 502, "upstream_reset"),
        (Fault::NeverAnswer, 504, "upstream_timeout"),
        (Fault::SilenceAfterHeaders, 504, "upstream_timeout"),
        (Fault::HtmlBody, 502, "upstream_bad_body"),
        (Fault::ErrorIn200, 502, "upstream_error"),
        (
            Fault::Redirect("http://127.0.0.1:1/".into()),
            502,
            "upstream_redirect",
        ),
    ] {
        for door in Door::ALL {
            let plan = Plan::new().sim("a", Profile::instant(), SHORT).await;
            let house = plan.model("alpha", "a").start().await;
            house.a().script([fault.clone()]);
            let heard = house.ask_at(door, "alpha", false).await;

            assert_eq!(heard.status, status, "{fault:?} {door:?}");
            let (kind, said) = door.error(&heard.json());
            match door {
                Door::Messages if status == 504 => assert_eq!(kind, "timeout_error"),
                Door::Messages => assert_eq!(kind, "api_error"),
                _ => assert_eq!(
                    (kind.as_str(), said.as_str()),
                    ("server_error", code),
                    "{fault:?}"
                ),
            }
            house.close().await;
        }
    }
}

#[tokio::test]
async fn a_body_that_is_shorter_than_declared_is_not_an_answer() {
    let mut short = answer(
        "200 OK",
        "",
        "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}",
    );
    short.truncate(short.len() - 1);
    let stub = Stub::start(short).await;
    let house = Plan::new()
        .target("a", &stub.url(), "")
        .model("alpha", "a")
        .start()
        .await;

    let heard = house.ask_at(Door::Chat, "alpha", false).await;

    assert_eq!(
        (heard.status, &heard.json()["error"]["code"]),
        (502, &json!("upstream_truncated"))
    );
    assert_eq!(house.attempt().await.state, State::Estimated);
    house.close().await;
}

#[tokio::test]
async fn after_a_byte_nobody_else_is_asked() {
    let house = House::two().await;
    for door in Door::ALL {
        house.a().script([Fault::ResetAfter(4)]);
        let heard = house.ask_at(door, "auto", true).await;
        assert_eq!(
            (heard.status, door.errors(&heard)),
            (200, 1),
            "{door:?}: {}",
            heard.text()
        );
    }

    assert!(house.sim("b").seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn second_tries_are_rationed() {
    let house = Plan::two()
        .await
        .with("limits: { in_flight: 100000 }")
        .start()
        .await;
    house
        .a()
        .script(std::iter::repeat_n(Fault::status(429), 1_000));

    // 200 tries are saved up, each call earns a fifth of one, and time ten a second: a burst runs dry.
    let asked = (0..600).map(|_| house.ask_at(Door::Chat, "auto", false));
    let heard = futures_join(asked).await;

    let denied = heard.iter().filter(|heard| heard.status == 429).count();
    assert!(denied > 100 && denied < 600, "{denied}");
    let metrics = house.admin_get("/metrics").await;
    assert!(
        metrics.text().contains("retries_denied_total"),
        "{}",
        metrics.text()
    );
    house.close().await;
}

/// Runs all of them at once.
async fn futures_join<F: Future<Output = Heard>>(calls: impl Iterator<Item = F>) -> Vec<Heard> {
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    let mut heard = Vec::new();
    std::future::poll_fn(|cx| {
        calls.retain_mut(|call| match call.as_mut().poll(cx) {
            std::task::Poll::Ready(done) => {
                heard.push(done);
                false
            }
            std::task::Poll::Pending => true,
        });
        match calls.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    heard
}

#[tokio::test]
async fn five_failures_in_a_row_send_a_target_to_rest() {
    let house = House::two().await;
    house.a().script(std::iter::repeat_n(Fault::status(500), 5));
    for _ in 0..5 {
        assert_eq!(
            house
                .ask_at(Door::Chat, "auto", false)
                .await
                .header("x-tollgate-model"),
            "beta"
        );
    }

    let spared = house.ask_at(Door::Chat, "auto", false).await;
    let named = house.ask_at(Door::Chat, "alpha", false).await;
    let again = house.ask_at(Door::Chat, "auto", false).await;

    assert_eq!(
        spared.header("x-tollgate-reason"),
        "beta: first of 1 that may answer"
    );
    // Named, it is tried all the same, and the success brings it back.
    assert_eq!((named.status, house.a().seen().len()), (200, 7));
    assert_eq!(again.header("x-tollgate-model"), "alpha");
    let record = house
        .admin_get(&format!("/admin/v1/requests/{}", spared.request_id()))
        .await;
    assert!(
        record.text().contains("alpha") && record.text().contains("down"),
        "{}",
        record.text()
    );
    house.close().await;
}

#[tokio::test]
async fn a_retry_after_leaves_the_target_alone() {
    let house = House::two().await;
    house.a().script([Fault::retry_after(429, "30")]);

    house.ask_at(Door::Chat, "auto", false).await;
    house.ask_at(Door::Chat, "auto", false).await;

    assert_eq!(
        (house.a().seen().len(), house.sim("b").seen().len()),
        (1, 2)
    );
    let targets = house.admin_get("/admin/v1/targets").await.json();
    assert_eq!(
        (&targets["targets"][0]["up"], &targets["targets"][1]["up"]),
        (&json!(false), &json!(true))
    );
    house.close().await;
}

#[tokio::test]
async fn a_target_with_as_many_calls_as_it_may_have_is_passed_over() {
    let house = Plan::two_with(Profile::instant(), ", max_in_flight: 1")
        .await
        .start()
        .await;
    house.a().script([Fault::NeverAnswer]);
    let request = house.post(
        Door::Chat.path(),
        Door::Chat.body("alpha", false).to_string(),
    );
    let tasks = tokio_util::task::TaskTracker::new();
    let waiting = tasks.spawn(request.send());
    until("the target has a call", async || {
        house.a().seen().len() == 1
    })
    .await;

    let routed = house.ask_at(Door::Chat, "auto", false).await;
    let named = house.ask_at(Door::Chat, "alpha", false).await;
    waiting.abort();
    until("the call is over", async || {
        house.gateway.ledger().open_holds() == 0
    })
    .await;
    let later = house.ask_at(Door::Chat, "auto", false).await;

    assert_eq!(routed.header("x-tollgate-model"), "beta");
    assert_eq!(
        (
            named.status,
            &named.json()["error"]["code"],
            named.header("retry-after")
        ),
        (503, &json!("overloaded"), "1")
    );
    assert_eq!(later.header("x-tollgate-model"), "alpha");
    house.close().await;
}

#[tokio::test]
async fn replicas_of_a_target_take_turns() {
    let first = Stub::start(stream("data: [DONE]\n\n")).await;
    let second = Stub::start(stream("data: [DONE]\n\n")).await;
    let more = format!(", replicas: [{}]", second.url());
    let house = Plan::new()
        .target("a", &first.url(), &more)
        .model("alpha", "a")
        .start()
        .await;

    for _ in 0..4 {
        assert_eq!(house.ask_at(Door::Chat, "alpha", true).await.status, 200);
    }

    assert_eq!((first.asked(), second.asked()), (2, 2));
    house.close().await;
}
