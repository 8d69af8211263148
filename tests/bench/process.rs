//! Child processes on a core of their own: started, looked at, ended.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Fault;

/// The core of whatever is measured; the load has [`LOAD_CORE`].
const PROXY_CORE: &str = "0";
const LOAD_CORE: &str = "1";
/// Open files, for a thousand streams with two ends each.
const FILES: &str = "16384";

/// Puts this process on its core and lets it open enough files.
pub(crate) fn settle_in() -> Result<(), Fault> {
    let own = std::process::id().to_string();
    run(Command::new("prlimit").args(["--pid", &own, &format!("--nofile={FILES}:{FILES}")]))?;
    if cores() > 1 {
        run(Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", LOAD_CORE, &own]))?;
    }
    Ok(())
}

/// Cores of this machine, whatever this process may use of them.
pub(crate) fn cores() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.matches("processor\t").count()
}

/// The processor's name.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("model name\t: "))
        .unwrap_or("unknown")
        .to_owned()
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String, Fault> {
    let told = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{told}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{told}: {}: {}", output.status, text(&output.stderr).trim()).into())
    }
}

/// A process under measurement. Ended when dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts a program on the proxy's core; what it prints goes to the file.
    pub(crate) fn start(program: &Path, args: &[&str], log: &Path) -> Result<Self, Fault> {
        let mut command = if cores() > 1 {
            let mut pinned = Command::new("taskset");
            pinned.args(["--cpu-list", PROXY_CORE]).arg(program);
            pinned
        } else {
            Command::new(program)
        };
        let out = fs::File::create(log)?;
        let child = command
            .args(args)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self { child })
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// CPU time of all its threads so far, from the scheduler's own count.
    pub(crate) fn cpu(&self) -> Result<Duration, Fault> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end while it is looked at.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split(' ').next().unwrap_or_default();
            nanos += first.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Bytes of memory that it has resident now.
    pub(crate) fn memory(&self) -> Result<u64, Fault> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|it| it.split_whitespace().next());
        Ok(kilobytes.ok_or("no VmRSS")?.parse::<u64>()? << 10)
    }

    /// Asks it to stop, and sees that it does.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if self.has_ended() {
            return;
        }
        let id = self.child.id().to_string();
        // What does not stop when asked is ended below.
        let _ = run(Command::new("kill").args(["-TERM", &id]));
        for _ in 0..300 {
            if self.has_ended() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
