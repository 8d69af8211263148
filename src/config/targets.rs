//! Targets and models as they are written.

use std::collections::HashSet;
use std::time::Duration;

use super::deployment::{FOREVER, unlimited};
use super::fault::Place;
use super::ground::Ground;
use super::reader::{Cursor, Fields, is_name, mean, quoted};
use super::rules::share;
use crate::catalog::{Rent, Target, Timeouts};
use crate::domain::dialect::{Ability, Dialect, Hosting};
use crate::domain::ids::{ModelId, TargetId};
use crate::domain::kind::habits::Address;
use crate::domain::kind::{Kind, KnownBy};
use crate::domain::money::HourPrice;
use crate::domain::tokens::TokenCount;
use crate::policy::AUTO;

/// A model as it is written: what is left out comes from the price sheet.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    /// The name here.
    pub id: ModelId,
    /// The target that answers.
    pub target: TargetId,
    /// The name there; the same where it is left out.
    pub name: Option<String>,
    /// Tokens that fit into one call.
    pub window: Option<TokenCount>,
    /// The longest answer.
    pub max_output: Option<TokenCount>,
    /// What it can do.
    pub can: Vec<Ability>,
    /// A well-known model that it behaves like.
    pub like: Option<String>,
    /// Where its target is named.
    pub(crate) place: Place,
}

impl ModelEntry {
    /// A model that bears the same name here and there.
    pub fn new(id: &str, target: &TargetId) -> Self {
        Self {
            id: id.into(),
            target: target.clone(),
            name: None,
            window: None,
            max_output: None,
            can: Vec::new(),
            like: None,
            place: Place::Built,
        }
    }
}

/// Reads `targets`. The names of those that are wrong are told too, so that one mistake is not reported twice.
pub(crate) fn read_targets(
    fields: &Fields<'_>,
    ground: &Ground,
) -> (Vec<Target>, HashSet<TargetId>) {
    let mut names = HashSet::new();
    let mut targets = Vec::new();
    let entries = fields.get("targets").and_then(|targets| targets.entries());
    for (entry, cursor) in entries.unwrap_or_default() {
        names.insert(TargetId::from(entry.key.as_str()));
        check_name(&entry.key, &entry.place, &cursor);
        targets.extend(read_target(&entry.key, &cursor, ground));
    }
    (targets, names)
}

fn check_name(name: &str, place: &Place, cursor: &Cursor<'_>) {
    if !is_name(name) {
        let what = format!("{} is not a name", quoted(name));
        let mend = "use letters, digits and ._:/@+- only";
        cursor.fault_at(place, &cursor.path, what, mend);
    }
}

fn read_target(id: &str, cursor: &Cursor<'_>, ground: &Ground) -> Option<Target> {
    let fields = cursor.fields(&[
        "hosting",
        "kind",
        "api_version",
        "dialects",
        "url",
        "replicas",
        "key",
        "max_in_flight",
        "gpu_hour_usd",
        "gpus",
        "energy_share",
        "load",
        "timeouts",
    ])?;
    let hosting = fields
        .need("hosting")
        .and_then(|hosting| hosting.one_of(&[("own", Hosting::Own), ("vendor", Hosting::Vendor)]));
    let dialects = fields.need("dialects").and_then(|list| dialects(&list));
    let url = fields.need("url").and_then(|url| {
        let text = url.text()?;
        check_url(&url, &url.node.place, &url.path, text)
    });
    let mut urls: Vec<String> = url.clone().into_iter().collect();
    urls.extend(replicas(&fields));
    let (kind, kind_by) = kind(&fields, urls.first(), hosting);
    let target = Target {
        kind,
        kind_by,
        api_version: api_version(&fields, kind),
        urls,
        key: fields.get("key").and_then(|key| ground.secret(&key)),
        max_in_flight: count(&fields, "max_in_flight", 64),
        rent: rent(&fields),
        load: fields.get("load").and_then(|load| {
            let text = load.text()?;
            check_url(&load, &load.node.place, &load.path, text)
        }),
        timeouts: timeouts(&fields),
        simulated: false,
        id: id.into(),
        hosting: hosting?,
        dialects: dialects?,
    };
    url.map(|_| target)
}

/// The kind as it is written, else what the address tells.
fn kind(fields: &Fields<'_>, url: Option<&String>, hosting: Option<Hosting>) -> (Kind, KnownBy) {
    let guessed = url.zip(hosting);
    let guessed = guessed.map(|(url, hosting)| Kind::guess(url, hosting));
    let guessed = guessed.unwrap_or((Kind::Other, KnownBy::Nothing));
    let Some(cursor) = fields.get("kind") else {
        return guessed;
    };
    let Some(text) = cursor.text() else {
        return guessed;
    };
    let Ok(kind) = text.parse() else {
        let what = format!("{} is not one of the choices", quoted(text));
        cursor.fault(what, mean(text, Kind::ALL.iter().map(|it| it.as_str())));
        return guessed;
    };
    (kind, KnownBy::Written)
}

fn api_version(fields: &Fields<'_>, kind: Kind) -> Option<String> {
    let cursor = fields.get("api_version")?;
    let text = cursor.text()?;
    if kind.habits(Hosting::Vendor).address != Address::Deployments {
        let what = "only Azure's addresses name a version";
        cursor.fault(what, "leave it out, or write kind: azure");
        return None;
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        let what = format!("{} is not a version", quoted(text));
        cursor.fault(what, "write one like 2024-10-21");
        return None;
    }
    Some(text.to_owned())
}

fn dialects(cursor: &Cursor<'_>) -> Option<Vec<Dialect>> {
    let all: Vec<&str> = Dialect::ALL.iter().map(|d| d.as_str()).collect();
    let spoken: Vec<Dialect> = cursor.set(&all)?;
    if spoken.is_empty() {
        cursor.fault("the list is empty", "write [chat]");
    }
    Some(spoken)
}

fn count(fields: &Fields<'_>, key: &str, example: u64) -> Option<u32> {
    let count = fields.get(key)?.count(1, u32::MAX.into(), example)?;
    u32::try_from(count).ok()
}

fn rent(fields: &Fields<'_>) -> Option<Rent> {
    let hour = fields.get("gpu_hour_usd");
    let gpus = count(fields, "gpus", 1);
    if let (None, Some(gpus)) = (&hour, fields.get("gpus")) {
        gpus.fault("the price of a GPU is missing", "add gpu_hour_usd: 3.50");
    }
    let energy = fields.get("energy_share");
    if let (None, Some(energy)) = (&hour, &energy) {
        energy.fault("the price of a GPU is missing", "add gpu_hour_usd: 3.50");
    }
    let energy = energy.map(|it| share(&it));
    let hour = hour?.amount(HourPrice::parse)?;
    Some(Rent {
        hour,
        gpus: gpus.unwrap_or(1),
        energy: energy.flatten().unwrap_or(Rent::ENERGY),
    })
}

fn replicas(fields: &Fields<'_>) -> Vec<String> {
    let Some(cursor) = fields.get("replicas") else {
        return Vec::new();
    };
    let words = cursor.words().unwrap_or_default();
    let urls = words
        .iter()
        .filter_map(|word| check_url(&cursor, &word.place, &word.path, &word.text));
    urls.collect()
}

/// Reads a base URL. What it carries besides host and path is not shown again: it may be a password.
fn check_url(cursor: &Cursor<'_>, place: &Place, path: &str, text: &str) -> Option<String> {
    let say = |what: &str, mend: &str| cursor.fault_at(place, path, what, mend);
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else {
        say(
            "the URL does not begin with http:// or https://",
            "write it in full",
        );
        return None;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        say("the URL carries credentials", "write key: { env: NAME }");
        return None;
    }
    if text.contains(['?', '#']) {
        say("the URL has a query or a fragment", "end it with the path");
        return None;
    }
    if !has_host(text) {
        // Where there is an @, there may be a password.
        let shown = if text.contains('@') {
            "this".to_owned()
        } else {
            quoted(text)
        };
        let what = format!("{shown} is not a URL");
        say(&what, "write it like http://127.0.0.1:8000/v1");
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn has_host(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    // `Uri` reads a port only when asked for it: "http://x:y" is not a place.
    let port_fits = uri.authority().is_some_and(|authority| {
        authority.as_str().len() == host.len() || authority.port_u16().is_some_and(|port| port > 0)
    });
    !host.is_empty() && port_fits
}

fn timeouts(fields: &Fields<'_>) -> Timeouts {
    let mut timeouts = Timeouts::default();
    let cursor = fields.get("timeouts");
    let Some(fields) = cursor.and_then(|cursor| {
        cursor.fields(&[
            "connect_ms",
            "first_byte_ms",
            "between_bytes_ms",
            "total_ms",
        ])
    }) else {
        return timeouts;
    };
    let time = |key, example| -> Option<Duration> {
        let cursor = fields.get(key)?;
        if unlimited(&cursor) {
            return Some(FOREVER);
        }
        cursor.millis(example)
    };
    if let Some(connect) = time("connect_ms", 5_000) {
        timeouts.connect = connect;
    }
    if let Some(first) = time("first_byte_ms", 120_000) {
        timeouts.first_byte = first;
        timeouts.whole_first_byte = first;
    }
    if let Some(between) = time("between_bytes_ms", 300_000) {
        timeouts.between_bytes = between;
    }
    timeouts.total = time("total_ms", 600_000).filter(|total| *total != FOREVER);
    timeouts
}

/// Reads `models`, and every name among them.
pub(crate) fn read_models(
    fields: &Fields<'_>,
    targets: &HashSet<TargetId>,
) -> (Vec<ModelEntry>, Vec<ModelId>) {
    let mut names = Vec::new();
    let mut models = Vec::new();
    let entries = fields.get("models").and_then(|models| models.entries());
    for (entry, cursor) in entries.unwrap_or_default() {
        names.push(ModelId::from(entry.key.as_str()));
        check_name(&entry.key, &entry.place, &cursor);
        if entry.key == AUTO {
            let what = "the name auto asks the policy for a model";
            cursor.fault_at(&entry.place, &cursor.path, what, "choose another name");
        }
        models.extend(read_model(&entry.key, &cursor, targets));
    }
    (models, names)
}

fn read_model(id: &str, cursor: &Cursor<'_>, targets: &HashSet<TargetId>) -> Option<ModelEntry> {
    let fields = cursor.fields(&["target", "name", "window", "max_output", "can", "like"])?;
    let tokens = |key, example| {
        let count = fields.get(key)?.count(1, 1 << 40, example);
        count.map(TokenCount)
    };
    let text = |key| {
        fields
            .get(key)
            .and_then(|cursor| cursor.text().map(str::to_owned))
    };
    let all: Vec<&str> = Ability::ALL.iter().map(|a| a.as_str()).collect();
    let can = fields.get("can").and_then(|can| can.set(&all));
    let (name, like) = (text("name"), text("like"));
    let (window, max_output) = (tokens("window", 131_072), tokens("max_output", 16_384));
    let target = fields.need("target")?;
    let named = target.text()?;
    if !targets.contains(named) {
        let mut known: Vec<&str> = targets.iter().map(TargetId::as_str).collect();
        known.sort_unstable();
        let what = format!("no target {} in this file", quoted(named));
        target.fault(what, mean(named, known.iter().copied()));
    }
    Some(ModelEntry {
        id: id.into(),
        target: named.into(),
        name,
        window,
        max_output,
        can: can.unwrap_or_default(),
        like,
        place: target.node.place.clone(),
    })
}
