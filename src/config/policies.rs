//! Policy files as they are written.

use std::collections::BTreeSet;

use super::reader::{Cursor, Fields, Word, mean, quoted};
use super::repair;
use super::rules::{self, Offer};
use crate::domain::ids::{ModelId, PolicyId, TargetId};
use crate::policy::{AUTO, Glob, Models, Objective, Repair, Rule, TaskRule};

const KEYS: [&str; 8] = [
    "version",
    "for",
    "answers",
    "models",
    "objective",
    "tasks",
    "rules",
    "repair",
];
/// What belongs to the language but not to this version of it.
const LATER: [&str; 1] = ["budgets"];

/// What a policy may name, also what is wrong itself and reported already.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) models: Vec<ModelId>,
    pub(crate) targets: BTreeSet<TargetId>,
}

/// A policy before its models are known.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: PolicyId,
    pub(crate) answers: Vec<Glob>,
    /// `None` stands for all.
    pub(crate) models: Option<Vec<ModelId>>,
    pub(crate) objective: Objective,
    pub(crate) tasks: Vec<TaskRule>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) repair: Repair,
    pub(crate) tenants: Vec<Word>,
    pub(crate) keys: Vec<Word>,
}

/// Reads one file. `known` is what it may name.
pub(crate) fn read(id: &str, root: &Cursor<'_>, known: &Known) -> Option<Written> {
    let fields = root.fields_but(&KEYS, &LATER)?;
    version(&fields);
    let (tenants, keys) = claims(id, &fields);
    let answers = fields.get("answers").map(|answers| answers.words());
    let models = match fields.get("models") {
        Some(models) => read_models(&models, &known.models),
        None => Some(None),
    };
    let objective = fields.get("objective");
    let objective = objective.map(|it| rules::objective(&it));
    let repair = fields.get("repair").map(|it| repair::read(&it, known));
    let (tasks, rules) = read_rules(id, &fields, known, models.as_ref());
    let answers = match answers {
        Some(words) => words?,
        None => Vec::new(),
    };
    let globs = answers.iter().map(|word| word.text.as_str());
    let globs = if answers.is_empty() {
        vec![Glob::new(AUTO)]
    } else {
        globs.map(Glob::new).collect()
    };
    Some(Written {
        id: id.into(),
        answers: globs,
        models: models?,
        objective: objective.unwrap_or_default(),
        tasks,
        rules,
        repair: repair.unwrap_or_default(),
        tenants,
        keys,
    })
}

/// Reads kinds of work and rules. Where `models` is wrong, what they name is measured against the whole catalogue.
fn read_rules(
    id: &str,
    fields: &Fields<'_>,
    known: &Known,
    models: Option<&Option<Vec<ModelId>>>,
) -> (Vec<TaskRule>, Vec<Rule>) {
    let tasks = fields.get("tasks");
    let of_tasks = tasks.as_ref().map(|it| rules::task_models(it, known));
    let of_tasks = of_tasks.unwrap_or_default();
    let more = of_tasks.values().flat_map(Models::ids);
    let offer = Offer {
        policy: id,
        known,
        models: models.cloned().flatten().map(|mut models| {
            models.extend(more.cloned());
            models
        }),
    };
    let tasks = tasks.map(|it| rules::tasks(&it, &offer, of_tasks));
    let rules = fields.get("rules").map(|it| rules::rules(&it, &offer));
    (tasks.unwrap_or_default(), rules.unwrap_or_default())
}

/// Reads the format's version: there is one.
pub(crate) fn version(fields: &Fields<'_>) {
    if let Some(version) = fields.need("version")
        && let Some(text) = version.text()
        && text != "1"
    {
        let what = format!("version {} is not known", quoted(text));
        version.fault(what, "write 1");
    }
}

fn claims(id: &str, fields: &Fields<'_>) -> (Vec<Word>, Vec<Word>) {
    let Some(claim) = fields.get("for") else {
        return Default::default();
    };
    if id == "default" {
        let what = "default.yaml rules everyone of whom no other file says so";
        claim.fault(what, "move this to a file with another name");
    }
    let Some(fields) = claim.fields(&["tenants", "keys"]) else {
        return Default::default();
    };
    let words = |key| {
        let words = fields.get(key).and_then(|list| list.words());
        words.unwrap_or_default()
    };
    (words("tenants"), words("keys"))
}

/// `Some(None)` stands for all of them.
pub(super) fn read_models(cursor: &Cursor<'_>, known: &[ModelId]) -> Option<Option<Vec<ModelId>>> {
    if matches!(&cursor.node.kind, super::node::Kind::Text(text) if text == "all") {
        return Some(None);
    }
    let words = cursor.words()?;
    if words.is_empty() {
        cursor.fault("the list is empty", "name a model, or write all");
    }
    let mut models: Vec<ModelId> = Vec::new();
    for word in words {
        let text = word.text.as_str();
        if models.iter().any(|model| model.as_str() == text) {
            let what = format!("{} stands here twice", quoted(text));
            cursor.fault_at(&word.place, &word.path, what, "keep one");
        } else if !known.iter().any(|model| model.as_str() == text) {
            let what = format!("no model {} in the catalogue", quoted(text));
            let mend = mean(text, known.iter().map(ModelId::as_str));
            cursor.fault_at(&word.place, &word.path, what, mend);
        }
        models.push(text.into());
    }
    Some(Some(models))
}
