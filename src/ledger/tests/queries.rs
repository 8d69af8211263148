//! What the books say when they are asked.

use super::*;

#[tokio::test]
async fn what_has_no_price_is_never_free() {
    let rig = rig().await;
    let head = rig.head("core");
    for (model, cost) in [("a", None), ("b", Some(70))] {
        let hold = rig
            .ledger
            .hold(rig.intent(&head, model))
            .await
            .expect("held");
        hold.settle(amount(1, 1, cost), true, End::Complete, NOON);
    }

    let record = read(&rig.ledger, &head).await;
    let rows = rig
        .ledger
        .spend(By::Model, None, None)
        .await
        .expect("a read");

    assert!(record.unpriced);
    assert_eq!(record.cost_nano_usd, Some(NanoUsd(70)));
    assert_eq!(record.saved_nano_usd, None);
    let of: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.group.as_deref(),
                row.unpriced_attempts,
                row.cost_nano_usd.0,
            )
        })
        .collect();
    assert_eq!(of, [(Some("b"), 0, 70), (Some("a"), 1, 0)]);
}

#[tokio::test]
async fn the_list_is_paged_from_the_newest_and_filtered() {
    let rig = rig().await;
    let mut ids = Vec::new();
    for minute in 0..7 {
        rig.clock.set(NOON.plus_millis(minute * 60_000));
        let head = rig.head(if minute % 2 == 0 { "even" } else { "odd" });
        ids.push(head.request);
        let closing = rig.ledger.open_call().await.expect("room");
        closing.refuse(head, closed(0));
    }
    let listed = async |filter| {
        let page = rig.ledger.records(filter).await.expect("a read");
        let found: Vec<_> = page.requests.iter().map(|r| r.request_id).collect();
        (found, page.cursor)
    };
    let filter = |limit, cursor| Filter {
        limit,
        cursor,
        tenant: Some("even".into()),
        since: Some(NOON.plus_millis(60_000)),
    };

    let (first, cursor) = listed(filter(2, None)).await;
    let (second, end) = listed(filter(2, cursor)).await;

    assert_eq!((first, cursor), (vec![ids[6], ids[4]], Some(ids[4])));
    assert_eq!((second, end), (vec![ids[2]], None));
    assert_eq!(listed(Filter::default()).await.0.len(), 7);
}

#[tokio::test]
async fn spend_is_grouped_as_asked() {
    let rig = rig().await;
    for (day, tenant, cost) in [(0, "core", 500), (1, "core", 70), (1, "web", 90)] {
        rig.clock.set(NOON.plus_millis(day * 86_400_000));
        let head = rig.head(tenant);
        let closing = rig.ledger.open_call().await.expect("room");
        let hold = rig
            .ledger
            .hold(rig.intent(&head, "base1"))
            .await
            .expect("held");
        hold.settle(
            amount(10, 1, Some(cost)),
            day == 1,
            End::Complete,
            rig.clock.now(),
        );
        closing.refuse(head, closed(1_000));
    }
    let spent = async |by: &str, from| {
        let by = by.parse().expect("a grouping");
        let rows = rig.ledger.spend(by, from, None).await.expect("a read");
        rows.into_iter()
            .map(|r| {
                (
                    r.group.unwrap_or_default(),
                    r.cost_nano_usd.0,
                    r.saved_nano_usd.0,
                )
            })
            .collect::<Vec<_>>()
    };
    let row = |group: &str, cost, saved| (group.to_owned(), cost, saved);

    assert_eq!(
        spent("tenant", None).await,
        [row("core", 570, 1_430), row("web", 90, 910)]
    );
    assert_eq!(
        spent("day", None).await,
        [
            row(&NOON.day(), 500, 500),
            row(&NOON.plus_millis(86_400_000).day(), 160, 1_840)
        ]
    );
    assert_eq!(
        spent("tag:repo", Some(NOON.plus_millis(1))).await,
        [row("core", 160, 1_840)]
    );
    assert_eq!(spent("tag:none", None).await, [row("", 660, 2_340)]);
    assert!("tag:".parse::<By>().is_err());
}

#[tokio::test]
async fn totals_survive_a_restart() {
    let rig = rig().await;
    let head = rig.head("core");
    let hold = rig
        .ledger
        .hold(rig.intent(&head, "base1"))
        .await
        .expect("held");
    hold.settle(amount(10, 1, Some(500)), true, End::Complete, NOON);

    let (rig, recovered) = rig.restart().await;

    let totals = rig.ledger.totals().await.expect("a read");
    let spent = totals
        .spend
        .get(&("core".into(), "base1".into(), Hosting::Own));
    assert_eq!(
        (recovered.attempts, spent),
        (0, Some(&NanoUsd(500))),
        "{totals:?}"
    );
}
