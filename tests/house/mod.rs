//! A real gateway between real sockets: two simulated targets behind it, keys in front, a store of its own.

mod reckoning;

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tollgate::app::{self, Gateway};
use tollgate::config::Sources;
use tollgate::sim::{Profile, Sim};

/// What the operator shows.
pub(crate) const TOKEN: &str = "operator-of-the-test-house";

const DEPLOYMENT: &str = "\
listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, token: { env: HOUSE_TOKEN } }
access: keys
store: { path: books }
policies: policies
targets:
  openai: { hosting: own, dialects: [chat, responses, completions, messages], url: OPENAI/v1, key: { env: HOUSE_OPENAI } }
  anthropic: { hosting: vendor, dialects: [messages, chat], url: ANTHROPIC/v1, key: { env: HOUSE_ANTHROPIC } }
  only-chat: { hosting: own, dialects: [chat], url: OPENAI/v1, key: { env: HOUSE_OPENAI } }
  only-messages: { hosting: vendor, dialects: [messages], url: ANTHROPIC/v1, key: { env: HOUSE_ANTHROPIC } }
models:
  gpt-sim: { target: openai, window: 1000000, max_output: 100000, can: [tools, fim, thinking, structured_output, embeddings] }
  unpriced-sim: { target: openai }
  claude-sim: { target: anthropic, window: 1000000, max_output: 100000, can: [tools, images, thinking] }
  chat-sim: { target: only-chat, name: gpt-sim }
  messages-sim: { target: only-messages, name: claude-sim }
";

const PRICES: &str = "\
version: 1
models:
  gpt-sim: { from: 2026-01-01, source: test, input: 2, output: 10, cache_read: 0.2 }
  claude-sim: { from: 2026-01-01, source: test, input: 4, output: 20, cache_read: 0.4, cache_write_5m: 5, cache_write_1h: 8 }
";

const POLICY: &str = "\
version: 1
answers: [auto]
models: [gpt-sim, claude-sim]
rules: [ { name: as written, prefer: [gpt-sim, claude-sim] } ]
";

/// A gateway and its targets.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) gateway: Gateway,
    /// Behind `gpt-sim`.
    pub(crate) openai: Sim,
    /// Behind `claude-sim`.
    pub(crate) anthropic: Sim,
    _folder: TempDir,
}

impl House {
    /// Opens one on free ports. The targets' keys are not the callers'.
    pub(crate) async fn open() -> Self {
        let openai = target(["gpt-sim", "unpriced-sim"], "key-of-openai").await;
        let anthropic = target(["claude-sim"], "key-of-anthropic").await;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("tollgate.yaml");
        let at = |sim: &Sim| format!("http://{}", sim.addr());
        let text = DEPLOYMENT
            .replace("OPENAI/v1", &format!("{}/v1", at(&openai)))
            .replace("ANTHROPIC/v1", &at(&anthropic));
        write(&file, &text);
        write(&folder.path().join("policies/prices.yaml"), PRICES);
        write(&folder.path().join("policies/default.yaml"), POLICY);
        let env = [
            ("HOUSE_TOKEN", TOKEN),
            ("HOUSE_OPENAI", "key-of-openai"),
            ("HOUSE_ANTHROPIC", "key-of-anthropic"),
        ];
        let sources = Sources {
            file: Some(file),
            env: env.map(|(name, value)| (name.into(), value.into())).into(),
            ..Sources::default()
        };
        let gateway = app::start(sources).await.expect("the gateway starts");
        Self {
            gateway,
            openai,
            anthropic,
            _folder: folder,
        }
    }

    /// Holds the ledger against the targets' own bills, once nothing is under way any more.
    pub(crate) async fn reckon(&self) {
        let bills = || [self.openai.bill(), self.anthropic.bill()].concat();
        reckoning::hold(self.gateway.ledger(), bills).await;
    }

    /// A new key, of the tenant `house`.
    pub(crate) async fn key(&self) -> String {
        let answer = reqwest::Client::new()
            .post(format!("http://{}/admin/v1/keys", self.gateway.admin))
            .bearer_auth(TOKEN)
            .header("content-type", "application/json")
            .body(r#"{"tenant": "house", "name": "test"}"#)
            .send()
            .await
            .expect("the operator's listener answers");
        let text = answer.text().await.expect("an answer");
        let made: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let key = made["key"].as_str();
        assert!(key.is_some(), "no key was made: {text}");
        key.unwrap_or_default().to_owned()
    }
}

async fn target<const N: usize>(models: [&str; N], key: &str) -> Sim {
    let profile = Profile {
        models: models.map(str::to_owned).to_vec(),
        key: Some(key.to_owned()),
        ..Profile::instant()
    };
    Sim::start(profile).await.expect("a port is free")
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file has a folder");
    fs::create_dir_all(folder).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}
