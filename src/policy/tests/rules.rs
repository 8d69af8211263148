//! What rules do to a plan.

use super::*;
use crate::domain::belief::Belief;
use crate::domain::facts::Task;
use crate::domain::money::NanoUsd;
use crate::domain::path_glob::PathGlob;

fn names(names: &[&str]) -> Option<Selector> {
    let picks = names.iter().map(|name| Pick::Named(Glob::new(name)));
    Some(Selector(picks.collect()))
}

fn own() -> Option<Selector> {
    Some(Selector(vec![Pick::Kind {
        hosting: Some(Hosting::Own),
        targets: Vec::new(),
        can: Vec::new(),
    }]))
}

fn rule(name: &str, change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule::named(name, 7);
    change(&mut rule);
    rule
}

fn guard(when: Option<Condition>) -> Rule {
    rule("stays home", |rule| {
        rule.when = when;
        rule.only = own();
        rule.otherwise = Otherwise::Refuse;
    })
}

fn ruled(rules: Vec<Rule>) -> Policy {
    Policy {
        rules,
        ..policy(&["sonnet", "base"])
    }
}

fn plan(policy: &Policy) -> Plan {
    decide(policy, &catalog(), &facts(), "auto", ANYONE).expect("a plan")
}

#[test]
fn rules_narrow_together_and_else_the_later_word_counts() {
    let mut policy = ruled(vec![
        rule("a", |rule| rule.prefer = names(&["sonnet"])),
        rule("b", |rule| rule.prefer = names(&["base"])),
        rule("c", |rule| rule.terms.failure = Some(NanoUsd(1))),
        rule("d", |rule| rule.terms.failure = Some(NanoUsd(2))),
    ]);
    let both = plan(&policy);
    policy
        .rules
        .push(rule("e", |rule| rule.never = names(&["b*"])));
    let one = plan(&policy);

    assert_eq!(order(&both), ["base", "sonnet"]);
    assert_eq!(both.rule.as_deref(), Some("b"));
    assert_eq!(both.objective.failure, NanoUsd(2));
    assert_eq!(both.matched.len(), 4);
    assert_eq!(both.matched[3].line, 7);
    assert_eq!(order(&one), ["sonnet"]);
    assert_eq!(why(&one), [("base", "rule")]);
    assert_eq!(one.rule.as_deref(), Some("e"));
}

#[test]
fn final_ends_the_reading_but_not_for_rules_that_guard_data() {
    let policy = ruled(vec![
        rule("enough", |rule| rule.last = true),
        rule("unread", |rule| rule.never = names(&["sonnet"])),
        guard(None),
    ]);

    let plan = plan(&policy);

    assert_eq!(order(&plan), ["base"]);
    assert_eq!(why(&plan), [("sonnet", "data_rule")]);
    let matched: Vec<_> = plan.matched.iter().map(|it| &*it.rule).collect();
    assert_eq!(matched, ["stays home", "enough"]);
}

#[test]
fn a_pinned_model_answers_alone_and_what_holds_anyway_only_comes_first() {
    let pin = |otherwise| {
        plan(&ruled(vec![rule("pin", |rule| {
            rule.pin = names(&["base"]);
            rule.otherwise = otherwise;
        })]))
    };
    let only = plan(&ruled(vec![rule("only", |rule| {
        rule.only = own();
        rule.otherwise = Otherwise::Anyway;
    })]));

    assert_eq!(order(&pin(Otherwise::Fail)), ["base"]);
    assert_eq!(order(&pin(Otherwise::Anyway)), ["base", "sonnet"]);
    assert_eq!(order(&only), ["base", "sonnet"]);
}

#[test]
fn where_a_rules_models_are_down_anyway_means_the_others() {
    let narrowed = |otherwise| {
        ruled(vec![rule("own", |rule| {
            rule.only = own();
            rule.otherwise = otherwise;
        })])
    };
    let mut facts = facts();
    facts.down.insert("at-base".into());
    let decide =
        |policy: &Policy| decide(policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");

    let (anyway, else_fail) = (
        decide(&narrowed(Otherwise::Anyway)),
        decide(&narrowed(Otherwise::Fail)),
    );

    assert_eq!(order(&anyway), ["sonnet"]);
    assert_eq!(order(&else_fail), ["base"]);
    assert!(else_fail.first().down);
}

#[test]
fn a_kind_of_work_has_its_own_models_and_numbers() {
    let mut policy = ruled(vec![rule("late", |rule| {
        rule.terms.failure = Some(NanoUsd(3));
    })]);
    let mut of_task = rule("tasks.fix", |rule| {
        rule.terms.failure = Some(NanoUsd(2));
        rule.terms.minute = Some(NanoUsd(2));
    });
    of_task.prefer = names(&["base"]);
    policy.tasks.push(TaskRule {
        task: Task::Fix,
        models: Some(Models::Listed(vec!["sonnet".into(), "base".into()])),
        rule: of_task,
    });
    policy.models = Models::Listed(vec!["opus".into()]);
    let mut facts = facts();
    facts.class.task = Task::Fix;

    let plan = decide(&policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");

    assert_eq!(order(&plan), ["base", "sonnet"]);
    assert_eq!(plan.rule.as_deref(), Some("tasks.fix"));
    assert_eq!(plan.objective.failure, NanoUsd(3), "rules come later");
    assert_eq!(plan.objective.minute, NanoUsd(2));
}

#[test]
fn a_model_by_name_is_honoured_but_not_against_a_rule_that_guards_data() {
    let never = |otherwise| {
        ruled(vec![rule("never", |rule| {
            rule.never = names(&["sonnet"]);
            rule.otherwise = otherwise;
        })])
    };
    let ask = |policy: &Policy| decide(policy, &catalog(), &facts(), "sonnet", ANYONE);
    let force = |policy: &Policy| {
        let ruling = Ruling::alone(Arc::new(policy.clone()));
        force(&ruling, &catalog(), &facts(), "sonnet", ANYONE)
    };

    let open = never(Otherwise::Fail);
    assert!(ask(&open).is_ok() && force(&open).is_ok());

    let closed = never(Otherwise::Refuse);
    for refused in [ask(&closed), force(&closed)] {
        assert_eq!(
            refused.expect_err("a refusal").to_string(),
            "no model may serve this call: sonnet: the rule \"never\" keeps it out"
        );
    }
}

#[test]
fn another_policy_leads_out_of_no_data_rule_of_the_own_one() {
    let named = |name: &str, rules: Vec<Rule>| Policy {
        id: name.into(),
        ..ruled(rules)
    };
    let mut policies = Policies::new(named("default", vec![guard(None)]));
    policies.add(named("cheap", Vec::new()), Vec::new(), Vec::new());
    policies.add(
        named("team", vec![guard(Some(Condition::Tools(true)))]),
        vec!["acme".into()],
        Vec::new(),
    );
    policies.add(
        named("ci", vec![guard(Some(Condition::Images(true)))]),
        Vec::new(),
        vec!["k1".into()],
    );
    let order = |tenant: &str, key: &str, asked, change: &dyn Fn(&mut Facts)| {
        let ruling = policies.ruling(&tenant.into(), &key.into(), asked);
        let mut facts = facts();
        change(&mut facts);
        let plan = super::super::decide(&ruling.expect("a policy"), &catalog(), &facts, ANYONE);
        plan.map_or(0, |plan| plan.candidates.len())
    };

    // Of nobody: the default's rule binds, also under another policy.
    assert_eq!(order("other", "k2", Some("cheap"), &|_| ()), 1);
    assert_eq!(order("acme", "k2", Some("cheap"), &|_| ()), 2);
    assert_eq!(order("acme", "k2", Some("cheap"), &|it| it.tools = true), 1);
    assert_eq!(order("acme", "k1", None, &|it| it.tools = true), 1);
    assert_eq!(order("acme", "k1", Some("team"), &|it| it.tools = true), 1);
    assert_eq!(policies.looks().paths, Vec::<PathGlob>::new());
}

#[test]
fn a_shadow_passes_the_gate_like_everybody() {
    let shadowing = rule("try", |rule| rule.shadow = Some("base".into()));
    let away = rule("away", |rule| {
        rule.never = own();
        rule.otherwise = Otherwise::Refuse;
    });
    let shadow = |policy: Policy| plan(&policy).shadow.map(|it| it.id.to_string());

    assert_eq!(
        shadow(ruled(vec![shadowing.clone()])).as_deref(),
        Some("base")
    );
    assert_eq!(shadow(ruled(vec![shadowing, away])), None);
}

#[test]
fn a_rule_on_difficulty_hears_what_the_conversation_has_shown() {
    let hard = Condition::Difficulty(Bounds {
        above: Some(1.0),
        below: None,
    });
    let mut facts = facts();
    facts.class.difficulty = 0.0;
    let by_words = hard.holds(&facts);
    facts.standing.moved = 1.5;
    facts.standing.believe(Belief {
        mean: 0.0,
        variance: 1.0,
    });

    assert!(!by_words && hard.holds(&facts));
}
