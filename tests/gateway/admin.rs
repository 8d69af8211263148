//! The operator's door; what is never shown; a gateway without keys; a policy of one's own.

use http::Method;
use serde_json::{Value, json};
use tollgate::sim::Fault;

use crate::calls::{Door, Heard};
use crate::rig::{ADMIN_TOKEN, House, Plan, TARGET_KEY};
use crate::wire::{say, status};

#[tokio::test]
async fn keys_are_made_listed_rotated_and_revoked_over_the_admin_api() {
    let house = House::one().await;
    let (id, first) = house
        .make_key(json!({"tenant": "t", "name": "n", "models": ["alpha"]}))
        .await;
    let works = async |key: &str| {
        let request = house.client.get(house.url("/v1/models")).bearer_auth(key);
        house.hear(request).await.status == 200
    };

    assert!(works(&first).await);
    let rotated = house
        .admin_post(&format!("/admin/v1/keys/{id}/rotate"), &json!({}))
        .await
        .json();
    let second = rotated["key"].as_str().expect("a key").to_owned();
    assert!(works(&second).await && !works(&first).await);
    let overlap = format!(
        "/admin/v1/keys/{}/rotate?overlap_ms=60000",
        rotated["id"].as_str().expect("an id")
    );
    let again = house.admin_post(&overlap, &json!({})).await.json();
    let third = again["key"].as_str().expect("a key").to_owned();
    assert!(works(&second).await && works(&third).await);
    let revoke = format!(
        "/admin/v1/keys/{}/revoke",
        again["id"].as_str().expect("an id")
    );
    assert_eq!(house.admin_post(&revoke, &json!({})).await.status, 200);
    assert!(!works(&third).await);

    let list = house.admin_get("/admin/v1/keys").await;
    for secret in [&first, &second, &third, &house.key] {
        let secret = secret.split('_').nth(2).expect("the secret part");
        assert!(!list.text().contains(secret), "{}", list.text());
    }
    let keys = list.json()["keys"].as_array().expect("a list").clone();
    assert_eq!(keys.iter().filter(|key| key["name"] == "n").count(), 3);
    house.close().await;
}

#[tokio::test]
async fn the_operators_door_opens_to_the_admin_token_alone() {
    let house = House::one().await;
    let paths = ["keys", "requests", "spend", "targets", "models", "policies"];
    let url = |path: &str| format!("http://{}/admin/v1/{path}", house.gateway.admin);

    for path in paths {
        for shown in [
            "",
            "Bearer ",
            "Bearer wrong",
            &format!("Bearer {}", house.key),
            ADMIN_TOKEN,
        ] {
            let request = house.client.get(url(path)).header("authorization", shown);
            let heard = Heard::read(request.send().await.expect("an answer")).await;

            assert_eq!(
                (heard.status, &heard.json()["error"]["code"]),
                (401, &json!("unauthorised")),
                "{path} {shown}"
            );
        }
        assert_eq!(
            house.admin_get(&format!("/admin/v1/{path}")).await.status,
            200,
            "{path}"
        );
    }
    for (path, body, expected) in [
        ("keys", json!({"tenant": "t"}), 400),
        (
            "keys",
            json!({"tenant": "t", "name": "n", "role": "root"}),
            400,
        ),
        (
            "keys",
            json!({"tenant": "t", "name": "n", "dialects": ["smoke"]}),
            400,
        ),
        (
            "keys",
            json!({"tenant": "t", "name": "n", "expires": "soon"}),
            400,
        ),
        ("keys/none/revoke", json!({}), 404),
        ("spend", json!({}), 405),
        ("nothing", json!({}), 404),
    ] {
        let heard = house.admin_post(&format!("/admin/v1/{path}"), &body).await;
        assert_eq!(heard.status, expected, "{path}: {}", heard.text());
    }
    let broken = house
        .admin(Method::POST, "/admin/v1/keys")
        .body("{")
        .send()
        .await
        .expect("an answer");
    assert_eq!(broken.status(), 400);
    for query in [
        "requests?limit=x",
        "requests?since=never",
        "requests?cursor=x",
        "spend?by=moon",
    ] {
        assert_eq!(
            house.admin_get(&format!("/admin/v1/{query}")).await.status,
            400,
            "{query}"
        );
    }
    house.close().await;
}

#[tokio::test]
async fn a_targets_key_is_never_shown_whatever_the_target_says() {
    let house = House::one().await;
    let told = format!("your key {TARGET_KEY}a is over its limit");

    for code in [400, 401, 403, 404, 429, 500, 503] {
        house.a().script([Fault::Status {
            code,
            retry_after: Some("2".into()),
            message: Some(told.clone()),
        }]);
        // `ask` looks for the key in all that comes back.
        let heard = house.ask_at(Door::Chat, "alpha", false).await;

        assert!(
            heard.status >= 400 && !heard.text().contains("over its limit"),
            "{code}: {}",
            heard.text()
        );
    }
    let record = serde_json::to_string(&house.records().await).expect("JSON");
    assert!(!record.contains(TARGET_KEY));
    for path in ["targets", "models", "policies", "keys"] {
        assert!(
            !house
                .admin_get(&format!("/admin/v1/{path}"))
                .await
                .text()
                .contains(TARGET_KEY)
        );
    }
    assert!(
        !house
            .admin_get("/metrics")
            .await
            .text()
            .contains(TARGET_KEY)
    );
    house.close().await;
}

#[tokio::test]
async fn an_open_gateway_takes_any_key_but_no_page_of_another_site() {
    let house = Plan::one().await.open().start().await;
    let ask = |headers: &[(&str, &str)]| {
        let body = Door::Chat.body("alpha", false).to_string();
        let head = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let head: String = head.collect();
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n{head}\r\n{body}",
            body.len()
        )
    };

    for (headers, expected) in [
        (vec![("host", "localhost:4180")], 200),
        (
            vec![
                ("host", "127.0.0.1"),
                ("authorization", "Bearer sk-anything"),
            ],
            200,
        ),
        (
            vec![("host", "localhost"), ("origin", "http://localhost:3000")],
            200,
        ),
        (vec![("host", "evil.example")], 403),
        (
            vec![("host", "localhost"), ("origin", "https://evil.example")],
            403,
        ),
        (vec![("host", "localhost"), ("origin", "null")], 403),
        (
            vec![
                ("host", "localhost"),
                ("authorization", "Bearer tg_not_a_key"),
            ],
            401,
        ),
    ] {
        let answer = say(house.gateway.address, ask(&headers)).await;
        assert_eq!(status(&answer), expected, "{headers:?}: {answer}");
    }
    assert_eq!(house.records().await.len(), 3);
    house.close().await;
}

#[tokio::test]
async fn a_revoked_key_stops_the_next_call_but_not_the_one_under_way() {
    let house = House::one().await;
    let (id, key) = house.make_key(json!({"tenant": "core", "name": "n"})).await;
    let ask = || {
        let request = house
            .client
            .post(house.url(Door::Chat.path()))
            .bearer_auth(&key);
        request.body(Door::Chat.body("alpha", true).to_string())
    };

    let under_way = ask().send().await.expect("an answer");
    house
        .admin_post(&format!("/admin/v1/keys/{id}/revoke"), &Value::Null)
        .await;
    let next = house.hear(ask()).await;
    let under_way = Heard::read(under_way).await;

    assert!(under_way.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(next.status, 401);
    house.close().await;
}

#[tokio::test]
async fn a_policy_of_its_own_rules_a_tenant_and_may_be_chosen_where_the_key_says_so() {
    let plan = Plan::two()
        .await
        .policy("version: 1\nanswers: [auto]\nmodels: [alpha]\n");
    let house = plan.start().await;
    let own = "version: 1\nfor: { tenants: [interns] }\nanswers: [auto]\nmodels: [beta]\n";
    std::fs::write(house.file("policies/interns.yaml"), own).expect("a file");
    assert_eq!(
        house
            .admin_post("/admin/v1/reload", &json!({}))
            .await
            .status,
        200
    );
    let (_, intern) = house
        .make_key(json!({"tenant": "interns", "name": "n"}))
        .await;
    let (_, chooser) = house
        .make_key(json!({"tenant": "core", "name": "n", "policies": ["interns"]}))
        .await;
    let ask = |key: &str| {
        let request = house
            .client
            .post(house.url(Door::Chat.path()))
            .bearer_auth(key);
        request.body(Door::Chat.body("auto", false).to_string())
    };

    let plain = house.hear(ask(&house.key)).await;
    let intern = house.hear(ask(&intern)).await;
    let chosen = house
        .hear(ask(&chooser).header("x-tollgate-policy", "interns"))
        .await;
    let refused = house
        .hear(ask(&chooser).header("x-tollgate-policy", "default"))
        .await;

    let models = [&plain, &intern, &chosen].map(|heard| heard.header("x-tollgate-model"));
    assert_eq!(models, ["alpha", "beta", "beta"]);
    assert_eq!(refused.status, 403);
    house.close().await;
}
