//! What a call costs with each model, and that turning one knob moves the choice the right way.

use std::time::Duration;

use proptest::prelude::*;

use super::scene::{FRONTIER, OWN, Scene, Sketch, UNPRICED, name};
use super::*;
use crate::domain::belief::Belief;
use crate::domain::dialect::Endpoint;
use crate::domain::facts::Turn;
use crate::domain::money::NanoUsd;
use crate::domain::outlook::Pace;
use crate::domain::share::Share;

#[test]
fn easy_work_stays_at_home_and_hard_work_goes_where_it_succeeds() {
    let mut scene = Scene::of(&[OWN, FRONTIER]);
    scene.facts.standing.belief.mean = -2.5;
    let easy = scene.chosen();
    scene.facts.standing.belief.mean = 1.5;
    let hard = scene.chosen();
    // What nobody solves is not worth a dear model.
    scene.facts.standing.belief.mean = 9.0;
    let hopeless = scene.chosen();

    assert_eq!((easy, hard, hopeless), (0, 1, 0));
}

#[test]
fn a_conversation_that_fails_goes_to_the_frontier_and_comes_home_when_it_is_green() {
    let mut scene = Scene::of(&[OWN, FRONTIER]);
    scene.facts.standing.belief.mean = -1.2;
    let begins = scene.chosen();

    // Two failed runs of the tests make the work look harder.
    scene = scene.current(0);
    scene.facts.turn = Turn::Tool;
    scene.facts.standing.belief = scene.facts.standing.belief.moved(1.0, 0.2);
    scene.facts.standing.moved = 1.0;
    let after_one = scene.chosen();
    scene.facts.standing.belief = scene.facts.standing.belief.moved(1.0, 0.2);
    let after_two = scene.chosen();

    // The frontier has the conversation cached; then the tests pass, and the person asks for something easier.
    scene = scene.current(1);
    scene.models[1].warm = Some((20_000, 300));
    let stays = scene.chosen();
    scene.facts.turn = Turn::User;
    scene.facts.standing.moved = 0.0;
    scene.facts.standing.belief = Belief {
        mean: -2.5,
        variance: 0.5,
    };
    scene.facts.standing.current = None;
    let home = scene.chosen();

    assert_eq!((begins, after_one, after_two, stays, home), (0, 0, 1, 1, 0));
}

#[test]
fn work_begins_at_home_while_an_abler_model_can_be_asked_when_it_fails() {
    let mut scene = Scene::of(&[OWN, FRONTIER]);
    scene.objective.failure = NanoUsd(3_000_000_000);
    scene.facts.prompt = TokenCount(5_000);
    let begins = scene.chosen();
    // The tests have failed: what could show has shown.
    scene.facts.standing.moved = 0.6;
    let failed = scene.chosen();
    // A question is answered once, and nothing would show.
    scene.facts.standing.moved = 0.0;
    scene.facts.tools = false;
    let asked = scene.chosen();

    assert_eq!((begins, failed, asked), (0, 1, 1));
}

#[test]
fn a_conversation_stays_where_the_way_back_costs_more_than_it_saves() {
    let small = Sketch {
        price: (3, 15),
        ability: 2.6,
        ..FRONTIER
    };
    let mut scene = Scene::of(&[small, FRONTIER]).current(1);
    scene.facts.prompt = TokenCount(150_000);
    scene.facts.standing.belief.mean = -2.0;
    scene.models[1].warm = Some((150_000, 300));
    let warm = scene.chosen();
    scene.models[1].warm = None;
    scene.facts.standing.current = None;
    let cold = scene.chosen();

    assert_eq!((warm, cold), (1, 0));
}

#[test]
fn what_the_provider_binds_stays() {
    let mut scene = Scene::of(&[OWN, FRONTIER]).current(1);
    scene.facts.standing.belief.mean = -3.0;
    let free = scene.chosen();
    scene.facts.standing.bound = true;
    let bound = scene.plan();

    assert_eq!(free, 0);
    assert_eq!(bound.first().model.id, name(1));
    assert!(bound.reason.contains("called the tool"), "{}", bound.reason);
}

#[test]
fn what_is_typed_is_completed_at_home_whatever_it_costs() {
    let mut scene = Scene::of(&[FRONTIER, OWN]);
    scene.models[1].ability = -9.0;
    let chat = scene.chosen();
    scene.facts.endpoint = Endpoint::Completions;
    let typed = scene.chosen();

    assert_eq!((chat, typed), (0, 1));
}

#[test]
fn a_model_that_is_known_to_begin_late_is_kept_out() {
    let mut scene = Scene::of(&[OWN, FRONTIER]);
    scene.facts.standing.belief.mean = 1.5;
    scene.objective.first_byte = Some(Duration::from_millis(500));
    let in_time = scene.chosen();
    scene.models[1].pace.samples = 1.0;
    let unknown = scene.chosen();

    assert_eq!((in_time, unknown), (0, 1));
}

#[test]
fn a_place_that_others_want_is_left_by_those_that_gain_least() {
    let busy = |prompt: u64, mean: f64, cents: i64| {
        let mut scene = Scene::of(&[OWN, FRONTIER]);
        scene.facts.prompt = TokenCount(prompt);
        scene.facts.standing.belief.mean = mean;
        scene.facts.outlook.worth = vec![("at-0".into(), NanoUsd(cents * 10_000_000))];
        scene.chosen()
    };

    // The hardest work that stays while nobody wants the place gains least by it.
    let means = (-30..30).map(|tenth| f64::from(tenth) / 10.0);
    let barely = means.take_while(|mean| busy(2_000, *mean, 0) == 0).last();
    // What a second is worth to others, in cents.
    assert_eq!(barely.map(|mean| busy(2_000, mean, 5)), Some(1));
    // It would be dear elsewhere, and no better.
    assert_eq!((busy(200_000, -4.0, 0), busy(200_000, -4.0, 5)), (0, 0));
}

#[test]
fn what_a_call_gains_by_an_own_machine_is_what_it_would_pay_for_it() {
    let mut scene = Scene::of(&[OWN, FRONTIER]);
    scene.facts.standing.belief.mean = -2.5;
    let plan = scene.plan();
    let [gain] = plan.gains.as_slice() else {
        unreachable!("one machine: {:?}", plan.gains)
    };
    let seconds = gain.held_ms / 1e3;
    let fair = gain.saved.0 as f64 / seconds;
    let chosen_at = |second: f64| {
        let mut scene = scene.clone();
        scene.facts.outlook.worth = vec![("at-0".into(), NanoUsd(second as i64))];
        (scene.chosen(), scene.plan().gains)
    };

    assert_eq!(gain.target.as_str(), "at-0");
    assert_eq!(chosen_at(fair * 0.999).0, 0);
    assert_eq!(chosen_at(fair * 1.001).0, 1);
    // What is paid already changes nothing of what it would pay.
    assert_eq!(chosen_at(fair * 0.5).1, plan.gains);
}

#[test]
fn what_cannot_go_elsewhere_does_not_say_what_that_would_cost() {
    let alone = Scene::of(&[OWN]);
    let vendors = Scene::of(&[FRONTIER, FRONTIER]);
    let mut typed = Scene::of(&[OWN, FRONTIER]);
    typed.facts.endpoint = Endpoint::Completions;
    let mut bound = Scene::of(&[OWN, FRONTIER]).current(1);
    bound.facts.standing.bound = true;

    for scene in [alone, vendors, typed, bound] {
        assert_eq!(scene.plan().gains, []);
    }
}

#[test]
fn what_has_no_price_is_not_taken_for_free() {
    let unpriced = Sketch {
        price: UNPRICED,
        ..FRONTIER
    };
    let mut scene = Scene::of(&[unpriced, FRONTIER]);
    scene.facts.prompt = TokenCount(100_000);
    let plan = scene.plan();
    let [unpriced, priced] = [0, 1].map(|at| {
        let mut all = plan.candidates.iter();
        let found = all.find(|it| it.model.id == name(at));
        found.expect("a candidate").score
    });

    assert!(!unpriced.priced && priced.priced && priced.now > NanoUsd::ZERO);
    assert_eq!((unpriced.now, unpriced.later), (priced.now, priced.later));
}

#[test]
fn some_conversations_are_used_to_learn_and_what_that_chance_was_is_kept() {
    let near = Sketch {
        ability: FRONTIER.ability - 0.05,
        ..FRONTIER
    };
    let far = Sketch {
        ability: -1.5,
        ..OWN
    };
    let mut scene = Scene::of(&[FRONTIER, near, far]);
    scene.facts.standing.belief.mean = 1.5;
    scene.objective.explore = Share::parse("0.2").expect("a share");
    let mut others = 0;
    for seed in 0..1_000 {
        scene.facts.draw = crate::domain::clock::mix(seed);
        let plan = scene.plan();
        let other = plan.first().model.id == name(1);
        others += usize::from(other);
        let chance = if other { 0.1 } else { 0.9 };
        assert!((plan.propensity - chance).abs() < 1e-9);
        assert_ne!(plan.first().model.id, name(2), "that is much worse");
    }

    assert!((60..150).contains(&others), "{others} of 1,000");
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let pace = (50.0..3_000.0, 1.0..60.0).prop_map(|(first_byte_ms, token_ms)| Pace {
        first_byte_ms,
        first_byte_slow_ms: first_byte_ms * 2.0,
        token_ms,
        samples: 20.0,
    });
    let warm = proptest::option::of((0..150_000_u64, 1..4_000_i64));
    let cost = (0..30_u64, 0..120_u64);
    (any::<bool>(), cost, any::<bool>(), -3.0..4.0, pace, warm).prop_map(
        |(own, price, caches, ability, pace, warm)| Sketch {
            own,
            price,
            caches,
            ability,
            pace,
            warm,
        },
    )
}

fn scene() -> impl Strategy<Value = Scene> {
    let models = proptest::collection::vec(sketch(), 2..7);
    let belief = (-3.0..3.0, 0.1..4.0);
    let sizes = (100..200_000_u64, 10..4_000_u64, any::<bool>());
    let objective = (
        0..20_000_000_000_i64,
        0..5_000_000_000_i64,
        0..200_000_000_i64,
    );
    let current = proptest::option::of(0..6_usize);
    (models, belief, sizes, objective, current, 0.0..1.0).prop_map(
        |(models, belief, sizes, objective, current, load)| {
            let mut scene = Scene::of(&models);
            scene.facts.standing.belief = Belief {
                mean: belief.0,
                variance: belief.1,
            };
            scene.facts.prompt = TokenCount(sizes.0);
            scene.facts.class.output = TokenCount(sizes.1);
            scene.facts.tools = sizes.2;
            scene.objective.failure = NanoUsd(objective.0);
            scene.objective.minute = NanoUsd(objective.1);
            scene.objective.switch = NanoUsd(objective.2);
            let second = NanoUsd((load * 1e9) as i64);
            let worth = (0..models.len()).map(|at| (format!("at-{at}").as_str().into(), second));
            scene.facts.outlook.worth = worth.collect();
            match current.filter(|at| *at < models.len()) {
                Some(place) => scene.current(place),
                None => scene,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_dearer_failure_never_makes_the_choice_less_able(scene in scene(), more in 1..50_000_000_000_i64) {
        let mut dearer = scene.clone();
        dearer.objective.failure = scene.objective.failure + NanoUsd(more);

        prop_assert!(scene.models[dearer.chosen()].ability >= scene.models[scene.chosen()].ability);
    }

    #[test]
    fn dearer_waiting_never_makes_the_choice_slower(scene in scene(), more in 1..50_000_000_000_i64) {
        let mut dearer = scene.clone();
        dearer.objective.minute = scene.objective.minute + NanoUsd(more);
        let wait = |place: usize| scene.models[place].pace.whole_ms(scene.facts.class.output);

        prop_assert!(wait(dearer.chosen()) <= wait(scene.chosen()));
    }

    #[test]
    fn a_price_that_rises_wins_no_calls(scene in scene(), at in 0..6_usize, more in 1..40_u64) {
        let at = at % scene.models.len();
        let mut dearer = scene.clone();
        dearer.models[at].price.0 += more;
        dearer.models[at].price.1 += more;

        prop_assert!(dearer.chosen() != at || scene.chosen() == at);
    }

    #[test]
    fn an_ability_that_rises_loses_no_calls(scene in scene(), at in 0..6_usize, more in 0.01..3.0) {
        let at = at % scene.models.len();
        let mut abler = scene.clone();
        abler.models[at].ability += more;

        prop_assert!(scene.chosen() != at || abler.chosen() == at);
    }

    #[test]
    fn a_dearer_change_makes_none_that_was_not_made(scene in scene(), more in 1..1_000_000_000_i64) {
        let mut dearer = scene.clone();
        dearer.objective.switch = scene.objective.switch + NanoUsd(more);
        let current = |scene: &Scene| scene.facts.standing.current == Some(name(scene.chosen()));

        prop_assert!(current(&dearer) || !current(&scene));
    }
}
