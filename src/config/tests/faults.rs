//! What is said about wrong files.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::load;
use super::{Folder, SMALL};
use crate::classifier::artifact;

const WRONG: &str = r#"listen: 127.0.0.1
access: opne
targets:
  gpu: { hosting: own, dialects: [chat, smoke], url: http://127.0.0.1:8000/v1, max_in_flight: lots, gpu_hour_usd: 3, energy_share: most }
  far:
    hosting: vendor
    dialects: [chat]
    url: https://user:hunter2@example.com
    key: sk-inline-secret
  other: { hosting: vendor, dialects: [chat], url: ftp://x, key: { env: NO_SUCH_KEY }, gpus: 2, energy_share: 0.2 }
modles: {}
models:
  base1: { target: gup, window: 0 }
  auto: { target: gpu }
store: { redis: { url: { env: REDIS_URL } } }
classifier: classifiers/coding-v1
limits: { body_bytes: infinite, in_flight: unlimited }
"#;

#[test]
fn every_mistake_is_named_at_its_place_with_its_mend() {
    let folder = Folder::new(&[("tollgate.yaml", WRONG)]);

    let faults = folder.faults(&[("TOLLGATE_GRACE_MS", "soon")]);

    assert_eq!(
        faults,
        [
            "tollgate.yaml:1:9: listen: \"127.0.0.1\" is not an address; write an IP and a port, like 127.0.0.1:4180",
            "tollgate.yaml:2:9: access: \"opne\" is not one of the choices; write keys or open",
            "tollgate.yaml:4:41: targets.gpu.dialects[1]: \"smoke\" is not one of the choices; \
             known are chat, responses, messages, completions, gemini",
            "tollgate.yaml:4:95: targets.gpu.max_in_flight: \"lots\" is not a count; write 64",
            "tollgate.yaml:4:132: targets.gpu.energy_share: \"most\" is not a share; write a decimal from 0 to 1, like 0.05",
            "tollgate.yaml:8:10: targets.far.url: the URL carries credentials; write key: { env: NAME }",
            "tollgate.yaml:9:10: targets.far.key: a secret does not stand in the file; write { env: NAME } or { file: PATH }",
            "tollgate.yaml:10:52: targets.other.url: the URL does not begin with http:// or https://; write it in full",
            "tollgate.yaml:10:73: targets.other.key.env: the environment variable NO_SUCH_KEY is not set; set it, or leave the key out",
            "tollgate.yaml:10:94: targets.other.gpus: the price of a GPU is missing; add gpu_hour_usd: 3.50",
            "tollgate.yaml:10:111: targets.other.energy_share: the price of a GPU is missing; add gpu_hour_usd: 3.50",
            "tollgate.yaml:11:1: the key \"modles\" is not known here; did you mean \"models\"?",
            "tollgate.yaml:13:20: models.base1.target: no target \"gup\" in this file; did you mean \"gpu\"?",
            "tollgate.yaml:13:33: models.base1.window: \"0\" is too small; write 1 or more",
            "tollgate.yaml:14:3: models.auto: the name auto asks the policy for a model; choose another name",
            "tollgate.yaml:15:17: store.redis: Redis comes with a later version; leave it out: the embedded store serves one gateway",
            "tollgate.yaml:16:13: classifier: there is no folder classifiers/coding-v1; name the folder that holds manifest.json, or write none",
            "tollgate.yaml:17:23: limits.body_bytes: \"infinite\" is not a count; write 33554432",
            "TOLLGATE_GRACE_MS: grace_ms: \"soon\" is not a count; write 30000",
        ]
    );
}

#[test]
fn what_signs_weigh_comes_with_the_classifier() {
    let text = format!("classifier: mine\n{SMALL}");
    let folder = Folder::new(&[("tollgate.yaml", &text)]);
    let put = |weights: &str| {
        let named = ("mine".to_owned(), "2026-11-21".to_owned());
        let files: &[(&str, &[u8])] = &[(artifact::EVIDENCE, weights.as_bytes())];
        let mine = folder.0.join("mine");
        artifact::extend(None, &mine, named, files, &BTreeMap::new()).expect("extended");
    };

    put(r#"{"signs":{"crash":{"mean":0.7}},"most":2}"#);
    let loaded = load(&folder.sources(&[])).expect("it is good");
    put(r#"{"signs":{"crash":{"mean":70}},"most":2}"#);
    let faults = folder.faults(&[]);

    let weights = &loaded.snapshot.weights;
    assert_eq!((weights.most, weights.signs.len()), (2.0, 1));
    let [fault] = faults.as_slice() else {
        unreachable!("one: {faults:?}")
    };
    assert!(
        fault.contains("evidence.json: crash: no sign weighs that much"),
        "{fault}"
    );
}

#[test]
fn policies_are_checked_against_the_catalogue() {
    let folder = Folder::new(&[
        ("tollgate.yaml", SMALL),
        (
            "policies/default.yaml",
            "version: 1\nanswers: [auto]\nmodels: [sonet]\nbudgets:\n  - name: x\n",
        ),
        ("policies/a.yaml", "version: 2\nfor: { tenants: [acme] }\n"),
        (
            "policies/b.yaml",
            "version: 1\nfor: { tenants: [acme] }\nmodels: [sonnet\n",
        ),
        (
            "policies/c.yaml",
            "version: 1\nfor: { tenants: [acme], keys: [k] }\n",
        ),
        ("policies/d.yml", ""),
        ("policies/.hidden.yaml", "nonsense"),
        (
            "policies/prices.yaml",
            "version: 1\nmodels:\n  sonnet: { input: 3.1234567, outptu: 1 }\n  opus: { input: 1, output: 1, cache: { life: 5m, marks: often } }\n",
        ),
    ]);

    let faults = folder.faults(&[]);

    assert_eq!(
        faults,
        [
            "policies/a.yaml:1:10: version: version \"2\" is not known; write 1",
            "policies/b.yaml:4:1: this is not YAML: while parsing a flow sequence, expected ',' or ']'",
            "policies/c.yaml:2:18: for.tenants[0]: the tenant \"acme\" is claimed by a.yaml too; keep it in one",
            "policies/d.yml:1:1: only *.yaml files are read; name it d.yaml",
            "policies/default.yaml:3:10: models[0]: no model \"sonet\" in the catalogue; did you mean \"sonnet\"?",
            "policies/default.yaml:4:1: budgets: is not supported by this version; leave it out",
            "policies/prices.yaml:3:11: models.sonnet: the key \"output\" is missing; add `output: …`",
            "policies/prices.yaml:3:20: models.sonnet.input: \"3.1234567\" has more than 6 places after the point",
            "policies/prices.yaml:3:31: models.sonnet: the key \"outptu\" is not known here; did you mean \"output\"?",
            "policies/prices.yaml:4:41: models.opus.cache: the key \"life\" is not known here; did you mean \"life_s\"?",
            "policies/prices.yaml:4:58: models.opus.cache.marks: \"often\" is not true or false; write true or false",
        ]
    );
}

#[test]
fn open_access_on_a_network_address_has_to_be_meant() {
    let file = "listen: 0.0.0.0:4180\naccess: open\n";
    let folder = Folder::new(&[("tollgate.yaml", file)]);

    assert_eq!(
        folder.faults(&[]),
        [
            "tollgate.yaml:2:9: access: access is open, and the listener can be reached from the network; \
          write access: keys, or open_to_network: true"
        ]
    );
    assert!(
        folder
            .faults(&[("TOLLGATE_OPEN_TO_NETWORK", "true")])
            .is_empty()
    );
}

#[test]
fn secrets_come_from_files_too_and_examples_are_refused() {
    let file = "targets:\n  a: { hosting: vendor, dialects: [chat], url: http://a, key: { file: key } }\n  \
                b: { hosting: vendor, dialects: [chat], url: http://b, key: { env: B } }\n";
    let folder = Folder::new(&[("tollgate.yaml", file), ("key", "sk-file\n")]);

    let loaded = load(&folder.sources(&[("B", "sk-b")])).expect("it is right");
    let key = loaded.snapshot.catalog.targets["a"].key.as_ref();
    assert_eq!(key.map(|key| key.expose()), Some("sk-file"));
    assert!(loaded.deployment.watched.contains(&folder.0.join("key")));

    assert_eq!(
        folder.faults(&[("B", "changeme")]),
        [
            "tollgate.yaml:3:70: targets.b.key.env: the environment variable B holds a word from an example; set it to the real one"
        ]
    );
    assert_eq!(
        folder.faults(&[("B", " ")]),
        [
            "tollgate.yaml:3:70: targets.b.key.env: the environment variable B is empty; set it to the real one"
        ]
    );
}

#[test]
fn what_may_be_a_secret_is_never_shown() {
    let file = "targets:
  a: { hosting: vendor, dialects: [chat], url: http://a, key: { env: sk-hunter2 } }
  b: { hosting: vendor, dialects: [chat], url: http://me:hunter2@b/v1 }
  c: { hosting: vendor, dialects: [chat], url: http://me:hun/ter2@c, key: [hunter2] }
  d: { hosting: vendor, dialects: [chat], url: http://d, key: hunter2, api_key: hunter2 }
  e: hunter2
admin: { token: hunter2 }
store: { redis: { url: redis://:hunter2@x } }
";
    let folder = Folder::new(&[("tollgate.yaml", file)]);

    let faults = folder.faults(&[("TOLLGATE_ADMIN", "hunter2")]);

    assert_eq!(faults.len(), 9, "{faults:#?}");
    let shown: Vec<_> = faults
        .iter()
        .filter(|f| f.contains("hun") || f.contains("ter2"))
        .collect();
    assert_eq!(shown, Vec::<&String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_the_reading_panic(lines in proptest::collection::vec(
        "(listen|targets|models|limits|version|for|answers|rules|when|any|not|only|otherwise|hours|path|free|gpu|input|tiers|hours|utc|key|url|env| |  |    |- )?(: |:)?[-\\[\\]{}a-z0-9.:,\"'# ]{0,12}",
        0..12,
    )) {
        let text = lines.join("\n");
        let folder = Folder::new(&[("tollgate.yaml", &text)]);
        let _ = load(&folder.sources(&[("TOLLGATE_TARGETS__GPU__URL", &text), ("TOLLGATE_MODELS", &text)]));
        let folder = Folder::new(&[("tollgate.yaml", SMALL), ("policies/default.yaml", &text), ("policies/prices.yaml", &text)]);
        let _ = load(&folder.sources(&[]));
    }
}
