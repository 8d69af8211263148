//! Who may call, what each key may do, and what is never shown.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::clock::Clock;
use tollgate::sim::Fault;

use crate::rig::{ADMIN_TOKEN, Door, Heard, House, Plan, TARGET_KEY, until};
use crate::wire::{say, status};

/// Every route behind the guard.
const ROUTES: [(&str, &str); 9] = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/alpha"),
    ("GET", "/v1/requests/req_00000000000000000000000000000000"),
];

async fn walk(house: &House, headers: &[(&str, &str)]) -> Vec<Heard> {
    let mut answers = Vec::new();
    for (method, path) in ROUTES {
        let method: Method = method.parse().expect("a method");
        let mut request = house.client.request(method, house.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Door::Chat.body("alpha", false).to_string();
        answers.push(house.hear(request.body(body)).await);
    }
    answers
}

#[tokio::test]
async fn no_route_answers_without_a_good_key() {
    let house = House::one().await;
    let (revoked, revoked_key) = house.make_key(json!({"tenant": "core", "name": "r"})).await;
    house
        .admin_post(&format!("/admin/v1/keys/{revoked}/revoke"), &json!({}))
        .await;
    let soon = Clock::system().now().plus_millis(200);
    let expired = json!({"tenant": "core", "name": "e", "expires": serde_json::to_value(soon).expect("JSON")});
    let (_, expired_key) = house.make_key(expired).await;
    until("the key has expired", async || {
        Clock::system().now() >= soon
    })
    .await;
    let mut wrong = house.key.clone();
    wrong.replace_range(20..22, if &wrong[20..22] == "aa" { "bb" } else { "aa" });
    let bearer = |key: &str| format!("Bearer {key}");
    let long = bearer(&"x".repeat(20_000));
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("missing_api_key", vec![]),
        ("missing_api_key", vec![("authorization", "Bearer ".into())]),
        ("invalid_api_key", vec![("authorization", bearer(&wrong))]),
        (
            "invalid_api_key",
            vec![("authorization", bearer("sk-ant-xyz"))],
        ),
        ("invalid_api_key", vec![("authorization", long)]),
        (
            "invalid_api_key",
            vec![("authorization", format!("Basic {}", house.key))],
        ),
        ("invalid_api_key", vec![("x-api-key", ADMIN_TOKEN.into())]),
        ("invalid_api_key", vec![("x-api-key", revoked_key)]),
        ("invalid_api_key", vec![("x-api-key", expired_key)]),
        (
            "two_api_keys",
            vec![
                ("x-api-key", house.key.clone()),
                ("authorization", bearer(&wrong)),
            ],
        ),
    ];

    for (code, headers) in &cases {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        for (answer, (_, path)) in walk(&house, &headers).await.iter().zip(ROUTES) {
            assert_eq!(answer.status, 401, "{path} {headers:?}");
            let body = answer.json();
            assert_eq!(body["error"]["type"], "authentication_error");
            if !path.contains("messages") {
                assert_eq!(body["error"]["code"], *code, "{path} {headers:?}");
            }
            assert!(
                headers
                    .iter()
                    .all(|(_, value)| value.len() < 8 || !answer.text().contains(value))
            );
        }
    }

    assert!(house.a().seen().is_empty());
    assert!(house.records().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn one_key_is_taken_by_either_header_and_by_both() {
    let house = House::one().await;
    let bearer = format!("bearer {}", house.key);

    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("x-api-key", house.key.as_str())],
        vec![
            ("x-api-key", house.key.as_str()),
            ("authorization", bearer.as_str()),
        ],
    ] {
        let answers = walk(&house, &headers).await;

        // The body is that of a chat: what matters is that nobody is turned away for the key.
        assert!(answers.iter().all(|answer| answer.status != 401));
        assert_eq!(answers[0].status, 200);
    }
    house.close().await;
}

#[tokio::test]
async fn a_key_in_the_query_is_no_key() {
    let house = House::one().await;

    let heard = house
        .hear(
            house
                .client
                .get(house.url(&format!("/v1/models?key={}", house.key))),
        )
        .await;

    assert_eq!(heard.status, 401);
    house.close().await;
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let house = House::two().await;
    let wanted = json!({"tenant": "core", "name": "narrow", "models": ["be*"], "dialects": ["chat"], "tags": {"team": "a"}});
    let (_, narrow) = house.make_key(wanted).await;
    let ask = |door: Door, model: &str| {
        let request = house
            .client
            .post(house.url(door.path()))
            .bearer_auth(&narrow);
        request.body(door.body(model, false).to_string())
    };

    let routed = house
        .hear(ask(Door::Chat, "auto").header("x-tollgate-tags", "team=b,job=night"))
        .await;
    let named = house.hear(ask(Door::Chat, "alpha")).await;
    let dialect = house.hear(ask(Door::Messages, "beta")).await;
    let forced = house
        .hear(ask(Door::Chat, "beta").header("x-tollgate-model", "beta"))
        .await;
    let policy = house
        .hear(ask(Door::Chat, "beta").header("x-tollgate-policy", "default"))
        .await;
    let nearest = house.hear(ask(Door::Chat, "alphaa")).await;
    let list = house
        .client
        .get(house.url("/v1/models"))
        .bearer_auth(&narrow);
    let list = house.hear(list).await;

    assert_eq!(
        (routed.status, routed.header("x-tollgate-model")),
        (200, "beta"),
        "{}",
        routed.text()
    );
    assert_eq!(
        [named.status, dialect.status, forced.status, policy.status],
        [403; 4]
    );
    assert_eq!(named.json()["error"]["type"], "permission_error");
    assert_eq!(dialect.json()["error"]["type"], "permission_error");
    assert_eq!(nearest.status, 404);
    assert!(!nearest.text().contains("did you mean") && !list.text().contains("alpha"));
    let records = house.records().await;
    let tags = serde_json::to_value(&records[0].tags).expect("JSON");
    assert_eq!(tags, json!({"team": "a", "job": "night"}));
    assert!(house.a().seen().is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_key_that_may_force_gets_the_model_that_it_names() {
    let house = House::two().await;
    let (_, key) = house
        .make_key(json!({"tenant": "core", "name": "f", "force": true}))
        .await;
    let ask = |model: &str| {
        let request = house
            .client
            .post(house.url(Door::Chat.path()))
            .bearer_auth(&key);
        request
            .body(Door::Chat.body("auto", false).to_string())
            .header("x-tollgate-model", model)
    };

    let forced = house.hear(ask("beta")).await;
    let unknown = house.hear(ask("gamma")).await;

    assert_eq!(
        (forced.status, forced.header("x-tollgate-model")),
        (200, "beta")
    );
    assert_eq!(unknown.status, 404);
    house.close().await;
}

#[tokio::test]
async fn the_record_of_another_keys_call_is_not_there() {
    let house = House::one().await;
    let heard = house.ask_at(Door::Chat, "alpha", false).await;
    house.records().await;
    let path = format!("/v1/requests/{}", heard.request_id());

    for tenant in ["core", "other"] {
        let (_, key) = house
            .make_key(json!({"tenant": tenant, "name": "spy"}))
            .await;
        let theirs = house
            .hear(house.client.get(house.url(&path)).bearer_auth(&key))
            .await;
        let none = house
            .client
            .get(house.url("/v1/requests/req_00000000000000000000000000000000"));
        let none = house.hear(none.bearer_auth(&key)).await;

        assert_eq!(theirs.status, 404);
        assert_eq!(theirs.body, none.body);
    }
    house.close().await;
}

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
