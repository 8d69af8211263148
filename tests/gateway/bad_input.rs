//! What cannot be understood gets a clear error and loses nothing.

use serde_json::json;

use crate::calls::Door;
use crate::rig::{House, Plan};
use crate::wire::{Wire, say, status};

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said_and_nothing_is_sent_on() {
    let house = Plan::one()
        .await
        .with("limits: { json_depth: 32 }")
        .start()
        .await;
    let deep = format!(
        "{{\"model\":\"alpha\",\"x\":{}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let cases: Vec<(&[u8], &str)> = vec![
        (b"", "invalid_json"),
        (b"null", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"\"x\"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{\"model\":\"alpha\"", "invalid_json"),
        (b"{\"model\":\"alpha\",}", "invalid_json"),
        (b"{\"model\":\"alpha\"} {}", "invalid_json"),
        (b"{\"model\":\"alpha\",\"n\":NaN}", "invalid_json"),
        (b"\xef\xbb\xbf{\"model\":\"alpha\"}", "invalid_json"),
        (b"{\"model\":\"al\xff\"}", "invalid_json"),
        (b"{\"model\":\"\\ud800\"}", "invalid_json"),
        (deep.as_bytes(), "json_too_deep"),
        (
            b"{\"model\":\"alpha\",\"model\":\"beta\"}",
            "duplicate_field",
        ),
        (
            b"{\"model\":\"alpha\",\"mod\\u0065l\":\"beta\"}",
            "duplicate_field",
        ),
        (
            b"{\"model\":\"alpha\",\"stream\":true,\"stream\":false}",
            "duplicate_field",
        ),
        (
            b"{\"model\":\"alpha\",\"max_tokens\":1,\"max_tokens\":2}",
            "duplicate_field",
        ),
        (b"{\"messages\":[]}", "missing_field"),
        (b"{\"model\":7}", "invalid_value"),
        (b"{\"model\":null}", "invalid_value"),
        (b"{\"model\":\"\"}", "invalid_value"),
        (b"{\"model\":\"alpha\",\"stream\":\"yes\"}", "invalid_value"),
        (b"{\"model\":\"alpha\",\"max_tokens\":-1}", "invalid_value"),
        (b"{\"model\":\"alpha\",\"max_tokens\":1.5}", "invalid_value"),
        (
            b"{\"model\":\"alpha\",\"max_tokens\":\"10\"}",
            "invalid_value",
        ),
        (
            b"{\"model\":\"alpha\",\"max_tokens\":1000000000000000000}",
            "invalid_value",
        ),
    ];

    for (body, code) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let chat = house
            .hear(house.post("/v1/chat/completions", body.to_vec()))
            .await;
        let messages = house.hear(house.post("/v1/messages", body.to_vec())).await;

        assert_eq!((chat.status, messages.status), (400, 400), "{shown}");
        let body = chat.json();
        assert_eq!(
            (&body["error"]["code"], &body["error"]["type"]),
            (&json!(code), &json!("invalid_request_error")),
            "{shown}"
        );
        let body = messages.json();
        assert_eq!(
            (&body["type"], &body["error"]["type"]),
            (&json!("error"), &json!("invalid_request_error")),
            "{shown}"
        );
        assert_eq!(body["request_id"], messages.request_id());
    }
    assert!(house.a().seen().is_empty() && house.records().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn the_field_that_is_wrong_is_named() {
    let house = House::one().await;

    for (body, param) in [
        (json!({"messages": []}), "model"),
        (json!({"model": "alpha", "stream": 1}), "stream"),
        (
            json!({"model": "alpha", "max_completion_tokens": 0}),
            "max_completion_tokens",
        ),
        (
            json!({"model": "alpha", "stream": true, "stream_options": 7}),
            "stream_options",
        ),
        (json!({"model": "nope"}), "model"),
    ] {
        let heard = house.ask("/v1/chat/completions", &body).await;
        assert_eq!(heard.json()["error"]["param"], param, "{body}");
    }
    house.close().await;
}

#[tokio::test]
async fn other_kinds_of_content_are_refused() {
    let house = House::one().await;
    let body = Door::Chat.body("alpha", false).to_string();
    let ask = |name: &str, value: &str| {
        let request = house
            .client
            .post(house.url("/v1/chat/completions"))
            .bearer_auth(&house.key);
        request.header(name, value).body(body.clone())
    };

    for (name, value, expected) in [
        ("content-type", "text/plain", 415),
        ("content-type", "multipart/form-data; boundary=x", 415),
        ("content-encoding", "gzip", 415),
        ("content-encoding", "gzip, br", 415),
        ("content-encoding", "identity", 200),
        ("content-type", "application/json; charset=utf-8", 200),
        ("x-nothing", "said", 200),
    ] {
        let heard = house.hear(ask(name, value)).await;
        assert_eq!(heard.status, expected, "{name}: {value}: {}", heard.text());
    }
    house.close().await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_before_it_is_read() {
    let house = Plan::one()
        .await
        .with("limits: { body_bytes: 1000 }")
        .start()
        .await;
    let head = |more: &str| {
        format!(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{more}\r\n\r\n",
            house.key
        )
    };
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));

    let declared = say(house.gateway.address, head("content-length: 10737418240")).await;
    let chunked = say(
        house.gateway.address,
        head("transfer-encoding: chunked") + &chunk + &chunk,
    )
    .await;
    let expecting = say(
        house.gateway.address,
        head("content-length: 1001\r\nexpect: 100-continue"),
    )
    .await;
    let fits = house.ask_at(Door::Chat, "alpha", false).await;

    for answer in [&declared, &chunked, &expecting] {
        assert_eq!(status(answer), 413, "{answer}");
        assert!(
            answer.contains("request_too_large") && answer.contains("connection: close"),
            "{answer}"
        );
    }
    assert!(!expecting.contains("100 Continue"));
    assert_eq!(fits.status, 200);
    house.close().await;
}

#[tokio::test]
async fn a_wrong_key_is_told_before_the_body_is_asked_for() {
    let house = House::one().await;
    let head = "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: no\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n";

    let mut wire = Wire::to(house.gateway.address).await;
    wire.send(head).await;
    let answer = wire.until("\r\n\r\n").await;

    assert_eq!(status(&answer), 401, "{answer}");
    house.close().await;
}

#[tokio::test]
async fn a_request_with_two_lengths_is_one_request_or_none() {
    let house = House::one().await;
    let inner = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let ask = |framing: &str, body: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{framing}\r\n\r\n{body}",
            house.key
        )
    };
    let both = ask(
        "content-length: 6\r\ntransfer-encoding: chunked",
        &format!("0\r\n\r\n{inner}"),
    );

    for (what, text) in [
        ("both", both),
        ("two", ask("content-length: 2\r\ncontent-length: 3", "{} ")),
        ("plus", ask("content-length: +2", "{}")),
        ("list", ask("content-length: 2, 3", "{} ")),
        ("hex", ask("content-length: 0x2", "{}")),
        ("unknown", ask("transfer-encoding: xchunked", "{}")),
        (
            "chunked first",
            ask(
                "transfer-encoding: chunked, identity",
                "2\r\n{}\r\n0\r\n\r\n",
            ),
        ),
        ("null", ask("x-a: b\0c\r\ncontent-length: 2", "{}")),
        ("folded", ask("x-a: b\r\n c\r\ncontent-length: 2", "{}")),
        ("no name", ask(": b\r\ncontent-length: 2", "{}")),
        ("garbage", "HELLO\r\n\r\n".to_owned()),
        (
            "chunk",
            ask("transfer-encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n"),
        ),
    ] {
        let answer = say(house.gateway.address, text).await;

        assert!(
            answer.is_empty() || (400..500).contains(&status(&answer)),
            "{what}: {answer}"
        );
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{what}: {answer}");
    }
    assert!(house.a().seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_sent_on() {
    let house = House::one().await;
    let body = Door::Chat.body("alpha", false).to_string();

    for framing in [
        format!("content-length: {}", body.len() + 1),
        "transfer-encoding: chunked".to_owned(),
    ] {
        let mut wire = Wire::to(house.gateway.address).await;
        wire.send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{framing}\r\n\r\n",
            house.key
        ))
        .await;
        wire.send(match framing.contains("chunked") {
            true => format!("{:x}\r\n{body}\r\n", body.len()),
            false => body.clone(),
        })
        .await;
        drop(wire);
    }

    // The next call is served, so what came before it has been dealt with.
    assert_eq!(house.ask_at(Door::Chat, "alpha", false).await.status, 200);
    assert_eq!(
        (house.a().seen().len(), house.records().await.len()),
        (1, 1)
    );
    house.close().await;
}

#[tokio::test]
async fn an_unknown_model_is_told_with_the_nearest_names() {
    let house = House::two().await;

    for door in Door::ALL {
        let heard = house.ask_at(door, "alpah", false).await;

        assert_eq!(heard.status, 404, "{door:?}");
        assert!(
            heard.text().contains("did you mean alpha"),
            "{}",
            heard.text()
        );
        let (kind, code) = door.error(&heard.json());
        match door {
            Door::Messages => assert_eq!(kind, "not_found_error"),
            _ => assert_eq!(code, "model_not_found"),
        }
        assert_eq!(heard.header("x-should-retry"), "false");
    }
    for name in [
        "../../v1/files",
        "http://evil.example/x",
        "a?x=1#",
        "alpha\n",
        "{{7*7}}",
        &"x".repeat(100_000),
    ] {
        let heard = house
            .ask(
                "/v1/chat/completions",
                &json!({"model": name, "messages": []}),
            )
            .await;
        assert_eq!(heard.status, 404, "{name:.40}");
        assert!(heard.body.len() < 1_000);
    }
    assert!(house.a().seen().is_empty() && house.sim("b").seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_431() {
    let house = Plan::one()
        .await
        .with("limits: { header_bytes: 16384 }")
        .start()
        .await;
    let large = format!(
        "GET /v1/models HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    let many: String = (0..150).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("GET /v1/models HTTP/1.1\r\nhost: x\r\n{many}\r\n");

    for text in [large, many] {
        let answer = say(house.gateway.address, text).await;
        assert_eq!(status(&answer), 431, "{answer}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_slow_head_is_closed_and_a_slow_body_is_408() {
    let limits = "limits: { header_read_ms: 200, body_read_ms: 300 }";
    let house = Plan::one().await.with(limits).start().await;

    let silent = Wire::to(house.gateway.address).await.rest().await;
    let mut head = Wire::to(house.gateway.address).await;
    head.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\n").await;
    let head = head.rest().await;
    let mut body = Wire::to(house.gateway.address).await;
    body.send(format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 9\r\n\r\n{{",
        house.key
    ))
    .await;
    let body = body.rest().await;

    assert!(silent.is_empty(), "{silent}");
    assert!(head.is_empty() || status(&head) == 408, "{head}");
    assert_eq!(status(&body), 408, "{body}");
    assert!(
        body.contains("timeout_error") && body.contains("connection: close"),
        "{body}"
    );
    house.close().await;
}

#[tokio::test]
async fn a_slow_head_after_a_first_call_is_closed_too() {
    let house = Plan::one()
        .await
        .with("limits: { header_read_ms: 200 }")
        .start()
        .await;
    let mut wire = Wire::to(house.gateway.address).await;
    wire.send(format!(
        "GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n\r\n",
        house.key
    ))
    .await;
    wire.until("\"alpha\"").await;
    wire.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\n").await;

    let rest = wire.rest().await;

    assert!(!rest.contains(" 200 "), "{rest}");
    house.close().await;
}
