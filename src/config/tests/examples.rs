//! What we show and ship is right, and means what it says.

use std::path::Path;
use std::time::Duration;

use super::super::*;
use super::{Folder, SMALL, pairs, root};
use crate::catalog::{Billed, Target};
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::domain::tokens::{TokenCount, Usage};

const KEYS: [(&str, &str); 3] = [
    ("TOLLGATE_ADMIN_TOKEN", "adm-1234"),
    ("ANTHROPIC_API_KEY", "sk-ant"),
    ("OPENAI_API_KEY", "sk-oai"),
];

fn example(env: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let mut all = pairs(&KEYS);
    all.extend(pairs(env));
    load(&Sources {
        file: Some(root().join("tests/data/tollgate.yaml")),
        env: all,
        flags: Flags::default(),
    })
}

#[test]
fn the_full_example_loads() {
    let loaded = example(&[]).expect("it is right");

    let (deployment, catalog) = (&loaded.deployment, &loaded.snapshot.catalog);
    assert_eq!(deployment.listen.to_string(), "127.0.0.1:4180");
    assert_eq!(deployment.access, Access::Keys);
    assert_eq!(deployment.store, root().join("tests/data/.tollgate"));
    assert_eq!(
        deployment.admin.token.as_ref().map(|token| token.expose()),
        Some("adm-1234")
    );
    let gpu = &catalog.targets["gpu"];
    assert_eq!(
        gpu.urls,
        ["http://127.0.0.1:8000/v1", "http://127.0.0.1:8001/v1"]
    );
    assert_eq!(gpu.timeouts.whole_first_byte, Duration::from_secs(60));
    assert_eq!(gpu.timeouts.total, None);
    let sonnet = catalog.model("claude-sonnet").expect("a model");
    assert_eq!(sonnet.window, Some(TokenCount(1_000_000)));
    assert!(sonnet.can.contains(&Ability::Images));
    let order: Vec<_> = catalog.order.iter().map(|id| id.as_str()).collect();
    assert_eq!(
        order,
        ["base1", "claude-sonnet", "claude-opus", "gpt-6.1-sol"]
    );
    let at = Timestamp::parse("2026-11-21").expect("a date");
    let ids = ["base1", "claude-opus"].map(|name| {
        let model = catalog.model(name).expect("a model");
        model.tariff(at).price_id().map(|id| id.to_string())
    });
    assert_eq!(ids[0].as_deref(), Some("base1@rent"));
    assert_eq!(ids[1].as_deref(), Some("claude-opus-5-5@2026-10-07"));
    assert_eq!(loaded.snapshot.version.len(), 12);
    assert!(!format!("{loaded:?}").contains("sk-ant"));
}

#[test]
fn the_environment_reaches_every_value_and_other_variables_do_no_harm() {
    let loaded = example(&[
        ("TOLLGATE_LISTEN", "127.0.0.1:9"),
        ("TOLLGATE_TARGETS__GPU__DIALECTS", "chat, responses"),
        ("TOLLGATE_TARGETS__GPU__GPU_HOUR_USD", "1.10"),
        ("TOLLGATE_MODELS__GPT_6_1_SOL__WINDOW", "1000"),
        ("TOLLGATE_TARGETS__OPENAI__KEY", "sk-direct"),
        ("TOLLGATE_SERVICE_HOST", "10.0.0.1"),
        ("TOLLGATE_OWN_URL", "http://x"),
    ])
    .expect("it is right");

    let catalog = &loaded.snapshot.catalog;
    assert_eq!(loaded.deployment.listen.port(), 9);
    assert_eq!(
        catalog.targets["gpu"].dialects,
        [Dialect::Chat, Dialect::Responses]
    );
    assert_eq!(
        catalog.models["gpt-6.1-sol"].window,
        Some(TokenCount(1_000))
    );
    let key = catalog.targets["openai"].key.as_ref();
    assert_eq!(key.map(|key| key.expose()), Some("sk-direct"));
}

#[test]
fn flags_win_over_the_environment() {
    let mut sources = Sources {
        env: pairs(&[
            ("TOLLGATE_LISTEN", "127.0.0.1:9"),
            ("TOLLGATE_ACCESS", "keys"),
        ]),
        ..Sources::default()
    };
    sources.flags.listen = Some("127.0.0.1:10".to_owned());

    let loaded = load(&sources).expect("it is right");

    assert_eq!(loaded.deployment.listen.port(), 10);
    assert_eq!(loaded.deployment.access, Access::Keys);

    sources.flags.listen = Some("here".to_owned());
    let faults = load(&sources).expect_err("a fault").to_string();
    assert_eq!(
        faults,
        "--listen: listen: \"here\" is not an address; write an IP and a port, like 127.0.0.1:4180"
    );
}

#[test]
fn without_a_file_it_is_open_on_loopback() {
    let loaded = load(&Sources::default()).expect("nothing is wrong");

    let deployment = loaded.deployment;
    assert_eq!(deployment.listen.to_string(), "127.0.0.1:4180");
    assert_eq!(deployment.admin.listen.to_string(), "127.0.0.1:4181");
    assert_eq!(deployment.access, Access::Open);
    assert_eq!(deployment.store, Path::new(".tollgate"));
    assert!(loaded.snapshot.catalog.models.is_empty());
}

#[test]
fn the_version_follows_the_texts() {
    let folder = Folder::new(&[("tollgate.yaml", SMALL)]);
    let version = |folder: &Folder| {
        load(&folder.sources(&[]))
            .expect("it is right")
            .snapshot
            .version
    };
    let first = version(&folder);

    assert_eq!(first, version(&folder));
    let policies = folder.0.join("policies");
    std::fs::create_dir(&policies).expect("a folder");
    std::fs::write(policies.join("default.yaml"), "version: 1\n").expect("a file");
    assert_ne!(first, version(&folder));
}

#[test]
fn what_was_found_is_put_under_the_shipped_policy() {
    let deployment = Folder::new(&[("tollgate.yaml", "")]);
    let deployment = load(&deployment.sources(&[]))
        .expect("it is right")
        .deployment;
    let (mut targets, mut models) = providers::found(&pairs(&[("OPENAI_API_KEY", "k")]));
    let own = Target::new(
        "found".into(),
        Hosting::Own,
        vec![Dialect::Chat],
        "http://x/v1/",
    );
    models.push(ModelEntry::new("coder", &own.id));
    targets.push(own);

    let snapshot =
        assemble(&deployment, targets.clone(), models.clone(), None).expect("it is right");

    let policy = &snapshot.policies.by_name()["default"];
    assert_eq!(policy.models.ids()[0].as_str(), "coder");
    assert_eq!(policy.models.ids()[1].as_str(), "gpt-6.1-sol");

    let wrong = assemble(
        &deployment,
        targets,
        models,
        Some("version: 1\nmodels: [codre]\n"),
    );
    assert_eq!(
        wrong.expect_err("a fault").to_string(),
        "policy:2:10: models[0]: no model \"codre\" in the catalogue; did you mean \"coder\"?"
    );
}

#[test]
fn every_offered_model_has_a_price_and_knows_its_window() {
    let env: Vec<_> = providers::PROVIDERS
        .iter()
        .map(|provider| (provider.variable.to_owned(), "k".to_owned()))
        .collect();
    let (targets, models) = providers::found(&env);
    let deployment = load(&Sources::default()).expect("it is right").deployment;
    let count = models.len();

    let snapshot = assemble(&deployment, targets, models, None).expect("it is right");

    let at = Timestamp::parse("2026-11-21").expect("a date");
    assert_eq!(snapshot.catalog.models.len(), count);
    for (id, model) in &snapshot.catalog.models {
        assert!(
            model.tariff(at).is_known() && model.window.is_some(),
            "{id}"
        );
    }
}

#[test]
fn shipped_prices_cost_a_step_what_the_vendors_say() {
    let deployment = load(&Sources::default()).expect("it is right").deployment;
    let sheet = assemble(&deployment, Vec::new(), Vec::new(), None)
        .expect("it is right")
        .catalog
        .sheet
        .clone();
    // 147,000 tokens from the cache, 6,500 new ones, 523 written: in nano-dollars, worked out by hand.
    let step = |name: &str, when: &str, usage: Usage| {
        let at = Timestamp::parse(when).expect("a date");
        let prices = sheet.get(name).expect("a price").iter().rev();
        let price = prices
            .into_iter()
            .find(|price| price.from <= at)
            .expect("begun");
        let cost = crate::catalog::Tariff::of(price).cost(&Billed::plain(usage, at));
        cost.expect("it fits").expect("known").0
    };
    let written = Usage {
        cache_read: TokenCount(147_000),
        cache_write_short: TokenCount(6_500),
        output: TokenCount(523),
        ..Usage::default()
    };

    assert_eq!(step("claude-opus-5-5", "2026-11-21", written), 72_360_000);
    assert_eq!(step("claude-haiku-5-5", "2026-11-21", written), 12_720_000);
    assert_eq!(step("gpt-6-astra", "2026-11-21", written), 254_400_000);
    assert_eq!(step("claude-sonnet-5-5", "2026-10-06", written), 50_880_000);
    assert_eq!(step("claude-sonnet-5-5", "2026-10-07", written), 36_180_000);
    assert_eq!(
        step("gemini-4-argon", "2026-11-30T23:59:59Z", written),
        32_930_000
    );
    assert_eq!(step("gemini-4-argon", "2026-12-01", written), 65_860_000);
    // Friday's peak and Saturday.
    assert_eq!(
        step("deepseek-v4-pro", "2026-11-27T02:00:00Z", written),
        17_119_080
    );
    assert_eq!(
        step("deepseek-v4-pro", "2026-11-28T02:00:00Z", written),
        8_559_540
    );
    // 153,500 tokens are above the third band.
    assert_eq!(step("qwen3-coder-plus", "2026-11-21", written), 71_445_000);
}

#[test]
fn the_rules_of_a_cache_follow_from_what_is_sold_or_are_said() {
    let prices = "version: 1
models:
  plain: { input: 1, output: 2 }
  said: { input: 1, output: 2, cache_write_5m: 2, cache: { life_s: 7200, least: 4096, renews: false, marks: false } }
  own: { free: true, cache: { least: 16 } }
";
    let folder = Folder::new(&[("tollgate.yaml", SMALL), ("policies/prices.yaml", prices)]);
    let loaded = load(&folder.sources(&[])).expect("it is right");
    let sheet = &loaded.snapshot.catalog.sheet;
    let rule = |name: &str| {
        let newest = sheet.get(name).and_then(|prices| prices.last());
        let rule = newest.expect("a price").cache;
        (
            rule.life_s,
            rule.long_s,
            rule.least.0,
            rule.renews,
            rule.marks,
        )
    };

    assert_eq!(rule("plain"), (300, 300, 1_024, true, false));
    assert_eq!(rule("said"), (7_200, 7_200, 4_096, false, false));
    assert_eq!(rule("own"), (300, 300, 16, true, false));
    // As shipped.
    assert_eq!(rule("claude-opus-5-5"), (300, 3_600, 1_024, true, true));
    assert_eq!(rule("gpt-6-astra"), (1_800, 43_200, 1_024, true, false));
    assert_eq!(rule("kimi-k3"), (300, 3_600, 1_024, true, false));
    assert_eq!(rule("gemini-2.5-pro"), (300, 300, 4_096, true, false));
}
