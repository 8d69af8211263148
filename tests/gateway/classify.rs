//! What a call is: who said so, what is written down of it, and how another classifier takes over.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::calls::Door;
use crate::rig::{House, Plan, until};

/// A copy of the classifier that ships, under a name of its own.
struct Copied {
    place: TempDir,
}

impl Copied {
    fn new(name: &str) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("classifiers/coding-v1");
        for file in std::fs::read_dir(shipped).expect("there") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), place.path().join(file.file_name())).expect("copied");
        }
        let copied = Self { place };
        copied.rename(name);
        copied
    }

    /// Another name makes another classifier of it.
    fn rename(&self, name: &str) {
        let file = self.place.path().join("manifest.json");
        let text = std::fs::read(&file).expect("there");
        let mut manifest: Value = serde_json::from_slice(&text).expect("JSON");
        manifest["name"] = name.into();
        let next = file.with_extension("next");
        std::fs::write(&next, manifest.to_string()).expect("written");
        std::fs::rename(next, file).expect("renamed");
    }

    fn line(&self) -> String {
        format!("classifier: {}", self.place.path().display())
    }
}

/// Asks at a door; what the decision knew of the call.
async fn facts(house: &House, door: Door, body: &Value) -> Value {
    let heard = house.ask(door.path(), body).await;
    // What a target finds too long was classified all the same.
    let too_long = heard.status == 400 && heard.text().contains("context_length_exceeded");
    assert!(heard.status == 200 || too_long, "{}", heard.text());
    let path = format!("/admin/v1/requests/{}", heard.request_id());
    let mut found = Value::Null;
    until("the call is in the ledger", async || {
        let record = house.admin_get(&path).await.json();
        found = record["explanation"]["facts"].clone();
        found.is_object()
    })
    .await;
    found
}

fn says(text: &str) -> Value {
    json!({"model": "alpha", "messages": [{"role": "user", "content": text}]})
}

/// Asks with words that nobody has used before until the net is not late: the machine may be busy. What it was asked.
async fn by_net(house: &House) -> (Value, Value) {
    let mut asked = 0;
    let mut found = (Value::Null, Value::Null);
    until("the net answers in time", async || {
        asked += 1;
        let body = says(&format!("Fix the loop, attempt {asked}"));
        let facts = facts(house, Door::Chat, &body).await;
        found = (body, facts);
        found.1["source"] == "net"
    })
    .await;
    found
}

#[tokio::test]
async fn the_record_says_who_said_what_a_call_is() {
    let house = House::one().await;

    let (body, by_net) = by_net(&house).await;
    let remembered = facts(&house, Door::Chat, &body).await;
    let plain = facts(
        &house,
        Door::Completions,
        &Door::Completions.body("alpha", false),
    )
    .await;

    let running = house.admin_get("/admin/v1/policies").await.json();
    let id = &running["classifier"]["id"];
    assert_eq!(running["classifier"]["built_in"], true);
    assert!(id.as_str().is_some_and(|it| it.starts_with("coding-v1")));
    assert_eq!(by_net["classifier"], *id);
    for part in ["task", "second", "language"] {
        assert!(by_net["class"][part].is_string(), "{by_net}");
    }
    for part in [
        "confidence",
        "difficulty",
        "variance",
        "output",
        "output_low",
        "output_high",
    ] {
        assert!(by_net["class"][part].is_number(), "{by_net}");
    }
    assert_eq!(remembered["source"], "memory");
    assert_eq!(remembered["classifier"], *id);
    assert_eq!(remembered["class"], by_net["class"]);
    assert_eq!(plain["source"], "shape");
    assert_eq!(plain["class"]["task"], "complete");
    assert_eq!(plain["classifier"], Value::Null);
    house.close().await;
}

#[tokio::test]
async fn what_is_remembered_is_bounded_by_what_the_call_allows() {
    let house = House::one().await;

    let (mut body, _) = by_net(&house).await;
    body["max_tokens"] = json!(3);
    let remembered = facts(&house, Door::Chat, &body).await;

    assert_eq!(remembered["source"], "memory");
    for part in ["output", "output_low", "output_high"] {
        assert!(
            remembered["class"][part].as_u64() <= Some(3),
            "{remembered}"
        );
    }
    house.close().await;
}

#[tokio::test]
async fn without_a_classifier_the_heuristic_speaks() {
    let house = Plan::one().await.with("classifier: none").start().await;

    let facts = facts(&house, Door::Chat, &says("Fix the failing test")).await;

    assert_eq!(
        (&facts["source"], &facts["task"], &facts["classifier"]),
        (&json!("heuristic"), &json!("fix"), &Value::Null)
    );
    let running = house.admin_get("/admin/v1/policies").await.json();
    assert_eq!(running["classifier"], Value::Null);
    let metrics = house.admin_get("/metrics").await;
    for reason in ["late", "full", "dead", "failed"] {
        let none = format!("tollgate_classifier_fallback_total{{reason=\"{reason}\"}} 0");
        assert!(metrics.text().contains(&none), "nothing failed");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_classifier_takes_over_under_load_and_no_call_fails() {
    let copied = Copied::new("first");
    let house = Plan::one().await.with(&copied.line()).start().await;
    let running = || house.gateway.live.snapshot().classifier_id().to_owned();
    let mut ids = BTreeSet::from([running()]);

    let load = async {
        let callers = (0..4).map(async |caller| {
            let mut seen = Vec::new();
            for call in 0..30 {
                let body = says(&format!("caller {caller}, call {call}"));
                seen.push(facts(&house, Door::Chat, &body).await);
            }
            seen
        });
        let mut all = Vec::new();
        let [a, b, c, d]: [_; 4] = callers.collect::<Vec<_>>().try_into().ok().expect("four");
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        for seen in [a, b, c, d] {
            all.extend(seen);
        }
        all
    };
    let swaps = async {
        for name in ["second", "third", "fourth"] {
            let before = running();
            copied.rename(name);
            // Nobody says so: the changed manifest is seen.
            until("it has taken over", async || running() != before).await;
            ids.insert(running());
        }
    };
    let (seen, ()) = tokio::join!(load, swaps);

    assert_eq!(ids.len(), 4);
    for facts in seen {
        match facts["source"].as_str().expect("a source") {
            "net" | "memory" => {
                let by = facts["classifier"].as_str().expect("a name");
                assert!(ids.contains(by), "{by}");
            }
            other => assert_eq!(other, "heuristic"),
        }
    }
    let (_, last) = by_net(&house).await;
    assert_eq!(last["classifier"], json!(running()));
    assert!(running().starts_with("fourth@"));
    house.close().await;
}

#[tokio::test]
async fn odd_words_are_classified_like_any_others() {
    let house = House::one().await;
    let binary: String = (0..4_096_u32)
        .filter_map(|at| char::from_u32(at.wrapping_mul(2_654_435_761) % 0x300))
        .collect();
    // A letter of every block of 64 that has one.
    let scripts: String = (0..0x11_0000_u32)
        .step_by(64)
        .filter_map(char::from_u32)
        .flat_map(|c| [c, ' '])
        .collect();

    for text in [
        String::new(),
        " \n\t ".to_owned(),
        "\u{0}\u{feff}\u{202e}\u{fffd}".to_owned(),
        binary,
        scripts,
        "x".repeat(100_000),
        "e\u{301}".repeat(20_000),
        "🙂👩\u{200d}👩\u{200d}👧".repeat(5_000),
        "Fix it. ".repeat(10 * 1024 * 1024 / 8),
    ] {
        let facts = facts(&house, Door::Chat, &says(&text)).await;

        let source = facts["source"].as_str().expect("a source");
        assert!(["net", "memory", "heuristic"].contains(&source), "{facts}");
        assert!(facts["class"]["difficulty"].is_number(), "{facts}");
    }
    let metrics = house.admin_get("/metrics").await;
    let failed = "tollgate_classifier_fallback_total{reason=\"failed\"} 0";
    assert!(metrics.text().contains(failed));
    house.close().await;
}
