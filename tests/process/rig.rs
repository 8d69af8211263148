//! A gateway as a child process, in a folder of its own. Ends what it started, and nothing else.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tollgate::sim::{Profile, Sim};

/// The operator's token of every site.
pub(crate) const TOKEN: &str = "operator-5f1c83b2a97d4e60";
/// The key that the far target asks for.
pub(crate) const PROVIDER_KEY: &str = "sk-far-0a1b2c3d4e5f60718293";
/// Longer than anything takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const BINARY: &str = env!("CARGO_BIN_EXE_tollgate");

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain: {what}"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

/// Says why something is left out, or how a run can be repeated.
#[expect(clippy::print_stdout, reason = "for whoever reads a test's output")]
pub(crate) fn tell(what: &str) {
    println!("{what}");
}

/// A client that asks the named address and no other.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy();
    client.build().expect("a client")
}

/// Two targets: `near` is the own one, `far` a provider with a key.
pub(crate) struct Pair {
    pub(crate) near: Sim,
    pub(crate) far: Sim,
}

impl Pair {
    /// Targets that write a token each `per_token`, the first after `first_byte`.
    pub(crate) async fn paced(first_byte: Duration, per_token: Duration) -> Self {
        let near = Profile {
            first_byte,
            per_token,
            ..Profile::instant()
        };
        let far = Profile {
            key: Some(PROVIDER_KEY.into()),
            cache_writes: true,
            seed: 7,
            ..near.clone()
        };
        Self {
            near: Sim::start(near).await.expect("a target"),
            far: Sim::start(far).await.expect("a target"),
        }
    }

    /// Targets that answer at once.
    pub(crate) async fn instant() -> Self {
        Self::paced(Duration::ZERO, Duration::ZERO).await
    }

    /// Targets whose streams are still open whenever somebody looks.
    pub(crate) async fn slow() -> Self {
        Self::paced(Duration::ZERO, Duration::from_millis(40)).await
    }

    /// A slow own target; the provider answers at once.
    pub(crate) async fn half_slow() -> Self {
        Self {
            near: Self::slow().await.near,
            far: Self::instant().await.far,
        }
    }
}

/// A folder with everything that one gateway has.
pub(crate) struct Site {
    folder: TempDir,
    runs: AtomicU32,
}

impl Site {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            runs: AtomicU32::new(0),
        }
    }

    /// A configuration for the pair, with prices and the usual policy. `more` is added to `tollgate.yaml`.
    pub(crate) fn with(pair: &Pair, more: &str) -> Self {
        let site = Self::empty();
        site.write("tollgate.yaml", &configuration(pair, more));
        site.write("policies/prices.yaml", PRICES);
        site.write("policies/default.yaml", POLICY);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let parent = path.parent().expect("in the folder");
        fs::create_dir_all(parent).expect("a folder");
        fs::write(path, text).expect("written");
    }

    /// The binary in this folder, with an environment that is ours alone.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        self.at_home(command)
    }

    /// Any command in this folder, with an environment that is ours alone.
    pub(crate) fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path()).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("HOME", self.folder.path());
        command.env("TOLLGATE_ADMIN_TOKEN", TOKEN);
        command.env("FAR_KEY", PROVIDER_KEY);
        command.stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        finish(self.command(arguments))
    }

    /// Starts a gateway and waits until it is ready.
    pub(crate) async fn start(&self) -> Gateway {
        let mut gateway = self.spawn(self.command(&["serve"]));
        gateway.ready().await;
        gateway
    }

    /// Starts a gateway by this command; what it prints is kept.
    pub(crate) fn spawn(&self, mut command: Command) -> Gateway {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let kept = |name: &str| {
            let path = self.path(&format!("printed/{name}-{run}.log"));
            fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
            (File::create(&path).expect("a file"), path)
        };
        let ((out, said), (err, log)) = (kept("out"), kept("log"));
        let child = command.stdout(out).stderr(err).spawn();
        Gateway {
            child: child.expect("the binary starts"),
            client: client(),
            calls: String::new(),
            admin: String::new(),
            said,
            log,
        }
    }

    /// Every byte of every file below `name`.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let mut all = Vec::new();
        gather(&self.path(name), &mut all);
        all
    }
}

fn gather(path: &Path, all: &mut Vec<u8>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            gather(&entry.expect("an entry").path(), all);
        }
    } else {
        // SQLite's shared index comes and goes.
        all.extend(fs::read(path).unwrap_or_default());
    }
}

fn configuration(pair: &Pair, more: &str) -> String {
    let (near, far) = (pair.near.addr(), pair.far.addr());
    format!(
        "listen: 127.0.0.1:0
admin: {{ listen: 127.0.0.1:0 }}
access: keys
store: {{ path: store }}
policies: policies
targets:
  near: {{ hosting: own, dialects: [chat, responses, messages, completions], url: http://{near}/v1 }}
  far: {{ hosting: vendor, dialects: [chat, responses, messages, completions], url: http://{far}/v1, key: {{ env: FAR_KEY }} }}
models:
  small: {{ target: near, window: 100000, max_output: 50000, can: [tools, fim, structured_output] }}
  large: {{ target: far, window: 100000, max_output: 50000, can: [tools, fim, structured_output] }}
{more}
"
    )
}

/// Whole thousands of pico-dollars, so that what a token costs is a whole number of nano-dollars.
const PRICES: &str = "version: 1
models:
  small: { input: 1, output: 5, cache_read: 1, cache_write_5m: 2, cache_write_1h: 3 }
  large: { input: 10, output: 50, cache_read: 4, cache_write_5m: 12, cache_write_1h: 20 }
";

/// What a token costs in nano-dollars: input, cache read, cache writes of both lives, output.
pub(crate) fn price(model: &str) -> [u64; 5] {
    let known = HashMap::from([
        ("small", [1_000, 1_000, 2_000, 3_000, 5_000]),
        ("large", [10_000, 4_000, 12_000, 20_000, 50_000]),
    ]);
    known[model]
}

pub(crate) const POLICY: &str = "version: 1
answers: [auto]
models: [small, large]
";

/// A command that ran to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// What it printed, where it did what it was asked to.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.good()).expect("JSON")
    }
}

/// Runs a command to its end, which must come.
pub(crate) fn finish(mut command: Command) -> Ended {
    let output = command.output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ended {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A gateway that runs. Killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    client: reqwest::Client,
    /// Where callers come in: `http://127.0.0.1:4180`.
    pub(crate) calls: String,
    /// Where the operator comes in.
    pub(crate) admin: String,
    said: PathBuf,
    log: PathBuf,
}

impl Gateway {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.said).expect("kept")
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("kept")
    }

    /// Waits until it has said where it listens, and says that it is ready.
    pub(crate) async fn ready(&mut self) {
        until("a gateway that listens", async || {
            self.must_run();
            let said = self.said();
            let after = |word: &str| {
                let found = said.lines().find_map(|line| line.split_once(word));
                found.map(|(_, rest)| rest.trim().to_owned())
            };
            self.calls = after("tollgate listens at ")?;
            self.admin = after("metrics:")?.strip_suffix("/metrics")?.to_owned();
            Some(())
        })
        .await;
        until("a gateway that is ready", async || {
            self.must_run();
            let ready = self.readiness().await;
            ready.filter(|(status, _)| *status == 200)
        })
        .await;
    }

    fn must_run(&mut self) {
        assert!(self.runs(), "it ended: {}{}", self.said(), self.log());
    }

    /// What `/readyz` says; nothing where nobody answers.
    pub(crate) async fn readiness(&self) -> Option<(u16, String)> {
        let asked = self.client.get(format!("{}/readyz", self.admin));
        let answer = asked.send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Asks the admin API.
    pub(crate) async fn ask(&self, path: &str) -> Value {
        let asked = self.client.get(format!("{}/admin/v1{path}", self.admin));
        let answer = asked.bearer_auth(TOKEN).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.bytes().await.expect("a whole answer");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// The value of a metric, labels and all.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let asked = self.client.get(format!("{}/metrics", self.admin));
        let text = asked.send().await.ok()?.text().await.ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse().ok()
    }

    /// Sends a signal: TERM, HUP.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.arg(format!("-{name}")).arg(self.id().to_string());
        assert!(sent.status().expect("kill runs").success());
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("the gateway's end", async || {
            self.child.try_wait().expect("it can be waited for")
        })
        .await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}
