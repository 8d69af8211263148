//! Puts catalogue and policies together from what was written, every name followed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::fault::{Fault, Place};
use super::policies::{self, Known, Written};
use super::reader::{Cursor, Sink, quoted};
use super::targets::ModelEntry;
use super::texts::{Text, Texts, shipped_prices};
use super::{prices, yaml};
use crate::catalog::{Billing, Catalog, Model, Price, PriceSheet, Target};
use crate::classifier::abilities::{self, Abilities};
use crate::classifier::artifact::{Artifact, EVIDENCE};
use crate::domain::ids::{KeyId, PolicyId, TargetId, TenantId};
use crate::domain::setting;
use crate::domain::weights::Weights;
use crate::policy::{Models, Policies, Policy, Setting};
use crate::session::screen::paths::{MOST as MOST_PATHS, PathSet};

/// What a call sees of the configuration: taken once, whole.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Models, targets and prices.
    pub catalog: Arc<Catalog>,
    /// Who is ruled by what.
    pub policies: Arc<Policies>,
    /// The paths that rules ask about, ready to be looked for.
    pub paths: Arc<PathSet>,
    /// Says what a call is; `None` where the heuristic does.
    pub classifier: Option<Arc<Artifact>>,
    /// How far what a conversation shows moves the belief in its work.
    pub weights: Arc<Weights>,
    /// What decisions are made by, numbered and named.
    pub setting: Arc<Setting>,
    /// The same, to be written down.
    pub written: Arc<setting::Written>,
    /// What policies and prices were read from.
    pub(super) texts: Arc<Texts>,
    /// Changes when any of the texts changes.
    pub version: String,
}

impl Snapshot {
    /// The classifier's name and version, or `none`.
    pub fn classifier_id(&self) -> &str {
        self.classifier.as_ref().map_or("none", |it| it.id())
    }
}

/// The parts of a snapshot before its names are followed.
pub(crate) struct Parts<'a> {
    pub(crate) targets: Vec<Target>,
    pub(crate) models: Vec<ModelEntry>,
    pub(crate) known: Known,
    pub(crate) texts: &'a Texts,
    pub(crate) classifier: Option<Arc<Artifact>>,
}

/// Builds the snapshot. Where something was wrong, `sink` holds it and the snapshot must not be used.
pub(crate) fn build(parts: Parts<'_>, sink: &Sink) -> Snapshot {
    let version = version(&parts);
    let sheet = read_sheet(parts.texts, sink);
    let written = read_policies(&parts.texts.policies, &parts.known, sink);
    let abilities = abilities(parts.classifier.as_deref(), sink);
    let weights = weights(parts.classifier.as_deref(), sink);
    let catalog = assemble_catalog(parts.targets, parts.models, sheet, &abilities, sink);
    let policies = assemble_policies(written, &catalog, sink);
    let (catalog, policies) = (Arc::new(catalog), Arc::new(policies));
    let classifier = parts.classifier.as_ref().map_or("none", |it| it.id());
    let (setting, written) = Setting::new(Arc::clone(&policies), Arc::clone(&catalog), classifier);
    let paths = policies.looks().paths.clone();
    let paths = PathSet::new(paths).unwrap_or_else(|| {
        let what = format!("the rules ask about more than {MOST_PATHS} patterns of paths");
        sink.say(
            Place::Built,
            what,
            "put several names into one: **/{keys,certs}/**",
        );
        PathSet::default()
    });
    Snapshot {
        catalog,
        policies,
        setting: Arc::new(setting),
        written: Arc::new(written),
        texts: Arc::new(parts.texts.clone()),
        paths: Arc::new(paths),
        classifier: parts.classifier,
        weights: Arc::new(weights),
        version,
    }
}

/// Reads each policy; those that cannot be read are left out.
pub(super) fn read_policies(texts: &[Text], known: &Known, sink: &Sink) -> Vec<Written> {
    let read = |text: &Text| with_root(text, sink, |root| policies::read(&text.stem, root, known));
    texts.iter().filter_map(read).flatten().collect()
}

/// How good models are: as the classifier has it, else as the one that ships does.
fn abilities(classifier: Option<&Artifact>, sink: &Sink) -> Abilities {
    let Some(file) = classifier.and_then(|it| it.file(abilities::FILE)) else {
        return abilities::shipped().clone();
    };
    Abilities::parse(file).unwrap_or_else(|what| {
        let what = format!("the classifier's {}: {what}", abilities::FILE);
        sink.say(Place::Built, what, "train it again");
        abilities::shipped().clone()
    })
}

/// What signs weigh: as the classifier has it, else as they are set by hand.
fn weights(classifier: Option<&Artifact>, sink: &Sink) -> Weights {
    let file = classifier.and_then(|it| it.file(EVIDENCE));
    let read = file.map_or_else(|| Ok(Weights::default()), Weights::parse);
    read.unwrap_or_else(|what| {
        let what = format!("the classifier's {EVIDENCE}: {what}");
        sink.say(Place::Built, what, "train it again");
        Weights::default()
    })
}

fn with_root<T>(text: &Text, sink: &Sink, read: impl FnOnce(&Cursor<'_>) -> T) -> Option<T> {
    match yaml::parse(&text.file, &text.text) {
        Ok(root) => Some(read(&Cursor::new(&root, sink))),
        Err(fault) => {
            sink.push(fault);
            None
        }
    }
}

/// Reads the shipped prices and lays the operator's over them.
fn read_sheet(texts: &Texts, sink: &Sink) -> PriceSheet {
    let shipped = with_root(&shipped_prices(), sink, |root| prices::read(root, true));
    let mut sheet = shipped.unwrap_or_default();
    let own = texts.prices.as_ref();
    let own = own.and_then(|text| with_root(text, sink, |root| prices::read(root, false)));
    sheet.lay(own.unwrap_or_default());
    sheet
}

fn assemble_catalog(
    targets: Vec<Target>,
    entries: Vec<ModelEntry>,
    sheet: PriceSheet,
    abilities: &Abilities,
    sink: &Sink,
) -> Catalog {
    let targets: BTreeMap<TargetId, Arc<Target>> = targets
        .into_iter()
        .map(|target| (target.id.clone(), Arc::new(target)))
        .collect();
    let mut catalog = Catalog {
        sheet,
        targets,
        ..Catalog::default()
    };
    for entry in entries {
        let Some(target) = catalog.targets.get(&entry.target) else {
            // What came from the file has been reported at its place.
            if entry.place == Place::Built {
                let what = format!("the model {} names no target that is there", entry.id);
                sink.say(Place::Built, what, "");
            }
            continue;
        };
        let model = resolve(entry, Arc::clone(target), &catalog.sheet, abilities);
        if catalog.models.contains_key(&model.id) {
            let what = format!("the model {} is there twice", model.id);
            sink.say(Place::Built, what, "");
            continue;
        }
        catalog.order.push(model.id.clone());
        catalog.models.insert(model.id.clone(), Arc::new(model));
    }
    catalog
}

/// Follows a model's names; what it leaves out comes from its latest price.
fn resolve(
    entry: ModelEntry,
    target: Arc<Target>,
    sheet: &PriceSheet,
    abilities: &Abilities,
) -> Model {
    let name = entry.name.unwrap_or_else(|| entry.id.to_string());
    let billing = Billing::of(sheet, &entry.id, &name, &target);
    let latest: Option<&Price> = match &billing {
        Billing::Sheet(prices) => prices.last().map(Arc::as_ref),
        Billing::Rent { .. } | Billing::Unknown => None,
    };
    let can = latest.map(|price| price.can.clone()).unwrap_or_default();
    let skills = abilities.skills(&[entry.id.as_str(), &name], entry.like.as_deref());
    Model {
        id: entry.id,
        target,
        name,
        shared_window: entry.window.is_some(),
        window: entry.window.or(latest.and_then(|price| price.window)),
        max_output: entry
            .max_output
            .or(latest.and_then(|price| price.max_output)),
        can: if entry.can.is_empty() { can } else { entry.can },
        like: entry.like,
        skills,
        billing,
    }
}

pub(super) fn assemble_policies(written: Vec<Written>, catalog: &Catalog, sink: &Sink) -> Policies {
    refuse_two_claims(&written, sink);
    let mut others = Vec::new();
    let nothing = Models::Listed(Vec::new());
    let mut default = Policy::plain(PolicyId::from("default"), Vec::new(), nothing);
    for written in written {
        let models = match written.models {
            Some(listed) => Models::Listed(listed),
            None => Models::All(catalog.own_first()),
        };
        let policy = Policy {
            objective: written.objective,
            tasks: written.tasks,
            rules: written.rules,
            repair: Arc::new(written.repair),
            ..Policy::plain(written.id, written.answers, models)
        };
        if policy.id.as_str() == "default" {
            default = policy;
        } else {
            others.push((policy, written.tenants, written.keys));
        }
    }
    let mut policies = Policies::new(default);
    for (policy, tenants, keys) in others {
        let tenants = tenants
            .iter()
            .map(|word| TenantId::from(word.text.as_str()));
        let keys = keys.iter().map(|word| KeyId::from(word.text.as_str()));
        policies.add(policy, tenants.collect(), keys.collect());
    }
    policies
}

fn refuse_two_claims(written: &[Written], sink: &Sink) {
    let mut seen: HashMap<(&str, &str), &PolicyId> = HashMap::new();
    for policy in written {
        let tenants = policy.tenants.iter().map(|word| ("tenant", word));
        let keys = policy.keys.iter().map(|word| ("key", word));
        for (kind, word) in tenants.chain(keys) {
            let Some(other) = seen.insert((kind, &word.text), &policy.id) else {
                continue;
            };
            let name = quoted(&word.text);
            sink.push(Fault {
                place: word.place.clone(),
                path: word.path.clone(),
                what: format!("the {kind} {name} is claimed by {other}.yaml too"),
                mend: "keep it in one".to_owned(),
            });
        }
    }
}

/// The first letters of a hash of everything that was written. Keys are not in it.
fn version(parts: &Parts<'_>) -> String {
    let mut hash = Sha256::new();
    let texts = parts.texts.policies.iter().chain(&parts.texts.prices);
    for text in texts.chain([&shipped_prices()]) {
        for part in [&text.stem, &text.text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    if let Some(classifier) = &parts.classifier {
        hash.update(classifier.id().as_bytes());
    }
    // A secret's Debug is a fixed word.
    hash.update(format!("{:?}{:?}", parts.targets, parts.models));
    let bytes = hash.finalize();
    bytes[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
