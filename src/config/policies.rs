//! Policy files as they are written.

use super::reader::{Cursor, Fields, Word, mean, quoted};
use crate::domain::ids::{ModelId, PolicyId};
use crate::policy::{AUTO, Glob};

/// What belongs to the language but not to this version of it.
const LATER: [&str; 5] = ["objective", "tasks", "rules", "budgets", "shadow"];

/// A policy before its models are known.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: PolicyId,
    pub(crate) answers: Vec<Glob>,
    /// `None` stands for all.
    pub(crate) models: Option<Vec<ModelId>>,
    pub(crate) tenants: Vec<Word>,
    pub(crate) keys: Vec<Word>,
}

/// Reads one file. `known` are the models that it may name.
pub(crate) fn read(id: &str, root: &Cursor<'_>, known: &[ModelId]) -> Option<Written> {
    let fields = root.fields_but(&["version", "for", "answers", "models"], &LATER)?;
    version(&fields);
    let (tenants, keys) = claims(id, &fields);
    let answers = fields.get("answers").map(|answers| answers.words());
    let models = match fields.get("models") {
        Some(models) => read_models(&models, known),
        None => Some(None),
    };
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
        tenants,
        keys,
    })
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
fn read_models(cursor: &Cursor<'_>, known: &[ModelId]) -> Option<Option<Vec<ModelId>>> {
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
