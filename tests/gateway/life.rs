//! From the start to the stop: reloading, draining, other ways to connect, what the operator sees.

use std::time::Duration;

use serde_json::json;
use tollgate::ledger::State;
use tollgate::sim::Profile;

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan, until};

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
    let plan = Plan::two_with(profile, "").await;
    let house = plan.policy("version: 1\nmodels: all\n").start().await;
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
