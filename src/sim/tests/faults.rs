//! What goes wrong goes wrong as scripted, and what was sent and produced is on record.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::*;
use crate::sim::Fault;

#[tokio::test]
async fn a_cut_stream_breaks_and_is_billed_as_far_as_it_went() {
    let sim = sim().await;
    sim.script([
        Fault::ResetAfter(4),
        Fault::CloseAfter(4),
        Fault::HangAfter(4),
        Fault::ResetBeforeAnswer,
    ]);

    let reset = send(&sim, CHAT, &chat(true))
        .await
        .expect("headers")
        .text()
        .await;
    let closed = text(&sim, CHAT, &chat(true)).await;
    let hung = send(&sim, CHAT, &chat(true)).await.expect("headers");
    let hung = tokio::time::timeout(Duration::from_millis(100), hung.text()).await;
    let refused = send(&sim, CHAT, &chat(true)).await;

    assert!(reset.is_err() && hung.is_err() && refused.is_err());
    assert_eq!(events(&closed).len(), 4);
    let bill = sim.bill();
    assert_eq!(bill.len(), 3);
    // The first event only opens the message.
    assert!(
        bill.iter()
            .all(|line| line.produced_output == 3 && !line.finished)
    );
}

#[tokio::test]
async fn errors_come_in_the_stream_of_each_dialect() {
    let sim = sim().await;
    sim.script([
        Fault::ErrorEventAfter(3),
        Fault::ErrorEventAfter(3),
        Fault::ErrorEventFirst,
    ]);
    let responses = json!({"model": "m", "stream": true, "input": "hi"});
    let messages = json!({"model": "m", "max_tokens": 50, "stream": true, "messages": [{"role": "user", "content": "hi"}]});

    let chats = events(&text(&sim, CHAT, &chat(true)).await);
    let failed = events(&text(&sim, RESPONSES, &responses).await);
    let first = events(&text(&sim, MESSAGES, &messages).await);

    assert_eq!(
        (chats.len(), &chats[3]["error"]["type"]),
        (4, &json!("server_error"))
    );
    assert_eq!(
        (&failed[3]["type"], &failed[4]["type"]),
        (&json!("error"), &json!("response.failed"))
    );
    assert_eq!(
        (
            &failed[4]["sequence_number"],
            &failed[4]["response"]["status"]
        ),
        (&json!(4), &json!("failed"))
    );
    assert_eq!(
        (first.len(), &first[0]["error"]["type"]),
        (1, &json!("overloaded_error"))
    );
    assert_eq!(sim.bill().len(), 2);
}

#[tokio::test]
async fn answers_that_are_no_answers() {
    let sim = sim().await;
    sim.script([
        Fault::retry_after(429, "5"),
        Fault::Redirect("http://127.0.0.1:1/".to_owned()),
        Fault::HtmlBody,
        Fault::EmptyBody,
        Fault::ErrorIn200,
        Fault::BadJson,
        Fault::None,
    ]);

    let limited = send(&sim, CHAT, &chat(false)).await.expect("an answer");
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"5".parse().expect("a value"))
    );
    let moved = send(&sim, CHAT, &chat(false)).await.expect("an answer");
    assert_eq!(moved.status().as_u16(), 307);
    assert!(
        text(&sim, CHAT, &chat(false))
            .await
            .starts_with("<!doctype html>")
    );
    assert_eq!(text(&sim, CHAT, &chat(false)).await, "");
    assert!(json_of(&sim, CHAT, &chat(false)).await["error"].is_object());
    assert!(serde_json::from_str::<Value>(&text(&sim, CHAT, &chat(false)).await).is_err());
    assert!(json_of(&sim, CHAT, &chat(false)).await["choices"].is_array());
}

#[tokio::test]
async fn usage_can_be_missing_or_impossible() {
    let sim = sim().await;
    sim.script([Fault::NoUsage, Fault::NegativeUsage, Fault::AbsurdUsage]);

    let usage =
        async || json_of(&sim, CHAT, &chat(false)).await["usage"]["completion_tokens"].as_i64();

    assert_eq!(usage().await, None);
    assert!(usage().await.is_some_and(|tokens| tokens < 0));
    assert!(usage().await.is_some_and(|tokens| tokens > 1_000_000_000));
    assert!(
        sim.bill()
            .iter()
            .all(|line| (20..=200).contains(&line.usage.output.0))
    );
}

#[tokio::test]
async fn odd_streams_keep_their_sense() {
    let sim = sim().await;
    let plain = events(&text(&sim, CHAT, &chat(true)).await);
    sim.script([
        Fault::SplitBytes,
        Fault::MissingDone,
        Fault::UnknownEvents,
        Fault::HugeLine(200_000),
        Fault::JsonForStream,
    ]);

    let split = events(&text(&sim, CHAT, &chat(true)).await);
    let undone = events(&text(&sim, CHAT, &chat(true)).await);
    let unknown = events(&text(&sim, CHAT, &chat(true)).await);
    let huge = text(&sim, CHAT, &chat(true)).await;
    let whole = json_of(&sim, CHAT, &chat(true)).await;

    assert_eq!(split.len(), plain.len());
    assert_eq!(undone.len(), plain.len() - 1);
    assert_eq!(
        (unknown.len(), unknown[0]["x_future"].is_object()),
        (plain.len() + 1, true)
    );
    assert!(huge.lines().any(|line| line.len() > 200_000));
    assert!(whole["choices"].is_array());
}

#[tokio::test]
async fn silence_is_silent_and_slow_is_slow() {
    let sim = sim().await;
    sim.script([
        Fault::NeverAnswer,
        Fault::SilenceAfterHeaders,
        Fault::Slow(Duration::from_millis(5)),
    ]);
    let moment = Duration::from_millis(50);

    let never = tokio::time::timeout(moment, send(&sim, CHAT, &chat(true))).await;
    let headers = send(&sim, CHAT, &chat(true)).await.expect("headers");
    let nothing = tokio::time::timeout(moment, headers.text()).await;
    let begun = tokio::time::Instant::now();
    let slow = text(&sim, CHAT, &chat(true)).await;

    assert!(never.is_err() && nothing.is_err());
    assert!(begun.elapsed() >= Duration::from_millis(5 * events(&slow).len() as u64 - 5));
}

#[tokio::test]
async fn what_was_sent_is_kept_to_the_byte_and_told_over_http() {
    let sim = sim().await;
    let url = format!("http://{}", sim.addr());
    let script = client()
        .post(format!("{url}/sim/script"))
        .body(r#"[{"status": {"code": 503}}, "none"]"#);
    script
        .send()
        .await
        .expect("an answer")
        .error_for_status()
        .expect("a script");

    let refused = send(&sim, "/v1/chat/completions?beta=true", &chat(false))
        .await
        .expect("an answer");
    json_of(&sim, CHAT, &chat(false)).await;
    let bill = client()
        .get(format!("{url}/sim/bill"))
        .send()
        .await
        .expect("an answer")
        .text()
        .await;

    let bill: Value = serde_json::from_str(&bill.expect("a body")).expect("JSON");
    let seen = sim.seen();
    assert_eq!((refused.status().as_u16(), seen.len()), (503, 2));
    assert_eq!(
        (seen[0].path.as_str(), &seen[0].body),
        (
            "/v1/chat/completions?beta=true",
            &Bytes::from(chat(false).to_string())
        )
    );
    assert_eq!(seen[1].header("x-tollgate-attempt-id"), Some("att_1"));
    assert_eq!(
        (&bill[0]["attempt"], &bill[0]["finished"]),
        (&json!("att_1"), &json!(true))
    );
    sim.stop().await;
    assert!(client().get(url).send().await.is_err());
}

#[tokio::test]
async fn a_caller_that_hangs_up_stops_the_count() {
    let profile = Profile {
        per_token: Duration::from_millis(10),
        ..Profile::instant()
    };
    let sim = Sim::start(profile).await.expect("a port");

    let answer = send(&sim, CHAT, &chat(true)).await.expect("headers");
    let mut body = reqwest::Body::from(answer);
    let first = body.frame().await;
    drop(body);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let then = sim.bill()[0].produced_output;
    tokio::time::sleep(Duration::from_millis(100)).await;

    assert!(first.is_some());
    assert_eq!(
        (sim.bill()[0].produced_output, sim.bill()[0].finished),
        (then, false)
    );
}

#[tokio::test]
async fn http2_without_tls_is_spoken_too() {
    // The client wants one, though it never speaks TLS here. Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sim = sim().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    let url = format!("http://{}{CHAT}", sim.addr());
    sim.script([Fault::None, Fault::ResetAfter(3)]);

    let whole = client
        .post(&url)
        .body(chat(true).to_string())
        .send()
        .await
        .expect("an answer");
    let version = whole.version();
    let whole = whole.text().await.expect("a body");
    let reset = client
        .post(&url)
        .body(chat(true).to_string())
        .send()
        .await
        .expect("headers")
        .text()
        .await;

    assert_eq!(
        (version, whole.ends_with("[DONE]\n\n")),
        (reqwest::Version::HTTP_2, true)
    );
    assert!(reset.is_err());
}

#[test]
fn a_script_is_read_from_json() {
    let script = r#"["none", {"status": {"code": 429, "retry_after": "5"}}, {"slow": 50}, {"redirect": "http://x/"}, {"hang_after": 3}]"#;

    let faults: Vec<Fault> = serde_json::from_str(script).expect("faults");

    let slow = Fault::Slow(Duration::from_millis(50));
    let redirect = Fault::Redirect("http://x/".to_owned());
    assert_eq!(
        faults,
        [
            Fault::None,
            Fault::retry_after(429, "5"),
            slow,
            redirect,
            Fault::HangAfter(3)
        ]
    );
}
