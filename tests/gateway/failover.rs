//! A target that fails before the first byte is somebody else's chance, as long as nothing has been shown.

use serde_json::json;
use tollgate::ledger::{End, Record, State};
use tollgate::sim::{Fault, Profile, Sim};

use crate::calls::Door;
use crate::rig::{House, Plan};
use crate::stub::{Stub, answer};

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
