//! From what the target tells to what it costs: every class at its price, what cannot be is not believed.

use serde_json::{Value, json};
use tollgate::domain::tokens::Usage;
use tollgate::ledger::{End, State};
use tollgate::sim::{Fault, Profile};

use crate::books::at;
use crate::calls::Door;
use crate::rig::{House, Plan};
use crate::stub::{Stub, answer, stream};

#[tokio::test]
async fn usage_that_is_missing_or_cannot_be_is_estimated_and_the_answer_delivered() {
    for (fault, end) in [
        (Fault::NoUsage, End::UsageMissing),
        (Fault::NegativeUsage, End::UsageRejected),
        (Fault::AbsurdUsage, End::UsageRejected),
    ] {
        for door in Door::ALL {
            for stream in [false, true] {
                let house = House::one().await;
                house.a().script([fault.clone()]);
                let heard = house.ask_at(door, "alpha", stream).await;

                assert_eq!(heard.status, 200, "{fault:?} {door:?}: {}", heard.text());
                assert!(!stream || (door.says_complete(heard.text()) && door.errors(&heard) == 0));
                let attempt = house.attempt().await;
                assert_eq!(
                    (attempt.state, attempt.end),
                    (State::Estimated, Some(end)),
                    "{fault:?} {door:?} {stream}"
                );
                let line = house.a().bill().remove(0);
                assert!(
                    attempt.tokens.output.0 >= line.produced_output,
                    "{fault:?} {door:?} {stream}"
                );
                house.close().await;
            }
        }
    }
}

fn long_message(marks: [Value; 2]) -> Value {
    let [system, user] = marks;
    json!({"model": "alpha", "max_tokens": 50,
        "system": [{"type": "text", "text": "rules ".repeat(2_000), "cache_control": system}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "words ".repeat(1_000), "cache_control": user}]}]})
}

#[tokio::test]
async fn what_is_written_to_and_read_from_a_cache_has_its_own_price() {
    let house = House::one().await;
    let (short, long) = (
        json!({"type": "ephemeral"}),
        json!({"type": "ephemeral", "ttl": "1h"}),
    );

    for stream in [false, true] {
        let mut body = long_message([long.clone(), short.clone()]);
        body["stream"] = json!(stream);
        body["system"][0]["text"] = json!(format!("rules of {stream} ").repeat(1_000));
        house.ask("/v1/messages", &body).await;
        house.ask("/v1/messages", &body).await;
    }

    for pair in house.records().await.chunks(2) {
        let [first, second] = [&pair[0], &pair[1]].map(|record| record.attempts[0].tokens);
        assert!(
            first.cache_write_long.0 > 3_000 && first.cache_write_short.0 > 1_000,
            "{first:?}"
        );
        assert_eq!(
            second.cache_read,
            first.cache_write_long + first.cache_write_short
        );
        assert!(pair[1].cost_nano_usd < pair[0].cost_nano_usd);
    }
    house.close().await;
}

#[tokio::test]
async fn cached_tokens_inside_the_prompt_are_taken_out_of_it() {
    let profile = Profile {
        cache_writes: true,
        ..Profile::instant()
    };
    let house = Plan::new()
        .sim("a", profile, "")
        .await
        .model("alpha", "a")
        .start()
        .await;

    for door in [Door::Chat, Door::Responses] {
        for stream in [false, true] {
            let mut body = door.body("alpha", stream);
            let words = format!("{door:?} {stream} ").repeat(1_000);
            body[if door == Door::Chat {
                "messages"
            } else {
                "input"
            }] = json!([{"role": "user", "content": words}]);
            house.ask(door.path(), &body).await;
            house.ask(door.path(), &body).await;
        }
    }

    for pair in house.records().await.chunks(2) {
        let [first, second] = [&pair[0], &pair[1]].map(|record| record.attempts[0].tokens);
        assert!(
            first.cache_write_short.0 > 1_000 && first.cache_read.0 == 0,
            "{first:?}"
        );
        assert_eq!(second.cache_read, first.cache_write_short, "{second:?}");
        assert!(
            pair.iter()
                .all(|record| record.attempts[0].state == State::Actual)
        );
    }
    house.close().await;
}

#[tokio::test]
async fn reasoning_is_a_part_of_the_output() {
    let house = House::one().await;
    let mut chat = Door::Chat.body("alpha", true);
    chat["reasoning_effort"] = json!("high");
    let mut responses = Door::Responses.body("alpha", false);
    responses["reasoning"] = json!({"effort": "high"});
    let mut messages = Door::Messages.body("alpha", true);
    messages["thinking"] = json!({"type": "adaptive", "display": "omitted"});

    house.ask("/v1/chat/completions", &chat).await;
    house.ask("/v1/responses", &responses).await;
    house.ask("/v1/messages", &messages).await;

    for record in house.records().await {
        let tokens = record.attempts[0].tokens;
        assert!(
            tokens.reasoning.0 >= 5 && tokens.reasoning < tokens.output,
            "{tokens:?}"
        );
    }
    house.close().await;
}

/// Longer than 200 tokens, cached ones counted: another price for all of them.
fn tiered(_: &str, usage: &Usage) -> Option<u64> {
    let long = usage.prompt().0 > 200;
    let short = [1_000_000, 100_000, 1_250_000, 2_000_000, 4_000_000];
    Some(at(
        if long {
            [2_000_000, 100_000, 1_250_000, 2_000_000, 6_000_000]
        } else {
            short
        },
        usage,
    ))
}

#[tokio::test]
async fn a_long_prompt_reprices_the_whole_call() {
    let prices = "  alpha-there:
    { input: 1, output: 4, cache_read: 0.10, cache_write_5m: 1.25, cache_write_1h: 2, tiers: [ { above: 200, input: 2, output: 6 } ] }
";
    let house = Plan::one().await.prices(prices, tiered).start().await;
    // A token is four bytes there.
    for bytes in [400, 800, 804, 8_000] {
        let message = json!({"role": "user", "content": "x".repeat(bytes)});
        house
            .ask(
                "/v1/chat/completions",
                &json!({"model": "alpha", "messages": [message]}),
            )
            .await;
    }

    let prompts: Vec<_> = house
        .records()
        .await
        .iter()
        .map(|r| r.attempts[0].tokens.prompt().0)
        .collect();
    assert_eq!(prompts, [100, 200, 201, 2_000]);
    house.close().await;
}

fn flat(_: &str, usage: &Usage) -> Option<u64> {
    Some(at(
        [1_000_000, 1_000_000, 1_000_000, 1_000_000, 10_000_000],
        usage,
    ))
}

const SERVICE: &str = "  alpha-there: { input: 1, output: 10, service_tiers: { flex: 0.5, priority: 2, fast: 6 }, regions: { us: 1.1 } }\n";

/// Asks a target that says this, and returns what the call cost.
async fn cost_of(door: Door, said: Vec<u8>, stream: bool) -> i64 {
    let stub = Stub::start(said).await;
    let plan = Plan::new().target("a", &stub.url(), "").model("alpha", "a");
    let house = plan.prices(SERVICE, flat).start().await;
    assert_eq!(house.ask_at(door, "alpha", stream).await.status, 200);
    let attempt = house.attempt().await;
    assert_eq!(attempt.state, State::Actual);
    house.gateway.stop().await;
    attempt.cost_nano_usd.expect("a price").0
}

#[tokio::test]
async fn the_tier_that_was_served_decides_not_the_one_that_was_asked_for() {
    // 1,000 tokens in and 100 out: 2 millionths of a dollar in thousands.
    let counts = "\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}";
    for (tier, cost) in [
        ("default", 2_000_000),
        ("flex", 1_000_000),
        ("priority", 4_000_000),
        ("unheard", 2_000_000),
    ] {
        let whole = format!("{{\"service_tier\":\"{tier}\",\"choices\":[],{counts}}}");
        assert_eq!(
            cost_of(Door::Chat, answer("200 OK", "", &whole), false).await,
            cost,
            "{tier}"
        );

        let last = format!(
            "data: {{\"service_tier\":\"{tier}\",\"choices\":[],{counts}}}\n\ndata: [DONE]\n\n"
        );
        let begun =
            "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n";
        assert_eq!(
            cost_of(Door::Chat, stream(&format!("{begun}{last}")), true).await,
            cost,
            "{tier}"
        );
    }
    let usage = |more: &str| {
        format!(
            "{{\"type\":\"message\",\"usage\":{{\"input_tokens\":1000,\"output_tokens\":100{more}}}}}"
        )
    };
    for (more, cost) in [
        (",\"service_tier\":\"standard\"", 2_000_000),
        (",\"speed\":\"fast\"", 12_000_000),
        (",\"inference_geo\":\"us\"", 2_200_000),
    ] {
        assert_eq!(
            cost_of(Door::Messages, answer("200 OK", "", &usage(more)), false).await,
            cost,
            "{more}"
        );
    }
}

#[tokio::test]
async fn the_last_count_of_a_stream_stands_and_is_not_a_sum() {
    let chunk = |prompt: u64, output: u64, finish: &str| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"x\"}},\"finish_reason\":{finish}}}],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{output}}}}}\n\n"
        )
    };
    let said = chunk(1_000, 1, "null")
        + &chunk(1_000, 2, "null")
        + &chunk(1_000, 100, "\"stop\"")
        + "data: [DONE]\n\n";

    assert_eq!(cost_of(Door::Chat, stream(&said), true).await, 2_000_000);
}

#[tokio::test]
async fn a_model_without_a_price_costs_nobody_knows_what_not_nothing() {
    let house = Plan::one().await.model("gamma", "a").start().await;

    for stream in [false, true] {
        house.ask_at(Door::Chat, "gamma", stream).await;
    }

    for record in house.records().await {
        assert!(record.unpriced && record.cost_nano_usd.is_none());
        let json = serde_json::to_value(&record).expect("JSON");
        assert_eq!(
            (&json["cost_usd"], &json["unpriced"]),
            (&Value::Null, &json!(true))
        );
        assert_eq!(
            (
                &json["attempts"][0]["cost_nano_usd"],
                &json["attempts"][0]["price_id"]
            ),
            (&Value::Null, &Value::Null)
        );
    }
    let metrics = house.admin_get("/metrics").await;
    assert!(
        metrics
            .text()
            .contains("tollgate_unpriced_total{model=\"gamma\"} 2"),
        "{}",
        metrics.text()
    );
    house.close().await;
}

fn free(model: &str, _: &Usage) -> Option<u64> {
    (model == "alpha").then_some(0)
}

#[tokio::test]
async fn what_is_declared_free_costs_nothing() {
    let house = Plan::one()
        .await
        .prices("  alpha-there: { free: true }\n", free)
        .start()
        .await;

    let heard = house.ask_at(Door::Chat, "alpha", false).await;

    assert_eq!(
        heard.header("x-tollgate-cost-usd").trim_matches(['0', '.']),
        ""
    );
    assert_eq!(
        house
            .attempt()
            .await
            .price_id
            .map(|id| id.to_string())
            .as_deref(),
        Some("alpha-there@free")
    );
    house.close().await;
}

#[tokio::test]
async fn todays_price_holds_not_yesterdays_and_not_tomorrows() {
    let prices = "  alpha-there:
    - { from: 2020-01-01, input: 7, output: 7 }
    - { from: 2024-01-01, input: 1, output: 10 }
    - { from: 2099-01-01, input: 9, output: 9 }
";
    let house = Plan::one().await.prices(prices, flat).start().await;

    house.ask_at(Door::Responses, "alpha", true).await;

    assert_eq!(
        house
            .attempt()
            .await
            .price_id
            .map(|id| id.to_string())
            .as_deref(),
        Some("alpha-there@2024-01-01")
    );
    house.close().await;
}

#[tokio::test]
async fn the_cost_in_the_header_is_that_of_every_attempt() {
    let house = Plan::two_with(Profile::instant(), ", timeouts: { first_byte_ms: 200 }")
        .await
        .start()
        .await;
    house.a().script([Fault::NeverAnswer]);

    let heard = house.ask_at(Door::Chat, "auto", false).await;

    let record = house.record().await;
    assert_eq!(record.attempts.len(), 2);
    assert_eq!(
        record.cost_usd.as_deref(),
        Some(heard.header("x-tollgate-cost-usd"))
    );
    house.close().await;
}

#[tokio::test]
async fn an_amount_below_a_billionth_of_a_dollar_is_rounded_up_once() {
    let house = House::two().await;

    for _ in 0..3 {
        house.ask_at(Door::Completions, "beta", false).await;
    }

    for record in house.records().await {
        let tokens = record.attempts[0].tokens;
        let thousandths = tokens.input.0 * 70_000 + tokens.output.0 * 500;
        assert_eq!(
            record.cost_nano_usd.map(|cost| cost.0),
            i64::try_from(thousandths.div_ceil(1_000)).ok()
        );
    }
    house.close().await;
}
