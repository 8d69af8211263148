//! With `durability: power` nobody sees a byte of an answer before the disk knows that it is to be paid for.

use serde_json::json;
use tollgate::sim::{Cue, Profile};

use crate::calls::Door;
use crate::rig::{House, Plan};
use crate::stub::{Stub, stream};

/// How often somebody has waited for the disk.
async fn waits(house: &House) -> u64 {
    let page = house.admin_get("/metrics").await;
    let found = (page.text().lines())
        .find_map(|line| line.strip_prefix("tollgate_ledger_seconds_count{op=\"sync\"} "));
    found.map_or(0, |count| count.parse().expect("a count"))
}

#[tokio::test]
async fn each_answer_waits_for_the_disk_once_and_only_where_that_is_wanted() {
    for (durability, each) in [("crash", 0), ("power", 1)] {
        let line = format!("durability: {durability}");
        let house = Plan::one().await.with(&line).start().await;
        let mut answers = 0;
        for door in Door::ALL {
            for stream in [false, true] {
                let heard = house.ask_at(door, "alpha", stream).await;
                assert_eq!(heard.status, 200, "{door:?}: {}", heard.text());
                answers += each;
                assert_eq!(waits(&house).await, answers, "{door:?} {stream}");
            }
        }
        house.close().await;
    }
}

#[tokio::test]
async fn a_stream_that_is_held_until_it_has_ended_waits_for_the_disk_too() {
    let plan = Plan::new().sim("a", Profile::instant(), "").await.own();
    let plan = plan.model("alpha", "a").sim("b", Profile::instant(), "");
    let plan = plan.await.model("beta", "b").with("durability: power");
    let house = plan.start().await;
    // What only calls a tool is held until it is complete.
    let good = r#"{"path": "src/lib.rs"}"#;
    let cue = |arguments: &str| Cue::default().calls("look", arguments);
    house
        .a()
        .cue([cue(good), cue("{\"path\": worse"), cue(good)]);
    let tool = json!({"name": "look", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}});
    let mut body = Door::Chat.body("auto", true);
    body["tools"] = json!([{"type": "function", "function": tool}]);

    for (attempts, flawed) in [(1, false), (3, true)] {
        let heard = house.ask(Door::Chat.path(), &body).await;

        assert!(heard.text().contains("[DONE]"), "{}", heard.text());
        assert_eq!(waits(&house).await, attempts, "flawed {flawed}");
    }
    let records = house.records().await;
    assert!(records[0].flaws.is_none() && records[1].flaws.is_some());
    house.close().await;
}

#[tokio::test]
async fn a_stream_that_comes_all_at_once_waits_for_the_disk_too() {
    let events = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Yes.\"},\"finish_reason\":null}]}\n\n\
        data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}\n\n\
        data: [DONE]\n\n";
    let stub = Stub::start(stream(events)).await;
    let plan = Plan::new().target("a", &stub.url(), "").speaks("chat");
    let house = (plan.model("alpha", "a").with("durability: power"))
        .start()
        .await;

    let heard = house.ask_at(Door::Chat, "alpha", true).await;

    assert!(heard.text().contains("[DONE]"), "{}", heard.text());
    assert_eq!(waits(&house).await, 1);
    house.close().await;
}
