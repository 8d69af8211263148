//! Answers that callers go on from by name: at whatever model the next one is made, and with nothing but the name where that has
//! the rest.

use serde_json::{Value, json};
use tollgate::ledger::State;
use tollgate::sim::{Cue, Profile};

use crate::calls::{Door, Heard};
use crate::conversations::{call_id, explained, forcing, id, model, respond};
use crate::rig::{House, Plan};

const STREAMS: [bool; 2] = [false, true];
/// A model, and the one dialect of its target.
const MODELS: [(&str, &str); 5] = [
    ("r", "responses"),
    ("s", "responses"),
    ("m", "messages"),
    ("c", "chat"),
    ("g", "gemini"),
];

async fn house() -> House {
    let mut plan = Plan::new();
    for (name, dialect) in MODELS {
        plan = plan.sim(name, Profile::instant(), "").await;
        plan = plan.speaks(dialect).model(name, name);
    }
    plan.start().await
}

/// Goes on from an answer at this model.
async fn go_on(house: &House, key: &str, at: &str, body: Value) -> Heard {
    respond(house, key, &body, &[("x-tollgate-model", at)]).await
}

async fn only(dialect: &str) -> House {
    let plan = Plan::new().sim("a", Profile::instant(), "").await;
    plan.speaks(dialect).model("alpha", "a").start().await
}

#[tokio::test]
async fn a_conversation_goes_on_by_name_at_whatever_model_answers_next() {
    let order = ["m", "c", "r", "r", "s", "g", "r", "m", "m"];
    for stream in STREAMS {
        let house = house().await;
        let key = forcing(&house).await;
        let mut previous: Option<String> = None;

        for (at, name) in order.iter().enumerate() {
            house.sim(name).cue([Cue::says(format!("said-{at}."))]);
            let body = json!({"model": "auto", "stream": stream, "input": format!("word-{at}."), "previous_response_id": previous});
            let heard = go_on(&house, &key, name, body).await;

            assert_eq!(model(&heard), *name, "{}", heard.text());
            let seen = house.sim(name).seen().pop().expect("a request");
            let seen = String::from_utf8_lossy(&seen.body).into_owned();
            let has_rest = at > 0 && *name == "r" && order[at - 1] == "r";
            for earlier in 0..at {
                for piece in [format!("word-{earlier}."), format!("said-{earlier}.")] {
                    assert_eq!(seen.contains(&piece), !has_rest, "{at}: {piece}: {seen}");
                }
            }
            let named = previous.as_ref().is_some_and(|id| seen.contains(id));
            assert_eq!(named, has_rest, "{at}: {seen}");
            previous = Some(id(&heard));
        }
        house.close().await;
    }
}

#[tokio::test]
async fn an_own_server_is_told_all_of_it() {
    let plan = Plan::new().sim("a", Profile::instant(), "").await;
    let plan = plan.speaks("responses").own().model("alpha", "a");
    let house = plan.start().await;
    house.a().cue([Cue::says("said-0.")]);
    let ask = async |body: Value| house.ask(Door::Responses.path(), &body).await;
    let first = ask(json!({"model": "alpha", "input": "word-0."})).await;

    let next = json!({"model": "alpha", "input": "go on", "previous_response_id": id(&first)});
    let heard = ask(next).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    let seen = house.a().seen().pop().expect("a request");
    let seen = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(
        seen.contains("word-0.") && seen.contains("said-0."),
        "{seen}"
    );
    assert!(!seen.contains("previous_response_id"), "{seen}");
    let path = format!("/v1/responses/{}", id(&heard));
    let looked = house.get(&path).send().await.expect("an answer");
    assert_eq!(Heard::read(looked).await.json(), heard.json());
    house.close().await;
}

#[tokio::test]
async fn an_answer_that_its_provider_has_forgotten_is_told_there_with_all_that_was_said() {
    for stream in STREAMS {
        let house = house().await;
        let key = forcing(&house).await;
        house.sim("r").cue([Cue::says("said-0.").thinks("hm")]);
        let effort = json!({"effort": "high"});
        let ask = json!({"role": "user", "content": "word-0."});
        let begin = json!({"model": "auto", "stream": stream, "input": [ask], "reasoning": effort});
        let first = go_on(&house, &key, "r", begin).await;
        let told = match stream {
            true => first.events().pop().expect("an event")["response"].clone(),
            false => first.json(),
        };
        let said = told["output"].as_array().expect("a list").last().cloned();
        let named = json!({"type": "item_reference", "id": said.expect("an item")["id"]});
        house.sim("r").forget();

        let new = json!({"role": "user", "content": "go on"});
        let by_answer = json!({"model": "auto", "stream": stream, "input": [new], "reasoning": effort, "previous_response_id": id(&first)});
        let by_item = json!({"model": "auto", "stream": stream, "input": [ask, named, new]});
        for next in [by_answer, by_item] {
            let heard = go_on(&house, &key, "r", next).await;

            assert_eq!(model(&heard), "r", "{}", heard.text());
            let seen = house.sim("r").seen().pop().expect("a request");
            let seen = String::from_utf8_lossy(&seen.body).into_owned();
            assert!(
                seen.contains("word-0.") && seen.contains("said-0."),
                "{seen}"
            );
            let gone = ["previous_response_id", "item_reference", "\"rs_"];
            assert!(!gone.iter().any(|it| seen.contains(it)), "{seen}");
            let record = house.records().await.pop().expect("a call");
            let attempts: Vec<_> = record
                .attempts
                .iter()
                .map(|it| (it.model.as_str(), it.state))
                .collect();
            assert_eq!(attempts, [("r", State::Void), ("r", State::Actual)]);
            assert_eq!(
                house.sim("r").seen().len(),
                1 + 2 * (house.records().await.len() - 1)
            );
        }
        house.close().await;
    }
}

#[tokio::test]
async fn what_nobody_keeps_any_more_is_not_asked_for_again() {
    let plan = Plan::new().sim("r", Profile::instant(), "").await;
    let plan = plan
        .speaks("responses")
        .model("r", "r")
        .keeps_answers("none");
    let house = plan.start().await;
    let ask = async |body: Value| house.ask(Door::Responses.path(), &body).await;
    let first = ask(json!({"model": "r", "input": "word-0."})).await;
    house.sim("r").forget();

    let heard =
        ask(json!({"model": "r", "input": "go on", "previous_response_id": id(&first)})).await;

    assert_eq!(heard.status, 400, "{}", heard.text());
    assert_eq!(heard.json()["error"]["code"], "previous_response_not_found");
    assert_eq!(house.sim("r").seen().len(), 2);
    house.close().await;
}

#[tokio::test]
async fn items_that_are_only_named_are_told_to_whom_they_do_not_lie_with() {
    for (name, _) in MODELS {
        let house = house().await;
        let key = forcing(&house).await;
        house.sim(name).cue([Cue::says("said-0.")]);
        let ask = json!({"role": "user", "content": "word-0."});
        let begin = json!({"model": "auto", "input": [ask]});
        let first = go_on(&house, &key, name, begin).await;
        let output = first.json()["output"].clone();
        let named = output[output.as_array().expect("a list").len() - 1]["id"].clone();
        let input = |id: &Value| json!([ask, {"type": "item_reference", "id": id}, {"role": "user", "content": "go on"}]);

        for (other, _) in MODELS {
            let next = json!({"model": "auto", "input": input(&named)});
            let heard = go_on(&house, &key, other, next).await;

            assert_eq!(model(&heard), other, "{name}: {}", heard.text());
            let seen = house.sim(other).seen().pop().expect("a request");
            let seen = String::from_utf8_lossy(&seen.body).into_owned();
            let lies_there = name == other && ["r", "s"].contains(&name);
            assert_eq!(seen.contains("said-0."), !lies_there, "{other}: {seen}");
        }
        let unknown = json!({"model": "auto", "input": input(&json!("msg_nobodys"))});
        let refused = go_on(&house, &key, "m", unknown).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(
            refused.text().contains("stored_state"),
            "{}",
            refused.text()
        );
        house.close().await;
    }
}

#[tokio::test]
async fn a_result_goes_back_by_name_to_a_model_that_does_not_keep_its_calls() {
    for (name, dialect) in MODELS {
        let house = house().await;
        let key = forcing(&house).await;
        house
            .sim(name)
            .cue([Cue::says("I look.").thinks("hm").calls("look", "{\"a\":1}")]);
        let tools = json!([{"type": "function", "name": "look", "parameters": {"type": "object"}}]);
        let begin = json!({"model": "auto", "input": "look", "tools": tools, "reasoning": {"effort": "high"}});
        let first = go_on(&house, &key, name, begin).await;
        let output = first.json()["output"].clone();
        let mut calls = output.as_array().expect("a list").iter();
        let call = calls.find(|it| it["type"] == "function_call");
        let result = json!([{"type": "function_call_output", "call_id": call.expect("a call")["call_id"], "output": "a dot"}]);
        let next = json!({"model": "auto", "input": result, "tools": tools, "reasoning": {"effort": "high"}, "previous_response_id": id(&first)});

        // To itself, and to each of the others.
        for (other, _) in MODELS {
            let heard = go_on(&house, &key, other, next.clone()).await;

            assert_eq!(heard.status, 200, "{dialect}, {other}: {}", heard.text());
        }
        house.close().await;
    }
}

#[tokio::test]
async fn a_conversation_that_is_gone_on_from_by_name_is_one_and_goes_where_the_policy_says() {
    const POLICY: &str =
        "version: 1\nanswers: [auto]\nmodels: [r, m]\nrules: [ { name: first, prefer: [m] } ]\n";
    for stream in STREAMS {
        let mut plan = Plan::new().policy(POLICY);
        for (name, dialect) in [("r", "responses"), ("m", "messages")] {
            plan = plan.sim(name, Profile::instant(), "").await;
            plan = plan.speaks(dialect).model(name, name);
        }
        let house = plan.start().await;
        let key = forcing(&house).await;
        let begin = json!({"model": "auto", "stream": stream, "input": "fix the parser"});
        let first = go_on(&house, &key, "r", begin).await;
        house.gateway.talks().settle().await;
        let goes_on = |from: &Heard, input: Value| json!({"model": "auto", "stream": stream, "previous_response_id": id(from), "input": input});
        house
            .sim("m")
            .cue([Cue::says("I look.").calls("deploy", "{}")]);

        let complaint = goes_on(&first, json!("it is still broken"));
        let second = respond(&house, &key, &complaint, &[]).await;
        house.gateway.talks().settle().await;
        let failed = json!([{"type": "function_call_output", "call_id": call_id(&second), "output": "Error: no such file"}]);
        let third = respond(&house, &key, &goes_on(&second, failed), &[]).await;

        assert_eq!([&first, &second, &third].map(model), ["r", "m", "m"]);
        let mut told = Vec::new();
        for heard in [&first, &second, &third] {
            told.push(explained(&house, heard).await);
        }
        assert!(told.iter().all(|it| it["session"] == told[0]["session"]));
        let facts = |at: usize| &told[at]["explanation"]["facts"];
        assert_eq!([1, 2].map(|at| &facts(at)["turn"]), ["user", "tool"]);
        let signs = facts(2)["standing"]["signs"].to_string();
        let seen = ["complaint", "error_result"].map(|sign| signs.contains(sign));
        assert_eq!(seen, [true; 2], "what was seen carries on: {signs}");
        house.close().await;
    }
}

#[tokio::test]
async fn what_is_not_kept_is_not_found_as_openai_says_it() {
    let house = only("messages").await;
    let other = forcing(&house).await;
    let begin = json!({"model": "alpha", "input": "x", "store": false});
    let unkept = house.ask(Door::Responses.path(), &begin).await;
    let begin = json!({"model": "alpha", "input": "x"});
    let others = respond(&house, &other, &begin, &[]).await;

    for id in [id(&unkept), id(&others), "resp_nobodys".to_owned()] {
        let next = json!({"model": "alpha", "input": "y", "previous_response_id": id});
        let heard = house.ask(Door::Responses.path(), &next).await;

        assert_eq!(heard.status, 400, "{}", heard.text());
        let message = format!("Previous response with id '{id}' not found.");
        let error = json!({"message": message, "type": "invalid_request_error", "param": "previous_response_id",
            "code": "previous_response_not_found"});
        assert_eq!(heard.json()["error"], error);
        let looked = house.get(&format!("/v1/responses/{id}")).send().await;
        assert_eq!(looked.expect("an answer").status(), 404);
    }
    house.close().await;
}

#[tokio::test]
async fn with_answers_set_to_none_none_is_kept() {
    let plan = Plan::new().sim("a", Profile::instant(), "").await;
    let plan = plan
        .speaks("chat")
        .model("alpha", "a")
        .keeps_answers("none");
    let house = plan.start().await;
    let first = house
        .ask(
            Door::Responses.path(),
            &json!({"model": "alpha", "input": "x"}),
        )
        .await;

    let next = json!({"model": "alpha", "input": "y", "previous_response_id": id(&first)});
    let heard = house.ask(Door::Responses.path(), &next).await;

    assert_eq!(heard.status, 400, "{}", heard.text());
    house.close().await;
}

const GUARDED: &str = "version: 1
answers: [auto]
models: [alpha, beta]
rules:
  - { name: stays home, when: { path: \"**/payments/**\" }, only: { target: b }, otherwise: refuse }
  - { name: away first, prefer: [alpha] }
";

#[tokio::test]
async fn what_an_earlier_answer_says_binds_the_call_that_goes_on_from_it() {
    for spoken in ["messages", "responses"] {
        let plan = Plan::new().sim("a", Profile::instant(), "").await;
        let plan = plan
            .model("alpha", "a")
            .sim("b", Profile::instant(), "")
            .await;
        let plan = plan.speaks(spoken).model("beta", "b").policy(GUARDED);
        let house = plan.start().await;
        let key = forcing(&house).await;
        let said = "It is in \"src/payments/card.rs\".";
        house.sim("b").cue([Cue::says(said)]);
        let begin = json!({"model": "auto", "input": "where is it?"});
        let first = go_on(&house, &key, "beta", begin).await;
        let next = json!({"model": "auto", "input": "go on", "previous_response_id": id(&first)});

        let second = respond(&house, &key, &next, &[]).await;
        let forced = go_on(&house, &key, "alpha", next).await;

        assert_eq!(model(&second), "beta", "{spoken}");
        assert_eq!(forced.status, 422, "{spoken}: {}", forced.text());
        assert!(house.sim("a").seen().is_empty());
        house.close().await;
    }
}

#[tokio::test]
async fn an_answer_of_ours_can_be_seen_and_removed() {
    for stream in STREAMS {
        let house = only("chat").await;
        house.a().cue([Cue::says("Blue.")]);
        let begin = json!({"model": "alpha", "stream": stream, "input": "which colour?"});
        let first = house.ask(Door::Responses.path(), &begin).await;
        let path = format!("/v1/responses/{}", id(&first));
        let see = async |path: &str| {
            let answer = house.get(path).send().await.expect("an answer");
            Heard::read(answer).await
        };

        let seen = see(&path).await;
        let items = see(&format!("{path}/input_items")).await;
        let removed = house
            .client
            .delete(house.url(&path))
            .bearer_auth(&house.key);
        let removed = Heard::read(removed.send().await.expect("an answer")).await;
        let gone = see(&path).await;

        let told = match stream {
            true => first.events().pop().expect("an event")["response"].clone(),
            false => first.json(),
        };
        assert_eq!((seen.status, seen.json()), (200, told));
        assert_eq!(items.json()["data"][0]["content"], "which colour?");
        let deleted = json!({"id": id(&first), "object": "response", "deleted": true});
        assert_eq!(removed.json(), deleted);
        assert_eq!(gone.status, 404, "{}", gone.text());
        assert_eq!(gone.json()["error"]["type"], "invalid_request_error");
        house.close().await;
    }
}

#[tokio::test]
async fn an_answer_is_called_removed_only_when_a_restart_cannot_bring_it_back() {
    let plan = Plan::new().sim("a", Profile::instant(), "").await;
    let plan = plan
        .speaks("chat")
        .model("alpha", "a")
        .keeps_answers("disk");
    let house = plan.start().await;
    let begin = json!({"model": "alpha", "input": "which colour?"});
    let first = house.ask(Door::Responses.path(), &begin).await;
    house.gateway.talks().settle().await;
    let path = format!("/v1/responses/{}", id(&first));
    let remove = async || {
        let request = house.client.delete(house.url(&path));
        let answer = request.bearer_auth(&house.key).send().await;
        Heard::read(answer.expect("an answer")).await
    };
    let store = rusqlite::Connection::open(house.file("store/tollgate.db")).expect("a database");
    let change = |sql: &str| store.execute_batch(sql).expect("changed");

    change(
        "CREATE TRIGGER stuck BEFORE DELETE ON session_shelf BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    let refused = remove().await;
    let seen = house.get(&path).send().await.expect("an answer");
    change("DROP TRIGGER stuck");
    let removed = remove().await;

    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["error"]["code"], "store_unavailable");
    assert_eq!(seen.status(), 200, "it is there until it is gone");
    assert_eq!(removed.json()["deleted"], true, "{}", removed.text());
    let left = "SELECT count(*) FROM session_shelf WHERE text LIKE '%which colour?%'";
    let left: i64 = store
        .query_row(left, [], |row| row.get(0))
        .expect("a count");
    assert_eq!(left, 0);
    house.close().await;
}

#[tokio::test]
async fn more_than_one_call_may_have_read_is_refused_unless_a_target_has_it() {
    for (dialect, native) in [("chat", false), ("responses", true)] {
        let window = 10_000_000;
        let roomy = Profile {
            window,
            ..Profile::instant()
        };
        let plan = Plan::new().sim("a", roomy, "").await.speaks(dialect);
        let house = plan.model("alpha", "a").start().await;
        let ask = async |body: Value| house.ask(Door::Responses.path(), &body).await;
        let long = "word ".repeat(1_500_000);
        let first = ask(json!({"model": "alpha", "input": long})).await;
        assert_eq!(first.status, 200, "{}", first.text());
        let named = first.json()["output"][0]["id"].clone();
        assert!(named.is_string(), "{}", first.text());
        let named = json!({"type": "item_reference", "id": named});

        // Each is looked for in all that was said.
        let heard = ask(json!({"model": "alpha", "input": vec![named; 20]})).await;

        let asked = house.a().seen().len();
        if native {
            assert_eq!((heard.status, asked), (200, 2), "{}", heard.text());
        } else {
            assert_eq!((heard.status, asked), (400, 1), "{}", heard.text());
            let error = &heard.json()["error"];
            assert_eq!(error["code"], "context_length_exceeded");
            assert_eq!(error["param"], "input");
        }
        house.close().await;
    }
}
