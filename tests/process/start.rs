//! Starting: what is in the way is told in one clear line, what was there is left as it is, and with nothing at all it works.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use tollgate::domain::dialect::Dialect;
use tollgate::sim::{Profile, Sim};

use crate::caller::{Call, key};
use crate::rig::{Ended, Gateway, Pair, Site, TOKEN, client, finish, tell, until};

#[track_caller]
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for word in words {
        assert!(ended.err.contains(word), "no {word:?} in {ended:?}");
    }
    assert!(!ended.err.contains("panicked"), "{ended:?}");
    assert!(ended.out.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_before_a_file_is_touched() {
    let pair = Pair::instant().await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = taken.local_addr().expect("an address").to_string();

    for flag in ["--listen", "--admin-listen"] {
        let site = Site::with(&pair, "");
        let ended = site.run(&["serve", flag, &address]);

        refused(&ended, &[&address, "another process listens there"]);
        assert!(!site.path("store").exists());
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_told_with_its_path() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    site.write("a-file", "");

    let no_parent = site.run(&["serve", "--store", "no/such/folder"]);
    let no_folder = site.run(&["serve", "--store", "a-file"]);

    refused(&no_parent, &["no/such/folder", "make the parent"]);
    refused(&no_folder, &["a-file", "is not a folder"]);
}

#[tokio::test]
async fn a_store_that_may_not_be_written_is_told() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    fs::create_dir(site.path("store")).expect("a folder");
    let mode = |mode| {
        fs::set_permissions(site.path("store"), fs::Permissions::from_mode(mode)).expect("set");
    };
    let Some(mut plain) = unshared(&site, &["-U"]) else {
        return;
    };
    let Some(mut rooted) = unshared(&site, &["-U", "-r", "-m"]) else {
        return;
    };
    let binary = env!("CARGO_BIN_EXE_tollgate");

    // Without a user of its own it has no more rights than any user.
    mode(0o500);
    plain.args([binary, "serve"]);
    let unwritable = finish(plain);
    mode(0o700);
    let script = r#"mount -t tmpfs -o ro none store && exec "$0" serve"#;
    rooted.args(["sh", "-c", script, binary]);
    let read_only = finish(rooted);

    refused(&unwritable, &["store", "may not be read and written"]);
    refused(&read_only, &["store", "is on a read-only file system"]);
}

/// A command in namespaces of its own, where this machine allows that.
pub(crate) fn unshared(site: &Site, flags: &[&str]) -> Option<Command> {
    let make = || {
        let mut command = Command::new("unshare");
        command.args(flags).arg("--");
        site.at_home(command)
    };
    let mut trial = make();
    let mounts = flags.contains(&"-m");
    let script = if mounts {
        "mount -t tmpfs none /mnt"
    } else {
        "true"
    };
    trial.args(["sh", "-c", script]);
    match trial.output() {
        Ok(output) if output.status.success() => Some(make()),
        other => {
            tell(&format!(
                "skipped: no namespaces of one's own here: {other:?}"
            ));
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_refused_and_the_first_goes_on() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let gateway = site.start().await;
    let key = key(&gateway, "core").await;

    let second = site.run(&["serve"]);

    let holder = format!("in use by process {}", gateway.id());
    refused(&second, &["store", &holder, "store.path"]);
    let call = Call::new(Dialect::Chat, false, "still there?");
    assert!(call.make(&client(), &gateway.calls, &key).await.whole);
    assert_eq!(gateway.readiness().await.expect("an answer").0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_is_refused_and_left_as_it_is() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let mut gateway = site.start().await;
    key(&gateway, "core").await;
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    let file = site.path("store/tollgate.db");
    let sound = fs::read(&file).expect("a database");

    let torn = [&sound[..4_096], &vec![0xAA; sound.len() - 4_096]].concat();
    let short = sound[..sound.len() / 2].to_vec();
    let foreign = b"these are notes about something else\n".repeat(300);
    for damaged in [torn, short, foreign] {
        fs::write(&file, &damaged).expect("written");
        let ended = site.run(&["serve"]);

        refused(&ended, &["tollgate.db", "damaged", "left as it is"]);
        assert!(fs::read(&file).expect("there") == damaged, "it was changed");
    }
    fs::write(&file, &sound).expect("written");
    site.start().await;
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    fs::create_dir(site.path("store")).expect("a folder");
    let file = site.path("store/tollgate.db");
    let theirs = rusqlite::Connection::open(&file).expect("a database");
    theirs
        .execute_batch("CREATE TABLE songs (name TEXT)")
        .expect("a table");
    drop(theirs);
    let before = fs::read(&file).expect("a database");

    let ended = site.run(&["serve"]);

    refused(&ended, &["database of another program"]);
    assert!(fs::read(&file).expect("there") == before, "it was changed");
}

const WRONG: &str = "listen: 127.0.0.1
acess: keys
targets:
  gpu: { hosting: own, dialects: [chat], url: ftp://x, key: sk-inline-4711 }
models:
  base1: { target: gup }
";

#[tokio::test]
async fn every_mistake_in_the_files_is_told_at_once() {
    let site = Site::empty();
    site.write("tollgate.yaml", WRONG);
    site.write("policies/default.yaml", "version: 1\nmodels: [base2]\n");
    let places = [
        "tollgate.yaml:1:9: listen",
        "tollgate.yaml:2:1: the key \"acess\"",
        "tollgate.yaml:4:47: targets.gpu.url",
        "tollgate.yaml:4:61: targets.gpu.key",
        "tollgate.yaml:6:20: models.base1.target",
        "default.yaml:2:10: models[0]",
    ];

    for command in ["serve", "check"] {
        let ended = site.run(&[command]);

        refused(&ended, &places);
        assert!(!ended.err.contains("sk-inline-4711"));
        assert!(!site.path(".tollgate").exists());
    }
    let missing = site.run(&["serve", "--config", "nowhere.yaml"]);
    refused(&missing, &["nowhere.yaml"]);
}

#[test]
fn a_wrong_command_line_is_a_matter_of_usage() {
    let site = Site::empty();

    for arguments in [
        &["--lisen", "x"][..],
        &["serf"],
        &["keys", "create"],
        &["spend", "--format", "xml"],
    ] {
        let ended = site.run(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let words = ["Usage", "possible values"];
        assert!(words.iter().any(|it| ended.err.contains(it)), "{ended:?}");
    }
    assert!(site.run(&["--help"]).good().contains("serve"));
    assert!(site.run(&["--version"]).good().starts_with("tollgate "));
}

#[tokio::test]
async fn an_operators_token_is_never_empty_or_short() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let with = |name: &str, token: &str| {
        let mut command = site.command(&["serve"]);
        finish({
            command.env(name, token);
            command
        })
    };

    let short = with("TOLLGATE_ADMIN_TOKEN", "x1z");
    refused(&short, &["TOLLGATE_ADMIN_TOKEN", "fewer than"]);
    assert!(!short.err.contains("x1z"));
    let file = fs::read_to_string(site.path("tollgate.yaml")).expect("there");
    let named = file.replace(
        "admin: { listen: 127.0.0.1:0 }",
        "admin: { listen: 127.0.0.1:0, token: { env: OPERATOR } }",
    );
    site.write("tollgate.yaml", &named);
    refused(&with("OPERATOR", ""), &["tollgate.yaml:2:", "is empty"]);
    refused(
        &with("OPERATOR", "x1z"),
        &["tollgate.yaml:2:", "fewer than"],
    );
    refused(&with("OTHER", ""), &["OPERATOR is not set"]);
}

/// Nobody answers where models usually do, so that only the simulated pair is left.
fn nothing_around() -> bool {
    let usual = [8000, 8080, 11434, 30000, 1234];
    let taken = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let found: Vec<_> = usual.iter().filter(|port| taken(port)).collect();
    if !found.is_empty() {
        tell(&format!("skipped: something listens at {found:?}"));
    }
    found.is_empty()
}

/// What Kubernetes and people leave in an environment.
const NOISE: [(&str, &str); 6] = [
    ("TOLLGATE_SERVICE_HOST", "10.0.0.1"),
    ("TOLLGATE_SERVICE_PORT", "4180"),
    ("TOLLGATE_PORT", "tcp://10.0.0.1:4180"),
    ("TOLLGATE_PORT_4180_TCP_ADDR", "10.0.0.1"),
    ("TOLLGATE_ADMIN_TOKEN", ""),
    ("TOLLGATE", "yes"),
];

const ANY_PORT: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

async fn bare(site: &Site, env: &[(&str, &str)]) -> Gateway {
    let mut command = site.command(&ANY_PORT);
    command.env_remove("TOLLGATE_ADMIN_TOKEN");
    command.envs(env.iter().copied());
    let mut gateway = site.spawn(command);
    gateway.ready().await;
    gateway
}

/// Runs the `curl` line that was printed, as a person would.
fn try_it(site: &Site, gateway: &Gateway, key: &str) -> Value {
    let said = gateway.said();
    let line = said.lines().find(|line| line.trim().starts_with("curl "));
    let mut shell = site.at_home(Command::new("sh"));
    shell.args(["-c", line.expect("a curl line")]);
    shell.env("TOLLGATE_KEY", key);
    finish(shell).json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_at_all_the_simulated_pair_answers_and_says_so() {
    if !nothing_around() {
        return;
    }
    let site = Site::empty();
    let mut gateway = bare(&site, &NOISE).await;

    let said = gateway.said();
    for word in [
        "SIMULATED",
        "base1-coder  (own, at sim-own, simulated)",
        "claude-opus-5-5  (vendor, at sim-frontier, simulated)",
        &format!("base_url {}/v1", gateway.calls),
        &format!("{}/metrics", gateway.admin),
    ] {
        assert!(said.contains(word), "no {word:?} in {said}");
    }
    let answer = try_it(&site, &gateway, "");
    assert!(
        answer["choices"][0]["message"]["content"].is_string(),
        "{answer}"
    );
    let client = client();
    let get = async |path: &str| {
        let asked = client.get(format!("{}{path}", gateway.calls)).send();
        asked.await.expect("an answer")
    };
    let listed = get("/v1/models").await.text().await.expect("a list");
    assert!(listed.contains("simulated"), "{listed}");
    let asked = client
        .post(format!("{}/v1/chat/completions", gateway.calls))
        .header("content-type", "application/json")
        .body(r#"{"model":"auto","messages":[{"role":"user","content":"hello"}]}"#);
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.headers()["x-tollgate-simulated"], "true");
    until("a word in the log", async || {
        gateway.log().contains("SIMULATED").then_some(())
    })
    .await;
    gateway.signal("INT");
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_token_is_made_once_and_kept_from_others() {
    let site = Site::empty();
    let sim = Sim::start(Profile::own()).await.expect("a target");
    let own = format!("http://{}/v1", sim.addr());
    let mut gateway = bare(&site, &[("TOLLGATE_OWN_URL", &own)]).await;

    let path = site.path(".tollgate/admin-token");
    let token = fs::read_to_string(&path).expect("a token");

    let mode = |path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&site.path(".tollgate")), 0o700);
    let asked = |token: &str| {
        let url = format!("{}/admin/v1/keys", gateway.admin);
        client().get(url).bearer_auth(token).send()
    };
    assert_eq!(asked(&token).await.expect("an answer").status(), 200);
    assert_eq!(asked(TOKEN).await.expect("an answer").status(), 401);
    assert!(!gateway.log().contains(&token) && !gateway.said().contains(&token));
    gateway.kill();
    drop(gateway);
    let _again = bare(&site, &[("TOLLGATE_OWN_URL", &own)]).await;
    assert_eq!(fs::read_to_string(&path).expect("a token"), token);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_server_that_is_named_is_found_and_asked() {
    let site = Site::empty();
    let profile = Profile {
        models: vec!["qwen-coder".into(), "odd name!".into()],
        ..Profile::instant()
    };
    let sim = Sim::start(profile).await.expect("a target");
    let own = format!("http://{}/v1/", sim.addr());

    let gateway = bare(&site, &[("TOLLGATE_OWN_URL", &own)]).await;

    let said = gateway.said();
    assert!(said.contains("qwen-coder  (own, at own)"), "{said}");
    assert!(!said.contains("SIMULATED"), "{said}");
    let answer = try_it(&site, &gateway, "");
    assert!(answer["usage"]["completion_tokens"].is_u64(), "{answer}");
    assert_eq!(sim.bill().len(), 1);
    assert_eq!(sim.bill()[0].model, "qwen-coder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_providers_key_brings_its_models_and_is_shown_nowhere() {
    let site = Site::empty();
    let keys = [
        ("ANTHROPIC_API_KEY", "sk-ant-not-a-real-one-1234567890"),
        ("OPENAI_API_KEY", "sk-oai-not-a-real-one-1234567890"),
    ];

    let gateway = bare(&site, &keys).await;

    let said = gateway.said();
    for word in [
        "claude-opus-5-5  (vendor, at anthropic)",
        "(vendor, at openai)",
    ] {
        assert!(said.contains(word), "no {word:?} in {said}");
    }
    assert!(!said.contains("SIMULATED"), "{said}");
    for (_, key) in keys {
        assert!(!said.contains(key) && !gateway.log().contains(key));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_keys_are_asked_for_the_printed_line_takes_one() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let gateway = site.start().await;

    let without = try_it(&site, &gateway, "");
    let key = key(&gateway, "core").await;
    let with = try_it(&site, &gateway, &key);

    assert!(without["error"]["message"].is_string(), "{without}");
    assert!(with["choices"][0]["message"].is_object(), "{with}");
}
