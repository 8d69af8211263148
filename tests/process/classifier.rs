//! The classifier of a gateway that runs, and the command that asks it: what is wrong with one is told, and never used.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tollgate::domain::dialect::Dialect;

use crate::caller::{Call, key};
use crate::rig::{Ended, Gateway, Pair, Site, client, finish, until};

/// Copies the classifier that ships into the site's folder `mine`.
fn copy(site: &Site) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("classifiers/coding-v1");
    fs::create_dir_all(site.path("mine")).expect("a folder");
    for file in fs::read_dir(shipped).expect("there") {
        let file = file.expect("a file");
        fs::copy(file.path(), site.path("mine").join(file.file_name())).expect("copied");
    }
}

fn name(site: &Site, name: &str) {
    let file = site.path("mine/manifest.json");
    let text = fs::read(&file).expect("there");
    let mut manifest: Value = serde_json::from_slice(&text).expect("JSON");
    manifest["name"] = name.into();
    fs::write(file, manifest.to_string()).expect("written");
}

/// Cuts the weights short.
fn cut(site: &Site) {
    let file = site.path("mine/weights.safetensors");
    let bytes = fs::read(&file).expect("there");
    fs::write(file, &bytes[..bytes.len() / 2]).expect("written");
}

async fn running(gateway: &Gateway) -> String {
    let policies = gateway.ask("/policies").await;
    let id = policies["classifier"]["id"].as_str();
    id.unwrap_or("none").to_owned()
}

#[tokio::test]
async fn a_classifier_that_is_cut_short_is_told_at_its_line_before_anything_starts() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "classifier: mine");
    copy(&site);
    assert_eq!(site.run(&["check"]).code, Some(0));
    cut(&site);

    for command in ["serve", "check"] {
        let ended = site.run(&[command]);

        assert_eq!(ended.code, Some(1), "{ended:?}");
        for word in [
            "tollgate.yaml:",
            ":13: classifier: mine/weights.safetensors is cut short: ",
            "; copy the whole folder again",
        ] {
            assert!(ended.err.contains(word), "no {word:?} in {ended:?}");
        }
        assert!(!ended.err.contains("panicked"), "{ended:?}");
    }
    assert!(!site.path("store").exists());
    let mut command = site.command(&["check"]);
    command.env("TOLLGATE_CLASSIFIER", "nowhere");
    let ended = finish(command);
    let told = "TOLLGATE_CLASSIFIER: classifier: there is no folder nowhere";
    assert!(ended.err.contains(told), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classifier_that_is_spoilt_later_is_told_and_the_running_one_stays() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "classifier: mine");
    copy(&site);
    name(&site, "mine");
    let gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let before = running(&gateway).await;
    assert!(before.starts_with("mine@") && gateway.said().contains(&before));

    cut(&site);
    name(&site, "spoilt");
    until("a word in the log", async || {
        gateway
            .log()
            .contains("weights.safetensors is cut short")
            .then_some(())
    })
    .await;
    let failed = r#"tollgate_reload_total{result="failed"}"#;
    until("a count", async || {
        gateway.metric(failed).await.filter(|n| *n >= 1.0)
    })
    .await;
    let call = Call::new(Dialect::Chat, false, "Fix the loop.");
    let got = call.make(&client(), &gateway.calls, &key).await;
    assert!(got.whole && got.status == 200, "{got:?}");
    assert_eq!(running(&gateway).await, before);
    copy(&site);
    name(&site, "mended");

    until("the new one", async || {
        let id = running(&gateway).await;
        id.starts_with("mended@").then_some(())
    })
    .await;
}

fn classify(site: &Site, arguments: &[&str]) -> Ended {
    let mut all = vec!["classify", "--format", "json"];
    all.extend(arguments);
    site.run(&all)
}

#[test]
fn a_text_is_classified_wherever_it_comes_from() {
    let site = Site::empty();
    let words = "Fix the failing test in parser.rs";
    let wrapped = json!({"model": "m", "max_tokens": 7, "messages": [
        {"role": "user", "content": [{"type": "text", "text": words}]}]});
    site.write("request.json", &wrapped.to_string());
    site.write("words.txt", words);

    let text = classify(&site, &["--text", words]).json();
    let request = ["--request", "request.json", "--dialect", "messages"];
    let request = classify(&site, &request).json();
    let mut piped = site.command(&["classify", "--format", "json"]);
    let input = fs::File::open(site.path("words.txt")).expect("there");
    piped.stdin(Stdio::from(input));
    let piped = finish(piped).json();
    let table = site.run(&["classify", "--text", words]).good();

    assert_eq!(text["source"], "net");
    assert_eq!(text["window_bytes"], words.len());
    for part in [
        "confidence",
        "second_at_most",
        "difficulty",
        "spread",
        "microseconds",
    ] {
        assert!(text[part].is_number(), "{part}: {text}");
    }
    assert!(text["counted"].as_array().is_some_and(|it| !it.is_empty()));
    for part in [
        "task",
        "second",
        "difficulty",
        "output",
        "language",
        "classifier",
    ] {
        assert_eq!(text[part], piped[part], "{part}");
    }
    assert!(request["output_high"].as_u64() <= Some(7), "{request}");
    for word in ["task", "difficulty", "one in ten above", "what counted"] {
        assert!(table.contains(word), "no {word:?} in {table}");
    }
}

#[test]
fn another_classifier_is_asked_where_one_is_named() {
    let site = Site::empty();
    copy(&site);
    name(&site, "mine");
    site.write("tollgate.yaml", "classifier: none\n");

    let named = classify(&site, &["--text", "x", "--classifier", "mine"]).json();
    let none = classify(&site, &["--text", "fix it"]).json();
    let shape = classify(&site, &["--text", "fn a(", "--dialect", "completions"]).json();

    assert!(
        named["classifier"]
            .as_str()
            .is_some_and(|it| it.starts_with("mine@"))
    );
    assert_eq!(
        (&none["source"], &none["task"]),
        (&json!("heuristic"), &json!("fix"))
    );
    assert_eq!(
        (&shape["source"], &shape["task"]),
        (&json!("shape"), &json!("complete"))
    );
}

#[test]
fn what_cannot_be_classified_is_told() {
    let site = Site::empty();
    site.write("request.json", "{\"messages\": []}");
    let told = |arguments: &[&str], code: i32, words: &str| {
        let ended = classify(&site, arguments);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.err.contains(words), "{ended:?}");
    };

    told(
        &["--text", "x", "--classifier", "nowhere"],
        1,
        "no folder nowhere; name",
    );
    told(
        &["--request", "nothing.json"],
        1,
        "nothing.json cannot be read",
    );
    told(&["--request", "request.json"], 1, "\"model\" is missing");
    told(
        &["--text", "x", "--dialect", "smoke"],
        2,
        "write chat, responses",
    );
    told(
        &["--text", "x", "--request", "request.json"],
        2,
        "cannot be used with",
    );
    assert_eq!(classify(&site, &["--text", ""]).code, Some(0));
}

/// Pieces of work of which every other one fails, after its tests failed.
fn work() -> String {
    let row = |number: u32| {
        let failed = u32::from(number.is_multiple_of(2));
        json!({
            "work": format!("w{number}"), "prior": { "mean": 0.0, "variance": 0.5 }, "task": "fix", "model": "base1",
            "ability": { "mean": 0.0, "variance": 0.2 }, "signs": { "tests_failed": failed }, "passed": failed == 0,
        })
    };
    (0..200)
        .map(|number| row(number).to_string() + "\n")
        .collect()
}

#[tokio::test]
async fn what_signs_weigh_is_fitted_and_checked_like_the_rest_of_a_classifier() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "classifier: mine");
    fs::write(site.path("rows.jsonl"), work()).expect("written");

    let made = site.run(&["train", "--evidence", "rows.jsonl", "--out", "mine"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let good = site.run(&["check"]);
    let nothing = site.run(&["train", "--recorded", "--out", "none"]);
    let weights = fs::read_to_string(site.path("mine/evidence.json")).expect("there");
    let report = fs::read_to_string(site.path("mine/evidence.md")).expect("there");
    fs::write(
        site.path("mine/evidence.json"),
        weights.replace("1.6", "2.6"),
    )
    .expect("written");
    let doctored = site.run(&["check"]);

    assert_eq!(good.code, Some(0), "{good:?}");
    let read: Value = serde_json::from_str(&weights).expect("JSON");
    // By hand it is 0.2, and this is far more.
    let mean = read["signs"]["tests_failed"]["mean"].as_f64();
    assert!(mean.is_some_and(|mean| mean > 0.6), "{weights}");
    assert!(report.contains("200 pieces of work"), "{report}");
    assert_eq!(doctored.code, Some(1), "{doctored:?}");
    assert!(doctored.err.contains("mine/evidence.json"), "{doctored:?}");
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.err.contains("50 are needed"), "{nothing:?}");
}

/// A conversation that has come so far: after an edit its tests fail, then they pass.
fn conversation(turns: usize) -> Value {
    let call = |id: &str, name: &str, arguments: Value| {
        let function = json!({ "name": name, "arguments": arguments.to_string() });
        json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": id, "type": "function", "function": function }] })
    };
    let edit = json!({ "path": "parser.py", "old_string": "a", "new_string": "b" });
    let test = json!({ "command": "pytest -q" });
    let result =
        |id: &str, text: &str| json!({ "role": "tool", "tool_call_id": id, "content": text });
    let failed = "FAILED tests/test_a.py::test_b - assert 1 == 2\n1 failed, 2 passed in 0.12s";
    let all = [
        json!({ "role": "user", "content": "Fix the failing test of the parser." }),
        call("c0", "edit", edit),
        result("c0", "parser.py was changed"),
        call("c1", "bash", test.clone()),
        result("c1", failed),
        call("c2", "bash", test),
        result("c2", "3 passed in 0.12s"),
    ];
    let tool = json!({ "type": "function", "function": { "name": "bash", "parameters": { "type": "object" } } });
    json!({ "model": "small", "messages": all[..if turns == 0 { 1 } else { 3 + 2 * turns }], "tools": [tool] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_conversations_become_rows_alike_from_both_sides() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "classifier: none");
    let mut gateway = site.start().await;
    let key = key(&gateway, "core").await;
    for turns in 0..3 {
        let answer = client()
            .post(format!("{}/v1/chat/completions", gateway.calls))
            .bearer_auth(&key)
            .header("content-type", "application/json")
            .body(conversation(turns).to_string());
        let answer = answer.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("to its end");
    }
    until("the record of all", async || {
        let page = gateway.ask("/requests").await;
        let calls = page["requests"].as_array().into_iter().flatten();
        (calls.filter(|call| call["status"] == 200).count() == 3).then_some(())
    })
    .await;
    let admin = gateway.admin.trim_start_matches("http://").to_owned();
    let rows = |file: &str| {
        let told = [
            "--recorded",
            "--write-rows",
            file,
            "--out",
            "new",
            "--admin-listen",
            &admin,
        ];
        let ended = site.run(&[&["train"], &told[..]].concat());
        assert!(
            ended.err.contains("1 pieces of work have a known end"),
            "{ended:?}"
        );
        fs::read_to_string(site.path(file)).expect("written")
    };

    let there = rows("there.jsonl");
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    let here = rows("here.jsonl");

    assert_eq!(there, here);
    let rows: Vec<Value> = (here.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [first, second] = rows.as_slice() else {
        unreachable!("two: {here}")
    };
    assert_eq!(
        (&first["passed"], &second["passed"]),
        (&true.into(), &true.into())
    );
    assert_eq!(
        (&first["signs"], &second["signs"]),
        (&json!({}), &json!({ "tests_failed": 1 }))
    );
    assert!(!site.path("new").exists());
}
