//! Every door, streaming and not.

use serde_json::json;
use tollgate::ledger::State;
use tollgate::sim::Fault;

use crate::rig::{Door, House};

#[tokio::test]
async fn every_door_answers_with_and_without_v1_and_is_billed_to_the_token() {
    let house = House::one().await;

    for door in Door::ALL {
        for (path, stream) in [(door.path(), false), (door.path(), true), (&door.path()[3..], false)] {
            let heard = house.ask(path, &door.body("alpha", stream)).await;

            assert_eq!(heard.status, 200, "{door:?}: {}", heard.text());
            assert!(heard.whole && heard.body.len() > 20);
            assert_eq!(stream, door.says_complete(heard.text()) && heard.tokens() > 0, "{door:?}");
        }
    }

    let records = house.records().await;
    assert_eq!(records.len(), 12);
    assert!(records.iter().all(|record| record.attempts[0].state == State::Actual), "{records:?}");
    house.close().await;
}
