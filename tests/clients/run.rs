//! Runs a client in folders of its own, and hears what it says.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

/// A client takes seconds. One that asks again and again has lost its way.
const PATIENCE: Duration = Duration::from_secs(120);

/// Words by which a client says that something is amiss.
const COMPLAINTS: [&str; 8] = [
    "warn",
    "error",
    "fail",
    "retry",
    "exception",
    "invalid",
    "unknown",
    "refuse",
];

/// Where one client works.
pub(crate) struct Place {
    home: TempDir,
    work: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        // Codex wants no home below the folder of temporary files. The work lies there, so that no client takes this
        // project for the one that it works at.
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let work = tempfile::Builder::new().prefix("note-").tempdir();
        Self {
            home: home.expect("the target folder is writable"),
            work: work.expect("a temporary folder can be made"),
        }
    }

    pub(crate) fn work(&self) -> &Path {
        self.work.path()
    }

    /// Writes a file of the client's settings, and says where it is.
    pub(crate) fn setting(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        let folder = path.parent().expect("a file has a folder");
        std::fs::create_dir_all(folder).expect("the folder is writable");
        std::fs::write(&path, text).expect("the folder is writable");
        path
    }

    /// A program that knows nothing of whoever runs the tests: no key, no proxy, no setting.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(installed(program));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("TMPDIR", self.work.path())
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.work.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// What a client said.
pub(crate) struct Ran {
    pub(crate) succeeded: bool,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ran {
    /// The lines by which it complains, but for those that hold one of these words.
    pub(crate) fn complaints(&self, of_its_own: &[&str]) -> Vec<&str> {
        let lines = self.errors.lines().chain(self.output.lines());
        let complains = |line: &&str| {
            // What a client writes as JSON has fields of these names; whoever runs it reads that.
            let lower = line.to_ascii_lowercase();
            !line.starts_with('{') && COMPLAINTS.iter().any(|word| lower.contains(word))
        };
        lines
            .filter(complains)
            .filter(|line| !of_its_own.iter().any(|word| line.contains(word)))
            .collect()
    }
}

/// Runs it to its end.
pub(crate) async fn run(mut command: Command) -> Ran {
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the client comes to an end")
        .expect("the client starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        succeeded: output.status.success(),
        output: text(&output.stdout),
        errors: text(&output.stderr),
    }
}

/// A path below the folder into which `make test` installs the clients.
pub(crate) fn installed(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let path = target.expect("the target folder has a parent").join(path);
    assert!(
        path.exists(),
        "there is no {}: `make test` installs what the tests run",
        path.display()
    );
    path
}
