//! From files, environment and flags to what the gateway runs with; or to every mistake in them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::build::{Parts, Snapshot, build};
use super::deployment::{self, Deployment};
use super::fault::{Faults, Place};
use super::ground::Ground;
use super::merge::{Overlay, merge, overlay};
use super::node::{Kind, Node};
use super::policies::Known;
use super::reader::{Cursor, Sink, is_name};
use super::targets::{ModelEntry, read_models, read_targets};
use super::{classifier, texts, yaml};
use crate::catalog::Target;

/// Where the configuration comes from; the later ones win: file, environment, flags.
#[derive(Clone, Default)]
pub struct Sources {
    /// `tollgate.yaml`.
    pub file: Option<PathBuf>,
    /// The environment, as the process found it.
    pub env: Vec<(String, String)>,
    /// The command line.
    pub flags: Flags,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment holds keys.
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// What the command line says, as text.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--admin-listen`
    pub admin_listen: Option<String>,
    /// `--store`
    pub store: Option<String>,
    /// `--policies`
    pub policies: Option<String>,
    /// `--access`
    pub access: Option<String>,
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is fixed for as long as the process runs.
    pub deployment: Deployment,
    /// What a reload replaces.
    pub snapshot: Snapshot,
}

/// Reads and checks everything.
///
/// Where neither a file nor a variable names a target, the policies' folder is left alone: what answers is found later, and
/// [`assemble`] puts it under the policies then.
pub fn load(sources: &Sources) -> Result<Loaded, Faults> {
    let sink = Sink::default();
    let root = read_root(sources.file.as_deref(), &sink);
    let Some(root) = root else {
        return sink.finish(None);
    };
    let root = merge(&root, &overlays(sources, &root));
    let ground = Ground {
        env: sources.env.iter().cloned().collect(),
        folder: folder(sources.file.as_deref()),
        ..Ground::default()
    };
    let loaded = read(&root, &ground, sources.file.as_deref(), &sink);
    sink.finish(loaded)
}

/// Puts targets and models that no file names (each by a name that [`is_name`] takes) under the deployment's policies, or under `policy`, a policy's text, instead.
pub fn assemble(
    deployment: &Deployment,
    targets: Vec<Target>,
    models: Vec<ModelEntry>,
    policy: Option<&str>,
) -> Result<Snapshot, Faults> {
    let sink = Sink::default();
    let texts = texts::gather(deployment.policies.as_deref(), policy, &sink);
    let names: Vec<_> = models.iter().map(|model| model.id.clone()).collect();
    for name in names.iter().filter(|name| !is_name(name.as_str())) {
        sink.say(Place::Built, format!("{name:?} is not a model's name"), "");
    }
    let known = Known {
        targets: targets.iter().map(|target| target.id.clone()).collect(),
        models: names,
    };
    let parts = Parts {
        targets,
        models,
        known,
        texts: &texts,
        classifier: deployment.classifier.load(&sink),
    };
    let snapshot = build(parts, &sink);
    sink.finish(Some(snapshot))
}

fn folder(file: Option<&Path>) -> PathBuf {
    let parent = file.and_then(Path::parent);
    parent.map(Path::to_owned).unwrap_or_default()
}

fn read_root(file: Option<&Path>, sink: &Sink) -> Option<Node> {
    let Some(file) = file else {
        return Some(Node {
            place: Place::Built,
            kind: Kind::Empty,
        });
    };
    let text = texts::read(file, sink)?;
    yaml::parse(&file.to_string_lossy(), &text)
        .map_err(|fault| sink.push(fault))
        .ok()
}

fn overlays(sources: &Sources, root: &Node) -> Vec<Overlay> {
    let mut variables: Vec<_> = sources.env.iter().collect();
    variables.sort();
    let variables = variables.into_iter();
    let mut overlays: Vec<Overlay> = variables
        .filter_map(|(name, text)| overlay(name, text, &deployment::KEYS, root))
        .collect();
    let flags = &sources.flags;
    let flags: [(&str, &[&str], _); 5] = [
        ("--listen", &["listen"], &flags.listen),
        ("--admin-listen", &["admin", "listen"], &flags.admin_listen),
        ("--store", &["store", "path"], &flags.store),
        ("--policies", &["policies"], &flags.policies),
        ("--access", &["access"], &flags.access),
    ];
    for (name, path, text) in flags {
        let text = text.as_ref();
        overlays.extend(text.map(|text| Overlay {
            place: Place::Flag(name.into()),
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            text: text.clone(),
        }));
    }
    overlays
}

fn read(root: &Node, ground: &Ground, file: Option<&Path>, sink: &Sink) -> Option<Loaded> {
    let fields = Cursor::new(root, sink).fields(&deployment::KEYS)?;
    // Apart from the deployment: a mistake in that must not hide those in the policies.
    let folder = deployment::read_policies(&fields, ground);
    let classifier = classifier::read(&fields, ground);
    let loaded = classifier.load(sink);
    let watched = classifier.watched();
    let deployment = deployment::read(&fields, ground, folder.clone(), classifier, file.is_some());
    let (targets, places) = read_targets(&fields, ground);
    let (models, names) = read_models(&fields, &places);
    let found_later = file.is_none() && places.is_empty();
    let texts = texts::gather(folder.as_deref().filter(|_| !found_later), None, sink);
    let known = Known {
        models: names,
        targets: places.into_iter().collect(),
    };
    let parts = Parts {
        targets,
        models,
        known,
        texts: &texts,
        classifier: loaded,
    };
    let snapshot = build(parts, sink);
    let mut deployment = deployment?;
    deployment.watched = file.map(Path::to_owned).into_iter().collect();
    deployment.watched.extend(folder);
    deployment.watched.extend(watched);
    deployment
        .watched
        .extend(ground.watched.borrow().iter().cloned());
    Some(Loaded {
        deployment,
        snapshot,
    })
}
