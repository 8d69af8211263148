//! A gateway in front of one target, which speaks one dialect and plays one part.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tollgate::app::{self, Gateway};
use tollgate::config::Sources;
use tollgate::ledger::Filter;
use tollgate::sim::{Part, Profile, Sim};

use crate::reckoning;

const TOKEN: &str = "operator-of-the-test-house";

/// The names that the clients ask for, as their own settings have them; the one model behind is called otherwise.
pub(crate) const CLAUDE: &str = "claude-opus-4-8";
pub(crate) const GPT: &str = "gpt-5.5";

const DEPLOYMENT: &str = "\
listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, token: { env: HOUSE_TOKEN } }
access: keys
store: { path: books }
policies: policies
targets:
  behind: { hosting: HOSTING, dialects: [DIALECT], url: URL, key: { env: HOUSE_TARGET } }
models:
  behind-sim: { target: behind, window: 1000000, max_output: 128000, can: [tools, images, thinking, structured_output] }
";

const PRICES: &str = "\
version: 1
models:
  behind-sim: { from: 2026-01-01, source: test, input: 2, output: 10, cache_read: 0.2, cache_write_5m: 2.5, cache_write_1h: 4 }
";

const POLICY: &str = "\
version: 1
answers: [CLAUDE, GPT]
models: [behind-sim]
";

/// What stands behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// An own model, as vLLM and its like serve it.
    Chat,
    /// A vendor's, in Anthropic's dialect.
    Messages,
    /// A vendor's, in OpenAI's newer dialect.
    Responses,
}

impl Behind {
    pub(crate) const ALL: [Self; 3] = [Self::Chat, Self::Messages, Self::Responses];

    /// How it is written into a deployment: its hosting, its dialect, what its URL ends in.
    fn written(self) -> [&'static str; 3] {
        match self {
            Self::Chat => ["own", "chat", "/v1"],
            Self::Messages => ["vendor", "messages", ""],
            Self::Responses => ["vendor", "responses", "/v1"],
        }
    }
}

/// A gateway, its target, and a key for the client.
pub(crate) struct House {
    gateway: Gateway,
    target: Sim,
    pub(crate) key: String,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn open(behind: Behind, part: Part) -> Self {
        let profile = Profile {
            models: vec!["behind-sim".to_owned()],
            key: Some("key-of-the-target".to_owned()),
            part: Some(part),
            ..Profile::instant()
        };
        let target = Sim::start(profile).await.expect("a port is free");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("tollgate.yaml");
        let [hosting, dialect, ending] = behind.written();
        let text = DEPLOYMENT
            .replace("HOSTING", hosting)
            .replace("DIALECT", dialect)
            .replace("URL", &format!("http://{}{ending}", target.addr()));
        let policy = POLICY.replace("CLAUDE", CLAUDE).replace("GPT", GPT);
        write(&file, &text);
        write(&folder.path().join("policies/prices.yaml"), PRICES);
        write(&folder.path().join("policies/default.yaml"), &policy);
        let env = [
            ("HOUSE_TOKEN", TOKEN),
            ("HOUSE_TARGET", "key-of-the-target"),
        ];
        let sources = Sources {
            file: Some(file),
            env: env.map(|(name, value)| (name.into(), value.into())).into(),
            ..Sources::default()
        };
        let gateway = app::start(sources).await.expect("the gateway starts");
        let key = key(&gateway).await;
        Self {
            gateway,
            target,
            key,
            _folder: folder,
        }
    }

    /// Where the client calls, without `/v1`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.gateway.address)
    }

    /// Holds the ledger against the target's own bill, sees that nothing was refused but for these reasons, and stops.
    pub(crate) async fn close(self, reasons: &[&str]) {
        let ledger = self.gateway.ledger();
        reckoning::hold(ledger, || self.target.bill()).await;
        let calls = ledger.records(Filter::default()).await;
        let calls = calls.expect("the ledger is readable").requests;
        assert_eq!(refusals(&self.gateway).await, reasons, "what was refused");
        let refused: Vec<_> = calls
            .iter()
            .filter(|call| call.status != Some(200))
            .collect();
        assert!(refused.is_empty(), "not answered: {refused:?}");
        self.gateway.stop().await;
    }
}

/// Why requests were refused, probes among them.
async fn refusals(gateway: &Gateway) -> Vec<String> {
    let url = format!("http://{}/metrics", gateway.admin);
    let answer = reqwest::Client::new().get(url).bearer_auth(TOKEN).send();
    let answer = answer.await.expect("the operator's listener answers");
    let text = answer.text().await.expect("an answer");
    let counted = text.lines().filter(|line| !line.ends_with(" 0"));
    let reasons = counted.filter_map(|line| line.strip_prefix("tollgate_refused_total{reason=\""));
    let reasons = reasons.filter_map(|rest| rest.split('"').next());
    reasons.map(str::to_owned).collect()
}

/// A new key.
async fn key(gateway: &Gateway) -> String {
    let answer = reqwest::Client::new()
        .post(format!("http://{}/admin/v1/keys", gateway.admin))
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(r#"{"tenant": "house", "name": "client"}"#)
        .send()
        .await
        .expect("the operator's listener answers");
    let text = answer.text().await.expect("an answer");
    let made: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let key = made["key"].as_str();
    assert!(key.is_some(), "no key was made: {text}");
    key.unwrap_or_default().to_owned()
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file has a folder");
    fs::create_dir_all(folder).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}
