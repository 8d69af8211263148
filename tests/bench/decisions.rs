//! What a decision takes: eight models, twelve rules, one of which speaks of the call or guards its data.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use tollgate::config::{Snapshot, Sources, load};
use tollgate::domain::clock::Timestamp;
use tollgate::domain::dialect::Endpoint;
use tollgate::domain::facts::{Classification, DataClass, Facts, Source, Turn};
use tollgate::domain::outlook::{Outlook, Standing};
use tollgate::domain::tokens::TokenCount;
use tollgate::policy::{Plan, Refusal, Ruling, decide};

const MODELS: usize = 8;

/// A catalogue, its policy and some calls.
pub(crate) struct Desk {
    pub(crate) snapshot: Snapshot,
    pub(crate) ruling: Ruling,
}

impl Desk {
    pub(crate) fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut house = String::from(
            "targets:\n  own: { hosting: own, dialects: [chat], url: \"http://o/v1\" }\n  \
             away: { hosting: vendor, dialects: [chat], url: \"http://a/v1\" }\nmodels:\n",
        );
        for model in 0..MODELS {
            let target = if model < 2 { "own" } else { "away" };
            let _ = writeln!(house, "  m{model}: {{ target: {target} }}");
        }
        let mut policy = String::from("version: 1\nrules:\n");
        for rule in 0..10 {
            let _ = writeln!(
                policy,
                "  - {{ name: r{rule}, when: {{ tenant: t{rule}, task: [fix, edit], not: {{ language: go }} }}, never: [m{}] }}",
                rule % MODELS
            );
        }
        policy.push_str(
            "  - { name: home, when: { any: [ { data_class: restricted }, { secrets: found }, { path: \"**/payments/**\" } ] }, \
             only: { hosting: own }, otherwise: refuse }\n  - { name: hard, when: { difficulty: { above: 1 } }, prefer: [m7, m6] }\n",
        );
        let (file, policies) = (
            folder.path().join("tollgate.yaml"),
            folder.path().join("policies"),
        );
        std::fs::write(&file, house)?;
        std::fs::create_dir(&policies)?;
        std::fs::write(policies.join("default.yaml"), policy)?;
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let snapshot = load(&sources).map_err(io::Error::other)?.snapshot;
        let ruling = snapshot.policies.ruling(&"acme".into(), &"k".into(), None);
        let ruling = ruling.map_err(io::Error::other)?;
        Ok(Self { snapshot, ruling })
    }

    pub(crate) fn decide(&self, facts: &Facts) -> Result<Plan, Refusal> {
        decide(&self.ruling, &self.snapshot.catalog, facts, &|_| true)
    }
}

/// Calls of which no rule, one rule and a data rule speaks.
pub(crate) fn calls() -> [(&'static str, Facts); 3] {
    let plain = Facts {
        at: Timestamp::from_millis(0),
        endpoint: Endpoint::Chat,
        tenant: "acme".into(),
        key: "k".into(),
        asked: "auto".into(),
        tags: Vec::new(),
        data_class: DataClass::Internal,
        secrets: false,
        paths: Arc::default(),
        session: None,
        turn: Turn::Tool,
        turns: 3,
        draw: 7,
        prompt: TokenCount(40_000),
        max_output: None,
        tools: true,
        images: false,
        fim: false,
        unmet: Default::default(),
        class: Classification::UNKNOWN,
        source: Source::Memory,
        classifier: None,
        standing: Standing::default(),
        outlook: Outlook::default(),
        down: BTreeSet::new(),
    };
    let mut hard = plain.clone();
    hard.standing.belief.mean = 2.0;
    let guarded = Facts {
        secrets: true,
        ..plain.clone()
    };
    [
        ("no rule speaks", plain),
        ("one rule speaks", hard),
        ("a data rule speaks", guarded),
    ]
}
