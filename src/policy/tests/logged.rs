//! What is written down of a decision is enough to make it again.

use super::*;
use crate::domain::belief::Belief;
use crate::domain::clock::Timestamp;
use crate::domain::facts::{Classification, DataClass, Language, Paths, Source, Task, Turn};
use crate::domain::money::NanoUsd;
use crate::domain::need::Unmet;
use crate::domain::outlook::{Length, Outlook, Pace, Standing, Warm};

const NET: &str = "net@1";

fn setting(policy: Policy) -> Setting {
    let (policies, catalog) = (Policies::new(policy), catalog());
    let (setting, written) = Setting::new(Arc::new(policies), Arc::new(catalog), NET);
    let restored = Setting::restore(&written).expect("it reads back");
    assert_eq!(restored.id, setting.id);
    restored
}

fn beside(facts: &Facts, kept: &str) -> Beside {
    Beside {
        at: facts.at,
        endpoint: facts.endpoint,
        tenant: facts.tenant.clone(),
        key: facts.key.clone(),
        asked: kept.into(),
        tags: facts.tags.clone(),
        session: facts.session.clone(),
        task: facts.class.task,
        policy: "default".into(),
        rule: None,
        reason: "because".into(),
    }
}

/// Facts of which none is as usual.
fn odd() -> Facts {
    Facts {
        at: Timestamp::from_millis(1_800_000_000_123),
        endpoint: Endpoint::Messages,
        tenant: "beta".into(),
        key: "k2".into(),
        asked: "a very long name".into(),
        tags: vec![("team".into(), "pay".into())],
        data_class: DataClass::Restricted,
        secrets: true,
        paths: Arc::new(Paths {
            named: vec!["src/pay/a.rs".into()],
            fitting: vec!["**/pay/**".into()],
        }),
        session: Some("s1".into()),
        turn: Turn::Tool,
        turns: 7,
        draw: u64::MAX - 1,
        prompt: TokenCount(54_321),
        max_output: Some(TokenCount(999)),
        tools: true,
        images: true,
        fim: true,
        unmet: {
            let mut unmet = Unmet::default();
            unmet.note(Dialect::Chat, Need::File);
            unmet
        },
        class: Classification {
            task: Task::Fix,
            second: Task::Edit,
            confidence: 0.123_456_79,
            difficulty: -0.765_432_1,
            variance: 1.234_567_9,
            output: TokenCount(1_234),
            output_low: TokenCount(123),
            output_high: TokenCount(12_345),
            language: Language::Rust,
        },
        source: Source::Memory,
        classifier: Some(NET.into()),
        standing: Standing {
            belief: Belief {
                mean: 0.1 + 0.2,
                variance: 1.0 / 3.0,
            },
            current: Some("opus".into()),
            bound: true,
            sealed: true,
            lies_at: Some("at-opus".into()),
            warm: vec![(
                "a model that is gone".into(),
                Warm {
                    tokens: TokenCount(40_000),
                    until: Timestamp::from_millis(1_800_000_300_000),
                    sure: 2.0 / 3.0,
                },
            )],
            growth: TokenCount(77),
            steps: 5,
            moved: 1e-300,
            wider: -0.7,
            signs: vec![("tests_failed".into(), 3)],
        },
        outlook: Outlook {
            pace: vec![(
                "base".into(),
                Pace {
                    first_byte_ms: 412.345_678_901_234_5,
                    first_byte_slow_ms: 900.1,
                    token_ms: 12.0 / 7.0,
                    samples: 5.5,
                },
            )],
            lengths: vec![(
                "opus".into(),
                Length {
                    factor: 4.0 / 3.0,
                    margin: 1.0 + 1e-15,
                },
            )],
            windows: vec![("sonnet".into(), TokenCount(8_192))],
            load: vec![("at-base".into(), 0.1)],
            worth: vec![("at-base".into(), NanoUsd(1_234_567))],
        },
        down: [TargetId::from("at-sonnet")].into(),
    }
}

fn written(facts: &Facts, setting: &Setting, kept: &str) -> Logged {
    let logged = Logged::of(
        setting,
        facts,
        kept,
        &Asked::default(),
        Made::Refused("no route"),
    );
    let read = Logged::read(logged.text().get()).expect("it reads back");
    assert_eq!(read, logged);
    read
}

#[test]
fn every_fact_is_written_down() {
    let setting = setting(policy(&["base"]));
    // No `..`: what is new has to be told apart from what is usual, or nothing is shown by this.
    let Facts {
        at,
        endpoint,
        tenant,
        key,
        asked,
        tags,
        data_class,
        secrets,
        paths,
        session,
        turn,
        turns,
        draw,
        prompt,
        max_output,
        tools,
        images,
        fim,
        unmet,
        class,
        source,
        classifier,
        standing,
        outlook,
        down,
    } = odd();
    let usual = facts();
    let differ = [
        at != usual.at,
        endpoint != usual.endpoint,
        tenant != usual.tenant,
        key != usual.key,
        asked != usual.asked,
        tags != usual.tags,
        data_class != usual.data_class,
        secrets != usual.secrets,
        paths != usual.paths,
        session != usual.session,
        turn != usual.turn,
        turns != usual.turns,
        draw != usual.draw,
        prompt != usual.prompt,
        max_output != usual.max_output,
        tools != usual.tools,
        images != usual.images,
        fim != usual.fim,
        unmet != usual.unmet,
        class != usual.class,
        source != usual.source,
        classifier != usual.classifier,
        standing != usual.standing,
        outlook != usual.outlook,
        down != usual.down,
    ];
    assert_eq!(differ, [true; 25]);

    for facts in [odd(), usual] {
        let logged = written(&facts, &setting, "a very");
        let again = logged.facts(&beside(&facts, "a very"), &setting);
        assert_eq!(again, Some(facts));
    }
}

#[test]
fn no_text_of_what_is_usual_is_written_down() {
    let setting = setting(policy(&["base"]));
    let facts = random::plain();
    let plan = decide(
        &policy(&["base", "sonnet"]),
        &setting.catalog,
        &facts,
        "auto",
        ANYONE,
    );
    let plan = plan.expect("a plan");
    let made = Made::Plan(&plan, &plan.objective);

    let logged = Logged::of(&setting, &facts, &facts.asked, &Asked::default(), made);

    let text = logged.text();
    let expected = format!(
        r#"{{"s":"{}","f":{{"n":[0,1000,1,0,500,0,0,2500],"w":["first","other","heuristic","other"],"c":[0.0,0.0,4.0]}},"c":"#,
        setting.id
    );
    assert!(text.get().starts_with(&expected), "{}", text.get());
    assert!(text.get().len() < 260, "{}", text.get());
    assert!(logged.agrees(&plan, &setting));
}

#[test]
fn what_is_told_is_what_was_decided() {
    let setting = setting(policy(&["base", "opus", "sonnet"]));
    let mut facts = facts();
    facts.down.insert("at-sonnet".into());
    let policy = &setting.policies.by_name()["default"];
    let plan = decide(policy, &setting.catalog, &facts, "auto", ANYONE).expect("a plan");
    let made = Made::Plan(&plan, &policy.objective);
    let logged = Logged::of(&setting, &facts, &facts.asked, &Asked::default(), made);
    let beside = Beside {
        reason: plan.reason.clone(),
        rule: plan.rule.clone(),
        ..beside(&facts, &facts.asked)
    };

    let told = logged.explanation(&beside, &setting).expect("it is told");

    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let (mut told, mut wanted) = (value(told.get()), value(plan.explanation(&facts).get()));
    assert_eq!(told["setting"], *setting.id);
    told.as_object_mut().expect("an object").remove("setting");
    // To a millionth.
    for it in [&mut told, &mut wanted] {
        let success = &mut it["candidates"][0]["score"]["success"];
        *success = format!("{:.6}", success.as_f64().expect("a chance")).into();
    }
    assert_eq!(told, wanted);
    assert_eq!(told["rejected"].as_array().map(Vec::len), Some(2));
}

#[test]
fn addresses_and_keys_are_not_written_down() {
    let mut target = Target::new(
        "away".into(),
        Hosting::Vendor,
        vec![Dialect::Chat],
        "https://user:word@away",
    );
    target.key = Some(crate::domain::secret::Secret::new("sk-1234567890"));
    target.load = Some("https://user:word@away/metrics".into());
    let mut catalog = catalog();
    catalog.targets.insert(target.id.clone(), Arc::new(target));

    let policies = Arc::new(Policies::new(policy(&["base"])));
    let (_, written) = Setting::new(policies, Arc::new(catalog), "none");

    let text = written.catalog.1;
    assert!(text.contains("\"away\""), "{text}");
    assert!(!text.contains("word@") && !text.contains("sk-"), "{text}");
}
