//! Rules, seen from outside: what is marked never reaches a target that it may not reach, however a call asks.

use serde_json::json;

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan};

const MARK: &str = "MARKED-7f3a";

/// `b` stands for the own house.
const POLICY: &str = "version: 1
answers: [auto, \"route-*\"]
models: [alpha, beta]
rules:
  - { name: first, prefer: [alpha], final: true }
  - name: stays home
    when: { data_class: restricted }
    only: { target: b }
    otherwise: refuse
";

/// One body for each door that sends one.
fn bodies(model: &str) -> Vec<(&'static str, String)> {
    let mut bodies: Vec<_> = Door::ALL
        .iter()
        .map(|door| (door.path(), door.body(model, false).to_string()))
        .collect();
    let talk = json!([{"role": "user", "content": MARK}]);
    let count = json!({"model": model, "messages": talk});
    let embed = json!({"model": model, "input": MARK});
    bodies.push(("/v1/messages/count_tokens", count.to_string()));
    bodies.push(("/v1/embeddings", embed.to_string()));
    let marked = |text: String| {
        text.replace("Please say", MARK)
            .replace("fn add(", &format!("fn {MARK}("))
    };
    bodies
        .into_iter()
        .map(|(path, text)| (path, marked(text)))
        .collect()
}

fn marks_at(house: &House, target: &str) -> usize {
    let seen = house.sim(target).seen();
    let marked = |body: &[u8]| String::from_utf8_lossy(body).contains(MARK);
    seen.iter().filter(|request| marked(&request.body)).count()
}

async fn forcing(house: &House, class: &str) -> String {
    let wanted = json!({"tenant": "core", "name": "f", "force": true, "data_class": class});
    house.make_key(wanted).await.1
}

async fn ask(house: &House, key: &str, call: (&str, String), headers: &[(&str, &str)]) -> Heard {
    let request = house.client.post(house.url(call.0)).bearer_auth(key);
    let request = headers
        .iter()
        .fold(request.body(call.1), |request, (name, value)| {
            request.header(*name, *value)
        });
    house.hear(request).await
}

#[tokio::test]
async fn what_is_marked_never_reaches_a_target_that_a_data_rule_forbids() {
    let house = Plan::two().await.policy(POLICY).start().await;
    let plain = forcing(&house, "internal").await;
    let strict = forcing(&house, "restricted").await;
    let class = "x-tollgate-data-class";

    let mut refused = 0;
    for asked in ["auto", "route-x", "alpha", "beta"] {
        for call in bodies(asked) {
            for (key, headers) in [
                (&plain, vec![(class, "restricted")]),
                (
                    &plain,
                    vec![(class, "restricted"), ("x-tollgate-model", "alpha")],
                ),
                (&strict, vec![(class, "public")]),
                (
                    &strict,
                    vec![("x-tollgate-model", "alpha"), ("x-tollgate-tags", "a=b")],
                ),
            ] {
                let heard = ask(&house, key, call.clone(), &headers).await;
                let forbidden =
                    asked == "alpha" || headers.iter().any(|(name, _)| name.ends_with("model"));
                let wanted = if forbidden { 422 } else { 200 };
                assert_eq!(heard.status, wanted, "{asked} {}: {}", call.0, heard.text());
                refused += usize::from(forbidden);
            }
        }
    }

    assert_eq!(marks_at(&house, "a"), 0);
    assert_eq!(marks_at(&house, "b"), 4 * 6 * 4 - refused);
    let free = ask(&house, &plain, bodies("auto").remove(0), &[]).await;
    assert_eq!(
        (free.header("x-tollgate-model"), marks_at(&house, "a")),
        ("alpha", 1)
    );
    house.close().await;
}

#[tokio::test]
async fn no_failure_leads_out_of_a_data_rule() {
    let plan = Plan::one().await.target("b", "http://127.0.0.1:9/v1", "");
    let house = plan.model("beta", "b").policy(POLICY).start().await;
    let key = forcing(&house, "restricted").await;

    for _ in 0..6 {
        let heard = ask(&house, &key, bodies("auto").remove(0), &[]).await;
        assert!(
            matches!(heard.status, 502..=504),
            "{}: {}",
            heard.status,
            heard.text()
        );
    }

    assert_eq!(marks_at(&house, "a"), 0);
    house.close().await;
}

#[tokio::test]
async fn an_answer_names_the_rule_and_its_record_where_it_stands() {
    let house = Plan::two().await.policy(POLICY).start().await;
    let strict = [("x-tollgate-data-class", "restricted")];
    let key = forcing(&house, "internal").await;

    let heard = ask(&house, &key, bodies("auto").remove(0), &strict).await;
    let odd = [("x-tollgate-data-class", "secret")];
    let odd = ask(&house, &key, bodies("auto").remove(2), &odd).await;

    assert_eq!(heard.header("x-tollgate-rule"), "stays home");
    assert_eq!(heard.header("x-tollgate-model"), "beta");
    house.records().await;
    let record = house
        .client
        .get(house.url(&format!("/v1/requests/{}", heard.request_id())));
    let record = house.hear(record.bearer_auth(&key)).await.json();
    let explanation = &record["explanation"];
    assert_eq!(
        explanation["rules"],
        json!([
            {"rule": "stays home", "policy": "default", "line": 6, "guards": true},
            {"rule": "first", "policy": "default", "line": 5, "guards": false},
        ])
    );
    assert_eq!(explanation["rejected"][0]["why"], "data_rule");
    assert_eq!(explanation["facts"]["data_class"], "restricted");
    assert_eq!(explanation["objective"]["failure_nano_usd"], 2_000_000_000);
    assert_eq!(odd.status, 400);
    assert!(
        odd.text()
            .contains("write public or internal or confidential or restricted")
    );
    house.close().await;
}

const SCREENED: &str = "version: 1
answers: [auto]
models: [alpha, beta]
rules:
  - name: secrets and payments stay home
    when: { any: [ { secrets: found }, { path: \"**/payments/**\" } ] }
    only: { target: b }
    otherwise: refuse
  - { name: away first, prefer: [alpha] }
";

#[tokio::test]
async fn a_secret_or_a_path_anywhere_in_a_request_keeps_all_of_it_at_home() {
    let house = Plan::two().await.policy(SCREENED).start().await;
    let key = forcing(&house, "internal").await;
    let secret = concat!("ghp_", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx");
    let said = |role: &str, text: &str| json!({"role": role, "content": text});
    let talk = |mark: &str| {
        let result = json!({"role": "tool", "tool_call_id": "c1", "content": mark});
        let called = json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}]});
        [
            json!({"model": "auto", "messages": [said("system", mark), said("user", "hello")]}),
            json!({"model": "auto", "messages": [said("user", mark), said("assistant", "yes"), said("user", "go on")]}),
            json!({"model": "auto", "messages": [said("user", "look"), called, result]}),
            json!({"model": "auto", "messages": [said("user", "hello")], "tools": [
                {"type": "function", "function": {"name": "f", "description": mark, "parameters": {"type": "object"}}}]}),
        ]
    };

    for mark in [
        format!("token {secret} {MARK}"),
        format!("{MARK} \"src/Payments/card.rs\" "),
    ] {
        for body in talk(&mark) {
            for headers in [&[][..], &[("x-tollgate-data-class", "public")]] {
                let call = (Door::Chat.path(), body.to_string());
                let heard = ask(&house, &key, call, headers).await;
                assert_eq!(
                    heard.header("x-tollgate-model"),
                    "beta",
                    "{body}: {}",
                    heard.text()
                );
            }
            let forced = [("x-tollgate-model", "alpha")];
            let heard = ask(&house, &key, (Door::Chat.path(), body.to_string()), &forced).await;
            assert_eq!(heard.status, 422, "{body}");
        }
    }
    let header = (
        "x-codex-turn-metadata",
        "{\"workspaces\":{\"/srv/payments/app\":{}}}",
    );
    let call = (Door::Chat.path(), talk(MARK)[0].to_string());
    let heard = ask(&house, &key, call, &[header]).await;
    assert_eq!(
        heard.header("x-tollgate-model"),
        "beta",
        "a header is shown to targets too"
    );
    let harmless = format!("{MARK}: the payments of src/cards.rs");
    let call = (Door::Chat.path(), talk(&harmless)[0].to_string());

    assert_eq!(marks_at(&house, "a"), 0);
    assert_eq!(
        ask(&house, &key, call, &[])
            .await
            .header("x-tollgate-model"),
        "alpha"
    );
    house.close().await;
}
