//! Who may call, what each key may do, and what is never shown.

use http::Method;
use serde_json::json;
use tollgate::domain::clock::Clock;

use crate::calls::{Door, Heard};
use crate::rig::{ADMIN_TOKEN, House, until};

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
