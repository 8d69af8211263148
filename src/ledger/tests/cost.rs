//! What a call costs the writer.

use super::*;

/// `cargo test --release --lib what_a_call_costs -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn what_a_call_costs() {
    let rig = rig().await;
    for (name, lanes, calls) in [
        ("alone", 1, 4_000),
        ("8 at once", 8, 4_000),
        ("64 at once", 64, 400),
    ] {
        let before = writer_nanos(&rig.ledger).await;
        let lane = async || {
            let mut waits = Vec::new();
            for _ in 0..calls {
                // Time goes on, so that ids sort as they will.
                rig.clock.set(rig.clock.now().plus_millis(1));
                let head = rig.head("core");
                let closing = rig.ledger.open_call().await.expect("room");
                let start = tokio::time::Instant::now();
                let mut hold = rig
                    .ledger
                    .hold(rig.intent(&head, "base1"))
                    .await
                    .expect("held");
                waits.push(start.elapsed());
                hold.sent(NOON);
                tokio::task::yield_now().await;
                hold.settle(amount(120, 30, Some(12_345)), true, End::Complete, NOON);
                closing.refuse(head, closed(20_000));
            }
            waits
        };
        let mut waits = join(lanes, lane).await;
        let spent = writer_nanos(&rig.ledger).await - before;
        waits.sort();
        println!(
            "{name}: writer CPU {} ns a call; acknowledged p50 {:?} p99 {:?}",
            spent / (lanes * calls),
            waits[waits.len() / 2],
            waits[waits.len() * 99 / 100]
        );
    }
    let start = tokio::time::Instant::now();
    let rows = rig
        .ledger
        .spend(By::Tenant, None, None)
        .await
        .expect("a read");
    println!("summing {} calls: {:?}", rows[0].requests, start.elapsed());
}

async fn join<T>(lanes: u64, lane: impl AsyncFn() -> Vec<T>) -> Vec<T> {
    use std::pin::pin;
    use std::task::Poll;
    let mut running: Vec<_> = (0..lanes).map(|_| Some(Box::pin(lane()))).collect();
    let mut done = Vec::new();
    let all = std::future::poll_fn(|cx| {
        for slot in &mut running {
            if let Some(lane) = slot
                && let Poll::Ready(found) = lane.as_mut().poll(cx)
            {
                done.extend(found);
                *slot = None;
            }
        }
        match running.iter().all(Option::is_none) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    pin!(all).await;
    done
}

/// CPU time of the writer's thread, as Linux counts it.
async fn writer_nanos(ledger: &Ledger) -> u64 {
    let read = ledger.store.write(|_| {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        Ok(text
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number"))
    });
    read.await.expect("a write")
}
