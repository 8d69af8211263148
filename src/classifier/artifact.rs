//! A classifier as it lies in a folder: `manifest.json`, `weights.safetensors`, and whatever else its manifest names.
//!
//! Nothing of it is used before all of it has been verified: the manifest's version, the version of the features, every
//! file's length and sum, every tensor's name, kind, dimensions and numbers. Files are read whole and not mapped, so that
//! what was verified is what is used.

mod extend;
mod fault;
mod save;
mod tensors;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::features;
use super::net::{Net, Shape};
pub use extend::extend;
pub use fault::ArtifactError;
pub use save::save;

/// The version of the format.
pub const VERSION: u32 = 1;
/// The file that names all others.
pub const MANIFEST: &str = "manifest.json";
/// The file of the net's tensors.
pub const WEIGHTS: &str = "weights.safetensors";
/// The file that says what the signs of a conversation weigh. Where there is none, they weigh what is set by hand.
pub const EVIDENCE: &str = "evidence.json";
/// No manifest is larger.
const MANIFEST_BYTES: u64 = 1 << 20;
/// No file that it names is larger, nor are all of them together.
const MOST_BYTES: u64 = 64 << 20;

/// The classifier that ships with the program.
const SHIPPED: &str = "coding-v1 (built in)";
/// The abilities among them.
pub(super) const SHIPPED_ABILITIES: &[u8] =
    include_bytes!("../../classifiers/coding-v1/abilities.json");
const SHIPPED_FILES: &[(&str, &[u8])] = &[
    (
        MANIFEST,
        include_bytes!("../../classifiers/coding-v1/manifest.json"),
    ),
    (
        WEIGHTS,
        include_bytes!("../../classifiers/coding-v1/weights.safetensors"),
    ),
    (super::abilities::FILE, SHIPPED_ABILITIES),
    (
        "report.md",
        include_bytes!("../../classifiers/coding-v1/report.md"),
    ),
];

/// What a classifier says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// What people call it.
    pub name: String,
    /// The day on which it was made.
    pub made: String,
    /// What its training drew its chances from.
    pub seed: u64,
    /// The version of the features that its weights belong to.
    pub features: u32,
    /// The net's sizes.
    pub shape: Shape,
    /// Every file but the manifest.
    pub files: BTreeMap<String, FileMark>,
    /// How good it is, and whatever else its maker wants to be shown.
    #[serde(default)]
    pub figures: BTreeMap<String, Value>,
}

impl Manifest {
    /// Looks at everything that can be wrong with it alone, in the folder of that name.
    fn check(&self, folder: &str) -> Result<(), ArtifactError> {
        let file = || format!("{folder}/{MANIFEST}");
        if self.version != VERSION {
            return Err(ArtifactError::Version {
                file: file(),
                found: self.version,
            });
        }
        if self.features != features::VERSION {
            return Err(ArtifactError::Features {
                file: file(),
                found: self.features,
            });
        }
        let sizes = self.files.values().map(|mark| mark.bytes);
        let bytes = sizes.fold(0, u64::saturating_add);
        if bytes > MOST_BYTES {
            return Err(ArtifactError::TooLarge {
                file: folder.to_owned(),
                bytes,
                most: MOST_BYTES,
            });
        }
        let bad = self.files.keys().find(|name| !is_plain(name));
        let what = if let Some(name) = bad {
            format!("{name:?} is not a file's name")
        } else if !is_shown(&self.name) || !is_shown(&self.made) {
            "name and made are short words without odd letters".to_owned()
        } else {
            return Ok(());
        };
        Err(ArtifactError::Manifest { file: file(), what })
    }
}

/// By what a file is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMark {
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

impl FileMark {
    fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: hex(&Sha256::digest(bytes)),
            bytes: bytes.len() as u64,
        }
    }
}

/// A classifier that was verified.
#[derive(Debug)]
pub struct Artifact {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The net.
    pub net: Net,
    /// Whether it ships with the program.
    pub built_in: bool,
    id: Arc<str>,
    others: BTreeMap<String, Bytes>,
}

impl Artifact {
    /// Its name and version, `coding-v1@1f2e3d4c`: the same for the same manifest, and so for the same weights.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// A file of it that is neither the manifest nor the weights, as it was verified.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.others.get(name).map(|it| &**it)
    }
}

/// Reads the classifier of a folder and verifies all of it. Blocks on the disk.
pub fn load(folder: &Path) -> Result<Artifact, ArtifactError> {
    if !folder.is_dir() {
        return Err(ArtifactError::NoFolder(folder.display().to_string()));
    }
    let source = Source {
        name: folder.display().to_string(),
        read: &|name, most| read_file(&folder.join(name), most).map(Cow::Owned),
    };
    source.verified(false)
}

/// The classifier that ships with the program. It is verified once a process.
pub fn embedded() -> Result<Arc<Artifact>, ArtifactError> {
    static VERIFIED: OnceLock<Arc<Artifact>> = OnceLock::new();
    if let Some(verified) = VERIFIED.get() {
        return Ok(verified.clone());
    }
    let source = Source {
        name: SHIPPED.to_owned(),
        read: &|name, _| {
            let found = SHIPPED_FILES.iter().find(|(known, _)| *known == name);
            let (_, bytes) = found.ok_or(Unread::Missing)?;
            Ok(Cow::Borrowed(*bytes))
        },
    };
    let verified = Arc::new(source.verified(true)?);
    Ok(VERIFIED.get_or_init(|| verified).clone())
}

/// Why there are no bytes.
enum Unread {
    Missing,
    TooLarge(u64),
    Failed(std::io::Error),
}

/// Reads a file that is no larger than `most`; a pipe or a device would never end.
fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Failed(error),
    };
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(Unread::Failed(std::io::Error::other("it is not a file")));
    }
    if found.len() > most {
        return Err(Unread::TooLarge(found.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
    let file = std::fs::File::open(path).map_err(failed)?;
    // It may have grown since.
    let read = file.take(most + 1).read_to_end(&mut bytes);
    match read.map_err(failed)? as u64 {
        length if length > most => Err(Unread::TooLarge(length)),
        _ => Ok(bytes),
    }
}

/// What a file holds. What ships with the program is not copied.
type Bytes = Cow<'static, [u8]>;

/// Reads a file by its name, if it is no larger than so much.
type Read<'a> = dyn Fn(&str, u64) -> Result<Bytes, Unread> + 'a;

/// Where a classifier's files come from.
struct Source<'a> {
    name: String,
    read: &'a Read<'a>,
}

impl Source<'_> {
    fn verified(&self, built_in: bool) -> Result<Artifact, ArtifactError> {
        let text = self.bytes(MANIFEST, MANIFEST_BYTES)?;
        let manifest = self.manifest(&text)?;
        let mut others = self.files(&manifest)?;
        let weights = others.remove(WEIGHTS);
        let weights = weights.ok_or_else(|| ArtifactError::Unlisted(self.path(WEIGHTS)))?;
        let tensors = tensors::read(&self.path(WEIGHTS), &weights, &manifest.shape)?;
        let net = Net::new(&manifest.shape, tensors)
            .map_err(|error| ArtifactError::tensors(&self.path(WEIGHTS), error))?;
        let sum = hex(&Sha256::digest(&text)[..4]);
        Ok(Artifact {
            id: format!("{}@{sum}", manifest.name).into(),
            manifest,
            net,
            built_in,
            others,
        })
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.name)
    }

    fn bytes(&self, file: &str, most: u64) -> Result<Bytes, ArtifactError> {
        let path = || self.path(file);
        (self.read)(file, most).map_err(|unread| match unread {
            Unread::Missing => ArtifactError::Missing(path()),
            Unread::TooLarge(bytes) => ArtifactError::TooLarge {
                file: path(),
                bytes,
                most,
            },
            Unread::Failed(error) => ArtifactError::Unreadable {
                file: path(),
                error,
            },
        })
    }

    fn manifest(&self, text: &[u8]) -> Result<Manifest, ArtifactError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let file = self.path(MANIFEST);
        let wrong = |error: serde_json::Error| ArtifactError::Manifest {
            file: file.clone(),
            what: error.to_string(),
        };
        // Alone, and first: another version may have other fields.
        let Versioned { version } = serde_json::from_slice(text).map_err(wrong)?;
        if version != VERSION {
            return Err(ArtifactError::Version {
                file,
                found: version,
            });
        }
        let manifest: Manifest = serde_json::from_slice(text).map_err(wrong)?;
        manifest.check(&self.name)?;
        Ok(manifest)
    }

    /// Reads and verifies every file that is named.
    fn files(&self, manifest: &Manifest) -> Result<BTreeMap<String, Bytes>, ArtifactError> {
        let files = manifest.files.iter().map(|(name, mark)| {
            let bytes = self.bytes(name, MOST_BYTES)?;
            let found = FileMark::of(&bytes);
            if found.bytes != mark.bytes {
                return Err(ArtifactError::Length {
                    file: self.path(name),
                    found: found.bytes,
                    told: mark.bytes,
                });
            }
            if !found.sha256.eq_ignore_ascii_case(&mark.sha256) {
                return Err(ArtifactError::Sum(self.path(name)));
            }
            Ok((name.clone(), bytes))
        });
        files.collect()
    }
}

/// A file of the folder itself: no way out of it.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty()
        && !name.starts_with('.')
        && name.len() <= 64
        && name != MANIFEST
        && name.bytes().all(plain)
}

/// Fit for a line of the log, a header, a terminal.
fn is_shown(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
