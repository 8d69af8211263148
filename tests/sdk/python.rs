//! Runs `run.py` with the Python that has the SDKs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::house::{House, TOKEN};

/// No class takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(180);

/// How a run went.
pub(crate) struct Ran {
    /// Every test of the class ran and passed.
    pub(crate) passed: bool,
    pub(crate) output: String,
}

/// Runs one class.
pub(crate) async fn run(house: &House, key: &str, class: &str) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/run.py");
    let at = |address: std::net::SocketAddr| format!("http://{address}");
    let running = tokio::process::Command::new(interpreter())
        .arg(script)
        .arg(class)
        // Proxies and keys of whoever runs the tests are none of the SDKs' business.
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("BASE_URL", at(house.gateway.address))
        .env("KEY", key)
        .env("OPENAI_MODEL", "gpt-sim")
        .env("ANTHROPIC_MODEL", "claude-sim")
        .env("OPENAI_SIM_URL", at(house.openai.addr()))
        .env("ANTHROPIC_SIM_URL", at(house.anthropic.addr()))
        .env("ADMIN_URL", at(house.gateway.admin))
        .env("ADMIN_TOKEN", TOKEN)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, running)
        .await
        .expect("the SDKs come to an end")
        .expect("python starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let all = !told.contains("Ran 0 tests") && !told.contains("skipped=");
    Ran {
        passed: output.status.success() && all,
        output: told,
    }
}

/// `TOLLGATE_TEST_PYTHON`, as `make test` sets it, or the one that it has made.
fn interpreter() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let made = target.map(|target| target.join("venv/bin/python"));
    let python = std::env::var_os("TOLLGATE_TEST_PYTHON").map(PathBuf::from);
    let python = python.or(made).expect("the target folder has a parent");
    assert!(
        python.exists(),
        "the Python with the SDKs is not at {}: `make test` makes it",
        python.display()
    );
    python
}
