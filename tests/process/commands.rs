//! The command line: the same answers from a closed store and through the gateway that holds it; nothing secret is kept
//! where it could be read.

use std::process::Command;

use serde_json::Value;
use tollgate::domain::dialect::Dialect;

use crate::caller::{Call, DIALECTS};
use crate::rig::{Ended, Gateway, PROVIDER_KEY, Pair, Site, TOKEN, client, until};

/// The command line, against a closed store or a gateway that runs.
struct Line<'a> {
    site: &'a Site,
    gateway: Option<&'a Gateway>,
}

impl Line<'_> {
    fn run(&self, arguments: &[&str]) -> Ended {
        let mut all = arguments.to_vec();
        let admin = self.gateway.map(|it| it.admin.replace("http://", ""));
        if let Some(admin) = &admin {
            all.extend(["--admin-listen", admin]);
        }
        self.site.run(&all)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        self.run(&all).json()
    }
}

const CREATE: [&str; 8] = [
    "keys",
    "create",
    "--tenant",
    "core",
    "--name",
    "ci",
    "--tags",
    "team=infra,env=test",
];

/// Makes, lists, rotates and revokes keys; what each step said, with what differs by chance taken out.
fn life_of_a_key(line: &Line<'_>) -> Vec<Value> {
    let made = line.json(&CREATE);
    let (id, key) = (made["id"].as_str().expect("an id"), &made["key"]);
    assert!(key.as_str().expect("a key").contains(id));
    let listed = line.json(&["keys", "list"]);
    assert!(!listed.to_string().contains(key.as_str().expect("a key")));
    let rotated = line.json(&["keys", "rotate", id]);
    let next = rotated["id"].as_str().expect("an id");
    assert_ne!(next, id);
    let revoked = line.json(&["keys", "revoke", next]);
    let after = line.json(&["keys", "list"]);
    let mut told = vec![listed, revoked, after];
    for value in &mut told {
        blur(value);
    }
    told
}

/// Ids and times differ from run to run.
fn blur(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(blur),
        Value::Object(map) => {
            for (name, value) in map {
                let by_chance = ["id", "created", "revoked", "expires"];
                match value {
                    Value::String(text) if by_chance.contains(&name.as_str()) => *text = "…".into(),
                    Value::Number(_) if by_chance.contains(&name.as_str()) => *value = "…".into(),
                    other => blur(other),
                }
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_live_the_same_life_in_a_closed_store_and_through_a_gateway() {
    let pair = Pair::instant().await;
    let (closed, open) = (Site::with(&pair, ""), Site::with(&pair, ""));
    let gateway = open.start().await;

    let here = life_of_a_key(&Line {
        site: &closed,
        gateway: None,
    });
    let there = life_of_a_key(&Line {
        site: &open,
        gateway: Some(&gateway),
    });

    assert_eq!(here, there);
    assert_eq!(here[2]["keys"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_works_until_it_is_revoked_or_rotated_through_the_running_gateway() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let made = site.run(&CREATE).good();
    let word = |title: &str| {
        let found = made.lines().find_map(|line| line.strip_prefix(title));
        found.expect("a line").trim().to_owned()
    };
    let (id, key) = (word("id"), word("key"));
    let gateway = site.start().await;
    let line = Line {
        site: &site,
        gateway: Some(&gateway),
    };
    let status = async |key: &str| {
        let call = Call::new(Dialect::Chat, false, "may I?");
        call.make(&client(), &gateway.calls, key).await.status
    };

    assert_eq!(status(&key).await, 200);
    let next = line.json(&["keys", "rotate", &id]);
    let next_key = next["key"].as_str().expect("a key");
    assert_eq!((status(&key).await, status(next_key).await), (401, 200));
    line.run(&["keys", "revoke", next["id"].as_str().expect("an id")])
        .good();
    assert_eq!(status(next_key).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_and_who_is_not_reached_is_told_by_the_exit_code() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let gateway = site.start().await;
    let line = Line {
        site: &site,
        gateway: Some(&gateway),
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = taken.local_addr().expect("an address").to_string();
    drop(taken);

    let wrong: [&[&str]; 6] = [
        &["keys", "revoke", "no-such-key"],
        &[
            "keys",
            "create",
            "--tenant",
            "core",
            "--name",
            "x",
            "--dialects",
            "klingon",
        ],
        &[
            "keys",
            "create",
            "--tenant",
            "core",
            "--name",
            "x",
            "--expires",
            "soon",
        ],
        &[
            "keys", "create", "--tenant", "core", "--name", "x", "--tags", "lonely",
        ],
        &["spend", "--by", "weather"],
        &["spend", "--from", "yesterday"],
    ];
    let through = wrong.map(|arguments| line.run(arguments));
    let away = site.run(&["spend", "--admin-listen", &nobody]);
    let mut strange = site.command(&["spend", "--admin-listen", &gateway.admin[7..]]);
    strange.env("TOLLGATE_ADMIN_TOKEN", "somebody-elses-token");
    let strange = crate::rig::finish(strange);
    drop(gateway);
    let closed = wrong.map(|arguments| site.run(arguments));

    for ended in through.iter().chain(&closed).chain([&strange]) {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.err.trim().lines().count(), 1, "{ended:?}");
    }
    assert_eq!(away.code, Some(3), "{away:?}");
    assert!(away.err.contains(&nobody), "{away:?}");
}

/// A site with targets that answer at once, and a key to it.
async fn keyed() -> (Pair, Site, String) {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let made = site
        .run(&[&CREATE[..], &["--format", "json"]].concat())
        .json();
    let key = made["key"].as_str().expect("a key").to_owned();
    (pair, site, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spending_is_told_alike_from_both_sides_and_in_every_format() {
    let (pair, site, key) = keyed().await;
    let mut gateway = site.start().await;
    for (at, dialect) in DIALECTS.into_iter().enumerate() {
        let call = Call {
            model: ["small", "large"][at % 2],
            ..Call::new(dialect, at < 2, "what does this cost?")
        };
        let got = call.make(&client(), &gateway.calls, &key).await;
        assert!(got.whole, "{got:?}");
    }
    until("every entry", async || {
        let open = gateway.metric("tollgate_open_holds").await;
        open.filter(|open| *open == 0.0)
    })
    .await;

    let all = |gateway: Option<&Gateway>| {
        let line = Line {
            site: &site,
            gateway,
        };
        let mut told = Vec::new();
        for by in [
            "tenant", "key", "model", "target", "task", "tag:team", "tag:none", "day",
        ] {
            for format in ["table", "json", "csv"] {
                told.push(line.run(&["spend", "--by", by, "--format", format]).good());
            }
        }
        told
    };
    let there = all(Some(&gateway));
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    let here = all(None);

    assert_eq!(here, there);
    let json: Value = serde_json::from_str(&here[1]).expect("JSON");
    let (row, csv, table) = (&json["rows"][0], &here[2], &here[0]);
    assert_eq!(
        (row["group"].as_str(), row["requests"].as_u64()),
        (Some("core"), Some(4))
    );
    let cost = row["cost_usd"].as_str().expect("a cost");
    assert!(
        csv.starts_with("group,requests,") && csv.contains(cost),
        "{csv}"
    );
    assert!(
        table.starts_with("group") && table.contains(cost),
        "{table}"
    );
    let billed: u64 = [pair.near.bill(), pair.far.bill()]
        .concat()
        .iter()
        .map(|line| line.usage.output.0)
        .sum();
    assert_eq!(row["tokens"]["output"].as_u64(), Some(billed));
}

#[tokio::test]
async fn check_says_what_is_there_or_what_is_wrong() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");

    let good = site.run(&["check"]).good();
    let told = site.run(&["check", "--format", "json"]).json();
    site.write(
        "policies/default.yaml",
        "version: 1\nmodels: [smal]\nrule: []\n",
    );
    let bad = site.run(&["check"]);
    let listed = site.run(&["check", "--format", "json"]);

    assert!(good.contains("2 targets, 2 models, 1 policies"), "{good}");
    assert_eq!(told["ok"], true);
    assert_eq!((bad.code, listed.code), (Some(1), Some(1)));
    let places = [
        "policies/default.yaml:2:10: models[0]",
        "policies/default.yaml:3:1: ",
    ];
    assert!(
        places.iter().all(|place| bad.err.contains(place)),
        "{bad:?}"
    );
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(listed["faults"].as_array().map(Vec::len), Some(2));
    assert!(!site.path("store").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_and_no_prompt_is_kept_or_logged() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let made = site
        .run(&[&CREATE[..], &["--format", "json"]].concat())
        .json();
    let key = made["key"].as_str().expect("a key").to_owned();
    let mut command: Command = site.command(&["serve", "--log", "trace"]);
    command.env("RUST_BACKTRACE", "1");
    let mut gateway = site.spawn(command);
    gateway.ready().await;
    let prompt = "the-vault-opens-with-quince-and-marmalade";
    let wrong = format!("{}x", &key[..key.len() - 1]);
    pair.far.script([tollgate::sim::Fault::status(401)]);

    for dialect in DIALECTS {
        for (stream, key) in [(true, &key), (false, &key), (true, &wrong)] {
            let call = Call {
                model: "large",
                ..Call::new(dialect, stream, prompt)
            };
            call.make(&client(), &gateway.calls, key).await;
        }
    }
    until("every entry", async || {
        let open = gateway.metric("tollgate_open_holds").await;
        open.filter(|open| *open == 0.0)
    })
    .await;

    let live = site.bytes("store");
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    let kept = [live, site.bytes("store"), site.bytes("printed")].concat();
    // What follows a key's public part is its secret.
    let secret = &key[key
        .find(made["id"].as_str().expect("an id"))
        .expect("in it")..][13..];
    for word in [
        &key,
        &wrong,
        secret,
        prompt,
        "marmalade",
        PROVIDER_KEY,
        TOKEN,
    ] {
        let found = memchr::memmem::find(&kept, word.as_bytes());
        assert!(found.is_none(), "{word:?} was kept or logged");
    }
    assert!(memchr::memmem::find(&kept, b"core").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_explained_alike_from_both_sides() {
    let (_pair, site, key) = keyed().await;
    let mut gateway = site.start().await;
    let call = Call {
        model: "auto",
        ..Call::new(Dialect::Chat, false, "why was this one chosen?")
    };
    let got = call.make(&client(), &gateway.calls, &key).await;
    assert!(got.whole, "{got:?}");
    let id = got.request.clone().expect("an id");

    let all = |gateway: Option<&Gateway>| {
        let line = Line {
            site: &site,
            gateway,
        };
        ["table", "json", "csv"]
            .map(|format| line.run(&["explain", &id, "--format", format]).good())
    };
    let there = all(Some(&gateway));
    let unknown = Line {
        site: &site,
        gateway: Some(&gateway),
    }
    .run(&["explain", "no-such-call"]);
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    let here = all(None);

    assert_eq!(here, there);
    let json: Value = serde_json::from_str(&here[1]).expect("JSON");
    let candidates = json["explanation"]["candidates"].as_array();
    assert!(!candidates.expect("candidates").is_empty());
    let model = json["model"].as_str().expect("a model");
    let table = &here[0];
    assert!(table.contains(&format!("answered  {model}")), "{table}");
    assert!(table.contains("failure") && table.contains(&id), "{table}");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}
