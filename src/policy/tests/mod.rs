//! Who may answer, in which order, and what is said where nobody may.

mod bound;
mod logged;
mod property;
mod rules;
mod scene;
mod score;

use std::sync::Arc;

use super::*;
use crate::catalog::{Billing, Catalog, Model, Target};
use crate::domain::belief::Skills;
use crate::domain::dialect::{Ability, Dialect, Endpoint, Hosting};
use crate::domain::facts::Facts;
use crate::domain::ids::{ModelId, PolicyId, TargetId};
use crate::domain::need::Need;
use crate::domain::outlook::Length;
use crate::domain::tokens::TokenCount;

const ANYONE: &dyn Fn(&str) -> bool = &|_| true;

/// A call that can be said in its own dialect alone.
fn facts() -> Facts {
    let mut facts = random::plain();
    facts.unmet.note(Dialect::Messages, Need::Logprobs);
    facts
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let both = || vec![Dialect::Chat, Dialect::Messages];
    let mut add = |id: &str, hosting, dialects, window: Option<u64>, can: &[Ability]| {
        let target = Target::new(
            format!("at-{id}").as_str().into(),
            hosting,
            dialects,
            "http://x",
        );
        let target = Arc::new(target);
        catalog
            .targets
            .insert(target.id.clone(), Arc::clone(&target));
        let model = Model {
            id: id.into(),
            target,
            name: id.into(),
            window: window.map(TokenCount),
            shared_window: true,
            max_output: Some(TokenCount(1_000)),
            can: can.to_vec(),
            like: None,
            skills: Skills::default(),
            billing: Billing::Unknown,
        };
        catalog.order.push(model.id.clone());
        catalog.models.insert(model.id.clone(), Arc::new(model));
    };
    add("sonnet", Hosting::Vendor, both(), None, &[]);
    add("opus", Hosting::Vendor, vec![Dialect::Messages], None, &[]);
    add("base", Hosting::Own, both(), Some(8_000), &[Ability::Tools]);
    catalog
}

fn policy(models: &[&str]) -> Policy {
    let models = models.iter().map(|id| ModelId::from(*id));
    Policy::plain(
        PolicyId::from("default"),
        vec![Glob::new("claude-*")],
        Models::Listed(models.collect()),
    )
}

/// Decides under one policy alone.
fn decide(
    policy: &Policy,
    catalog: &Catalog,
    facts: &Facts,
    asked: &str,
    scope: &dyn Fn(&str) -> bool,
) -> Result<Plan, Refusal> {
    let facts = Facts {
        asked: asked.into(),
        ..facts.clone()
    };
    super::decide(
        &Ruling::alone(Arc::new(policy.clone())),
        catalog,
        &facts,
        scope,
    )
}

fn order(plan: &Plan) -> Vec<&str> {
    let ids = plan.candidates.iter().map(|c| c.model.id.as_str());
    ids.collect()
}

fn why(plan: &Plan) -> Vec<(&str, &'static str)> {
    let rejected = plan.rejected.iter();
    rejected
        .map(|(id, why)| (id.as_str(), why.code()))
        .collect()
}

#[test]
fn routed_names_try_the_policys_models_in_its_order() {
    let policy = policy(&["base", "opus", "sonnet"]);

    for asked in ["auto", "claude-opus-5-5"] {
        let plan = decide(&policy, &catalog(), &facts(), asked, ANYONE).expect("a plan");

        assert_eq!(order(&plan), ["base", "sonnet"]);
        assert_eq!(why(&plan), [("opus", "need")]);
        assert!(plan.failover && plan.first().model.target.hosting == Hosting::Own);
        assert_eq!(plan.reason, "base: $1.1050 for other, sonnet $1.1050");
    }
}

#[test]
fn all_means_own_then_asked_then_as_written() {
    let catalog = catalog();
    let mut policy = policy(&[]);
    policy.models = Models::All(catalog.own_first());
    policy.answers = vec![Glob::new("*")];
    let mut facts = facts();
    facts.endpoint = Endpoint::Messages;

    let plan = |asked| decide(&policy, &catalog, &facts, asked, ANYONE).expect("a plan");

    assert_eq!(order(&plan("auto")), ["base", "sonnet", "opus"]);
    assert_eq!(order(&plan("opus")), ["base", "opus", "sonnet"]);
}

#[test]
fn a_known_name_that_is_not_routed_goes_there_alone() {
    let policy = policy(&["base", "sonnet"]);

    let plan = decide(&policy, &catalog(), &facts(), "sonnet", ANYONE).expect("a plan");

    assert_eq!(order(&plan), ["sonnet"]);
    assert!(!plan.failover);
    assert_eq!(plan.reason, "sonnet: asked by name");
}

#[test]
fn an_unknown_name_and_a_forbidden_one_are_told_apart() {
    let policy = policy(&["base"]);
    let refuse = |asked: &str, scope: &dyn Fn(&str) -> bool| {
        decide(&policy, &catalog(), &facts(), asked, scope).expect_err("a refusal")
    };

    assert_eq!(
        refuse("sonet", ANYONE).to_string(),
        "no model is named \"sonet\"; did you mean \"sonnet\"?"
    );
    assert_eq!(
        refuse("sonet", &|name| name != "sonnet").to_string(),
        "no model is named \"sonet\""
    );
    let model = ModelId::from("sonnet");
    assert_eq!(
        refuse("sonnet", &|name| name == "base"),
        Refusal::Forbidden { model }
    );
}

#[test]
fn abilities_and_windows_filter_where_they_are_known() {
    let policy = policy(&["base", "sonnet"]);
    let mut facts = facts();
    facts.images = true;
    facts.tools = true;
    let plan = decide(&policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");
    assert_eq!(why(&plan), [("base", "ability")]);

    facts.images = false;
    facts.prompt = TokenCount(7_000);
    facts.max_output = Some(TokenCount(64_000));
    let sure = Length {
        factor: 1.0,
        margin: 1.0,
    };
    facts.outlook.lengths = vec![("base".into(), sure)];
    let plan = decide(&policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");
    assert_eq!(
        order(&plan),
        ["base", "sonnet"],
        "the model's own limit caps the room"
    );

    facts.prompt = TokenCount(7_001);
    let plan = decide(&policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");
    assert_eq!(why(&plan), [("base", "window")]);

    // What its target says of its window holds, where that is less.
    facts.prompt = TokenCount(7_000);
    for (told, fits) in [(9_000, true), (8_000, true), (7_999, false)] {
        facts.outlook.windows = vec![("base".into(), TokenCount(told))];
        let plan = decide(&policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");
        assert_eq!(order(&plan)[0] == "base", fits, "{told}");
    }
}

#[test]
fn what_is_down_waits_behind_but_the_last_is_never_ejected() {
    let policy = policy(&["base", "sonnet", "opus"]);
    let mut facts = facts();
    facts.down.insert("at-base".into());
    let plan = decide(&policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");
    assert_eq!(order(&plan), ["sonnet"]);
    assert_eq!(why(&plan), [("opus", "need"), ("base", "down")]);

    facts.down.insert("at-sonnet".into());
    let plan = decide(&policy, &catalog(), &facts, "auto", ANYONE).expect("a plan");
    assert_eq!(order(&plan), ["base", "sonnet"]);
    assert!(plan.first().down);
}

#[test]
fn where_nobody_may_answer_each_candidates_reason_is_told() {
    let policy = policy(&["base", "opus", "gone"]);

    let refusal = decide(&policy, &catalog(), &facts(), "auto", &|name| {
        name != "base"
    })
    .expect_err("a refusal");

    assert_eq!(
        refusal.to_string(),
        "no model may serve this call: base: this key may not use it; opus: it would be asked in messages, which cannot say \
         what the call needs: logprobs; gone: it is not in the catalogue"
    );
}

#[test]
fn what_may_not_fit_answers_only_where_nothing_else_can() {
    let both = policy(&["base", "sonnet"]);
    let alone = policy(&["base"]);
    let mut facts = facts();
    facts.class.output = TokenCount(0);
    facts.outlook.lengths = vec![(
        "base".into(),
        Length {
            factor: 1.25,
            margin: 1.1,
        },
    )];
    // The window of `base` is 8,000: 1.25 * 1.1 times 5,818 fit for sure, and so may up to 7,040.
    let cases = [
        (5_818, &["base", "sonnet"][..], Some(&["base"][..])),
        (5_819, &["sonnet"], Some(&["base"])),
        (7_040, &["sonnet"], Some(&["base"])),
        (7_042, &["sonnet"], None),
    ];

    for (prompt, among, only) in cases {
        facts.prompt = TokenCount(prompt);
        let plan = |policy| decide(policy, &catalog(), &facts, "auto", ANYONE);
        let planned = plan(&both).expect("a plan");
        assert_eq!(order(&planned), among, "{prompt}");
        assert_eq!(
            planned.first().prompt,
            facts.prompt_for(&planned.first().model.id)
        );
        let planned = plan(&alone).ok();
        assert_eq!(planned.as_ref().map(order).as_deref(), only, "{prompt}");
        let named = decide(&both, &catalog(), &facts, "base", ANYONE);
        assert_eq!(named.is_ok(), only.is_some(), "{prompt}");
    }
}

#[test]
fn a_count_is_never_refused_for_its_length_and_goes_to_whoever_would_answer() {
    let mut facts = Facts {
        endpoint: Endpoint::CountTokens,
        ..random::plain()
    };
    for (prompt, among) in [(100, "base"), (1_000_000, "sonnet")] {
        facts.prompt = TokenCount(prompt);
        let plan = |models| decide(&policy(models), &catalog(), &facts, "auto", ANYONE);

        assert_eq!(order(&plan(&["base"]).expect("a plan")), ["base"]);
        let both = plan(&["base", "sonnet"]).expect("a plan");
        assert_eq!(both.first().model.id.as_str(), among, "{prompt}");
    }
}

#[test]
fn who_speaks_another_dialect_is_asked_in_it_where_it_can_say_everything() {
    let policy = policy(&["opus"]);
    let sayable = random::plain();
    let counted = Facts {
        endpoint: Endpoint::CountTokens,
        ..random::plain()
    };

    let plan = decide(&policy, &catalog(), &sayable, "auto", ANYONE).expect("a plan");
    let own = decide(&policy, &catalog(), &counted, "auto", ANYONE).expect("a plan");

    assert_eq!(plan.first().wire.dialect, Dialect::Messages);
    assert!(plan.first().wire.is_translated() && !own.first().wire.is_translated());
    let text = plan.explanation(&sayable);
    assert!(text.get().contains(r#""wire":"messages""#), "{text}");
}

#[test]
fn the_explanation_says_it_all() {
    let policy = policy(&["base", "opus"]);
    let plan = decide(&policy, &catalog(), &facts(), "auto", ANYONE).expect("a plan");

    let text = plan.explanation(&facts());
    let text = text.get();

    let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(json["candidates"][0]["model"], "base");
    assert_eq!(json["candidates"][0]["hosting"], "own");
    assert_eq!(json["rejected"][0]["why"], "need");
    assert_eq!(json["facts"]["prompt_tokens"], 1_000);
    assert_eq!(json["policy"], "default");
}

#[test]
fn a_key_is_nearer_than_its_tenant_and_a_name_nearer_than_both() {
    let named = |name: &str| Policy {
        id: name.into(),
        ..policy(&["base"])
    };
    let mut policies = Policies::new(named("default"));
    policies.add(named("team"), vec!["acme".into()], Vec::new());
    policies.add(named("ci"), Vec::new(), vec!["k1".into()]);
    let chosen = |tenant: &str, key: &str, asked| {
        let policy = policies.choose(&tenant.into(), &key.into(), asked);
        policy.map(|policy| policy.id.to_string())
    };

    assert_eq!(chosen("acme", "k1", None).as_deref(), Ok("ci"));
    assert_eq!(chosen("acme", "k2", None).as_deref(), Ok("team"));
    assert_eq!(chosen("other", "k2", None).as_deref(), Ok("default"));
    assert_eq!(chosen("other", "k2", Some("ci")).as_deref(), Ok("ci"));
    let unknown = chosen("other", "k2", Some("taem")).expect_err("unknown");
    assert_eq!(unknown.nearest, ["team"]);
}
