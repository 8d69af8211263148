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
