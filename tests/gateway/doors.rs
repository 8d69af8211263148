//! Every door, streaming and not: what goes in, what goes on, what comes out.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tollgate::ledger::State;
use tollgate::sim::Fault;

use crate::calls::{Door, Heard};
use crate::rig::House;
use crate::wire::{say, status};

#[tokio::test]
async fn every_door_answers_with_and_without_v1_and_is_billed_to_the_token() {
    let house = House::one().await;

    for door in Door::ALL {
        for (path, stream) in [
            (door.path(), false),
            (door.path(), true),
            (&door.path()[3..], false),
        ] {
            let heard = house.ask(path, &door.body("alpha", stream)).await;

            assert_eq!(heard.status, 200, "{door:?}: {}", heard.text());
            assert!(heard.whole && heard.body.len() > 20);
            assert_eq!(
                stream,
                door.says_complete(heard.text()) && heard.tokens() > 0,
                "{door:?}"
            );
        }
    }

    let records = house.records().await;
    assert_eq!(records.len(), 12);
    assert!(
        records
            .iter()
            .all(|record| record.attempts[0].state == State::Actual),
        "{records:?}"
    );
    house.close().await;
}

#[tokio::test]
async fn counting_tokens_is_free_and_embeddings_are_billed_by_their_input() {
    let house = House::one().await;
    let count =
        json!({"model": "alpha", "messages": [{"role": "user", "content": "count me, please"}]});

    let counted = house.ask("/v1/messages/count_tokens", &count).await;
    let embedded = house
        .ask(
            "/v1/embeddings",
            &json!({"model": "alpha", "input": ["some text", "more"]}),
        )
        .await;

    assert!(counted.json()["input_tokens"].as_u64() > Some(0));
    assert_eq!(embedded.json()["data"].as_array().map(Vec::len), Some(2));
    let records = house.records().await;
    assert_eq!(records[0].cost_nano_usd.map(|cost| cost.0), Some(0));
    assert_eq!(records[1].attempts[0].tokens.output.0, 0);
    assert!(records[1].cost_nano_usd.is_some_and(|cost| cost.0 > 0));
    house.close().await;
}

#[tokio::test]
async fn an_answer_says_who_gave_it_why_and_what_it_cost() {
    let house = House::two().await;

    let whole = house.ask_at(Door::Chat, "auto", false).await;
    let stream = house.ask_at(Door::Messages, "auto", true).await;

    let records = house.records().await;
    for (heard, record) in [&whole, &stream].into_iter().zip(&records) {
        assert_eq!(heard.request_id(), record.request_id.to_string());
        assert_eq!(heard.header("x-tollgate-model"), "alpha");
        assert_eq!(heard.header("x-tollgate-hosting"), "vendor");
        assert_eq!(heard.header("x-tollgate-rule"), "as written");
        let reason = heard.header("x-tollgate-reason");
        assert!(
            reason.starts_with("alpha: a rule puts it first, $"),
            "{reason}"
        );
    }
    assert_eq!(
        Some(whole.header("x-tollgate-cost-usd")),
        records[0].cost_usd.as_deref()
    );
    assert_eq!(stream.header("x-tollgate-cost-usd"), "");
    assert!(
        stream
            .header("content-type")
            .starts_with("text/event-stream")
    );
    assert_eq!(stream.header("x-accel-buffering"), "no");
    assert!(
        whole.headers.contains_key("x-request-id") && stream.headers.contains_key("request-id")
    );
    house.close().await;
}

/// A body as a client might write it: spaces, escapes, fields that nobody knows, numbers that no float holds.
const ODD: &str = "{ \"x_unknown\" : [1.10, 1e400, 123456789012345678901234567890, {\"deep\": null}],\r\n\t\"model\"\u{20}: \"al\\u0070ha\",\
    \"messages\":[{\"role\":\"user\",\"content\":\"\\u00e9\\n\u{1f600} \\\"model\\\": \\\"x\\\"\"}] ,\"metadata\":{\"model\":\"not me\"}}  ";

#[tokio::test]
async fn a_body_goes_on_to_the_byte_but_for_the_models_name() {
    let house = House::one().await;

    let heard = house.hear(house.post("/v1/chat/completions", ODD)).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    let expected = ODD.replace("\"al\\u0070ha\"", "\"alpha-there\"");
    assert_eq!(house.a().seen()[0].body, Bytes::from(expected));
    house.close().await;
}

#[tokio::test]
async fn a_stream_is_asked_for_its_usage_in_place() {
    let house = House::one().await;
    let message = r#""messages":[{"role":"user","content":"hi"}]"#;
    let cases = [
        (String::new(), r#","stream_options":{"include_usage":true}"#),
        (
            r#","stream_options":null"#.into(),
            r#","stream_options":{"include_usage":true}"#,
        ),
        (
            r#","stream_options":{}"#.into(),
            r#","stream_options":{"include_usage":true}"#,
        ),
        (
            r#","stream_options":{ "x":1}"#.into(),
            r#","stream_options":{"include_usage":true, "x":1}"#,
        ),
        (
            r#","stream_options":{"include_usage":false}"#.into(),
            r#","stream_options":{"include_usage":true}"#,
        ),
    ];

    for (options, expected) in cases {
        let body = format!("{{\"stream\":true,\"model\":\"alpha\",{message}{options}}}");
        let heard = house.hear(house.post("/v1/chat/completions", body)).await;

        let sent = format!("{{\"stream\":true,\"model\":\"alpha-there\",{message}{expected}}}");
        assert_eq!(
            house.a().seen().pop().map(|seen| seen.body),
            Some(Bytes::from(sent))
        );
        assert!(
            !heard.text().contains("prompt_tokens"),
            "usage was not asked for: {}",
            heard.text()
        );
        assert!(heard.text().ends_with("data: [DONE]\n\n"));
    }
    house.close().await;
}

#[tokio::test]
async fn usage_is_shown_to_a_caller_who_asks() {
    let house = House::one().await;

    for door in [Door::Chat, Door::Completions] {
        let mut body = door.body("alpha", true);
        body["stream_options"] = json!({"include_usage": true});
        let heard = house.ask(door.path(), &body).await;

        let events = heard.events();
        assert!(
            events[events.len() - 2]["usage"]["prompt_tokens"].as_u64() > Some(0),
            "{}",
            heard.text()
        );
    }
    house.close().await;
}

#[tokio::test]
async fn an_answer_reaches_the_caller_to_the_byte_however_it_is_cut() {
    let house = House::one().await;
    let direct = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");

    for fault in [Fault::None, Fault::SplitBytes, Fault::UnknownEvents] {
        for door in Door::ALL {
            for stream in [false, true] {
                let mut body = door.body("alpha-there", stream);
                if stream && matches!(door, Door::Chat | Door::Completions) {
                    body["stream_options"] = json!({"include_usage": true});
                }
                house.a().script([fault.clone(), fault.clone()]);
                let url = format!("http://{}{}", house.a().addr(), door.path());
                let plain = direct.post(url).body(body.to_string());
                let key = format!("{}a", crate::rig::TARGET_KEY);
                let plain =
                    Heard::read(plain.bearer_auth(key).send().await.expect("an answer")).await;
                body["model"] = json!("alpha");
                let heard = house.ask(door.path(), &body).await;

                assert_eq!(
                    (heard.status, heard.whole),
                    (200, true),
                    "{fault:?} {door:?}"
                );
                assert_eq!(
                    without_ids(&heard),
                    without_ids(&plain),
                    "{fault:?} {door:?}"
                );
            }
        }
    }
    house.close().await;
}

/// The answer with what differs from call to call taken out: ids and times.
fn without_ids(heard: &Heard) -> String {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let id = |word: &&str| {
        ["chatcmpl-", "resp_", "msg_", "cmpl-", "rs_", "call_"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
            || (word.len() == 10 && word.parse::<u64>().is_ok())
    };
    let text = heard.text();
    let ids: std::collections::BTreeSet<&str> = text.split(word).filter(id).collect();
    ids.into_iter()
        .fold(text.to_owned(), |text, id| text.replace(id, "ID"))
}

#[tokio::test]
async fn models_are_listed_in_the_askers_dialect() {
    let house = House::two().await;

    let openai = house.hear(house.get("/v1/models")).await.json();
    let anthropic = house
        .hear(
            house
                .get("/models")
                .header("anthropic-version", "2023-06-01"),
        )
        .await
        .json();
    let one = house.hear(house.get("/v1/models/beta")).await.json();
    let auto = house.hear(house.get("/v1/models/auto")).await.json();
    let none = house.hear(house.get("/v1/models/betta")).await;

    let ids = |list: &Value| -> Vec<String> {
        let data = list["data"].as_array().expect("a list").iter();
        data.map(|model| model["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(openai["object"], "list");
    assert_eq!(ids(&openai), ["auto", "alpha", "beta"]);
    assert_eq!(
        (ids(&anthropic), &anthropic["has_more"]),
        (ids(&openai), &json!(false))
    );
    assert_eq!(
        (&one["id"], &one["owned_by"]),
        (&json!("beta"), &json!("b"))
    );
    assert_eq!(auto["id"], "auto");
    assert_eq!(none.status, 404);
    assert!(none.text().contains("did you mean beta"), "{}", none.text());
    house.close().await;
}

#[tokio::test]
async fn the_record_of_a_call_is_told_to_its_caller() {
    let house = House::one().await;
    let heard = house.ask_at(Door::Chat, "alpha", false).await;
    house.records().await;

    let record = house
        .hear(house.get(&format!("/v1/requests/{}", heard.request_id())))
        .await
        .json();

    assert_eq!(record["request_id"], heard.request_id());
    assert_eq!(record["attempts"][0]["state"], "actual");
    assert_eq!(record["cost_usd"], heard.header("x-tollgate-cost-usd"));
    assert!(record["explanation"]["candidates"].is_array(), "{record}");
    for wrong in ["x", "req_00", "req_ffffffffffffffffffffffffffffffff"] {
        assert_eq!(
            house
                .hear(house.get(&format!("/v1/requests/{wrong}")))
                .await
                .status,
            404
        );
    }
    house.close().await;
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told_apart_and_heads_are_empty() {
    let house = House::one().await;
    let ask = |method: Method, path: &str| {
        house
            .client
            .request(method, house.url(path))
            .bearer_auth(&house.key)
            .body("{}")
    };

    for (method, path, expected) in [
        (Method::GET, "/v1/chat/completions", 405),
        (Method::DELETE, "/v1/models", 405),
        (Method::POST, "/v1/models", 405),
        (Method::PUT, "/v1/messages", 405),
        (Method::GET, "/", 404),
        (Method::POST, "/v1/chat/completions/", 404),
        (Method::POST, "/v2/chat/completions", 404),
        (Method::POST, "/v1/../admin/v1/keys", 404),
        (Method::GET, "/admin/v1/keys", 404),
        (Method::GET, "/metrics", 404),
        (Method::GET, "/v1/%6dodels", 404),
        (Method::HEAD, "/v1/models", 204),
        (Method::HEAD, "/", 204),
        (Method::OPTIONS, "/v1/messages", 204),
    ] {
        let heard = house.hear(ask(method.clone(), path)).await;

        assert_eq!(heard.status, expected, "{method} {path}");
        assert!(heard.request_id().starts_with("req_"));
        assert!(!heard.headers.contains_key("access-control-allow-origin"));
        if expected != 204 {
            assert!(heard.json()["error"]["message"].is_string());
        }
    }
    assert!(house.a().seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_websocket_is_refused_with_426_and_what_follows_it_is_not_a_call() {
    let house = House::one().await;
    let upgrade = "GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n";

    let answer = say(house.gateway.address, upgrade).await;

    assert_eq!(status(&answer), 426, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    house.close().await;
}

#[tokio::test]
async fn two_calls_on_one_connection_are_answered_in_order() {
    let house = House::one().await;
    let call = |close: &str| {
        let body = Door::Chat.body("alpha", false).to_string();
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{close}content-length: {}\r\n\r\n{body}",
            house.key,
            body.len()
        )
    };

    let answer = say(
        house.gateway.address,
        call("") + &call("connection: close\r\n"),
    )
    .await;

    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert_eq!(house.records().await.len(), 2);
    house.close().await;
}

#[tokio::test]
async fn headers_pass_by_name_only() {
    let house = House::one().await;
    let request = house
        .post(
            Door::Messages.path(),
            Door::Messages.body("alpha", false).to_string(),
        )
        .header("anthropic-beta", "context-1m")
        .header("x-stainless-lang", "js")
        .header("cookie", "a=b")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-tollgate-attempt-id", "att_mine")
        .header("accept-encoding", "gzip")
        .header("x-tollgate-tags", "team=core");

    let heard = house.hear(request).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    let seen = &house.a().seen()[0];
    assert_eq!(seen.header("anthropic-beta"), Some("context-1m"));
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.header("x-stainless-lang"), Some("js"));
    for name in [
        "cookie",
        "x-forwarded-for",
        "accept-encoding",
        "x-tollgate-tags",
        "authorization",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_ne!(seen.header("x-tollgate-attempt-id"), Some("att_mine"));
    house.close().await;
}
