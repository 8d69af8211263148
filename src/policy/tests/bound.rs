//! Turns that are bound to the model that called the tool, and calls that go on from an answer that lies somewhere.

use super::*;
use crate::domain::dialect::Endpoint;
use crate::domain::facts::Turn;
use crate::policy::rule::{Otherwise, Pick, Rule, Selector};

fn named(name: &str) -> Option<Selector> {
    Some(Selector(vec![Pick::Named(Glob::new(name))]))
}

/// A tool's result in a conversation that `sonnet` answers, under a policy that may have a rule.
struct Scene {
    policy: Policy,
    facts: Facts,
}

impl Scene {
    fn new(sealed: bool) -> Self {
        let mut facts = facts();
        facts.endpoint = Endpoint::Messages;
        facts.turn = Turn::Tool;
        facts.standing.current = Some("sonnet".into());
        (facts.standing.bound, facts.standing.sealed) = (true, sealed);
        Self {
            policy: policy(&["base", "sonnet", "opus"]),
            facts,
        }
    }

    fn rule(mut self, rule: Rule) -> Self {
        self.policy.rules.push(rule);
        self
    }

    fn only_base(self, otherwise: Otherwise) -> Self {
        self.rule(Rule {
            only: named("base"),
            otherwise,
            ..Rule::named("home", 1)
        })
    }

    fn decide(&self) -> Result<Plan, Refusal> {
        decide(&self.policy, &catalog(), &self.facts, "auto", ANYONE)
    }

    fn first(&self) -> String {
        self.decide().expect("a plan").first().model.id.to_string()
    }
}

#[test]
fn rules_that_prefer_never_move_a_bound_turn() {
    for sealed in [false, true] {
        let only = Scene::new(sealed).only_base(Otherwise::Fail);
        let anyway = Scene::new(sealed).only_base(Otherwise::Anyway);
        let pinned = Scene::new(sealed).rule(Rule {
            pin: named("opus"),
            ..Rule::named("pin", 1)
        });
        let preferred = Scene::new(sealed).rule(Rule {
            prefer: named("base"),
            ..Rule::named("prefer", 1)
        });
        let mut unlisted = Scene::new(sealed);
        unlisted.policy = policy(&["base", "opus"]);

        for scene in [only, anyway, pinned, preferred, unlisted] {
            assert_eq!(scene.first(), "sonnet", "{:?}", scene.policy.rules);
        }
    }
}

#[test]
fn a_bound_turn_waits_for_its_model_however_slow_that_is() {
    for sealed in [false, true] {
        let mut scene = Scene::new(sealed);
        scene.policy.objective.first_byte = Some(std::time::Duration::from_millis(1));
        let pace = crate::domain::outlook::Pace {
            samples: 100.0,
            ..crate::domain::outlook::Pace::GUESS
        };
        scene.facts.outlook.pace.push(("sonnet".into(), pace));

        assert_eq!(scene.first(), "sonnet");
    }
}

#[test]
fn what_is_down_keeps_a_sealed_turn_and_lets_any_other_go() {
    let mut sealed = Scene::new(true);
    let mut plain = Scene::new(false);
    for scene in [&mut sealed, &mut plain] {
        scene.facts.down.insert("at-sonnet".into());
    }

    let stays = sealed.decide().expect("a plan");
    let goes = plain.decide().expect("a plan");

    assert_eq!(stays.first().model.id.as_str(), "sonnet");
    assert!(!stays.failover && stays.reason.contains("called the tool"));
    assert_ne!(goes.first().model.id.as_str(), "sonnet");
    assert!(goes.failover);
}

#[test]
fn an_unsealed_turn_may_fail_over() {
    let (sealed, plain) = (Scene::new(true), Scene::new(false));

    assert!(!sealed.decide().expect("a plan").failover);
    assert!(plain.decide().expect("a plan").failover);
}

#[test]
fn a_data_rule_binds_a_bound_turn_too() {
    let sealed = Scene::new(true).only_base(Otherwise::Refuse);
    let plain = Scene::new(false).only_base(Otherwise::Refuse);

    let refusal = sealed.decide().expect_err("a refusal").to_string();

    assert_eq!(
        refusal,
        "no model may serve this call: sonnet: the rule \"home\" keeps it out; base: results of tools go to sonnet, which \
         called them and alone can read what it thought; opus: results of tools go to sonnet, which called them and alone can \
         read what it thought"
    );
    assert_eq!(plain.first(), "base");
}

#[test]
fn a_sealed_turn_whose_model_is_gone_or_out_of_scope_is_refused() {
    let mut gone = Scene::new(true);
    gone.facts.standing.current = Some("retired".into());
    let scene = Scene::new(true);
    let others = |model: &str| model != "sonnet";
    let forbidden = decide(&scene.policy, &catalog(), &scene.facts, "auto", &others);

    let gone = gone.decide().expect_err("a refusal").to_string();
    let forbidden = forbidden.expect_err("a refusal").to_string();

    assert!(gone.contains("retired: it is not in the catalogue"));
    assert!(forbidden.contains("sonnet: this key may not use it"));
}

#[test]
fn a_call_goes_on_where_the_answer_lies_that_it_names() {
    let mut scene = Scene::new(false);
    scene.facts.turn = Turn::User;
    scene.facts.standing.bound = false;
    scene.facts.standing.lies_at = Some("at-opus".into());

    let plan = scene.decide().expect("a plan");
    let named = decide(&scene.policy, &catalog(), &scene.facts, "base", ANYONE);
    let guarded = scene.only_base(Otherwise::Refuse).decide();

    assert_eq!(order(&plan), ["opus"]);
    assert_eq!(why(&plan), [("base", "elsewhere"), ("sonnet", "elsewhere")]);
    assert_eq!(order(&named.expect("who names a model gets it")), ["base"]);
    let guarded = guarded.expect_err("a refusal").to_string();
    assert!(
        guarded.contains("opus: the rule \"home\" keeps it out"),
        "{guarded}"
    );
}
