//! Rules as they are written: what they mean, and what is said of their mistakes.

use std::time::Duration;

use super::super::*;
use super::Folder;
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::domain::facts::{DataClass, Language, Task, Turn};
use crate::domain::money::NanoUsd;
use crate::domain::path_glob::PathGlob;
use crate::domain::share::Share;
use crate::policy::{
    Bounds, Condition, Glob, Hours, Models, Otherwise, Pick, Policy, Rule, Selector,
};

const HOUSE: &str = "targets:
  gpu: { hosting: own, dialects: [chat], url: http://127.0.0.1:8000/v1 }
  away: { hosting: vendor, dialects: [chat], url: http://a }
models:
  base: { target: gpu }
  base-v2: { target: gpu }
  sonnet: { target: away }
  opus: { target: away }
";

fn folder(policy: &str) -> Folder {
    Folder::new(&[("tollgate.yaml", HOUSE), ("policies/default.yaml", policy)])
}

fn read(policy: &str) -> Policy {
    let loaded = load(&folder(policy).sources(&[])).expect("it is right");
    Policy::clone(&loaded.snapshot.policies.by_name()["default"])
}

fn named(names: &[&str]) -> Option<Selector> {
    let picks = names.iter().map(|name| Pick::Named(Glob::new(name)));
    Some(Selector(picks.collect()))
}

#[test]
fn everything_that_can_be_said_is_read_as_it_is_meant() {
    let policy = read(
        "version: 1
answers: [auto]
models: [base, sonnet]
objective: { failure_usd: 4, minute_usd: 0.25, switch_usd: 0, explore: 0.5, first_byte_ms: 9000 }
tasks:
  complete: { only: base, first_byte_ms: 300 }
  fix: { models: [sonnet, opus], prefer: [opus], failure_usd: 8.50 }
rules:
  - name: home
    when:
      any: [{ data_class: [restricted, confidential] }, { secrets: found }, { path: ['**/pay/**', '*.pem'] }]
    only: { hosting: own }
    otherwise: refuse
  - { name: tools, never: { target: away, can: [tools, images] }, prefer: ['opus', 's*'], final: true, otherwise: anyway }
  - { name: next, when: { share: 0.05 }, shadow: base-v2, minute_usd: 1 }
",
    );

    assert_eq!(
        policy.models,
        Models::Listed(vec!["base".into(), "sonnet".into()])
    );
    assert_eq!(policy.objective.failure, NanoUsd(4_000_000_000));
    assert_eq!(policy.objective.switch, NanoUsd(0));
    assert_eq!(policy.objective.explore, Share::from_millionths(500_000));
    assert_eq!(policy.objective.first_byte, Some(Duration::from_secs(9)));
    let [complete, fix] = policy.tasks.as_slice() else {
        panic!("two kinds of work");
    };
    assert_eq!(
        (complete.task, &complete.rule.only),
        (Task::Complete, &named(&["base"]))
    );
    assert_eq!(
        complete.rule.terms.first_byte,
        Some(Duration::from_millis(300))
    );
    assert_eq!(
        fix.models,
        Some(Models::Listed(vec!["sonnet".into(), "opus".into()]))
    );
    assert_eq!((&*fix.rule.name, fix.rule.line), ("tasks.fix", 7));
    let [home, tools, next] = policy.rules.as_slice() else {
        panic!("three rules");
    };
    let glob = |text| PathGlob::parse(text).expect("a pattern");
    let secret = Condition::Any(vec![
        Condition::DataClass(DataClass::Confidential),
        Condition::Secrets(true),
        Condition::Path(vec![glob("**/pay/**"), glob("*.pem")]),
    ]);
    let pick = |hosting, targets: &[&str], can: &[Ability]| {
        Some(Selector(vec![Pick::Kind {
            hosting,
            targets: targets.iter().map(|it| (*it).into()).collect(),
            can: can.to_vec(),
        }]))
    };
    let wanted = Rule {
        when: Some(secret),
        only: pick(Some(Hosting::Own), &[], &[]),
        otherwise: Otherwise::Refuse,
        ..Rule::named("home", 9)
    };
    assert_eq!(home, &wanted);
    let wanted = Rule {
        never: pick(None, &["away"], &[Ability::Tools, Ability::Images]),
        prefer: named(&["opus", "s*"]),
        last: true,
        otherwise: Otherwise::Anyway,
        ..Rule::named("tools", 14)
    };
    assert_eq!(tools, &wanted);
    assert_eq!(next.shadow, Some("base-v2".into()));
    assert!(matches!(next.when, Some(Condition::Share(_))));
}

#[test]
fn each_condition_is_read_as_it_is_meant() {
    let globs = |texts: &[&str]| texts.iter().map(|it| Glob::new(it)).collect::<Vec<_>>();
    let night = |days, ahead| {
        Condition::Hours(vec![Hours {
            days,
            from: 1_320,
            to: 360,
            ahead,
        }])
    };
    for (text, wanted) in [
        ("tenant: acme", Condition::Tenant(globs(&["acme"]))),
        ("key: [a, 'b*']", Condition::Key(globs(&["a", "b*"]))),
        (
            "tag: { team: pay }",
            Condition::Tag("team".into(), globs(&["pay"])),
        ),
        (
            "tag: { a: [x, y], b: z }",
            Condition::All(vec![
                Condition::Tag("a".into(), globs(&["x", "y"])),
                Condition::Tag("b".into(), globs(&["z"])),
            ]),
        ),
        (
            "dialect: [chat, messages]",
            Condition::Dialect(vec![Dialect::Chat, Dialect::Messages]),
        ),
        (
            "requested: 'gpt-*'",
            Condition::Requested(globs(&["gpt-*"])),
        ),
        ("task: fix", Condition::Task(vec![Task::Fix])),
        (
            "difficulty: { above: -0.5 }",
            Condition::Difficulty(Bounds {
                above: Some(-0.5),
                below: None,
            }),
        ),
        (
            "language: [rust, go]",
            Condition::Language(vec![Language::Rust, Language::Go]),
        ),
        (
            "prompt_tokens: { above: 10, below: 20 }",
            Condition::PromptTokens(Bounds {
                above: Some(10),
                below: Some(20),
            }),
        ),
        ("tools: true", Condition::Tools(true)),
        ("images: false", Condition::Images(false)),
        (
            "data_class: restricted",
            Condition::DataClass(DataClass::Restricted),
        ),
        ("secrets: none", Condition::Secrets(false)),
        (
            "turn: [first, tool]",
            Condition::Turn(vec![Turn::First, Turn::Tool]),
        ),
        (
            "turn: { above: 3 }",
            Condition::Turns(Bounds {
                above: Some(3),
                below: None,
            }),
        ),
        ("hours: '22:00-06:00'", night(0x7f, 0)),
        (
            "hours: { at: ['22:00-06:00'], days: [mon, sun], zone: +05:30 }",
            night(0x41, 330),
        ),
        (
            "hours: { at: '22:00-06:00', zone: -01:00 }",
            night(0x7f, -60),
        ),
        (
            "not: { tools: true }",
            Condition::Not(Box::new(Condition::Tools(true))),
        ),
        (
            "not: [{ tools: true }, { images: true }]",
            Condition::Not(Box::new(Condition::Any(vec![
                Condition::Tools(true),
                Condition::Images(true),
            ]))),
        ),
        (
            "tools: true, images: true",
            Condition::All(vec![Condition::Tools(true), Condition::Images(true)]),
        ),
        (
            "all: [{ tools: true }, { any: [{ images: true }] }]",
            Condition::All(vec![
                Condition::Tools(true),
                Condition::Any(vec![Condition::Images(true)]),
            ]),
        ),
    ] {
        let policy = read(&format!(
            "version: 1\nrules:\n  - {{ name: x, when: {{ {text} }}, final: true }}\n"
        ));
        assert_eq!(policy.rules[0].when, Some(wanted), "{text}");
    }
}

#[test]
fn every_mistake_of_rules_is_named_at_once() {
    let folder = folder(
        "version: 1
models: [base, sonnet]
objective: { failure_usd: -1, explore: 2, failur_usd: 3 }
tasks:
  fixx: { only: base }
  fix: { only: opus, models: all }
  edit: base
rules:
  - when: { tenant: a }
    never: opus
  - name: two
  - { name: two, never: [], only: sonet, prefer: 'g*', pin: { hosting: mine } }
  - { name: three, when: {}, only: { target: gpuu }, otherwise: maybe }
  - { name: four, when: { data_class: secret, hours: '8-9', share: 5%, turn: last }, final: true }
  - { name: five, when: { any: [{ tasks: fix }, { path: 'a/[bc]' }], difficulty: { above: hard } }, final: yes }
  - { name: six, prefer: sonnet, otherwise: refuse, shadow: bse }
  - { name: seven, only: {}, when: { tag: team, prompt_tokens: { above: 9, below: 9 }, turn: {} } }
  - { name: \"a\\nb\", only: opus, when: { hours: { days: [mon], zone: 1 }, secrets: yes } }
  - { name: eight, only: opus, otherwise: refuse }
  - nonsense
budgets: []
",
    );

    let faults = folder.faults(&[]);

    assert_eq!(
        faults,
        [
            "policies/default.yaml:3:27: objective.failure_usd: \"-1\" is negative; an amount is zero or more",
            "policies/default.yaml:3:40: objective.explore: \"2\" is not a share; write a decimal from 0 to 1, like 0.05",
            "policies/default.yaml:3:43: objective: the key \"failur_usd\" is not known here; did you mean \"failure_usd\"?",
            "policies/default.yaml:5:3: tasks.fixx: there is no kind of work \"fixx\"; did you mean \"fix\"?",
            "policies/default.yaml:6:16: tasks.fix.only: \"opus\" is not among this policy's models; add it to `models`",
            "policies/default.yaml:6:30: tasks.fix.models: here models are listed; write it as [one, two]",
            "policies/default.yaml:7:9: tasks.edit: this is not a map; write keys below it",
            "policies/default.yaml:9:5: rules[0]: the key \"name\" is missing; add `name: …`",
            "policies/default.yaml:11:5: rules[1]: the rule changes nothing; add only, never, prefer, pin, shadow, another number or `final: true`",
            "policies/default.yaml:12:5: rules[2]: two rules are named \"two\"; give each its own: it is what answers and records say",
            "policies/default.yaml:12:25: rules[2].never: the list is empty; write a value, or leave the key out",
            "policies/default.yaml:12:35: rules[2].only: no model \"sonet\" in the catalogue; did you mean \"sonnet\"?",
            "policies/default.yaml:12:50: rules[2].prefer: no model of the catalogue fits \"g*\"; known are base, base-v2, sonnet, opus",
            "policies/default.yaml:12:72: rules[2].pin.hosting: \"mine\" is not one of the choices; write own or vendor",
            "policies/default.yaml:13:26: rules[3].when: it asks nothing; name something that a call has, or leave `when` out",
            "policies/default.yaml:13:46: rules[3].only.target: there is no target \"gpuu\"; did you mean \"gpu\"?",
            "policies/default.yaml:13:65: rules[3].otherwise: \"maybe\" is not one of the choices; write refuse or anyway",
            "policies/default.yaml:14:39: rules[4].when.data_class: \"secret\" is not one of the choices; known are public, internal, confidential, restricted",
            "policies/default.yaml:14:54: rules[4].when.hours: \"8-9\" is not a part of a day; write it like \"22:00-06:00\"",
            "policies/default.yaml:14:68: rules[4].when.share: \"5%\" is not a share; write a decimal from 0 to 1, like 0.05",
            "policies/default.yaml:14:78: rules[4].when.turn: \"last\" is not one of the choices; known are first, user, tool",
            "policies/default.yaml:15:35: rules[5].when.any[0]: the key \"tasks\" is not known here; did you mean \"task\"?",
            "policies/default.yaml:15:57: rules[5].when.any[1].path: \"a/[bc]\" has square brackets, which are not read; write * or ? in their place",
            "policies/default.yaml:15:91: rules[5].when.difficulty.above: \"hard\" is not a level of difficulty; write a number like 1.5 or -0.5; 0 is the middle",
            "policies/default.yaml:15:108: rules[5].final: \"yes\" is not true or false; write true or false",
            "policies/default.yaml:16:45: rules[6].otherwise: the rule leaves every model, so that there is no other case; add only, never or pin, or leave this out",
            "policies/default.yaml:16:61: rules[6].shadow: no model \"bse\" in the catalogue; did you mean \"base\"?",
            "policies/default.yaml:17:26: rules[7].only: it chooses nothing; write it like { hosting: own }",
            "policies/default.yaml:17:43: rules[7].when.tag: this is not a map; write keys below it",
            "policies/default.yaml:17:64: rules[7].when.prompt_tokens: nothing lies between these two; make `above` the smaller one",
            "policies/default.yaml:17:94: rules[7].when.turn: it asks nothing; add `above: …` or `below: …`",
            "policies/default.yaml:18:13: rules[8].name: \"a\\nb\" is no name of a rule; use up to 80 plain letters: it goes into a header",
            "policies/default.yaml:18:27: rules[8].only: \"opus\" is not among this policy's models; add it to `models`",
            "policies/default.yaml:18:48: rules[8].when.hours: the key \"at\" is missing; add `at: …`",
            "policies/default.yaml:18:69: rules[8].when.hours.zone: \"1\" is not an offset from UTC; write it like +01:00, -05:00 or utc",
            "policies/default.yaml:18:83: rules[8].when.secrets: \"yes\" is not one of the choices; write found or none",
            "policies/default.yaml:20:5: rules[10]: this is not a map; write keys below it",
            "policies/default.yaml:21:1: budgets: is not supported by this version; leave it out",
        ]
    );
}

#[test]
fn a_callers_own_words_lead_out_of_no_data_rule() {
    let faults = |when: &str, otherwise: &str| {
        let rule = format!("{{ name: x, when: {when}, only: base, otherwise: {otherwise} }}");
        folder(&format!("version: 1\nrules:\n  - {rule}\n")).faults(&[])
    };
    let outside = "{ not: { any: [{ tenant: a }, { tag: { free: yes } }] } }";

    assert_eq!(
        faults(outside, "refuse"),
        [
            "policies/default.yaml:3:22: rules[0].when: `not` around a tag: a caller could say so, and step out of this data rule; \
             ask for tenants, keys, paths or secrets"
        ]
    );
    assert_eq!(faults("{ not: { data_class: public } }", "refuse").len(), 1);
    for (when, otherwise) in [
        (outside, "anyway"),
        ("{ tag: { team: pay } }", "refuse"),
        ("{ not: { not: { data_class: restricted } } }", "refuse"),
        ("{ not: { tenant: a } }", "refuse"),
    ] {
        assert_eq!(faults(when, otherwise), Vec::<String>::new(), "{when}");
    }
}

#[test]
fn rules_that_are_wrong_never_hold_for_all() {
    let folder = folder("version: 1\nrules:\n  - { name: x, when: { tenat: a }, never: opus }\n");

    assert_eq!(
        folder.faults(&[]),
        [
            "policies/default.yaml:3:24: rules[0].when: the key \"tenat\" is not known here; did you mean \"tenant\"?"
        ]
    );
}
