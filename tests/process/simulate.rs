//! Policies tried on a log: those that ruled choose as they did, to the last billionth of a dollar; others as a gateway chooses
//! that they rule.

use serde_json::{Value, json};

use crate::rig::{Ended, Gateway, Pair, Site, TOKEN, client, until};

/// What the first gateway is ruled by.
const HOME: &str = "version: 1
answers: [auto, \"claude-*\"]
models: [small, large]
rules:
  - { name: at home, prefer: [small] }
";

/// What is tried.
const AWAY: &str = "version: 1
answers: [auto, \"claude-*\"]
models: [small, large]
rules:
  - { name: away, when: { not: { tag: { job: nightly } } }, prefer: [large], final: true }
  - { name: at home, prefer: [small] }
";

async fn made(gateway: &Gateway, key: Value) -> String {
    let asked = client()
        .post(format!("{}/admin/v1/keys", gateway.admin))
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(key.to_string());
    let text = asked.send().await.expect("an answer").text().await;
    let made: Value = serde_json::from_str(&text.expect("a text")).expect("JSON");
    made["key"].as_str().expect("a key").to_owned()
}

async fn reload(gateway: &Gateway) {
    let asked = client().post(format!("{}/admin/v1/reload", gateway.admin));
    let answer = asked.bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

/// A call: where, what, and headers.
type Ask = (&'static str, Value, Vec<(&'static str, &'static str)>);

fn talk(turns: &[(&str, &str)]) -> Value {
    let turns = turns
        .iter()
        .map(|(role, text)| json!({"role": role, "content": text}));
    turns.collect()
}

/// Calls of every kind, with the key's number.
fn calls() -> Vec<(usize, Ask)> {
    const CHAT: &str = "/v1/chat/completions";
    let auto = |messages: Value| json!({"model": "auto", "messages": messages});
    let tools = json!([{"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}]);
    let with_tools =
        |messages: Value| json!({"model": "auto", "messages": messages, "tools": tools});
    let session = ("x-tollgate-session", "s1");
    let first = json!({"role": "user", "content": "Fix the failing test in src/a.rs"});
    let called = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{\"command\":\"pytest -q\"}"}}]});
    let result =
        json!({"role": "tool", "tool_call_id": "c1", "content": "2 failed, 3 passed in 0.2s"});
    let image = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}]);
    vec![
        (0, (CHAT, auto(talk(&[("user", "Say hello")])), vec![])),
        (0, (CHAT, with_tools(json!([first])), vec![session])),
        (
            0,
            (
                CHAT,
                with_tools(json!([first, called, result])),
                vec![session],
            ),
        ),
        (
            0,
            (
                CHAT,
                auto(talk(&[
                    ("user", "a"),
                    ("assistant", "b"),
                    ("user", "still broken"),
                ])),
                vec![session],
            ),
        ),
        (
            0,
            (
                CHAT,
                auto(talk(&[("user", "nightly")])),
                vec![("x-tollgate-tags", "job=nightly")],
            ),
        ),
        (0, (CHAT, auto(image), vec![])),
        (
            0,
            (
                CHAT,
                json!({"model": "large", "messages": talk(&[("user", "by name")])}),
                vec![],
            ),
        ),
        (
            0,
            (
                CHAT,
                json!({"model": "lagre", "messages": talk(&[("user", "no such")])}),
                vec![],
            ),
        ),
        (
            0,
            (
                "/v1/completions",
                json!({"model": "auto", "prompt": "fn add(", "suffix": ")", "max_tokens": 9}),
                vec![],
            ),
        ),
        (
            0,
            (
                "/v1/messages",
                json!({"model": "claude-x", "max_tokens": 50, "messages": talk(&[("user", "Explain this")])}),
                vec![],
            ),
        ),
        (
            1,
            (
                CHAT,
                auto(talk(&[("user", "forced")])),
                vec![("x-tollgate-model", "large")],
            ),
        ),
        (
            1,
            (
                CHAT,
                auto(talk(&[("user", "forced home")])),
                vec![("x-tollgate-model", "small")],
            ),
        ),
        (
            2,
            (CHAT, auto(talk(&[("user", "of a narrow key")])), vec![]),
        ),
        (
            2,
            (
                CHAT,
                json!({"model": "large", "messages": talk(&[("user", "not mine")])}),
                vec![],
            ),
        ),
        (
            3,
            (
                "/v1/messages",
                json!({"model": "auto", "max_tokens": 9, "messages": talk(&[("user", "wrong door")])}),
                vec![],
            ),
        ),
    ]
}

async fn keys(gateway: &Gateway) -> Vec<String> {
    let wanted = [
        json!({"tenant": "core", "name": "plain"}),
        json!({"tenant": "web", "name": "forcing", "force": true}),
        json!({"tenant": "web", "name": "narrow", "models": ["sm*"]}),
        json!({"tenant": "web", "name": "chat", "dialects": ["chat"]}),
    ];
    let mut keys = Vec::new();
    for key in wanted {
        keys.push(made(gateway, key).await);
    }
    keys
}

/// Makes the calls, one after the other; their ids.
async fn make(gateway: &Gateway, keys: &[String], calls: Vec<(usize, Ask)>) -> Vec<String> {
    let mut ids = Vec::new();
    for (key, (path, body, headers)) in calls {
        let asked = client()
            .post(format!("{}{path}", gateway.calls))
            .bearer_auth(&keys[key])
            .header("content-type", "application/json")
            .header("anthropic-version", "2023-06-01")
            .body(body.to_string());
        let asked = headers
            .iter()
            .fold(asked, |asked, (name, value)| asked.header(*name, *value));
        let answer = asked.send().await.expect("an answer");
        let id = answer.headers()["x-tollgate-request-id"].to_str();
        ids.push(id.expect("a text").to_owned());
        answer.bytes().await.expect("a whole answer");
    }
    until("all calls have ended", async || {
        let page = gateway.ask("/requests?limit=1000").await;
        let requests = page["requests"].as_array().expect("a list");
        let ended = requests.iter().filter(|it| it["status"].is_u64()).count();
        (ended >= ids.len()).then_some(())
    })
    .await;
    ids
}

/// The model that a call's decision put first; none where no model may answer.
async fn chosen(gateway: &Gateway, id: &str) -> Option<String> {
    let record = gateway.ask(&format!("/requests/{id}")).await;
    let first = &record["explanation"]["candidates"][0]["model"];
    first.as_str().map(str::to_owned)
}

fn simulate(site: &Site, gateway: Option<&Gateway>, policy: &str) -> Ended {
    let admin = gateway.map(|it| it.admin.replace("http://", ""));
    let mut arguments = vec![
        "simulate", "--policy", policy, "--since", "1d", "--format", "json",
    ];
    if let Some(admin) = &admin {
        arguments.extend(["--admin-listen", admin]);
    }
    site.run(&arguments)
}

/// What of a report does not depend on when it was asked for.
fn lasting(mut report: Value) -> Value {
    report["since"] = Value::Null;
    report["until"] = Value::Null;
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_tried_on_the_log() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    site.write("policies/default.yaml", HOME);
    site.write("tried/default.yaml", AWAY);
    let mut gateway = site.start().await;
    let of_home = keys(&gateway).await;
    let ids = make(&gateway, &of_home, calls()).await;
    // Policies that came and went: each call is decided by those of its time.
    site.write("policies/default.yaml", AWAY);
    reload(&gateway).await;
    let last = make(&gateway, &of_home, calls().drain(..1).collect()).await;
    let mut then = Vec::new();
    for id in &ids {
        then.push(chosen(&gateway, id).await);
    }

    let tried = simulate(&site, Some(&gateway), "tried/default.yaml").json();
    let spent = gateway.ask("/spend?by=tenant").await;
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    let alone = simulate(&site, None, "tried").json();

    assert_eq!(tried["same"], true, "{tried}");
    assert_eq!(
        (&tried["other"], &tried["other_terms"]),
        (&json!(0), &json!(0))
    );
    let rows = spent["rows"].as_array().expect("rows");
    let bill: i64 = rows
        .iter()
        .filter_map(|row| row["cost_nano_usd"].as_i64())
        .sum();
    assert_eq!(tried["bill_nano_usd"], bill);
    assert_eq!(
        tried["moves"].as_array().map(Vec::len),
        tried["change"]["moved"].as_u64().map(|n| n as usize)
    );
    assert_eq!(
        (&tried["without_facts"], &tried["refused_before"]),
        (&json!(0), &json!(1))
    );
    let moves = |report: &Value| report["moves"].clone();
    assert_eq!(moves(&tried), moves(&alone));
    assert_eq!(lasting(tried.clone())["change"], lasting(alone)["change"]);

    // What the policy makes of the same calls where it rules.
    let other = Site::with(&pair, "");
    other.write("policies/default.yaml", AWAY);
    let ruled = other.start().await;
    let of_away = keys(&ruled).await;
    let again = make(&ruled, &of_away, calls()).await;
    let mut moved = 0;
    for ((id, there), then) in ids.iter().zip(&again).zip(&then) {
        let calls = tried["moves"].as_array().expect("a list");
        let found = calls.iter().find(|it| it["request_id"] == **id);
        let thought = found.map_or(then.clone(), |it| it["to"].as_str().map(str::to_owned));
        assert_eq!(thought, chosen(&ruled, there).await, "{found:?}");
        moved += usize::from(found.is_some());
    }
    assert!(moved >= 6, "{tried}");
    let calls = tried["moves"].as_array().expect("a list");
    assert!(!calls.iter().any(|it| it["request_id"] == *last[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_that_ran_comes_to_the_bill_that_was() {
    let Pair { near, far } = Pair::instant().await;
    let address = near.addr();
    let pair = Pair { near, far };
    let site = Site::with(&pair, "");
    site.write("policies/default.yaml", HOME);
    let gateway = site.start().await;
    let keys = keys(&gateway).await;
    make(&gateway, &keys, calls()).await;
    // The own target goes away: calls fail over, and then it is known to be down.
    pair.near.stop().await;
    for _ in 0..3 {
        make(&gateway, &keys, calls().drain(..1).collect()).await;
    }

    let report = simulate(&site, Some(&gateway), "policies/default.yaml").json();

    assert_eq!(report["same"], true, "{address}: {report}");
    let money = &report["change"]["money"];
    assert_eq!(report["change"]["moved"], 0);
    assert_eq!(money["then_nano_usd"], report["bill_nano_usd"]);
    assert_eq!(money["tried_nano_usd"], report["bill_nano_usd"]);
    assert!(report["bill_nano_usd"].as_i64() > Some(0));

    // Every mistake, each at its place.
    site.write(
        "wrong/new.yaml",
        "version: 1\nmodels: [smal]\nrules:\n  - { name: x, onyl: [small] }\n",
    );
    let wrong = simulate(&site, Some(&gateway), "wrong/new.yaml");
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("wrong/new.yaml:2:10"), "{wrong:?}");
    assert!(wrong.err.contains("wrong/new.yaml:4:16"), "{wrong:?}");
    let missing = simulate(&site, Some(&gateway), "nowhere.yaml");
    assert_eq!(missing.code, Some(1), "{missing:?}");
}
