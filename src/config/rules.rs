//! Rules, kinds of work and the objective, as they are written.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::conditions::{self, words};
use super::fault::Place;
use super::node::Kind;
use super::policies::{Known, read_models};
use super::reader::{Cursor, Fields, mean, quoted};
use crate::domain::dialect::{Ability, Hosting};
use crate::domain::facts::Task;
use crate::domain::ids::{ModelId, TargetId};
use crate::domain::money::{NanoUsd, parse_usd};
use crate::domain::share::Share;
use crate::policy::{Glob, Models, Objective, Otherwise, Pick, Rule, Selector, TaskRule, Terms};

const CHOICES: [&str; 4] = ["only", "never", "prefer", "pin"];
const TERMS: [&str; 4] = ["failure_usd", "minute_usd", "switch_usd", "first_byte_ms"];
/// The longest name of a rule.
const LONGEST: usize = 80;

/// What rules may name.
pub(super) struct Offer<'a> {
    pub(super) policy: &'a str,
    pub(super) known: &'a Known,
    /// The models that the policy and its kinds of work have; `None` where those are all.
    pub(super) models: Option<Vec<ModelId>>,
}

/// Reads what failing, waiting and changing cost.
pub(super) fn objective(cursor: &Cursor<'_>) -> Objective {
    let mut objective = Objective::default();
    let Some(fields) = cursor.fields(&[&TERMS[..], &["explore"]].concat()) else {
        return objective;
    };
    let terms = terms(&fields);
    let put = |place: &mut NanoUsd, amount: Option<NanoUsd>| *place = amount.unwrap_or(*place);
    put(&mut objective.failure, terms.failure);
    put(&mut objective.minute, terms.minute);
    put(&mut objective.switch, terms.switch);
    objective.first_byte = terms.first_byte;
    let explore = fields.get("explore");
    let explore = explore.and_then(|it| share(&it));
    objective.explore = explore.unwrap_or(objective.explore);
    objective
}

pub(super) fn share(cursor: &Cursor<'_>) -> Option<Share> {
    let text = cursor.text()?;
    let read = Share::parse(text).ok();
    if read.is_none() {
        let what = format!("{} is not a share", quoted(text));
        cursor.fault(what, "write a decimal from 0 to 1, like 0.05");
    }
    read
}

fn terms(fields: &Fields<'_>) -> Terms {
    let usd = |key| fields.get(key).and_then(|it| it.amount(parse_usd));
    Terms {
        failure: usd("failure_usd"),
        minute: usd("minute_usd"),
        switch: usd("switch_usd"),
        first_byte: fields.get("first_byte_ms").and_then(|it| it.millis(300)),
    }
}

/// The models that kinds of work have of their own. Read before all else: rules may name them.
pub(super) fn task_models(tasks: &Cursor<'_>, known: &Known) -> HashMap<String, Models> {
    // A wrong kind of value is reported when the rest is read.
    let entries = tasks.node.entries().iter();
    let models = entries.filter_map(|entry| {
        let models = Cursor {
            node: entry.node.get("models")?,
            path: format!("{}.{}.models", tasks.path, entry.key),
            sink: tasks.sink,
        };
        let listed = read_models(&models, &known.models)?;
        if listed.is_none() {
            models.fault("here models are listed", "write it as [one, two]");
        }
        Some((entry.key.clone(), Models::Listed(listed?)))
    });
    models.collect()
}

/// Reads what holds by kind of work.
pub(super) fn tasks(
    cursor: &Cursor<'_>,
    offer: &Offer<'_>,
    mut models: HashMap<String, Models>,
) -> Vec<TaskRule> {
    let keys = [&CHOICES[..], &TERMS, &["models"]].concat();
    let mut tasks = Vec::new();
    for (entry, cursor) in cursor.entries().unwrap_or_default() {
        let Ok(task) = entry.key.parse::<Task>() else {
            let what = format!("there is no kind of work {}", quoted(&entry.key));
            let mend = mean(&entry.key, Task::ALL.iter().map(|task| task.as_str()));
            cursor.fault_at(&entry.place, &cursor.path, what, mend);
            continue;
        };
        let Some(fields) = cursor.fields(&keys) else {
            continue;
        };
        let name = format!("tasks.{task}");
        let rule = Rule::named(&name, line(&entry.place));
        tasks.push(TaskRule {
            task,
            models: models.remove(&entry.key),
            rule: choose(&fields, offer, rule),
        });
    }
    tasks
}

/// Reads the rules. One that is wrong is left out, and the faults say so.
pub(super) fn rules(cursor: &Cursor<'_>, offer: &Offer<'_>) -> Vec<Rule> {
    if matches!(cursor.node.kind, Kind::Empty) {
        return Vec::new();
    }
    let mut rules: Vec<Rule> = Vec::new();
    for item in cursor.items() {
        let Some(rule) = rule(&item, offer) else {
            continue;
        };
        if rules.iter().any(|other| other.name == rule.name) {
            let what = format!("two rules are named {}", quoted(&rule.name));
            item.fault(
                what,
                "give each its own: it is what answers and records say",
            );
        }
        rules.push(rule);
    }
    rules
}

fn rule(cursor: &Cursor<'_>, offer: &Offer<'_>) -> Option<Rule> {
    const REST: [&str; 5] = ["name", "when", "final", "otherwise", "shadow"];
    let keys = [&REST[..], &CHOICES, &TERMS].concat();
    let fields = cursor.fields(&keys)?;
    let name = fields.need("name").and_then(|name| read_name(&name));
    let mut rule = Rule::named(name.unwrap_or_default(), line(&cursor.node.place));
    rule.otherwise = fields
        .get("otherwise")
        .and_then(|it| it.one_of(&[("refuse", Otherwise::Refuse), ("anyway", Otherwise::Anyway)]))
        .unwrap_or_default();
    rule.last = fields.get("final").and_then(|it| it.flag()) == Some(true);
    let mut rule = choose(&fields, offer, rule);
    rule.shadow = fields.get("shadow").and_then(|it| model(&it, offer.known));
    let when = fields.get("when");
    let asks = when.is_some();
    rule.when = when.and_then(|when| conditions::read(&when, salt(offer.policy, &rule.name)));
    check(&fields);
    if let Some(way_out) = rule.when.as_ref().and_then(|when| when.way_out())
        && rule.guards()
        && let Some(when) = fields.get("when")
    {
        let what = format!(
            "`not` around {way_out}: a caller could say so, and step out of this data rule"
        );
        when.fault(what, "ask for tenants, keys, paths or secrets");
    }
    // A rule that asks something must not end as one that holds for all.
    (name.is_some() && asks == rule.when.is_some()).then_some(rule)
}

/// A name goes into a header and into records.
fn read_name<'a>(cursor: &Cursor<'a>) -> Option<&'a str> {
    let name = cursor.text()?;
    let plain = name.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if plain && name.len() <= LONGEST && name.trim() == name {
        return Some(name);
    }
    let what = format!("{} is no name of a rule", quoted(name));
    let mend = format!("use up to {LONGEST} plain letters: it goes into a header");
    cursor.fault(what, mend);
    None
}

/// Reads what a rule or a kind of work says of models and money.
fn choose(fields: &Fields<'_>, offer: &Offer<'_>, mut rule: Rule) -> Rule {
    // A data rule binds models as well that are asked by name; so may it name others than the policy's.
    let bound = !rule.guards();
    let choice = |key| {
        let cursor = fields.get(key)?;
        selector(&cursor, offer, bound && key != "never")
    };
    [rule.only, rule.never, rule.prefer, rule.pin] = CHOICES.map(choice);
    rule.terms = terms(fields);
    rule
}

fn check(fields: &Fields<'_>) {
    let has = |keys: &[&str]| keys.iter().any(|key| fields.get(key).is_some());
    let narrows = has(&["only", "never", "pin"]);
    if let Some(otherwise) = fields.get("otherwise").filter(|_| !narrows) {
        let what = "the rule leaves every model, so that there is no other case";
        otherwise.fault(what, "add only, never or pin, or leave this out");
    }
    let says = narrows || has(&["prefer", "shadow", "final"]) || has(&TERMS);
    if !says {
        let mend = "add only, never, prefer, pin, shadow, another number or `final: true`";
        fields.0.fault("the rule changes nothing", mend);
    }
}

/// Reads a choice among all models of the catalogue.
pub(super) fn any(cursor: &Cursor<'_>, known: &Known) -> Option<Selector> {
    let offer = Offer {
        policy: "",
        known,
        models: None,
    };
    selector(cursor, &offer, false)
}

/// Reads names, patterns and kinds of models. `bound` says that the policy must have a model that is named.
fn selector(cursor: &Cursor<'_>, offer: &Offer<'_>, bound: bool) -> Option<Selector> {
    let picks: Vec<_> = cursor
        .some()?
        .iter()
        .map(|item| match &item.node.kind {
            Kind::Map(_) => kind(item, offer.known),
            _ => pick(item, offer, bound),
        })
        .collect();
    picks.into_iter().collect::<Option<Vec<_>>>().map(Selector)
}

fn pick(cursor: &Cursor<'_>, offer: &Offer<'_>, bound: bool) -> Option<Pick> {
    let text = cursor.text()?;
    let glob = Glob::new(text);
    let fits = |models: &[ModelId]| models.iter().any(|model| glob.matches(model.as_str()));
    let known = offer.known.models.as_slice();
    if !fits(known) {
        let what = match glob.plain() {
            Some(name) => format!("no model {} in the catalogue", quoted(name)),
            None => format!("no model of the catalogue fits {}", quoted(text)),
        };
        cursor.fault(what, mean(text, known.iter().map(ModelId::as_str)));
        return None;
    }
    let has = offer.models.as_deref().is_none_or(fits);
    if bound && !has {
        let what = format!("{} is not among this policy's models", quoted(text));
        cursor.fault(what, "add it to `models`");
        return None;
    }
    Some(Pick::Named(glob))
}

fn kind(cursor: &Cursor<'_>, known: &Known) -> Option<Pick> {
    let fields = cursor.fields(&["hosting", "target", "can"])?;
    let keys = ["hosting", "target", "can"].map(|key| fields.get(key));
    if keys.iter().all(Option::is_none) {
        cursor.fault("it chooses nothing", "write it like { hosting: own }");
        return None;
    }
    let [hosting, target, can] = keys;
    let hosting = match hosting {
        Some(hosting) => hosting
            .one_of(&[("own", Hosting::Own), ("vendor", Hosting::Vendor)])
            .map(Some),
        None => Some(None),
    };
    let targets = target.map_or(Some(Vec::new()), |it| read_targets(&it, known));
    let can = can.map_or(Some(Vec::new()), |it| it.some_of(words!(Ability)));
    Some(Pick::Kind {
        hosting: hosting?,
        targets: targets?,
        can: can?,
    })
}

fn read_targets(cursor: &Cursor<'_>, known: &Known) -> Option<Vec<TargetId>> {
    let read = |item: &Cursor<'_>| {
        let text = item.text()?;
        if known.targets.contains(text) {
            return Some(TargetId::from(text));
        }
        let what = format!("there is no target {}", quoted(text));
        let names = known.targets.iter().map(TargetId::as_str);
        item.fault(what, mean(text, names));
        None
    };
    let targets: Vec<_> = cursor.some()?.iter().map(read).collect();
    targets.into_iter().collect()
}

fn model(cursor: &Cursor<'_>, known: &Known) -> Option<ModelId> {
    let text = cursor.text()?;
    let found = known.models.iter().find(|model| model.as_str() == text);
    if found.is_none() {
        let what = format!("no model {} in the catalogue", quoted(text));
        cursor.fault(what, mean(text, known.models.iter().map(ModelId::as_str)));
    }
    found.cloned()
}

fn line(place: &Place) -> usize {
    match place {
        Place::File { line, .. } => *line,
        Place::Variable(_) | Place::Flag(_) | Place::Built => 0,
    }
}

/// The same for a rule as long as it keeps its name: changing other rules moves nobody from one share to another.
fn salt(policy: &str, rule: &str) -> u64 {
    let hash = Sha256::new_with_prefix(policy)
        .chain_update([0])
        .chain_update(rule)
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    u64::from_le_bytes(first)
}
