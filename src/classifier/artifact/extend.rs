//! A classifier with files added: the net stays as it was.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{
    ArtifactError, FileMark, Manifest, SHIPPED, SHIPPED_FILES, WEIGHTS, embedded, load, save,
    tensors,
};

/// Writes into `folder` the classifier that lies in `base`, or without one that which ships, by another name and of another
/// day; `others` are added to its files or take the place of those of the same name, and `figures` to its own. Verifies all of
/// it first.
pub fn extend(
    base: Option<&Path>,
    folder: &Path,
    (name, made): (String, String),
    others: &[(&str, &[u8])],
    figures: &BTreeMap<String, Value>,
) -> Result<Manifest, ArtifactError> {
    let (mut manifest, weights) = match base {
        Some(base) => {
            let file = base.join(WEIGHTS);
            let manifest = load(base)?.manifest;
            let read = std::fs::read(&file);
            let weights = read.map_err(|error| ArtifactError::Unreadable {
                file: file.display().to_string(),
                error,
            })?;
            (manifest, weights)
        }
        None => (embedded()?.manifest.clone(), shipped(WEIGHTS).to_vec()),
    };
    let place = base.map_or_else(|| SHIPPED.to_owned(), |it| it.display().to_string());
    // It may have been replaced since it was verified.
    if manifest.files.get(WEIGHTS) != Some(&FileMark::of(&weights)) {
        return Err(ArtifactError::Sum(format!("{place}/{WEIGHTS}")));
    }
    let weights = tensors::read(&place, &weights, &manifest.shape)?;
    let kept = kept(base, &manifest, others)?;
    let kept = kept.iter().map(|(name, bytes)| (name.as_str(), &**bytes));
    let all: Vec<(&str, &[u8])> = kept.chain(others.iter().copied()).collect();
    manifest.figures.extend(figures.clone());
    let manifest = Manifest {
        name,
        made,
        ..manifest
    };
    save(folder, &manifest, &weights, &all)
}

/// The files besides the weights that are not replaced.
fn kept(
    base: Option<&Path>,
    manifest: &Manifest,
    others: &[(&str, &[u8])],
) -> Result<Vec<(String, Vec<u8>)>, ArtifactError> {
    let artifact = base.map(load).transpose()?;
    let stays = |name: &&String| *name != WEIGHTS && others.iter().all(|(it, _)| it != name);
    let names = manifest.files.keys().filter(stays);
    let file = |name: &String| {
        let bytes = match &artifact {
            Some(artifact) => artifact.file(name).unwrap_or_default(),
            None => shipped(name),
        };
        (name.clone(), bytes.to_vec())
    };
    Ok(names.map(file).collect())
}

fn shipped(name: &str) -> &'static [u8] {
    let found = SHIPPED_FILES.iter().find(|(known, _)| *known == name);
    found.map_or(&[], |(_, bytes)| bytes)
}
