//! Streams that break, callers that leave, readers that stop: what the caller sees, and what is written down.

use std::time::Duration;

use tollgate::ledger::{End, State};
use tollgate::sim::{Fault, Profile};

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan, client, until};
use crate::stub::{Stub, stream};
use crate::wire::Wire;

const SHORT: &str = ", timeouts: { first_byte_ms: 5000, between_bytes_ms: 200 }";

async fn short() -> House {
    let plan = Plan::new().sim("a", Profile::instant(), SHORT).await;
    plan.model("alpha", "a").start().await
}

#[tokio::test]
async fn a_break_ends_a_stream_with_the_dialects_own_error_never_as_complete() {
    for (fault, end) in [
        (Fault::ResetAfter(6), End::Truncated),
        (Fault::CloseAfter(6), End::Truncated),
        (Fault::HangAfter(6), End::IdleTimeout),
    ] {
        for door in Door::ALL {
            let house = short().await;
            house.a().script([fault.clone()]);
            let heard = house.ask_at(door, "alpha", true).await;

            assert_eq!(
                (heard.status, heard.whole),
                (200, true),
                "{fault:?} {door:?}"
            );
            assert_eq!(
                door.errors(&heard),
                1,
                "{fault:?} {door:?}: {}",
                heard.text()
            );
            assert!(
                !door.says_complete(heard.text()),
                "{fault:?} {door:?}: {}",
                heard.text()
            );
            assert!(heard.tokens() > 0, "{fault:?} {door:?}: {}", heard.text());
            let attempt = house.attempt().await;
            assert_eq!(
                (attempt.state, attempt.end),
                (State::Estimated, Some(end)),
                "{door:?}"
            );
            let line = house.a().bill().remove(0);
            assert!(
                attempt.tokens.output.0 >= line.produced_output,
                "{fault:?} {door:?}"
            );
            if door == Door::Responses {
                let numbers = heard
                    .events()
                    .into_iter()
                    .map(|event| event["sequence_number"].as_u64());
                assert!(
                    numbers.eq((0..).map(Some).take(heard.events().len())),
                    "{}",
                    heard.text()
                );
            }
            if door == Door::Messages {
                // The start of the stream has told the input.
                assert_eq!(attempt.tokens.prompt(), line.usage.prompt());
            }
            house.close().await;
        }
    }
}

#[tokio::test]
async fn a_missing_end_mark_is_supplied() {
    let house = House::one().await;
    for door in [Door::Chat, Door::Messages, Door::Completions] {
        house.a().script([Fault::MissingDone]);
        let heard = house.ask_at(door, "alpha", true).await;

        assert!(
            door.says_complete(heard.text()) && door.errors(&heard) == 0,
            "{door:?}: {}",
            heard.text()
        );
    }
    let records = house.records().await;
    assert!(
        records
            .iter()
            .all(|record| record.attempts[0].state == State::Actual)
    );
    house.close().await;
}

#[tokio::test]
async fn the_targets_own_error_event_is_relayed_once_and_ends_the_stream() {
    for door in Door::ALL {
        let house = House::two().await;
        house.a().script([Fault::ErrorEventAfter(6)]);
        let heard = house.ask_at(door, "auto", true).await;

        assert_eq!(
            (heard.status, door.errors(&heard)),
            (200, 1),
            "{door:?}: {}",
            heard.text()
        );
        assert!(!door.says_complete(heard.text()));
        let attempt = house.attempt().await;
        assert_eq!(
            (attempt.state, attempt.end),
            (State::Estimated, Some(End::ErrorEvent)),
            "{door:?}"
        );
        assert!(house.sim("b").seen().is_empty());
        house.close().await;
    }
}

#[tokio::test]
async fn a_line_without_end_is_cut_and_a_merely_long_one_passes() {
    for (bytes, passes) in [(1 << 20, true), (9 << 20, false)] {
        for door in [Door::Chat, Door::Messages] {
            let house = House::one().await;
            house.a().script([Fault::HugeLine(bytes)]);
            let heard = house.ask_at(door, "alpha", true).await;

            assert_eq!(door.says_complete(heard.text()), passes, "{door:?} {bytes}");
            assert_eq!(
                door.errors(&heard),
                usize::from(!passes),
                "{door:?} {bytes}"
            );
            assert_eq!(heard.body.len() > 1 << 20, passes, "{}", heard.body.len());
            let state = if passes {
                State::Actual
            } else {
                State::Estimated
            };
            assert_eq!(house.attempt().await.state, state);
            house.close().await;
        }
    }
}

#[tokio::test]
async fn comments_keep_a_stream_from_nothing() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let head = String::from_utf8(stream(event)).expect("text");
    let stub = Stub::drip(head, ": still here\n\n", Duration::from_millis(20)).await;
    let house = Plan::new()
        .target("a", &stub.url(), SHORT)
        .model("alpha", "a")
        .start()
        .await;

    let heard = house.ask_at(Door::Chat, "alpha", true).await;

    assert_eq!(Door::Chat.errors(&heard), 1, "{}", heard.text());
    assert!(heard.text().contains("still here"));
    assert_eq!(house.attempt().await.end, Some(End::IdleTimeout));
    until("the target is let go", async || stub.hung_up() == 1).await;
    house.close().await;
}

#[tokio::test]
async fn a_stream_that_takes_too_long_in_all_is_ended() {
    let profile = Profile {
        per_token: Duration::from_secs(1),
        ..Profile::instant()
    };
    let plan = Plan::new()
        .sim("a", profile, ", timeouts: { total_ms: 300 }")
        .await;
    let house = plan.model("alpha", "a").start().await;

    let heard = house.ask_at(Door::Messages, "alpha", true).await;

    assert_eq!(Door::Messages.errors(&heard), 1, "{}", heard.text());
    assert_eq!(house.attempt().await.end, Some(End::Timeout));
    house.close().await;
}

#[tokio::test]
async fn a_long_stream_passes_whole_and_is_marked_on_its_way() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\" word\"}}]}\n\n";
    let last = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":20000}}\n\n";
    let whole = event.repeat(20_000) + last + "data: [DONE]\n\n";
    let stub = Stub::start(stream(&whole)).await;
    let house = Plan::new()
        .target("a", &stub.url(), "")
        .model("alpha", "a")
        .start()
        .await;

    let heard = house.ask_at(Door::Chat, "alpha", true).await;

    assert!(heard.body == whole.as_bytes());
    assert_eq!(house.attempt().await.state, State::Actual);
    house.close().await;
}

/// What the simulated target has under way.
async fn running(house: &House) -> String {
    let url = format!("http://{}/metrics", house.a().addr());
    let heard = Heard::read(client().get(url).send().await.expect("an answer")).await;
    let line = heard
        .text()
        .lines()
        .find(|line| line.starts_with("vllm:num_requests_running"));
    line.expect("a gauge").to_owned()
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_first_byte_pays_for_the_input() {
    let profile = Profile {
        first_byte: Duration::from_secs(60),
        ..Profile::instant()
    };
    for stream in [false, true] {
        let plan = Plan::new().sim("a", profile.clone(), "").await;
        let house = plan.model("alpha", "a").start().await;
        let tasks = tokio_util::task::TaskTracker::new();
        let request = house.post(
            Door::Chat.path(),
            Door::Chat.body("alpha", stream).to_string(),
        );
        let call = tasks.spawn(request.send());
        until("the target works", async || {
            running(&house).await.ends_with(" 1")
        })
        .await;

        call.abort();

        until("the target is let go", async || {
            running(&house).await.ends_with(" 0")
        })
        .await;
        let attempt = house.attempt().await;
        assert_eq!(
            (attempt.state, attempt.end),
            (State::Estimated, Some(End::ClientGone))
        );
        assert!(attempt.tokens.input.0 > 0);
        house.close().await;
    }
}

#[tokio::test]
async fn a_caller_who_leaves_in_the_middle_pays_for_what_was_relayed() {
    let profile = Profile {
        per_token: Duration::from_millis(20),
        ..Profile::instant()
    };
    for door in Door::ALL {
        let plan = Plan::new().sim("a", profile.clone(), "").await;
        let house = plan.model("alpha", "a").start().await;
        let request = house.post(door.path(), door.body("alpha", true).to_string());
        let mut response = request.send().await.expect("an answer");
        let mut heard = Heard {
            status: 200,
            headers: response.headers().clone(),
            body: bytes::Bytes::new(),
            whole: false,
        };
        while heard.tokens() < 3 {
            let chunk = response.chunk().await.expect("more").expect("more");
            heard.body = [heard.body, chunk].concat().into();
        }
        house.note(&heard);

        drop(response);

        until("the target is let go", async || {
            running(&house).await.ends_with(" 0")
        })
        .await;
        let (attempt, line) = (house.attempt().await, house.a().bill().remove(0));
        assert_eq!(
            (attempt.state, attempt.end),
            (State::Estimated, Some(End::ClientGone)),
            "{door:?}"
        );
        assert!(!line.finished);
        // The events are words of some letters: our count is near the truth, and never below what came through.
        assert!(
            attempt.tokens.output.0 >= heard.tokens()
                && attempt.tokens.output.0 <= 4 * line.produced_output
        );
        assert_eq!(house.record().await.error, None);
        house.close().await;
    }
}

#[tokio::test]
async fn a_caller_who_leaves_after_the_last_event_changes_nothing() {
    let house = House::one().await;
    let request = house.post(
        Door::Chat.path(),
        Door::Chat.body("alpha", true).to_string(),
    );
    let mut response = request.send().await.expect("an answer");
    let mut text = String::new();
    while !text.contains("[DONE]") {
        let chunk = response.chunk().await.expect("more").expect("more");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }

    drop(response);

    assert_eq!(house.attempt().await.state, State::Actual);
    house.close().await;
}

#[tokio::test]
async fn a_reader_who_stops_reading_is_cut_and_the_target_let_go() {
    let text = "word ".repeat(4_000);
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let head = String::from_utf8(stream("")).expect("text");
    let stub = Stub::drip(head, &event, Duration::ZERO).await;
    let plan = Plan::new().target("a", &stub.url(), "").model("alpha", "a");
    let house = plan.with("limits: { write_stall_ms: 300 }").start().await;
    let body = Door::Chat.body("alpha", true).to_string();
    let mut wire = Wire::to(house.gateway.address).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n";
    wire.send(format!(
        "{head}x-api-key: {}\r\ncontent-length: {}\r\n\r\n{body}",
        house.key,
        body.len()
    ))
    .await;
    wire.until("200 OK").await;

    until("the target is let go", async || stub.hung_up() == 1).await;

    let attempt = house.attempt().await;
    assert_eq!(
        (attempt.state, attempt.end),
        (State::Estimated, Some(End::ClientGone))
    );
    assert!(attempt.tokens.output.0 > 4_000);
    let read = wire.count().await;
    // Every word is a token at least of five letters: none that came through is missing.
    assert!(
        attempt.tokens.output.0 * 5 >= read as u64 * 9 / 10,
        "{} for {read} bytes",
        attempt.tokens.output.0
    );
    house.close().await;
}

#[tokio::test]
async fn what_comes_after_the_last_event_is_not_passed_on() {
    let done = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
    let stub = Stub::start(stream(&format!(
        "{done}data: {{\"choices\":[],\"late\":1}}\n\n"
    )))
    .await;
    let house = Plan::new()
        .target("a", &stub.url(), "")
        .model("alpha", "a")
        .start()
        .await;

    let heard = house.ask_at(Door::Chat, "alpha", true).await;

    assert_eq!(heard.text(), done);
    house.close().await;
}
