//! A call of any dialect at a target of any other: what the target is told, what the caller hears, what is written down.

mod odd;
mod talk;

use serde_json::{Value, json};
use tollgate::ledger::{End, State};
use tollgate::sim::{Fault, Profile};

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan, client};
use crate::stub::{Stub, answer, stream};

use talk::{beginning, called, streamed, words, working};

/// What a target may speak, and where it is then asked.
const TARGETS: [(&str, &str); 4] = [
    ("chat", "/v1/chat/completions"),
    ("responses", "/v1/responses"),
    ("messages", "/v1/messages"),
    ("gemini", "/v1/models/alpha-there:"),
];

/// A door, and a target that does not speak its dialect.
fn pairs() -> impl Iterator<Item = (Door, &'static str, &'static str)> {
    let doors = Door::ALL.into_iter();
    doors.flat_map(|door| {
        let others = TARGETS
            .into_iter()
            .filter(move |(_, path)| *path != door.path());
        others.map(move |(target, path)| (door, target, path))
    })
}

/// One model, at a target that speaks this dialect alone.
async fn house(target: &str) -> House {
    let plan = Plan::new().sim("a", Profile::instant(), "").await;
    plan.speaks(target).model("alpha", "a").start().await
}

#[tokio::test]
async fn every_pair_is_answered_in_the_callers_words_whole_and_streamed() {
    for (door, target, path) in pairs() {
        let house = house(target).await;

        let whole = house.ask_at(door, "alpha", false).await;
        let flowing = house.ask_at(door, "alpha", true).await;

        let at = format!("{door:?} at {target}");
        assert_eq!(whole.status, 200, "{at}: {}", whole.text());
        assert_eq!(whole.header("content-type"), "application/json", "{at}");
        let said = words(door, &whole.json());
        assert!(!said.is_empty(), "{at}: {}", whole.text());
        assert!(!whole.header("x-tollgate-cost-usd").is_empty(), "{at}");
        assert_eq!((flowing.status, flowing.whole), (200, true), "{at}");
        assert!(
            flowing
                .header("content-type")
                .starts_with("text/event-stream")
        );
        assert!(
            door.says_complete(flowing.text()),
            "{at}: {}",
            flowing.text()
        );
        assert_eq!(door.errors(&flowing), 0, "{at}: {}", flowing.text());
        assert_eq!(streamed(door, &flowing), said, "{at}");
        for seen in house.a().seen() {
            assert!(seen.path.starts_with(path), "{at}: {}", seen.path);
            let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
            // Google has the model in the address.
            let named = target != "gemini";
            assert_eq!(body["model"] == "alpha-there", named, "{at}");
        }
        for record in house.records().await {
            let translation = record.translation.as_ref().expect("it was translated");
            let translation: Value = serde_json::from_str(translation.get()).expect("JSON");
            assert_eq!(translation["wire"], *target, "{at}");
            assert_eq!(record.attempts[0].state, State::Actual, "{at}");
        }
        house.close().await;
    }
}

#[tokio::test]
async fn a_target_that_speaks_the_callers_dialect_is_told_the_callers_bytes() {
    let house = House::one().await;
    let body =
        r#"{ "model" : "alpha-there", "messages":[{"role":"user","content":"x"}], "odd":1.50 }"#;

    let heard = house
        .hear(
            house
                .post("/v1/chat/completions", body)
                .header("x-tollgate-model", "alpha"),
        )
        .await;

    assert_eq!(heard.status, 403, "{}", heard.text());
    let heard = house
        .hear(house.post("/v1/chat/completions", body.replace("alpha-there", "alpha")))
        .await;
    assert_eq!(heard.status, 200, "{}", heard.text());
    let seen = house.a().seen().remove(0);
    assert_eq!(seen.body, body.as_bytes());
    assert!(house.records().await[1].translation.is_none());
    house.close().await;
}

#[tokio::test]
async fn tools_results_and_pictures_reach_every_target_and_calls_come_back() {
    for (door, target, _) in pairs().filter(|(door, ..)| *door != Door::Completions) {
        let house = house(target).await;

        for stream in [false, true] {
            let heard = house.ask(door.path(), &beginning(door, stream)).await;

            let at = format!("{door:?} at {target}, stream {stream}");
            assert_eq!(heard.status, 200, "{at}: {}", heard.text());
            let (name, input) = called(door, &heard, stream);
            assert_eq!(name, "look", "{at}: {}", heard.text());
            assert!(input["path"].is_string(), "{at}: {}", heard.text());
        }
        let heard = house.ask(door.path(), &working(door, true)).await;

        assert!(door.says_complete(heard.text()), "{}", heard.text());
        let seen = house.a().seen().pop().expect("a request");
        let body = String::from_utf8_lossy(&seen.body);
        for piece in [
            "Be brief.",
            "iVBORw0KGgo",
            "call_1234567890",
            "a dot",
            "\"look\"",
            "Look again.",
        ] {
            assert!(
                body.contains(piece),
                "{door:?} at {target}: {piece}: {body}"
            );
        }
        house.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_said_in_the_targets_dialect_is_refused_with_the_need() {
    let house = house("messages").await;
    let body = json!({"model": "alpha", "n": 3, "messages": [{"role": "user", "content": "x"}]});

    let heard = house.ask(Door::Chat.path(), &body).await;

    assert_eq!(heard.status, 422, "{}", heard.text());
    assert!(heard.text().contains("choices"), "{}", heard.text());
    assert!(house.a().seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_the_callers_mistake_unless_a_target_of_its_dialect_is_there() {
    let house = house("messages").await;
    let body = json!({"model": "alpha", "messages": [{"role": "user", "content": 7}]});

    let heard = house.ask(Door::Chat.path(), &body).await;

    assert_eq!(heard.status, 400, "{}", heard.text());
    assert!(heard.text().contains("messages"), "{}", heard.text());
    house.close().await;
}

#[tokio::test]
async fn what_is_left_out_is_counted_and_shown() {
    let house = house("messages").await;
    let body = json!({"model": "alpha", "seed": 7, "messages": [{"role": "user", "content": "x"}]});

    let heard = house.ask(Door::Chat.path(), &body).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    let shown = house.get(&format!("/v1/requests/{}", heard.request_id()));
    let shown = Heard::read(shown.send().await.expect("an answer"))
        .await
        .json();
    let losses = shown["translation"]["dropped"].as_array().expect("a list");
    let seed = losses.iter().find(|loss| loss["field"] == "seed");
    assert_eq!(seed.expect("the seed")["why"], "no_place", "{shown}");
    assert_eq!(
        shown["explanation"]["candidates"][0]["wire"], "messages",
        "{shown}"
    );
    let metrics = house.admin_get("/metrics").await;
    let line = "tollgate_dropped_total{field=\"seed\",why=\"no_place\"} 1";
    assert!(metrics.text().contains(line), "{}", metrics.text());
    house.close().await;
}

#[tokio::test]
async fn a_targets_refusal_is_told_in_the_callers_envelope() {
    for (door, target, _) in pairs() {
        let house = house(target).await;
        let codes = [400, 404, 500, 429].into_iter();
        for (code, stream) in codes.flat_map(|code| [(code, false), (code, true)]) {
            house.a().script([Fault::retry_after(code, "7")]);

            let heard = house.ask_at(door, "alpha", stream).await;

            let at = format!("{door:?} at {target}, {code}, stream {stream}");
            assert_eq!(heard.status, code, "{at}: {}", heard.text());
            let (kind, _) = door.error(&heard.json());
            assert!(!kind.is_empty(), "{at}: {}", heard.text());
            let keys: Vec<_> = heard
                .json()
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect();
            let own = match door {
                Door::Messages => &["error", "request_id", "type"][..],
                _ => &["error"],
            };
            assert_eq!(keys, own, "{at}");
            if code == 429 {
                assert_eq!(heard.header("retry-after"), "7", "{at}");
            }
            assert_eq!(heard.header("content-type"), "application/json", "{at}");
        }
        house.close().await;
    }
}

#[tokio::test]
async fn overload_has_the_status_that_the_callers_client_knows() {
    for (door, target, code, want) in [
        (Door::Messages, "chat", 503, 529),
        (Door::Chat, "messages", 529, 503),
        (Door::Responses, "messages", 529, 503),
        (Door::Messages, "gemini", 503, 529),
        (Door::Chat, "gemini", 503, 503),
        (Door::Responses, "gemini", 503, 503),
    ] {
        let house = house(target).await;
        house.a().script([Fault::status(code)]);

        let heard = house.ask_at(door, "alpha", false).await;

        assert_eq!(heard.status, want, "{door:?} at {target}: {}", heard.text());
        house.close().await;
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_told_in_the_words_that_clients_compact_on() {
    let small = Profile {
        window: 1_000,
        ..Profile::instant()
    };
    for (door, target, words) in [
        (Door::Messages, "chat", "prompt is too long: "),
        (Door::Messages, "responses", "tokens > 1000 maximum"),
        (Door::Chat, "messages", "context_length_exceeded"),
        (Door::Responses, "messages", "context_length_exceeded"),
        (Door::Messages, "gemini", "prompt is too long: "),
        (Door::Chat, "gemini", "context_length_exceeded"),
        (Door::Responses, "gemini", "context_length_exceeded"),
    ] {
        let plan = Plan::new().sim("a", small.clone(), "").await;
        let house = plan.speaks(target).model("alpha", "a").start().await;

        let body = door.body("alpha", true).to_string();
        let body = body.replace("Please", &"please ".repeat(2_000));
        let heard = house.hear(house.post(door.path(), body)).await;

        assert_eq!(heard.status, 400, "{door:?} at {target}: {}", heard.text());
        assert!(
            heard.text().contains(words),
            "{door:?} at {target}: {}",
            heard.text()
        );
        house.close().await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_the_callers_own_error_never_as_complete() {
    let short = ", timeouts: { first_byte_ms: 5000, between_bytes_ms: 200 }";
    for (door, target, _) in pairs() {
        for fault in [
            Fault::CloseAfter(6),
            Fault::ErrorEventAfter(6),
            Fault::HangAfter(6),
        ] {
            let plan = Plan::new().sim("a", Profile::instant(), short).await;
            let house = plan.speaks(target).model("alpha", "a").start().await;
            house.a().script([fault.clone()]);

            let heard = house.ask_at(door, "alpha", true).await;

            let at = format!("{door:?} at {target}, {fault:?}: {}", heard.text());
            assert_eq!((heard.status, heard.whole), (200, true), "{at}");
            assert_eq!(door.errors(&heard), 1, "{at}");
            assert!(!door.says_complete(heard.text()), "{at}");
            let attempt = house.attempt().await;
            assert_eq!(attempt.state, State::Estimated, "{at}");
            assert!(
                attempt.tokens.output.0 >= house.a().bill()[0].produced_output,
                "{at}"
            );
            house.close().await;
        }
    }
}

#[tokio::test]
async fn an_error_before_all_else_is_the_next_candidates_chance_in_its_own_dialect() {
    for stream in [false, true] {
        let plan = Plan::new().sim("a", Profile::instant(), "").await;
        let plan = plan
            .speaks("messages")
            .sim("b", Profile::instant(), "")
            .await;
        let plan = plan
            .speaks("responses")
            .model("alpha", "a")
            .model("beta", "b");
        let house = plan.start().await;
        house.a().script([match stream {
            true => Fault::ErrorEventFirst,
            false => Fault::BadJson,
        }]);

        let heard = house.ask_at(Door::Chat, "auto", stream).await;

        assert_eq!(heard.status, 200, "{}", heard.text());
        assert_eq!(heard.header("x-tollgate-model"), "beta");
        let record = house.record().await;
        assert_eq!(record.attempts.len(), 2);
        let translation = record.translation.expect("it was translated");
        assert!(
            translation.get().contains("\"wire\":\"responses\""),
            "{translation}"
        );
        house.close().await;
    }
}

#[tokio::test]
async fn bytes_cut_anywhere_and_unknown_events_make_no_difference() {
    for (door, target, _) in pairs() {
        let house = house(target).await;
        house
            .a()
            .script([Fault::None, Fault::SplitBytes, Fault::UnknownEvents]);

        let plain = house.ask_at(door, "alpha", true).await;
        let split = house.ask_at(door, "alpha", true).await;
        let odd = house.ask_at(door, "alpha", true).await;

        let said = streamed(door, &plain);
        assert_eq!(streamed(door, &split), said, "{door:?} at {target}");
        assert_eq!(streamed(door, &odd), said, "{door:?} at {target}");
        assert!(door.says_complete(odd.text()), "{}", odd.text());
        house.close().await;
    }
}

#[tokio::test]
async fn whoever_hangs_up_pays_for_what_came() {
    let slow = Profile {
        per_token: std::time::Duration::from_millis(5),
        ..Profile::instant()
    };
    for (door, target, _) in pairs() {
        let plan = Plan::new().sim("a", slow.clone(), "").await;
        let house = plan.speaks(target).model("alpha", "a").start().await;
        let body = door.body("alpha", true).to_string();
        let request = client().post(house.url(door.path())).body(body);
        let request = request.header("content-type", "application/json");
        let mut response = request
            .bearer_auth(&house.key)
            .send()
            .await
            .expect("an answer");
        for _ in 0..3 {
            response.chunk().await.expect("a piece");
        }
        drop(response);

        let attempt = house.attempt().await;

        assert_eq!(
            (attempt.state, attempt.end),
            (State::Estimated, Some(End::ClientGone)),
            "{door:?} at {target}"
        );
        assert!(attempt.tokens.prompt().0 > 0);
        house.close().await;
    }
}

#[tokio::test]
async fn thinking_is_shown_where_the_caller_has_a_place_for_it() {
    let house = house("messages").await;
    let body = json!({"model": "alpha", "stream": true, "input": "Think.", "reasoning": {"effort": "high", "summary": "auto"}});

    let heard = house.ask(Door::Responses.path(), &body).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    let seen: Value = serde_json::from_slice(&house.a().seen()[0].body).expect("JSON");
    assert!(seen["thinking"].is_object(), "{seen}");
    assert!(
        heard.text().contains("response.completed"),
        "{}",
        heard.text()
    );
    house.close().await;
}

#[tokio::test]
async fn a_form_that_the_answer_must_have_is_asked_for_in_the_targets_words() {
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false});
    let chat = json!({"model": "alpha", "messages": [{"role": "user", "content": "x"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}});
    for (target, place) in [
        ("responses", "/text/format/schema"),
        ("messages", "/output_config/format/schema"),
    ] {
        let house = house(target).await;

        let heard = house.ask(Door::Chat.path(), &chat).await;

        assert_eq!(heard.status, 200, "{target}: {}", heard.text());
        let seen: Value = serde_json::from_slice(&house.a().seen()[0].body).expect("JSON");
        assert_eq!(seen.pointer(place), Some(&schema), "{target}: {seen}");
        house.close().await;
    }
}

#[tokio::test]
async fn a_key_that_a_target_tells_in_its_error_goes_nowhere() {
    let told = r#"{"error":{"message":"bad key sk-target-secret-a","type":"x","code":null}}"#;
    let stub = Stub::start(answer("400 Bad Request", "", told)).await;
    let plan = Plan::new().target("a", &stub.url(), "").speaks("chat");
    let house = plan.model("alpha", "a").start().await;

    let heard = house.ask_at(Door::Messages, "alpha", false).await;

    assert_eq!((heard.status, stub.asked()), (400, 1));
    assert!(!heard.text().contains("sk-target"), "{}", heard.text());

    let begun =
        "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    let stub = Stub::start(stream(&format!("{begun}data: {told}\n\n"))).await;
    let plan = Plan::new().target("a", &stub.url(), "").speaks("chat");
    let house = plan.model("alpha", "a").start().await;

    let heard = house.ask_at(Door::Messages, "alpha", true).await;

    assert_eq!(heard.status, 502, "{}", heard.text());
    assert!(!heard.text().contains("sk-target"), "{}", heard.text());
}
