//! A folder, a shell and the program that the README is about.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tollgate");

/// What the README takes for granted.
const PORTS: [&str; 2] = ["4180", "4181"];

const PATIENCE: Duration = Duration::from_secs(30);

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) passed: bool,
    /// What it printed, either way.
    pub(crate) output: String,
}

/// A shell in the folder of a gateway that was started without a configuration. Dropping it ends the gateway.
pub(crate) struct Shell {
    folder: TempDir,
    ports: [String; 2],
    gateway: Child,
}

impl Shell {
    /// Starts the gateway on free ports and waits until it has said where it listens.
    pub(crate) fn beside_a_gateway() -> Self {
        let folder = folder();
        let ports = free_ports();
        let log = folder.path().join("said");
        let said = fs::File::create(&log).expect("the folder is writable");
        let gateway = command(Path::new(PROGRAM), folder.path(), &ports)
            .stdout(said.try_clone().expect("a file can be shared"))
            .stderr(said)
            .spawn()
            .expect("the gateway starts");
        let shell = Self {
            folder,
            ports,
            gateway,
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains("tollgate listens at") {
                return shell;
            }
            assert!(Instant::now() < deadline, "the gateway is silent: {said}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a block of commands; the first that fails ends it.
    pub(crate) fn run(&self, block: &str) -> Ran {
        let script = PORTS
            .iter()
            .zip(&self.ports)
            .fold(block.to_owned(), |text, (told, port)| {
                text.replace(told, port)
            });
        let seconds = PATIENCE.as_secs().to_string();
        let mut command = command(Path::new("timeout"), self.folder.path(), &self.ports);
        end(command.args([&seconds, "bash", "-euo", "pipefail", "-c", &script]))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Each fails only where it has ended by itself.
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
    }
}

/// Has `tollgate check` read a configuration beside the policies that ship. Each variable that it names is there.
pub(crate) fn check(text: &str) -> Ran {
    check_with(text, None)
}

/// The same, with a file of a name and a text of its own among the policies.
pub(crate) fn check_with(text: &str, policy: Option<(&str, &str)>) -> Ran {
    let folder = folder();
    if let Some((name, policy)) = policy {
        let file = folder.path().join("policies").join(name);
        fs::write(file, policy).expect("the folder is writable");
    }
    fs::write(folder.path().join("tollgate.yaml"), text).expect("the folder is writable");
    let named = text.split("env:").skip(1).map(|rest| {
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        &rest[..end.unwrap_or(rest.len())]
    });
    let mut command = Command::new(PROGRAM);
    command
        .arg("check")
        .current_dir(folder.path())
        .env_clear()
        .envs(named.map(|name| (name, "a-value-for-the-check-alone")));
    end(&mut command)
}

fn end(command: &mut Command) -> Ran {
    let output = command.output().expect("the command starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        passed: output.status.success(),
        output: text(&output.stdout) + &text(&output.stderr),
    }
}

/// A command that finds the program by its name, and the gateway by its ports.
fn command(program: &Path, folder: &Path, ports: &[String; 2]) -> Command {
    let beside = Path::new(PROGRAM).parent().expect("a file is in a folder");
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let path = [beside.to_owned()].into_iter();
    let path = path.chain(std::env::split_paths(&usual));
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", std::env::join_paths(path).expect("a search path"))
        .env("TOLLGATE_LISTEN", format!("127.0.0.1:{}", ports[0]))
        .env("TOLLGATE_ADMIN__LISTEN", format!("127.0.0.1:{}", ports[1]))
        .stdin(Stdio::null());
    command
}

/// A folder with the policies that ship.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).expect("the folder is writable");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for file in fs::read_dir(shipped).expect("the policies ship") {
        let file = file.expect("a readable entry");
        if file.path().is_dir() {
            // Examples rule nobody.
            continue;
        }
        fs::copy(file.path(), policies.join(file.file_name())).expect("the folder is writable");
    }
    folder
}

fn free_ports() -> [String; 2] {
    // Both are held until both are known.
    let listeners =
        [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free"));
    listeners.map(|listener| {
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        address.port().to_string()
    })
}
