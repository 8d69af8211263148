//! Classifiers that are cut, swapped, doctored or of another time; each is refused with its file and a mend.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use tempfile::TempDir;

use super::tensors::is_finite;
use super::*;

/// Small numbers that look random and are the same each time.
fn drawn(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as f32 / u32::MAX as f32 - 0.5) / 2.0
    };
    (0..count).map(|_| next()).collect()
}

/// Weights for the shape of the classifier that ships.
fn weights(shape: &Shape, seed: u32) -> HashMap<String, Tensor> {
    let tensor = |dims: Vec<usize>| {
        let count = dims.iter().product();
        Tensor::from_vec(drawn(count, seed), dims, &Device::Cpu).expect("a tensor")
    };
    let all = shape.tensors().into_iter();
    all.map(|(name, dims)| (name, tensor(dims))).collect()
}

fn manifest(name: &str) -> Manifest {
    let shipped = embedded().expect("it ships whole");
    Manifest {
        name: name.to_owned(),
        ..shipped.manifest.clone()
    }
}

/// A folder with a good classifier, and another beside it that it may be mixed up with.
struct Folder {
    place: TempDir,
}

impl Folder {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Self { place };
        folder.save(1);
        folder
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("mine")
    }

    fn save(&self, seed: u32) -> Manifest {
        let manifest = manifest("mine");
        let weights = weights(&manifest.shape, seed);
        let others: &[(&str, &[u8])] = &[("abilities.json", b"{}")];
        save(&self.path(), &manifest, &weights, others).expect("saved")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Changes a file's bytes.
    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.file(name)).expect("there");
        change(&mut bytes);
        fs::write(self.file(name), bytes).expect("written");
    }

    /// Changes the manifest.
    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        self.change(MANIFEST, |bytes| {
            let mut value: Value = serde_json::from_slice(bytes).expect("JSON");
            edit(&mut value);
            *bytes = serde_json::to_vec(&value).expect("JSON");
        });
    }

    /// Puts other weights in place, with the right length and sum.
    fn weigh(&self, bytes: &[u8]) {
        fs::write(self.file(WEIGHTS), bytes).expect("written");
        let mark = serde_json::to_value(FileMark::of(bytes)).expect("JSON");
        self.edit(|manifest| manifest["files"][WEIGHTS] = mark);
    }

    /// The same from tensors.
    fn weigh_tensors(&self, change: impl FnOnce(&mut HashMap<String, Tensor>)) {
        let mut tensors = weights(&manifest("mine").shape, 1);
        change(&mut tensors);
        let path = self.place.path().join("other.safetensors");
        candle_core::safetensors::save(&tensors, &path).expect("saved");
        self.weigh(&fs::read(path).expect("there"));
    }

    /// What is said of it, without the path before the folder's name.
    fn refused(&self) -> (String, &'static str) {
        let error = load(&self.path()).expect_err("it is wrong");
        let before = format!("{}/", self.place.path().display());
        (error.to_string().replace(&before, ""), error.mend())
    }

    #[track_caller]
    fn is_refused(&self, words: &str) {
        let (what, mend) = self.refused();
        assert!(what.contains(words), "{what:?} does not say {words:?}");
        assert!(!mend.is_empty());
    }
}

fn first_tensor() -> (String, Vec<usize>) {
    manifest("mine").shape.tensors().remove(0)
}

#[test]
fn what_was_saved_is_loaded_and_known_by_its_manifest() {
    let folder = Folder::new();

    let loaded = load(&folder.path()).expect("it is whole");
    let again = load(&folder.path()).expect("it is whole");
    folder.save(2);
    let other = load(&folder.path()).expect("it is whole");

    assert_eq!(loaded.id(), again.id());
    assert!(loaded.id().starts_with("mine@") && loaded.id() != other.id());
    assert_eq!(loaded.file("abilities.json"), Some(b"{}".as_slice()));
    assert_eq!(loaded.file(WEIGHTS), None);
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["abilities.json", MANIFEST, WEIGHTS]);
}

#[test]
fn what_is_no_finite_half_is_seen() {
    let halves = (0..=u16::MAX).filter(|it| it & 0x7c00 != 0x7c00);
    let bytes: Vec<u8> = halves.flat_map(u16::to_le_bytes).collect();

    assert!(is_finite(&bytes, DType::F16));
    for odd in [0x7c00, 0x7e00, 0xfc00, 0xffff_u16] {
        assert!(!is_finite(&odd.to_le_bytes(), DType::F16));
    }
}

#[test]
fn half_floats_are_read_as_well() {
    let folder = Folder::new();
    folder.weigh_tensors(|tensors| {
        for tensor in tensors.values_mut() {
            *tensor = tensor.to_dtype(DType::F16).expect("half");
        }
    });

    assert!(load(&folder.path()).is_ok());
}

#[test]
fn the_one_that_ships_is_whole_and_verified_once() {
    let (one, two) = (embedded().expect("whole"), embedded().expect("whole"));

    assert!(Arc::ptr_eq(&one, &two) && one.built_in);
}

#[test]
fn a_folder_or_file_that_is_missing_is_named() {
    let nowhere = load(&Folder::new().place.path().join("nowhere")).expect_err("nothing there");
    assert!(nowhere.to_string().contains("there is no folder"));

    for name in ["abilities.json", WEIGHTS, MANIFEST] {
        let folder = Folder::new();
        fs::remove_file(folder.file(name)).expect("removed");
        let (what, mend) = folder.refused();
        assert_eq!(what, format!("mine/{name} is missing"));
        assert_eq!(mend, "copy the whole folder again, manifest.json last");
    }
}

#[test]
fn a_file_that_is_cut_or_changed_by_one_bit_is_refused() {
    for name in [WEIGHTS, "abilities.json"] {
        let folder = Folder::new();
        folder.change(name, |bytes| bytes.truncate(bytes.len() - 1));
        folder.is_refused(&format!("mine/{name} is cut short"));

        let folder = Folder::new();
        folder.change(name, |bytes| bytes.push(b' '));
        folder.is_refused(&format!("mine/{name} is too long"));

        let folder = Folder::new();
        folder.change(name, |bytes| *bytes.last_mut().expect("bytes") ^= 1);
        folder.is_refused(&format!("mine/{name} is not the file"));
    }
}

#[test]
fn a_manifest_that_is_none_or_of_another_time_is_refused() {
    let wrong = |edit: &dyn Fn(&mut Value), words: &str| {
        let folder = Folder::new();
        folder.edit(edit);
        folder.is_refused(words);
    };

    wrong(
        &|it| it["version"] = 2.into(),
        "is of version 2 of the format",
    );
    wrong(
        &|it| it["features"] = 9_999.into(),
        "belongs to version 9999 of the features",
    );
    wrong(&|it| it["colour"] = "red".into(), "unknown field `colour`");
    wrong(&|it| it["shape"] = Value::Null, "is not a manifest");
    wrong(&|it| it["name"] = "a\u{1b}[2J".into(), "short words");
    wrong(&|it| it["files"] = serde_json::json!({}), "does not name");
    for name in ["../x", "/etc/passwd", "", ".x", MANIFEST] {
        let mark = serde_json::json!({ "sha256": "", "bytes": 0 });
        wrong(
            &|it| it["files"][name] = mark.clone(),
            "is not a file's name",
        );
    }
    let folder = Folder::new();
    folder.change(MANIFEST, |bytes| bytes.truncate(20));
    folder.is_refused("mine/manifest.json is not a manifest");
}

#[test]
fn nothing_is_read_that_is_too_large_or_no_file() {
    let folder = Folder::new();
    folder.edit(|it| it["files"]["abilities.json"]["bytes"] = (MOST_BYTES + 1).into());
    folder.is_refused("more than the 67108864 allowed");

    let folder = Folder::new();
    folder.change(MANIFEST, |bytes| bytes.resize(2 << 20, b' '));
    folder.is_refused("mine/manifest.json has 2097152 bytes");

    let folder = Folder::new();
    fs::remove_file(folder.file(WEIGHTS)).expect("removed");
    fs::create_dir(folder.file(WEIGHTS)).expect("a folder");
    folder.is_refused("mine/weights.safetensors cannot be read: it is not a file");
}

#[test]
fn weights_that_do_not_fit_the_net_are_refused_by_tensor() {
    let (name, dims) = first_tensor();
    let wrong = |change: &dyn Fn(&mut HashMap<String, Tensor>), words: &str| {
        let folder = Folder::new();
        folder.weigh_tensors(change);
        folder.is_refused(words);
    };
    let of = |dims: &[usize], kind| Tensor::zeros(dims, kind, &Device::Cpu).expect("a tensor");

    wrong(
        &|all| drop(all.remove(&name)),
        &format!("the tensor {name} is missing"),
    );
    wrong(
        &|all| drop(all.insert("extra".into(), of(&[1], DType::F32))),
        "\"extra\" is no tensor of this net",
    );
    wrong(
        &|all| drop(all.insert(name.clone(), of(&[1, 1], DType::F32))),
        "has the dimensions [1, 1]",
    );
    wrong(
        &|all| drop(all.insert(name.clone(), of(&dims, DType::F64))),
        "is of the kind f64",
    );
    let folder = Folder::new();
    folder.weigh(b"no tensors at all");
    folder.is_refused("mine/weights.safetensors does not fit the net");
    folder.weigh(&[0xff; 64]);
    folder.is_refused("mine/weights.safetensors does not fit the net");
}

#[test]
fn a_number_that_is_none_is_refused() {
    let (name, dims) = first_tensor();
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let folder = Folder::new();
        folder.weigh_tensors(|all| {
            let mut numbers = drawn(dims.iter().product(), 1);
            *numbers.last_mut().expect("numbers") = odd;
            let tensor = Tensor::from_vec(numbers, dims.clone(), &Device::Cpu);
            all.insert(name.clone(), tensor.expect("a tensor"));
        });

        folder.is_refused(&format!("the tensor {name} holds what is no finite number"));
    }
}

#[test]
fn what_would_not_be_loaded_is_not_saved_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().expect("a folder");
    let target = place.path().join("new");
    let manifest = manifest("new");
    let mut weights = weights(&manifest.shape, 1);
    weights.remove(&first_tensor().0);

    let error = save(&target, &manifest, &weights, &[]).expect_err("a tensor is missing");

    assert!(error.to_string().contains("is missing"), "{error}");
    let odd = Manifest {
        name: "two\nlines".to_owned(),
        ..manifest
    };
    let weights = super::tests::weights(&odd.shape, 1);
    let error = save(&target, &odd, &weights, &[]).expect_err("the name is odd");
    assert!(error.to_string().contains("short words"), "{error}");
    let left = fs::read_dir(place.path()).expect("a folder").count();
    assert_eq!(left, 0);
}

#[test]
fn files_are_added_and_the_net_stays_as_it_was() {
    let folder = Folder::new();
    let before = load(&folder.path()).expect("it is good");
    let (ours, shipped) = (
        folder.place.path().join("ours"),
        folder.place.path().join("more"),
    );
    let named = |name: &str| (name.to_owned(), "2026-11-21".to_owned());
    let others: &[(&str, &[u8])] = &[(EVIDENCE, b"{}"), ("abilities.json", b"[]")];
    let figures = BTreeMap::from([("works".to_owned(), 7.into())]);

    extend(Some(&folder.path()), &ours, named("ours"), others, &figures).expect("extended");
    extend(None, &shipped, named("more"), others, &figures).expect("extended");
    let (ours, shipped) = (load(&ours).expect("good"), load(&shipped).expect("good"));

    assert_eq!(ours.manifest.files[WEIGHTS], before.manifest.files[WEIGHTS]);
    assert_eq!(
        (ours.file(EVIDENCE), ours.file("abilities.json")),
        (Some(&b"{}"[..]), Some(&b"[]"[..]))
    );
    assert_eq!(
        (ours.manifest.name.as_str(), &ours.manifest.figures["works"]),
        ("ours", &7.into())
    );
    let built_in = embedded().expect("it ships whole");
    assert_eq!(
        shipped.manifest.files[WEIGHTS],
        built_in.manifest.files[WEIGHTS]
    );
    assert_eq!(shipped.file("report.md"), built_in.file("report.md"));
    fs::write(folder.file(WEIGHTS), b"other").expect("written");
    let named = named("x");
    let refused = extend(
        Some(&folder.path()),
        &folder.place.path().join("x"),
        named,
        &[],
        &figures,
    );
    assert!(refused.is_err());
}
