//! Writes a classifier so that whoever reads the folder meanwhile finds the old one or the new one, or is told that the two
//! do not belong together; never takes one for the other.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use super::{ArtifactError, FileMark, MANIFEST, Manifest, WEIGHTS, tensors};

/// Writes a classifier into `folder`, which is made where it is not there. `others` are files besides the weights. Returns
/// the manifest as it was written, every file marked in it. Refuses what [`super::load`] would refuse.
///
/// A folder that is new appears whole. In one that is there each file is replaced at once, the manifest last: a running
/// gateway looks at nothing before the manifest has changed.
pub fn save(
    folder: &Path,
    manifest: &Manifest,
    weights: &HashMap<String, Tensor>,
    others: &[(&str, &[u8])],
) -> Result<Manifest, ArtifactError> {
    let fresh = !folder.exists();
    let parent = folder.parent().filter(|it| !it.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let room = if fresh {
        hidden(folder)
    } else {
        folder.to_owned()
    };
    let unwritten = |path: &Path| {
        let file = path.display().to_string();
        move |error| ArtifactError::Unwritten { file, error }
    };
    fs::create_dir_all(&room).map_err(unwritten(&room))?;
    let written = write(&room, manifest, weights, others);
    let written = written.and_then(|manifest| {
        if fresh {
            let named = fs::rename(&room, folder).and_then(|()| sync_folder(parent));
            named.map_err(unwritten(folder))?;
        }
        Ok(manifest)
    });
    if fresh && written.is_err() {
        // What is left of it is in nobody's way; the first error is the one to tell.
        let _ = fs::remove_dir_all(&room);
    }
    written
}

/// The name beside it under which something is written first.
fn hidden(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn write(
    room: &Path,
    manifest: &Manifest,
    weights: &HashMap<String, Tensor>,
    others: &[(&str, &[u8])],
) -> Result<Manifest, ArtifactError> {
    let stored = serialised(room, weights)?;
    tensors::read(
        &room.join(WEIGHTS).display().to_string(),
        &stored,
        &manifest.shape,
    )?;
    let mut files = BTreeMap::from([(WEIGHTS.to_owned(), FileMark::of(&stored))]);
    for (name, bytes) in others {
        files.insert((*name).to_owned(), FileMark::of(bytes));
    }
    let manifest = Manifest {
        files,
        ..manifest.clone()
    };
    manifest.check(&room.display().to_string())?;
    let mut text =
        serde_json::to_vec_pretty(&manifest).map_err(|error| ArtifactError::Manifest {
            file: room.join(MANIFEST).display().to_string(),
            what: error.to_string(),
        })?;
    text.push(b'\n');
    let all = others.iter().copied().chain([
        (WEIGHTS, stored.as_slice()),
        // Last: whoever watches the folder waits for it.
        (MANIFEST, text.as_slice()),
    ]);
    for (name, bytes) in all {
        let path = room.join(name);
        replace(&path, bytes).map_err(|error| ArtifactError::Unwritten {
            file: path.display().to_string(),
            error,
        })?;
    }
    Ok(manifest)
}

/// The tensors as the file will hold them. The library writes to files only.
fn serialised(room: &Path, weights: &HashMap<String, Tensor>) -> Result<Vec<u8>, ArtifactError> {
    let path = hidden(&room.join(WEIGHTS));
    let on_cpu: candle_core::Result<HashMap<&str, Tensor>> = weights
        .iter()
        .map(|(name, tensor)| Ok((name.as_str(), tensor.to_device(&Device::Cpu)?)))
        .collect();
    let written = on_cpu.and_then(|tensors| candle_core::safetensors::save(&tensors, &path));
    let bytes = written
        .map_err(io::Error::other)
        .and_then(|()| fs::read(&path));
    let _ = fs::remove_file(&path);
    bytes.map_err(|error| ArtifactError::Unwritten {
        file: path.display().to_string(),
        error,
    })
}

/// Puts `bytes` in the file's place in one step, on the disk before their name is.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let first = hidden(path);
    let mut file = File::create(&first)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&first, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
