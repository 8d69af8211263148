//! A real Prometheus for the length of a test, in a folder of its own, asked over its HTTP API.

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running Prometheus; dropping it ends it and removes its folder.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Prometheus {
    /// Starts one that scrapes `target` four times a second.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let address = free_address();
        let name = format!("tollgate-prometheus-{}", address.port());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/rules.yaml");
        let config = format!(
            "global: {{ scrape_interval: 250ms, evaluation_interval: 500ms }}\n\
             rule_files: [ '{}' ]\n\
             scrape_configs:\n  - job_name: tollgate\n    static_configs: [ {{ targets: ['{target}'] }} ]\n",
            rules.display(),
        );
        let file = folder.join("prometheus.yml");
        fs::write(&file, config).expect("the folder is writable");
        let log = fs::File::create(folder.join("log")).expect("the folder is writable");

        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let child = match child {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(
                "`prometheus` is not installed; `make test` installs what the tests need (Debian's package `prometheus`)"
                    .to_owned(),
            ),
            other => other.map_err(|error| error.to_string()),
        };
        Self {
            child: child.expect("prometheus starts"),
            address,
            folder,
        }
    }

    /// Waits until its target has been scraped `count` times.
    pub(crate) fn wait_for_samples(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let wanted = format!("count_over_time(up[5m]) >= {count} and up == 1");
        while !matches!(self.query(&wanted), Ok(1..)) {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "never scraped: {}", log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// How many series a query finds.
    pub(crate) fn query(&self, query: &str) -> Result<usize, String> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(query)))?;
        if answer["status"] != "success" {
            return Err(format!("{}: {query}", answer["error"]));
        }
        let result = answer["data"]["result"].as_array();
        result.map(Vec::len).ok_or_else(|| answer.to_string())
    }

    /// What is wrong with the recording and alert rules, once each has been evaluated.
    pub(crate) fn rule_faults(&self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get("/api/v1/rules").expect("the API answers");
            let groups = answer["data"]["groups"].as_array().expect("rule groups");
            let rules: Vec<&Value> = groups
                .iter()
                .flat_map(|group| group["rules"].as_array().into_iter().flatten())
                .collect();
            assert!(!rules.is_empty(), "the rules were not loaded");
            if rules.iter().all(|rule| rule["health"] != "unknown") {
                let faulty = rules.iter().filter(|rule| rule["health"] != "ok");
                return faulty
                    .map(|rule| format!("rule {}: {}", rule["name"], rule["lastError"]))
                    .collect();
            }
            assert!(Instant::now() < deadline, "rules are never evaluated");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let told = |error: &dyn std::error::Error| error.to_string();
        let mut socket = TcpStream::connect(self.address).map_err(|error| told(&error))?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(|error| told(&error))?;
        // HTTP/1.0: the body ends with the connection, and is never chunked.
        write!(socket, "GET {path} HTTP/1.0\r\nHost: prometheus\r\n\r\n")
            .map_err(|error| told(&error))?;
        let mut answer = String::new();
        socket
            .read_to_string(&mut answer)
            .map_err(|error| told(&error))?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
        serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Each fails only where it is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        // Writing to a String does not fail.
        let _ = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => {
                write!(out, "{}", byte as char)
            }
            _ => write!(out, "%{byte:02X}"),
        };
        out
    })
}
