//! What is compared: the target asked directly, nginx before it, and the gateway before it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::Fault;
use crate::process::{Running, run};

/// How long anything may take to start.
const PATIENCE: Duration = Duration::from_secs(15);

/// One way to the target.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    /// None for the target itself, which lives in the bench's own process.
    pub(crate) process: Option<Rc<Running>>,
}

/// The name of nginx with its own small buffers.
pub(crate) const SPOOLING: &str = "nginx, spooling";

impl Side {
    pub(crate) fn direct(target: SocketAddr) -> Self {
        Self {
            name: "direct",
            address: target,
            key: "none".to_owned(),
            process: None,
        }
    }
}

fn free_port() -> Result<u16, Fault> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Starts nginx as people would put it before a model server: one process, kept connections, streams unbuffered.
/// It listens twice: with buffers that hold a request, and with its default of 16 KB, beyond which it writes a request
/// to a file first (and, for the head then goes out alone, often waits 40 ms for an acknowledgement).
pub(crate) async fn nginx(folder: &Path, target: SocketAddr) -> Result<(Side, Side), Fault> {
    let program = Path::new("/usr/sbin/nginx");
    if !program.exists() {
        run(Command::new("apt-get").args(["install", "-y", "--no-install-recommends", "nginx"]))?;
    }
    let folder = folder.join("nginx");
    fs::create_dir_all(&folder)?;
    let (address, spooling) = (local(free_port()?), local(free_port()?));
    let place = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("  {what}_temp_path {place}/{what};\n"))
        .concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/error.log warn;\n\
         events {{ worker_connections 8192; }}\n\
         http {{\n{temporary}  access_log off;\n  client_max_body_size 64m;\n  keepalive_requests 100000000;\n\
         \x20 proxy_http_version 1.1;\n  proxy_set_header Connection \"\";\n  proxy_buffering off;\n\
         \x20 upstream load {{ server {target}; keepalive 128; keepalive_requests 100000000; }}\n\
         \x20 server {{ listen {address} backlog=4096; client_body_buffer_size 2m; location / {{ proxy_pass http://load; }} }}\n\
         \x20 server {{ listen {spooling} backlog=4096; location / {{ proxy_pass http://load; }} }}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config)?;
    let (file, prefix) = (text(&file)?, text(&folder)?);
    let mut process = Running::start(program, &["-c", file, "-p", prefix], &folder.join("log"))?;
    ready(&mut process, address, "/", &folder.join("log")).await?;
    let process = Some(Rc::new(process));
    let side = |name, address| Side {
        name,
        address,
        key: "none".to_owned(),
        process: process.clone(),
    };
    Ok((side("nginx", address), side(SPOOLING, spooling)))
}

/// Starts the gateway, with keys and ledger; also tells the time from start to ready, each of three times.
pub(crate) async fn gateway(
    folder: &Path,
    target: SocketAddr,
) -> Result<(Side, Vec<Duration>), Fault> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_tollgate"));
    let folder = folder.join("tollgate");
    let policies = folder.join("policies");
    fs::create_dir_all(&policies)?;
    let (address, admin) = (local(free_port()?), local(free_port()?));
    let config = format!(
        "listen: {address}\nadmin: {{ listen: {admin} }}\naccess: keys\nstore: {{ path: {place}/store }}\n\
         policies: {place}/policies/\n\
         targets:\n  load: {{ hosting: own, dialects: [chat, messages], url: http://{target}/v1 }}\n\
         models:\n  load-model: {{ target: load, name: load-model }}\n",
        place = folder.display(),
    );
    let file = folder.join("tollgate.yaml");
    fs::write(&file, config)?;
    let default = "version: 1\nanswers: [auto]\nmodels: [load-model]\n";
    fs::write(policies.join("default.yaml"), default)?;
    let prices = "version: 1\nmodels: { load-model: { from: 2026-11-01, source: bench, input: 1, output: 2 } }\n";
    fs::write(policies.join("prices.yaml"), prices)?;
    let file = text(&file)?;
    let key = make_key(&program, file)?;

    let log = folder.join("log");
    let mut starts = Vec::new();
    loop {
        let begun = Instant::now();
        let mut process = Running::start(&program, &["serve", "--config", file], &log)?;
        ready(&mut process, admin, "/readyz", &log).await?;
        starts.push(begun.elapsed());
        if starts.len() < 3 {
            process.stop();
            continue;
        }
        let side = Side {
            name: "gateway",
            address,
            key,
            process: Some(Rc::new(process)),
        };
        return Ok((side, starts));
    }
}

fn make_key(program: &Path, config: &str) -> Result<String, Fault> {
    let told = run(Command::new(program)
        .args(["keys", "create", "--config", config])
        .args(["--tenant", "bench", "--name", "bench", "--format", "json"]))?;
    let made: serde_json::Value = serde_json::from_str(&told)
        .map_err(|_| format!("`tollgate keys create` printed no key: {told:?}"))?;
    let key = made["key"].as_str().ok_or("no key in what was printed")?;
    Ok(key.to_owned())
}

/// Waits until the process answers 200 at `path`.
async fn ready(
    process: &mut Running,
    address: SocketAddr,
    path: &str,
    log: &Path,
) -> Result<(), Fault> {
    let begun = Instant::now();
    loop {
        if matches!(status(address, path).await, Ok(text) if text.contains(" 200 ")) {
            return Ok(());
        }
        let ended = process.has_ended();
        if ended || begun.elapsed() > PATIENCE {
            let log = fs::read_to_string(log).unwrap_or_default();
            let what = if ended {
                "ended at once"
            } else {
                "is never ready"
            };
            return Err(format!("{what}: {}", log.trim()).into());
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// The first line of an answer.
async fn status(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut begin = [0; 64];
    let read = socket.read(&mut begin).await?;
    Ok(String::from_utf8_lossy(&begin[..read]).into_owned())
}

fn text(path: &Path) -> Result<&str, Fault> {
    path.to_str()
        .ok_or_else(|| "the temporary folder's name is not text".into())
}
