//! From the start to the stop: reloading, draining, other ways to connect, what the operator sees.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tollgate::ledger::State;
use tollgate::sim::{Fault, Profile};

use crate::rig::{Door, Heard, House, Plan, builder, client, until};
use crate::stub::Stub;
use crate::wire::Wire;

const ONLY_BETA: &str = "version: 1\nanswers: [auto]\nmodels: [beta]\n";

async fn model_for_auto(house: &House) -> String {
    let heard = house.ask_at(Door::Chat, "auto", false).await;
    heard.header("x-tollgate-model").to_owned()
}

#[tokio::test]
async fn a_changed_file_is_in_force_within_two_seconds() {
    let house = House::two().await;
    let before = house.gateway.live.snapshot().version.clone();

    std::fs::write(house.file("policies/default.yaml"), ONLY_BETA).expect("a file");
    until("it is read", async || {
        house.gateway.live.snapshot().version != before
    })
    .await;

    assert_eq!(model_for_auto(&house).await, "beta");
    house.close().await;
}

#[tokio::test]
async fn the_operator_reloads_and_sees_the_version() {
    let house = House::two().await;
    let before = house.gateway.live.snapshot().version.clone();
    std::fs::write(house.file("policies/default.yaml"), ONLY_BETA).expect("a file");

    let told = house.admin_post("/admin/v1/reload", &json!({})).await;

    assert_eq!(told.status, 200, "{}", told.text());
    assert_ne!(told.json()["version"], json!(before));
    assert_eq!(model_for_auto(&house).await, "beta");
    let policies = house.admin_get("/admin/v1/policies").await.json();
    assert_eq!(policies["policies"][0]["models"], json!(["beta"]));
    house.close().await;
}

#[tokio::test]
async fn a_file_with_a_mistake_leaves_what_was_in_force_and_names_the_place() {
    let house = House::two().await;
    let before = house.gateway.live.snapshot().version.clone();

    for (name, text, place) in [
        (
            "policies/default.yaml",
            "version: 1\nmodels: [alhpa]\n",
            "policies/default.yaml:2:10:",
        ),
        (
            "policies/default.yaml",
            "version: 1\nmodls: all\n",
            "policies/default.yaml:2:1:",
        ),
        (
            "policies/default.yaml",
            "version: [\n",
            "policies/default.yaml:",
        ),
        (
            "policies/prices.yaml",
            "version: 1\nmodels:\n  alpha-there: { input: -3, output: 1 }\n",
            "policies/prices.yaml:3:25:",
        ),
    ] {
        let good = std::fs::read_to_string(house.file(name)).expect("a file");
        std::fs::write(house.file(name), text).expect("a file");
        let told = house.admin_post("/admin/v1/reload", &json!({})).await;
        std::fs::write(house.file(name), good).expect("a file");

        assert_eq!(
            (told.status, &told.json()["error"]["code"]),
            (422, &json!("invalid_configuration")),
            "{text}"
        );
        assert!(told.text().contains(place), "{text}: {}", told.text());
        assert_eq!(house.gateway.live.snapshot().version, before);
        assert_eq!(model_for_auto(&house).await, "alpha");
    }
    let metrics = house.admin_get("/metrics").await;
    assert!(
        !metrics
            .text()
            .contains("tollgate_reload_total{result=\"failed\"} 0")
    );
    house.close().await;
}

#[tokio::test]
async fn a_call_under_way_keeps_what_it_came_in_under() {
    let profile = Profile {
        per_token: Duration::from_millis(5),
        ..Profile::instant()
    };
    let house = Plan::two_with(profile, "").await.start().await;
    let request = house.post(
        Door::Messages.path(),
        Door::Messages.body("alpha", true).to_string(),
    );
    let under_way = request.send().await.expect("an answer");
    let yaml = std::fs::read_to_string(house.file("tollgate.yaml")).expect("a file");
    let without = yaml
        .lines()
        .filter(|line| !line.contains("alpha"))
        .collect::<Vec<_>>()
        .join("\n");
    std::fs::write(house.file("tollgate.yaml"), without).expect("a file");
    assert_eq!(
        house
            .admin_post("/admin/v1/reload", &json!({}))
            .await
            .status,
        200
    );

    let next = house.ask_at(Door::Messages, "alpha", true).await;
    let under_way = Heard::read(under_way).await;
    house.note(&under_way);

    assert_eq!(next.status, 404);
    assert!(
        Door::Messages.says_complete(under_way.text()),
        "{}",
        under_way.text()
    );
    let states: Vec<_> = house
        .records()
        .await
        .iter()
        .flat_map(|r| &r.attempts)
        .map(|a| a.state)
        .collect();
    assert_eq!(states, [State::Actual]);
    house.close().await;
}

#[tokio::test]
async fn a_stop_lets_streams_run_to_their_end_and_takes_nothing_new() {
    let profile = Profile {
        per_token: Duration::from_millis(10),
        ..Profile::instant()
    };
    let plan = Plan::new().sim("a", profile, "").await;
    let house = plan.model("alpha", "a").start().await;
    let address = house.gateway.address;
    let request = house.post(
        Door::Chat.path(),
        Door::Chat.body("alpha", true).to_string(),
    );
    let under_way = request.send().await.expect("an answer");

    let reading = async {
        until("nobody is let in", async || {
            tokio::net::TcpStream::connect(address).await.is_err()
        })
        .await;
        Heard::read(under_way).await
    };
    let (left, heard) = tokio::join!(house.stop(), reading);
    left.note(&heard);

    assert!(
        heard.whole && heard.text().ends_with("data: [DONE]\n\n"),
        "{}",
        heard.text()
    );
    let records = left.check_books().await;
    assert_eq!(records[0].attempts[0].state, State::Actual);
}

#[tokio::test]
async fn a_stream_beyond_the_grace_ends_with_an_error_event() {
    let profile = Profile {
        per_token: Duration::from_millis(200),
        ..Profile::instant()
    };
    for door in Door::ALL {
        let plan = Plan::new()
            .sim("a", profile.clone(), "")
            .await
            .model("alpha", "a");
        let house = plan.with("grace_ms: 150").start().await;
        let request = house.post(door.path(), door.body("alpha", true).to_string());
        let under_way = request.send().await.expect("an answer");

        let (left, heard) = tokio::join!(house.stop(), Heard::read(under_way));
        left.note(&heard);

        assert!(
            heard.whole && door.errors(&heard) == 1,
            "{door:?}: {}",
            heard.text()
        );
        assert!(!door.says_complete(heard.text()));
        let records = left.check_books().await;
        assert_eq!(records[0].attempts[0].state, State::Estimated, "{door:?}");
        assert_eq!(records[0].error.as_deref(), Some("shutting_down"));
    }
}

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

    for (by, groups) in [
        ("model", 2),
        ("target", 2),
        ("tenant", 1),
        ("key", 1),
        ("day", 1),
        ("task", 1),
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
