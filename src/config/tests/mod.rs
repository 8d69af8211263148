//! Whole configurations, each in a folder of its own.

mod calls;
mod examples;
mod faults;
mod repair;
mod rules;
mod shipped;
mod written;

use std::path::{Path, PathBuf};

use super::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own for a test; gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let unique = crate::domain::clock::Entropy::system().u64();
        let folder = std::env::temp_dir().join(format!("tollgate-config-{unique:016x}"));
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Self(folder)
    }

    fn sources(&self, env: &[(&str, &str)]) -> Sources {
        Sources {
            file: Some(self.0.join("tollgate.yaml")),
            env: pairs(env),
            flags: Flags::default(),
        }
    }

    /// The faults, the folder's name taken off.
    fn faults(&self, env: &[(&str, &str)]) -> Vec<String> {
        match load(&self.sources(env)) {
            Ok(_) => Vec::new(),
            Err(faults) => self.lines(&faults),
        }
    }

    fn lines(&self, faults: &Faults) -> Vec<String> {
        let folder = format!("{}/", self.0.display());
        let text = faults.to_string().replace(&folder, "");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pairs(env: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    env.iter().map(own).collect()
}

const SMALL: &str = "targets:
  gpu: { hosting: own, dialects: [chat], url: http://127.0.0.1:8000/v1 }
models:
  sonnet: { target: gpu }
";
