//! Second tries have budgets: those after failures one, and those after flaws another. Where one of them is used up, the other is not.

use tollgate::sim::{Cue, Fault, Sim};

use super::{ask, good, plan, seen};
use crate::calls::Door;
use crate::rig::House;

/// More than a budget holds, and than it earns meanwhile.
const MANY: usize = 2_000;

fn bad() -> Cue {
    Cue::default().calls("look", "{\"path\": worse")
}

/// Asks until nobody is asked in the first model's place any more; `spoil` sees to it that somebody has to be.
async fn exhaust(house: &House, spoil: impl Fn(&Sim)) {
    for _ in 0..MANY {
        spoil(house.a());
        let heard = ask(house, Door::Chat, false).await;
        if heard.header("x-tollgate-model") != "beta" {
            return;
        }
    }
    unreachable!("second tries never ran out");
}

#[tokio::test]
async fn a_model_that_is_wrong_each_time_does_not_use_up_what_failures_are_saved_by() {
    let house = plan("chat").await.start().await;
    exhaust(&house, |sim| sim.cue([bad(), bad()])).await;

    house.a().script((0..3).map(|_| Fault::status(429)));
    for _ in 0..3 {
        let heard = ask(&house, Door::Chat, false).await;

        let by = (heard.status, heard.header("x-tollgate-model"));
        assert_eq!(by, (200, "beta"), "{}", heard.text());
    }
    house.close().await;
}

#[tokio::test]
async fn a_target_that_fails_each_time_does_not_use_up_what_flaws_are_mended_by() {
    let house = plan("chat").await.start().await;
    exhaust(&house, |sim| sim.script([Fault::status(429)])).await;

    for _ in 0..3 {
        house.a().cue([bad(), good()]);
        let heard = ask(&house, Door::Chat, false).await;

        assert!(seen(&heard).contains("good.rs"), "{}", heard.text());
    }
    house.close().await;
}
