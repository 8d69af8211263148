//! Conversations that a provider binds: results of tools, and calls that go on from an answer that lies at its provider.

use serde_json::{Value, json};
use tollgate::sim::{Cue, Fault, Profile, Strictness};

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan};
use crate::stub::{Stub, answer};

/// Whoever may choose begins at `alpha`; tools' results would go to `beta`.
const POLICY: &str = "version: 1
answers: [auto]
models: [alpha, beta]
rules:
  - { name: away, when: { turn: tool }, only: [beta] }
  - { name: first, prefer: [alpha] }
";

const STREAMS: [bool; 2] = [false, true];

pub(crate) async fn forcing(house: &House) -> String {
    let wanted = json!({"tenant": "core", "name": "f", "force": true});
    house.make_key(wanted).await.1
}

/// Asks at the door of Responses.
pub(crate) async fn respond(
    house: &House,
    key: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> Heard {
    let request = house.client.post(house.url(Door::Responses.path()));
    let request = request.bearer_auth(key).body(body.to_string());
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    house.hear(request).await
}

pub(crate) fn id(heard: &Heard) -> String {
    let whole = || heard.json()["id"].as_str().map(str::to_owned);
    let told = heard.events().iter().find_map(|event| {
        let id = event["response"]["id"].as_str();
        id.map(str::to_owned)
    });
    told.or_else(whole).expect("an id")
}

/// The id of the tool call in an answer.
pub(crate) fn call_id(heard: &Heard) -> String {
    let mut after = heard.text().split(r#""call_id":""#).skip(1);
    let id = after.next().and_then(|rest| rest.split('"').next());
    id.expect("a call").to_owned()
}

pub(crate) fn model(heard: &Heard) -> &str {
    assert_eq!(heard.status, 200, "{}", heard.text());
    heard.header("x-tollgate-model")
}

pub(crate) async fn explained(house: &House, heard: &Heard) -> Value {
    house.records().await;
    let path = format!("/admin/v1/requests/{}", heard.request_id());
    house.admin_get(&path).await.json()
}

#[tokio::test]
async fn a_call_goes_on_where_the_answer_lies_that_it_names_and_nobody_else_has() {
    for stream in STREAMS {
        let plan = Plan::two().await.policy(POLICY).keeps_answers("none");
        let house = plan.start().await;
        let key = forcing(&house).await;
        let to_beta = [("x-tollgate-model", "beta")];
        let begin = json!({"model": "auto", "stream": stream, "input": "fix the parser"});
        let first = respond(&house, &key, &begin, &to_beta).await;
        let goes_on = |from: &Heard, input: Value| json!({"model": "auto", "stream": stream, "previous_response_id": id(from), "input": input});
        house
            .sim("b")
            .cue([Cue::says("I look.").calls("read", "{}")]);

        let complaint = goes_on(&first, json!("it is still broken"));
        let second = respond(&house, &key, &complaint, &[]).await;
        house.gateway.talks().settle().await;
        let failed = json!([{"type": "function_call_output", "call_id": call_id(&second), "output": "Error: no such file"}]);
        let third = respond(&house, &key, &goes_on(&second, failed), &[]).await;
        let fresh = respond(&house, &key, &begin, &[]).await;

        assert_eq!([&first, &second, &third].map(model), ["beta"; 3]);
        assert_eq!(model(&fresh), "alpha", "another conversation is free");
        let records = [&first, &second, &third];
        let mut told = Vec::new();
        for heard in records {
            told.push(explained(&house, heard).await);
        }
        assert!(told.iter().all(|it| it["session"] == told[0]["session"]));
        let facts = |at: usize| &told[at]["explanation"]["facts"];
        assert_eq!(facts(1)["turn"], "user");
        assert_eq!(facts(2)["turn"], "tool");
        assert_eq!(facts(2)["standing"]["lies_at"], "b");
        let signs = facts(2)["standing"]["signs"].to_string();
        let seen = ["complaint", "error_result"].map(|sign| signs.contains(sign));
        assert_eq!(seen, [true; 2], "what was seen carries on: {signs}");
        house.close().await;
    }
}

#[tokio::test]
async fn a_named_conversation_of_the_provider_stays_there_too() {
    let house = Plan::two().await.policy(POLICY).start().await;
    let key = forcing(&house).await;
    let body = json!({"model": "auto", "conversation": "conv_1", "input": "hello"});

    let first = respond(&house, &key, &body, &[("x-tollgate-model", "beta")]).await;
    let second = respond(&house, &key, &body, &[]).await;

    assert_eq!([&first, &second].map(model), ["beta"; 2]);
    house.close().await;
}

const GUARDED: &str = "version: 1
answers: [auto]
models: [alpha, beta]
rules:
  - name: stays home
    when: { any: [ { secrets: found }, { path: \"**/payments/**\" }, { data_class: restricted } ] }
    only: { target: b }
    otherwise: refuse
  - { name: away first, prefer: [alpha] }
";

#[tokio::test]
async fn what_an_earlier_turn_gave_away_binds_the_turns_that_go_on_from_it() {
    let secret = concat!("ghp_", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx");
    let class = [("x-tollgate-data-class", "restricted")];
    let cases = [
        (format!("token {secret}"), &[][..]),
        ("see \"src/payments/card.rs\" ".to_owned(), &[][..]),
        ("nothing to see".to_owned(), &class[..]),
    ];

    for (text, headers) in cases {
        let house = Plan::two().await.policy(GUARDED).start().await;
        let key = forcing(&house).await;
        let begin = json!({"model": "auto", "input": text});
        let first = respond(&house, &key, &begin, headers).await;
        let go_on = |from: &Heard| json!({"model": "auto", "previous_response_id": id(from), "input": "go on"});

        let second = respond(&house, &key, &go_on(&first), &[]).await;
        // Two turns later, and however one asks.
        let forced = [("x-tollgate-model", "alpha")];
        let forced = respond(&house, &key, &go_on(&second), &forced).await;

        assert_eq!([&first, &second].map(model), ["beta"; 2]);
        assert_eq!(forced.status, 422, "{}", forced.text());
        assert!(house.sim("a").seen().is_empty());
        house.close().await;
    }
}

#[tokio::test]
async fn an_answer_that_nobody_knows_is_looked_for_at_the_first_candidate() {
    let missing = r#"{"error":{"message":"not found","code":"previous_response_not_found"}}"#;
    let stub = Stub::start(answer("404 Not Found", "", missing)).await;
    let plan = Plan::new().target("a", &stub.url(), "").model("alpha", "a");
    let plan = plan.sim("b", Profile::instant(), "").await;
    let house = plan.model("beta", "b").start().await;

    let body = json!({"model": "auto", "previous_response_id": "resp_x", "input": "go on"});
    let heard = house.ask(Door::Responses.path(), &body).await;

    assert_eq!((heard.status, heard.text()), (404, missing));
    assert!(house.sim("b").seen().is_empty());
    house.close().await;
}

/// A conversation of Claude Code's that has come to a tool's result.
fn tool_turn(thought: &Value) -> Value {
    let call = json!({"type": "tool_use", "id": "t1", "name": "Bash", "input": {}});
    json!({"model": "auto", "max_tokens": 400, "system": "s", "tools": [{"name": "Bash", "input_schema": {"type": "object"}}],
    "messages": [
        {"role": "user", "content": "fix it"},
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
    ]})
}

async fn talk(house: &House, body: &Value) -> Heard {
    let request = house.post(Door::Messages.path(), body.to_string());
    let request = request.header("x-claude-code-session-id", "c1");
    let heard = house.hear(request).await;
    house.gateway.talks().settle().await;
    heard
}

/// Begins the conversation at `alpha`, which never thought what it is told that it did.
async fn begun() -> House {
    let credulous = Profile {
        strictness: Strictness::Lenient,
        ..Profile::instant()
    };
    let plan = Plan::two_with(credulous, "").await;
    let house = plan.policy(POLICY).start().await;
    let mut begin = tool_turn(&json!(null));
    begin["messages"]
        .as_array_mut()
        .expect("a list")
        .truncate(1);
    assert_eq!(model(&talk(&house, &begin).await), "alpha");
    house
}

fn sealed() -> Value {
    json!({"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"})
}

#[tokio::test]
async fn no_rule_that_prefers_moves_a_result_from_the_model_that_called_the_tool() {
    for thought in [sealed(), json!({"type": "text", "text": "hm"})] {
        let house = begun().await;

        let heard = talk(&house, &tool_turn(&thought)).await;

        assert_eq!(model(&heard), "alpha", "{thought}");
        assert!(
            heard
                .header("x-tollgate-reason")
                .contains("called the tool")
        );
        house.close().await;
    }
}

#[tokio::test]
async fn what_is_sealed_gets_its_targets_error_and_what_is_not_the_next_model() {
    for (thought, status, other) in [
        (sealed(), 529, 0),
        (json!({"type": "text", "text": "hm"}), 200, 1),
    ] {
        let house = begun().await;
        house.a().script([Fault::status(529)]);

        let heard = talk(&house, &tool_turn(&thought)).await;

        assert_eq!(heard.status, status, "{thought}: {}", heard.text());
        assert_eq!(house.sim("b").seen().len(), other);
        house.close().await;
    }
}
