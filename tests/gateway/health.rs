//! Targets that rest, are full, or take turns; second tries that are rationed.

use serde_json::json;
use tollgate::sim::{Fault, Profile};

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan, until};
use crate::stub::{Stub, stream};

#[tokio::test]
async fn second_tries_are_rationed() {
    let house = Plan::two()
        .await
        .with("limits: { in_flight: 100000 }")
        .start()
        .await;
    house
        .a()
        .script(std::iter::repeat_n(Fault::status(429), 1_000));

    // 200 tries are saved up, each call earns a fifth of one, and time ten a second: a burst runs dry.
    let asked = (0..600).map(|_| house.ask_at(Door::Chat, "auto", false));
    let heard = futures_join(asked).await;

    let denied = heard.iter().filter(|heard| heard.status == 429).count();
    assert!(denied > 100 && denied < 600, "{denied}");
    let metrics = house.admin_get("/metrics").await;
    assert!(
        metrics.text().contains("retries_denied_total"),
        "{}",
        metrics.text()
    );
    house.close().await;
}

/// Runs all of them at once.
async fn futures_join<F: Future<Output = Heard>>(calls: impl Iterator<Item = F>) -> Vec<Heard> {
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    let mut heard = Vec::new();
    std::future::poll_fn(|cx| {
        calls.retain_mut(|call| match call.as_mut().poll(cx) {
            std::task::Poll::Ready(done) => {
                heard.push(done);
                false
            }
            std::task::Poll::Pending => true,
        });
        match calls.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    heard
}

#[tokio::test]
async fn five_failures_in_a_row_send_a_target_to_rest() {
    let house = House::two().await;
    house.a().script(std::iter::repeat_n(Fault::status(500), 5));
    for _ in 0..5 {
        assert_eq!(
            house
                .ask_at(Door::Chat, "auto", false)
                .await
                .header("x-tollgate-model"),
            "beta"
        );
    }

    let spared = house.ask_at(Door::Chat, "auto", false).await;
    let named = house.ask_at(Door::Chat, "alpha", false).await;
    let again = house.ask_at(Door::Chat, "auto", false).await;

    let reason = spared.header("x-tollgate-reason");
    assert!(reason.ends_with("no other may answer"), "{reason}");
    // Named, it is tried all the same, and the success brings it back.
    assert_eq!((named.status, house.a().seen().len()), (200, 7));
    assert_eq!(again.header("x-tollgate-model"), "alpha");
    let record = house
        .admin_get(&format!("/admin/v1/requests/{}", spared.request_id()))
        .await;
    assert!(
        record.text().contains("alpha") && record.text().contains("down"),
        "{}",
        record.text()
    );
    house.close().await;
}

#[tokio::test]
async fn a_retry_after_leaves_the_target_alone() {
    let house = House::two().await;
    house.a().script([Fault::retry_after(429, "30")]);

    house.ask_at(Door::Chat, "auto", false).await;
    house.ask_at(Door::Chat, "auto", false).await;

    assert_eq!(
        (house.a().seen().len(), house.sim("b").seen().len()),
        (1, 2)
    );
    let targets = house.admin_get("/admin/v1/targets").await.json();
    assert_eq!(
        (&targets["targets"][0]["up"], &targets["targets"][1]["up"]),
        (&json!(false), &json!(true))
    );
    house.close().await;
}

#[tokio::test]
async fn a_target_with_as_many_calls_as_it_may_have_is_passed_over() {
    let house = Plan::two_with(Profile::instant(), ", max_in_flight: 1")
        .await
        .start()
        .await;
    house.a().script([Fault::NeverAnswer]);
    let request = house.post(
        Door::Chat.path(),
        Door::Chat.body("alpha", false).to_string(),
    );
    let tasks = tokio_util::task::TaskTracker::new();
    let waiting = tasks.spawn(request.send());
    until("the target has a call", async || {
        house.a().seen().len() == 1
    })
    .await;

    let routed = house.ask_at(Door::Chat, "auto", false).await;
    let named = house.ask_at(Door::Chat, "alpha", false).await;
    waiting.abort();
    until("the call is over", async || {
        house.gateway.ledger().open_holds() == 0
    })
    .await;
    let later = house.ask_at(Door::Chat, "auto", false).await;

    assert_eq!(routed.header("x-tollgate-model"), "beta");
    assert_eq!(
        (
            named.status,
            &named.json()["error"]["code"],
            named.header("retry-after")
        ),
        (503, &json!("overloaded"), "1")
    );
    assert_eq!(later.header("x-tollgate-model"), "alpha");
    house.close().await;
}

#[tokio::test]
async fn replicas_of_a_target_take_turns() {
    let first = Stub::start(stream("data: [DONE]\n\n")).await;
    let second = Stub::start(stream("data: [DONE]\n\n")).await;
    let more = format!(", replicas: [{}]", second.url());
    let house = Plan::new()
        .target("a", &first.url(), &more)
        .model("alpha", "a")
        .start()
        .await;

    for _ in 0..4 {
        assert_eq!(house.ask_at(Door::Chat, "alpha", true).await.status, 200);
    }

    assert_eq!((first.asked(), second.asked()), (2, 2));
    house.close().await;
}
