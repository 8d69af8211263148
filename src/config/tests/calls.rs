//! Calls in a line each, with what is decided on them: documents and examples show them, tests run them.
//!
//! `{ tenant: interns, asked: claude-opus } -> base1, claude-sonnet` says who is tried, in which order; `-> refused` that
//! nobody is.

use std::sync::Arc;

use super::super::node::Node;
use super::super::{Snapshot, yaml};
use crate::domain::belief::Belief;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::Endpoint;
use crate::domain::facts::{Facts, Paths};
use crate::policy::{decide, force, random};

/// The house in which the calls of documents are made.
pub(super) const HOUSE: &str = "targets:
  gpu: { hosting: own, dialects: [chat, messages, completions], url: http://127.0.0.1:8000/v1 }
  away: { hosting: vendor, dialects: [chat, messages], url: http://a }
models:
  base1: { target: gpu, like: qwen3-coder-30b, can: [tools, fim], window: 131072 }
  base1-v2: { target: gpu, like: qwen3-coder-30b, can: [tools, fim], window: 131072 }
  claude-sonnet: { target: away, can: [tools, images], window: 1000000 }
  claude-opus: { target: away, can: [tools, images], window: 1000000 }
";

/// Runs each line that holds a call; what went otherwise than it says.
pub(super) fn run(snapshot: &Snapshot, lines: &str) -> Vec<String> {
    let calls = lines.lines().filter(|line| line.contains("->"));
    calls.filter_map(|line| wrong(snapshot, line)).collect()
}

fn wrong(snapshot: &Snapshot, line: &str) -> Option<String> {
    let line = line.trim_start_matches('#').trim();
    let (call, wanted) = line.split_once("->").expect("an arrow");
    let call = yaml::parse("call", call.trim()).expect("a call");
    let got = tried(snapshot, &call);
    (got != wanted.trim()).then(|| format!("{line} (but it was: {got})"))
}

fn tried(snapshot: &Snapshot, call: &Node) -> String {
    let facts = facts(call);
    let header = call.get("policy").map(text);
    let policies = &snapshot.policies;
    let ruling = policies.ruling(&facts.tenant, &facts.key, header);
    let ruling = ruling.expect("a policy of this name");
    let plan = match call.get("force") {
        Some(name) => force(&ruling, &snapshot.catalog, &facts, text(name), &|_| true),
        None => decide(&ruling, &snapshot.catalog, &facts, &|_| true),
    };
    let Ok(plan) = plan else {
        return "refused".to_owned();
    };
    let models = plan.candidates.iter().map(|it| it.model.id.as_str());
    models.collect::<Vec<_>>().join(", ")
}

fn text(node: &Node) -> &str {
    match &node.kind {
        super::super::node::Kind::Text(text) => text,
        _ => panic!("{}: a word", node.place),
    }
}

fn word<T: std::str::FromStr>(node: &Node) -> T {
    let text = text(node);
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is not known"))
}

fn facts(call: &Node) -> Facts {
    let mut facts = random::plain();
    let mut paths = Paths::default();
    for entry in call.entries() {
        let node = &entry.node;
        match entry.key.as_str() {
            "tenant" => facts.tenant = text(node).into(),
            "key" => facts.key = text(node).into(),
            "asked" => facts.asked = text(node).into(),
            "tag" => {
                let tags = node.entries().iter();
                facts.tags = tags
                    .map(|tag| (tag.key.clone(), text(&tag.node).to_owned()))
                    .collect();
            }
            "endpoint" => {
                facts.endpoint = word(node);
                facts.fim = facts.endpoint == Endpoint::Completions;
            }
            "task" => facts.class.task = word(node),
            "difficulty" => facts.class.difficulty = word(node),
            "language" => facts.class.language = word(node),
            "path" => paths.named.push(text(node).into()),
            "prompt_tokens" => facts.prompt.0 = word(node),
            "tools" => facts.tools = word(node),
            "images" => facts.images = word(node),
            "data_class" => facts.data_class = word(node),
            "secrets" => facts.secrets = text(node) == "found",
            "turn" => facts.turn = word(node),
            "turns" => facts.turns = word(node),
            "at" => facts.at = Timestamp::parse(text(node)).expect("a moment"),
            "down" => drop(facts.down.insert(text(node).into())),
            "policy" | "force" => {}
            other => panic!("a call has no {other:?}"),
        }
    }
    facts.paths = Arc::new(paths);
    facts.standing.believe(Belief {
        mean: facts.class.difficulty.into(),
        variance: 1.0,
    });
    facts
}
