//! What some clients and servers do beside what their dialect says.

use serde_json::json;
use tollgate::sim::{Cue, Profile};

use super::house;
use super::talk::{streamed, words};
use crate::calls::Door;
use crate::rig::Plan;

#[tokio::test]
async fn who_asks_for_safeguards_where_there_are_none_is_told_so_in_the_word_that_clients_know() {
    for target in ["chat", "responses", "gemini"] {
        let house = house(target).await;
        let mut body = Door::Messages.body("alpha", false);
        body["safeguards"] = json!([{"type": "tool_use"}]);

        let heard = house.ask(Door::Messages.path(), &body).await;

        assert_eq!(heard.status, 400, "{target}: {}", heard.text());
        let error = &heard.json()["error"];
        assert_eq!(error["type"], "invalid_request_error", "{target}");
        let told = error["message"].as_str().expect("a sentence");
        assert!(told.contains("safeguards"), "{told}");
        assert!(house.a().seen().is_empty());
        house.close().await;
    }
}

#[tokio::test]
async fn safeguards_are_left_out_for_own_servers_that_speak_the_dialect_and_for_nobody_else() {
    let asked = r#"{"model":"alpha","max_tokens":90, "safeguards" : [{"type":"dangerous_tool_use"}] ,"stream":false,
        "messages":[{"role":"user","content":"Say \"safeguards\"."}]}"#;
    let sent = asked.replace("\"alpha\"", "\"alpha-there\"");
    let without = sent.replace(r#" "safeguards" : [{"type":"dangerous_tool_use"}] ,"#, " ");
    for (own, sent) in [(false, sent), (true, without)] {
        let plan = Plan::new().sim("a", Profile::instant(), "").await;
        let plan = if own { plan.own() } else { plan };
        let plan = plan.speaks("messages").model("alpha", "a");
        let house = plan.start().await;

        let heard = (house.hear(house.post(Door::Messages.path(), asked))).await;

        assert_eq!(heard.status, 200, "{}", heard.text());
        let seen = house.a().seen().pop().expect("a request");
        assert_eq!(String::from_utf8_lossy(&seen.body), sent);
        let told = house.record().await.translation;
        let left_out =
            r#"{"wire":"messages","dropped":[{"field":"safeguards","why":"unable","times":1}]}"#;
        assert_eq!(told.as_ref().map(|it| it.get()), own.then_some(left_out));
        house.close().await;
    }
}

#[tokio::test]
async fn safeguards_are_left_out_too_where_a_call_is_written_anew_for_an_own_server() {
    let plan = Plan::new().sim("a", Profile::instant(), "").await.own();
    let house = (plan.speaks("messages").model("alpha", "a")).start().await;
    let mut body = Door::Messages.body("alpha", false);
    body["safeguards"] = json!([{"type": "dangerous_tool_use"}]);
    // Nobody but its maker can read it.
    let thought =
        json!({"type": "thinking", "thinking": "hm", "signature": "c2lnbmF0dXJl".repeat(8)});
    let said = json!({"role": "assistant", "content": [thought, {"type": "text", "text": "Yes."}]});
    let turns = body["messages"].as_array_mut().expect("a list");
    turns.extend([said, json!({"role": "user", "content": "Go on."})]);

    let heard = house.ask(Door::Messages.path(), &body).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    let seen = house.a().seen().pop().expect("a request");
    let seen = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(
        !seen.contains("signature") && !seen.contains("safeguards"),
        "{seen}"
    );
    let told = house.record().await.translation.expect("it is told");
    assert!(told.get().contains("\"safeguards\""), "{}", told.get());
    house.close().await;
}

#[tokio::test]
async fn a_thought_that_an_own_server_tells_among_its_words_is_told_as_a_thought() {
    let aloud = "<think>\nhm, hm</think>\n\nYes.";
    let cases = [
        (Door::Messages, true),
        (Door::Responses, true),
        (Door::Messages, false),
    ];
    for (stream, (door, own)) in cases.into_iter().flat_map(|it| [(false, it), (true, it)]) {
        let plan = Plan::new().sim("a", Profile::instant(), "").await;
        let plan = plan.speaks("chat").model("alpha", "a");
        let plan = if own { plan.own() } else { plan };
        let house = plan.start().await;
        house.a().cue([Cue::says(aloud)]);
        let mut body = door.body("alpha", stream);
        match door {
            Door::Messages => body["thinking"] = json!({"type": "adaptive"}),
            _ => body["reasoning"] = json!({"effort": "low", "summary": "auto"}),
        }

        let heard = house.ask(door.path(), &body).await;

        let said = match stream {
            true => streamed(door, &heard),
            false => words(door, &heard.json()),
        };
        let wanted = if own { "Yes." } else { aloud };
        assert_eq!(said, wanted, "{door:?}: {}", heard.text());
        assert!(heard.text().contains("hm"), "{}", heard.text());
        house.close().await;
    }
}
