//! Ways to connect, limits of connections and calls, what the operator sees.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use tollgate::ledger::State;
use tollgate::sim::Fault;

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan, builder, client, until};
use crate::stub::Stub;
use crate::wire::Wire;

#[tokio::test]
async fn http2_without_tls_works_for_many_streams_on_one_connection() {
    let house = House::one().await;
    let client = builder().http2_prior_knowledge().build().expect("a client");
    let tasks = tokio_util::task::TaskTracker::new();

    let calls: Vec<_> = (0..40)
        .map(|n| {
            let door = Door::ALL[n % 4];
            let request = client
                .post(house.url(door.path()))
                .header("x-api-key", &house.key);
            let request = request.body(door.body("alpha", n % 8 < 4).to_string());
            tasks.spawn(async move { Heard::read(request.send().await.expect("an answer")).await })
        })
        .collect();

    for call in calls {
        let heard = call.await.expect("no panic");
        assert_eq!((heard.status, heard.whole), (200, true));
        house.note(&heard);
    }
    assert_eq!(house.records().await.len(), 40);
    house.close().await;
}

#[tokio::test]
async fn a_stream_that_is_reset_over_http2_cancels_its_target() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_owned();
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let stub = Stub::drip(head, event, Duration::from_millis(5)).await;
    let house = Plan::new()
        .target("a", &stub.url(), "")
        .model("alpha", "a")
        .start()
        .await;
    let client = builder().http2_prior_knowledge().build().expect("a client");
    let request = client
        .post(house.url(Door::Chat.path()))
        .bearer_auth(&house.key);
    let mut response = request
        .body(Door::Chat.body("alpha", true).to_string())
        .send()
        .await
        .expect("an answer");
    response.chunk().await.expect("an event");

    drop(response);

    until("the target is let go", async || stub.hung_up() == 1).await;
    assert_eq!(house.attempt().await.state, State::Estimated);
    house.close().await;
}

#[tokio::test]
async fn tls_works_from_files_with_either_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=tollgate",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output();
    assert!(
        made.is_ok_and(|made| made.status.success()),
        "openssl is needed"
    );
    let files = format!(
        "tls: {{ cert: {}, key: {} }}",
        cert.display(),
        key.display()
    );
    let house = Plan::one().await.with(&files).start().await;
    let pem = std::fs::read(&cert).expect("a file");
    let root = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    let url = format!("https://{}/v1/chat/completions", house.gateway.address);

    for (client, version) in [
        (builder().http1_only(), http::Version::HTTP_11),
        (builder(), http::Version::HTTP_2),
    ] {
        let client = client
            .tls_certs_only([root.clone()])
            .build()
            .expect("a client");
        let request = client.post(&url).bearer_auth(&house.key);
        let response = request
            .body(Door::Chat.body("alpha", true).to_string())
            .send()
            .await
            .expect("an answer");

        assert_eq!(response.version(), version);
        assert!(
            Heard::read(response)
                .await
                .text()
                .ends_with("data: [DONE]\n\n")
        );
    }
    let plain = client().get(house.url("/v1/models")).send().await;
    assert!(plain.is_err());
    house.close().await;
}

/// The sum of a metric over all its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[tokio::test]
async fn the_metrics_tell_what_the_ledger_does() {
    let house = House::two().await;
    house
        .a()
        .script([Fault::None, Fault::status(500), Fault::ResetAfter(5)]);
    for door in Door::ALL {
        house.ask_at(door, "auto", true).await;
    }
    let records = house.records().await;

    let metrics = house.admin_get("/metrics").await;

    let nanos: i64 = records
        .iter()
        .filter_map(|record| record.cost_nano_usd)
        .map(|cost| cost.0)
        .sum();
    let spent = sum(metrics.text(), "tollgate_spend_usd_total{");
    assert!(
        (spent * 1e9 - nanos as f64).abs() < 0.5,
        "{spent} for {nanos}"
    );
    let saved: i64 = records
        .iter()
        .filter_map(|record| record.saved_nano_usd)
        .map(|saved| saved.0)
        .sum();
    let told = sum(metrics.text(), "tollgate_saved_usd_total{");
    assert!(
        (told * 1e9 - saved as f64).abs() < 0.5,
        "{told} for {saved}"
    );
    let tokens: u64 = records
        .iter()
        .flat_map(|r| &r.attempts)
        .map(|a| a.tokens.prompt().0 + a.tokens.output.0)
        .sum();
    let classes = [
        "input",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
        "output",
    ];
    let told: f64 = classes
        .iter()
        .map(|class| {
            let lines = metrics
                .text()
                .lines()
                .filter(|line| line.starts_with("tollgate_tokens_total{"));
            let of_class = lines.filter(|line| line.contains(&format!("class=\"{class}\"")));
            of_class
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum::<f64>()
        })
        .sum();
    assert_eq!(told as u64, tokens);
    assert_eq!(sum(metrics.text(), "tollgate_requests_total{") as u64, 4);
    assert_eq!(sum(metrics.text(), "tollgate_failovers_total{") as u64, 1);
    assert_eq!(sum(metrics.text(), "tollgate_open_holds") as u64, 0);
    house.close().await;
}

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let house = House::one().await;

    for (path, expected) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/other", 404),
    ] {
        let url = format!("http://{}{path}", house.gateway.admin);
        let heard = Heard::read(house.client.get(url).send().await.expect("an answer")).await;
        assert_eq!(heard.status, expected, "{path}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_gateway_with_as_many_calls_as_it_may_have_refuses_at_once() {
    let house = Plan::one()
        .await
        .with("limits: { in_flight: 1 }")
        .start()
        .await;
    house.a().script([Fault::NeverAnswer]);
    let tasks = tokio_util::task::TaskTracker::new();
    let request = house.post(
        Door::Chat.path(),
        Door::Chat.body("alpha", false).to_string(),
    );
    let waiting = tasks.spawn(request.send());
    until("the target has a call", async || {
        house.a().seen().len() == 1
    })
    .await;

    let refused = house.ask_at(Door::Messages, "alpha", false).await;
    waiting.abort();
    until("there is room", async || {
        house.ask_at(Door::Chat, "alpha", false).await.status == 200
    })
    .await;

    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.json()["error"]["type"], "overloaded_error");
    house.close().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let house = Plan::one()
        .await
        .with("limits: { connections: 2 }")
        .start()
        .await;
    let get = "GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut first = Wire::to(house.gateway.address).await;
    let mut second = Wire::to(house.gateway.address).await;
    for wire in [&mut first, &mut second] {
        wire.send(get).await;
        wire.until("missing_api_key").await;
    }
    let mut third = Wire::to(house.gateway.address).await;
    third.send(get).await;

    drop(first);

    third.until("missing_api_key").await;
    house.close().await;
}

#[tokio::test]
async fn what_was_spent_is_on_the_disk_after_a_stop_with_either_durability() {
    for durability in ["crash", "power"] {
        let house = Plan::one()
            .await
            .with(&format!("durability: {durability}"))
            .start()
            .await;
        for door in Door::ALL {
            house.ask_at(door, "alpha", true).await;
            house.ask_at(door, "alpha", false).await;
        }

        let records = house.stop().await.check_books().await;

        assert_eq!(records.len(), 8, "{durability}");
    }
}

#[tokio::test]
async fn spending_is_told_by_group() {
    let house = House::two().await;
    house.ask_at(Door::Chat, "alpha", false).await;
    house.ask_at(Door::Chat, "beta", false).await;
    let records = house.records().await;
    // The net says the same of both, unless it is late for one.
    let tasks: BTreeSet<_> = records.iter().map(|record| record.task).collect();

    for (by, groups) in [
        ("model", 2),
        ("target", 2),
        ("tenant", 1),
        ("key", 1),
        ("day", 1),
        ("task", tasks.len()),
    ] {
        let told = house
            .admin_get(&format!("/admin/v1/spend?by={by}"))
            .await
            .json();
        let rows = told["rows"].as_array().expect("rows");
        let sum: i64 = rows
            .iter()
            .filter_map(|row| row["cost_nano_usd"].as_i64())
            .sum();

        assert_eq!(rows.len(), groups, "{told}");
        assert_eq!(
            sum,
            records
                .iter()
                .filter_map(|r| r.cost_nano_usd)
                .map(|cost| cost.0)
                .sum::<i64>()
        );
    }
    house.close().await;
}
