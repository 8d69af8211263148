//! `tollgate explain --request`: what would become of a request, told without sending it.

use std::fs::File;

use serde_json::{Value, json};

use crate::rig::{Ended, Gateway, Pair, Site, TOKEN, client, finish};

/// What is restricted stays near; nothing is left to chance.
const POLICY: &str = "version: 1
answers: [auto]
models: all
objective: { explore: 0 }
rules:
  - { name: stays near, when: { data_class: restricted }, only: { hosting: own }, otherwise: refuse }
  - { name: no guests, when: { tenant: guests }, never: [\"*\"] }
";

async fn site() -> (Pair, Site) {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    site.write("policies/default.yaml", POLICY);
    (pair, site)
}

fn body() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "split this function in two"}]})
}

/// Explains the file `request.json`, asking a gateway where one runs.
fn explain(site: &Site, gateway: Option<&Gateway>, more: &[&str]) -> Ended {
    let mut all = vec!["explain", "--request", "request.json"];
    all.extend(more);
    let admin = gateway.map(|it| it.admin.replace("http://", ""));
    if let Some(admin) = &admin {
        all.extend(["--admin-listen", admin]);
    }
    site.run(&all)
}

/// The candidates in the order of their names, with all that was reckoned.
fn candidates(told: &Value) -> Vec<Value> {
    let list = told["explanation"]["candidates"].as_array();
    let mut list = list.expect("candidates").clone();
    list.sort_by_key(|it| it["model"].to_string());
    list
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_decided_alike_with_a_gateway_and_without_and_then_for_real() {
    let (pair, site) = site().await;
    site.write("request.json", &body().to_string());
    let json = ["--format", "json"];

    let alone = explain(&site, None, &json).json();
    assert!(!site.path(".tollgate").exists() && !site.path("store").exists());
    let gateway = site.start().await;
    let asked = explain(&site, Some(&gateway), &json).json();
    let sent = [pair.near.seen().len(), pair.far.seen().len()];
    let records = client().get(format!("{}/admin/v1/requests", gateway.admin));
    let records = records.bearer_auth(TOKEN).send().await.expect("an answer");
    let records: Value =
        serde_json::from_slice(&records.bytes().await.expect("a body")).expect("JSON");
    let made = site.run(&[
        "keys",
        "create",
        "--tenant",
        "core",
        "--name",
        "k",
        "--format",
        "json",
        "--admin-listen",
        &gateway.admin.replace("http://", ""),
    ]);
    let key = made.json()["key"].as_str().expect("a key").to_owned();
    let url = format!("{}/v1/chat/completions", gateway.calls);
    let call = client().post(url).bearer_auth(key).body(body().to_string());
    let answer = call.send().await.expect("an answer");

    assert_eq!(candidates(&alone), candidates(&asked));
    assert_eq!(sent, [0, 0], "nothing is sent");
    assert_eq!(records["requests"], json!([]), "nothing is recorded");
    assert_eq!(
        answer.headers()["x-tollgate-model"],
        asked["model"].as_str().expect("a model")
    );
    assert_eq!(asked["unknown"], json!([]));
    assert!(
        alone["unknown"]
            .as_array()
            .is_some_and(|it| it.contains(&json!("pace")))
    );
    for told in [alone, asked] {
        assert_eq!(
            (&told["endpoint"], &told["endpoint_guessed"]),
            (&json!("chat"), &json!(true))
        );
        assert_eq!(told["explanation"]["facts"]["source"], "net");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_shows_terms_rules_evidence_and_what_is_not_known() {
    let (_pair, site) = site().await;
    let edit = json!({"type": "tool_use", "id": "t0", "name": "Edit",
        "input": {"file_path": "parser.py", "old_string": "a", "new_string": "b"}});
    let call =
        json!({"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "pytest -q"}});
    let failed = "FAILED tests/test_a.py::test_x - AssertionError\n1 failed, 3 passed in 0.12s";
    let request = json!({"model": "auto", "max_tokens": 100, "system": "s", "messages": [
        {"role": "user", "content": "fix the parser"},
        {"role": "assistant", "content": [edit, call]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t0", "content": "The file parser.py has been updated."},
            {"type": "tool_result", "tool_use_id": "t1", "content": failed}]},
    ]});
    site.write("request.json", &request.to_string());

    let table = explain(
        &site,
        None,
        &["--header", "x-tollgate-data-class: restricted"],
    )
    .good();

    for word in [
        "nothing is sent",
        "endpoint  messages (by its looks",
        "unknown   health, load, pace",
        "tests_failed",
        "failure",
        "difficulty",
        "stays near",
        "kept out",
        "no gateway runs here",
    ] {
        assert!(table.contains(word), "{word}:\n{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_read_from_standard_input_and_a_refusal_is_an_answer() {
    let (_pair, site) = site().await;
    site.write("request.json", &body().to_string());
    let mut command = site.command(&[
        "explain",
        "--request",
        "-",
        "--tenant",
        "guests",
        "--format",
        "json",
    ]);
    command.stdin(File::open(site.path("request.json")).expect("the file"));

    let told = finish(command).json();
    let table = explain(&site, None, &["--tenant", "guests"]).good();

    assert_eq!(
        (&told["status"], &told["tenant"]),
        (&json!(422), &json!("guests"))
    );
    let why = told["refused"].as_str().expect("a reason");
    assert!(why.contains("\"no guests\""), "{why}");
    assert!(
        table.contains("refused   422: no model may serve this call"),
        "{table}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_told_alike_from_both_sides() {
    let (_pair, site) = site().await;
    let wrong = [
        ("{\"model\": ", "invalid JSON", vec![]),
        (
            "{\"model\": \"auto\"}",
            "neither \"messages\", \"input\" nor \"prompt\"",
            vec![],
        ),
        ("{\"messages\": []}", "\"model\" is missing", vec![]),
        (
            "{\"model\":\"auto\",\"messages\":[]}",
            "no key \"nobody\"",
            vec!["--key", "nobody"],
        ),
        (
            "{\"model\":\"auto\",\"messages\":[]}",
            "write public",
            vec!["--header", "x-tollgate-data-class: odd"],
        ),
    ];
    let all = |gateway: Option<&Gateway>| {
        wrong.clone().map(|(text, _, more)| {
            site.write("request.json", text);
            explain(&site, gateway, &more)
        })
    };

    let alone = all(None);
    let gateway = site.start().await;
    let asked = all(Some(&gateway));
    let usage = explain(&site, None, &["--endpoint", "gemini"]);
    let both = site.run(&["explain", "some-id", "--request", "request.json"]);

    for (one, other) in alone.iter().zip(&asked) {
        assert_eq!(
            (one.code, &one.err),
            (Some(1), &other.err),
            "{one:?} {other:?}"
        );
        assert_eq!(one.err.trim().lines().count(), 1, "{one:?}");
    }
    for (ended, (_, told, _)) in alone.iter().zip(&wrong) {
        let known =
            ended.err.contains(told) || *told == "invalid JSON" && ended.err.contains("JSON");
        assert!(known, "{told}: {ended:?}");
    }
    assert_eq!((usage.code, both.code), (Some(2), Some(2)));
}
