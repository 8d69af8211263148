//! A gateway with its targets, and a client to ask it with.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use tollgate::app::{self, Gateway};
use tollgate::config::Sources;
use tollgate::domain::clock::Clock;
use tollgate::ledger::{AttemptRecord, Filter, Ledger, Record};
use tollgate::sim::{Profile, Sim};

use crate::books::{self, Price};
use crate::calls::{Door, Heard};

/// What every target asks for as its key begins with: no caller may ever see it.
pub(crate) const TARGET_KEY: &str = "sk-target-secret-";
pub(crate) const ADMIN_TOKEN: &str = "admin-token-of-the-tests";
/// How long a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A target of the gateway.
struct TargetPlan {
    id: String,
    url: String,
    hosting: &'static str,
    dialects: String,
    more: String,
}

/// A gateway to be built.
pub(crate) struct Plan {
    sims: Vec<(String, Sim)>,
    targets: Vec<TargetPlan>,
    models: String,
    more: String,
    policy: String,
    prices: String,
    price: Price,
    access: &'static str,
    answers: &'static str,
}

const PRICES: &str = "version: 1
models:
  alpha-there: { input: 3, output: 15, cache_read: 0.30, cache_write_5m: 3.75, cache_write_1h: 6 }
  beta-there: { input: 0.07, output: 0.0005 }
";

impl Plan {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            sims: Vec::new(),
            targets: Vec::new(),
            models: String::new(),
            more: String::new(),
            policy: String::new(),
            prices: PRICES.to_owned(),
            price: books::by_hand,
            access: "keys",
            answers: "memory",
        }
    }

    /// One target with the model `alpha`.
    pub(crate) async fn one() -> Self {
        let plan = Self::new().sim("a", Profile::instant(), "").await;
        plan.model("alpha", "a")
    }

    /// Two targets with a model each, `alpha` the preferred one.
    pub(crate) async fn two() -> Self {
        Self::two_with(Profile::instant(), "").await
    }

    /// The same; the first target with this profile and these settings.
    pub(crate) async fn two_with(profile: Profile, more: &str) -> Self {
        let plan = Self::new().sim("a", profile, more).await;
        let plan = plan.sim("b", Profile::instant(), "").await;
        plan.model("alpha", "a").model("beta", "b")
    }

    /// Adds a simulated target that asks for its own key.
    pub(crate) async fn sim(mut self, id: &str, profile: Profile, more: &str) -> Self {
        let key = Some(format!("{TARGET_KEY}{id}"));
        let sim = Sim::start(Profile { key, ..profile })
            .await
            .expect("a port");
        let url = format!("http://{}/v1", sim.addr());
        self.sims.push((id.to_owned(), sim));
        self.target(id, &url, more)
    }

    /// Adds a target at this address. `more` are settings of it, each after a comma.
    pub(crate) fn target(mut self, id: &str, url: &str, more: &str) -> Self {
        self.targets.push(TargetPlan {
            id: id.to_owned(),
            url: url.to_owned(),
            hosting: "vendor",
            dialects: "chat, responses, messages, completions".to_owned(),
            more: more.to_owned(),
        });
        self
    }

    /// The target that was added last speaks these dialects alone.
    pub(crate) fn speaks(mut self, dialects: &str) -> Self {
        let last = self.targets.last_mut().expect("a target");
        last.dialects = dialects.to_owned();
        self
    }

    /// The target that was added last is the team's own.
    pub(crate) fn own(mut self) -> Self {
        let last = self.targets.last_mut().expect("a target");
        last.hosting = "own";
        self
    }

    /// Adds a model that is called `…-there` by its target.
    pub(crate) fn model(mut self, id: &str, target: &str) -> Self {
        let _ = writeln!(
            self.models,
            "  {id}: {{ target: {target}, name: {id}-there }}"
        );
        self
    }

    /// The same; so many tokens fit into it.
    pub(crate) fn sized(mut self, id: &str, target: &str, window: u64) -> Self {
        let _ = writeln!(
            self.models,
            "  {id}: {{ target: {target}, name: {id}-there, window: {window}, max_output: 1000 }}"
        );
        self
    }

    /// Adds a line to the configuration.
    pub(crate) fn with(mut self, line: &str) -> Self {
        let _ = writeln!(self.more, "{line}");
        self
    }

    pub(crate) fn policy(mut self, text: &str) -> Self {
        self.policy = text.to_owned();
        self
    }

    /// Other prices, and how they are worked out by hand.
    pub(crate) fn prices(mut self, text: &str, price: Price) -> Self {
        self.prices = format!("version: 1\nmodels:\n{text}");
        self.price = price;
        self
    }

    pub(crate) fn open(mut self) -> Self {
        self.access = "open";
        self
    }

    /// Where answers are kept for calls that go on from them.
    pub(crate) fn keeps_answers(mut self, place: &'static str) -> Self {
        self.answers = place;
        self
    }

    pub(crate) fn yaml(&self) -> String {
        let mut text = format!(
            "listen: 127.0.0.1:0\nadmin: {{ listen: 127.0.0.1:0 }}\naccess: {}\nstore: {{ path: store, answers: {} }}\npolicies: policies\n{}targets:\n",
            self.access, self.answers, self.more
        );
        for TargetPlan {
            id,
            url,
            hosting,
            dialects,
            more,
        } in &self.targets
        {
            let key = variable(id);
            let _ = writeln!(
                text,
                "  {id}: {{ hosting: {hosting}, dialects: [{dialects}], url: {url}, key: {{ env: {key} }}{more} }}"
            );
        }
        let _ = write!(text, "models:\n{}", self.models);
        text
    }

    /// The models in the order in which they were added.
    fn names(&self) -> String {
        let names = self
            .models
            .lines()
            .filter_map(|line| line.split(':').next());
        names.map(str::trim).collect::<Vec<_>>().join(", ")
    }

    fn default_policy(&self) -> String {
        match self.policy.as_str() {
            "" => format!(
                "version: 1\nanswers: [auto, \"route-*\"]\nmodels: all\nrules: [ {{ name: as written, prefer: [{}] }} ]\n",
                self.names()
            ),
            text => text.to_owned(),
        }
    }

    pub(crate) async fn start(self) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        std::fs::create_dir(folder.path().join("policies")).expect("a folder");
        write("tollgate.yaml", &self.yaml());
        write("policies/default.yaml", &self.default_policy());
        write("policies/prices.yaml", &self.prices);
        let mut env = vec![("TOLLGATE_ADMIN_TOKEN".to_owned(), ADMIN_TOKEN.to_owned())];
        env.extend(self.targets.iter().map(|target| {
            let name = variable(&target.id);
            (name, format!("{TARGET_KEY}{}", target.id))
        }));
        let sources = Sources {
            file: Some(folder.path().join("tollgate.yaml")),
            env,
            ..Sources::default()
        };
        let gateway = app::start(sources)
            .await
            .unwrap_or_else(|error| unreachable!("{error}"));
        let mut house = House {
            gateway,
            sims: self.sims,
            folder,
            client: client(),
            key: String::new(),
            heard: Mutex::default(),
            price: self.price,
        };
        if self.access == "keys" {
            house.key = house
                .make_key(json!({"tenant": "core", "name": "tests"}))
                .await
                .1;
        }
        house
    }
}

/// The variable that a target's key stands in.
fn variable(target: &str) -> String {
    format!("KEY_{}", target.to_uppercase().replace('-', "_"))
}

/// A client that does nothing by itself.
pub(crate) fn client() -> reqwest::Client {
    builder().build().expect("a client")
}

pub(crate) fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(Duration::from_secs(30))
}

/// A gateway that runs, and everything around it.
pub(crate) struct House {
    pub(crate) gateway: Gateway,
    sims: Vec<(String, Sim)>,
    folder: TempDir,
    pub(crate) client: reqwest::Client,
    pub(crate) key: String,
    /// By request: the tokens that its caller saw.
    heard: Mutex<HashMap<String, u64>>,
    price: Price,
}

impl House {
    /// One target, one model.
    pub(crate) async fn one() -> Self {
        Plan::one().await.start().await
    }

    /// Two targets with a model each.
    pub(crate) async fn two() -> Self {
        Plan::two().await.start().await
    }

    pub(crate) fn sim(&self, id: &str) -> &Sim {
        let found = self.sims.iter().find(|(name, _)| name == id);
        &found.expect("the target is simulated").1
    }

    /// The first simulated target.
    pub(crate) fn a(&self) -> &Sim {
        self.sim("a")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address)
    }

    /// A request with the key that every house has.
    pub(crate) fn post(
        &self,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::RequestBuilder {
        let request = self.client.post(self.url(path)).body(body);
        let request = request.header("content-type", "application/json");
        match self.key.is_empty() {
            true => request,
            false => request.bearer_auth(&self.key),
        }
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(&self.key)
    }

    /// Asks and reads the answer to its end.
    pub(crate) async fn ask(&self, path: &str, body: &Value) -> Heard {
        self.hear(self.post(path, body.to_string())).await
    }

    pub(crate) async fn ask_at(&self, door: Door, model: &str, stream: bool) -> Heard {
        self.ask(door.path(), &door.body(model, stream)).await
    }

    pub(crate) async fn hear(&self, request: reqwest::RequestBuilder) -> Heard {
        let heard = Heard::read(request.send().await.expect("an answer")).await;
        self.note(&heard);
        heard
    }

    /// Keeps what the caller saw, for the books; nothing of a target's key may be in it.
    pub(crate) fn note(&self, heard: &Heard) {
        let shown = format!(
            "{:?}{}",
            heard.headers,
            String::from_utf8_lossy(&heard.body)
        );
        assert!(
            !shown.contains(TARGET_KEY),
            "a target's key was shown: {shown}"
        );
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(heard.request_id().to_owned(), heard.tokens());
    }

    pub(crate) fn admin(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.gateway.admin);
        self.client.request(method, url).bearer_auth(ADMIN_TOKEN)
    }

    pub(crate) async fn admin_get(&self, path: &str) -> Heard {
        let request = self.admin(http::Method::GET, path);
        Heard::read(request.send().await.expect("an answer")).await
    }

    pub(crate) async fn admin_post(&self, path: &str, body: &Value) -> Heard {
        let request = self.admin(http::Method::POST, path).body(body.to_string());
        Heard::read(request.send().await.expect("an answer")).await
    }

    /// Makes a key: its id and its text.
    pub(crate) async fn make_key(&self, wanted: Value) -> (String, String) {
        let made = self.admin_post("/admin/v1/keys", &wanted).await;
        let made = (made.status, made.json());
        assert_eq!(made.0, 200, "{}", made.1);
        let text = |name: &str| made.1[name].as_str().expect("a text").to_owned();
        (text("id"), text("key"))
    }

    /// All calls in the ledger, the oldest first, once none is under way.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let ledger = self.gateway.ledger();
        until("no attempt is open", async || ledger.open_holds() == 0).await;
        let mut records = Vec::new();
        until("every call is closed", async || {
            let filter = Filter {
                limit: 1_000,
                ..Filter::default()
            };
            records = ledger.records(filter).await.expect("the ledger").requests;
            records.iter().all(|record| record.status.is_some())
        })
        .await;
        records.reverse();
        records
    }

    /// The only call's record.
    pub(crate) async fn record(&self) -> Record {
        let mut records = self.records().await;
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    /// The last attempt of the only call.
    pub(crate) async fn attempt(&self) -> AttemptRecord {
        self.record().await.attempts.pop().expect("an attempt")
    }

    /// Holds the ledger against the bills.
    pub(crate) async fn check_books(&self) {
        let records = self.records().await;
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        books::compare(&records, &self.sims, &heard, self.price);
    }

    /// Stops the gateway. What is left can still be compared.
    pub(crate) async fn stop(self) -> Left {
        self.gateway.stop().await;
        Left {
            sims: self.sims,
            folder: self.folder,
            heard: self.heard,
            price: self.price,
        }
    }

    /// Holds the ledger against the bills and stops everything.
    pub(crate) async fn close(self) {
        self.check_books().await;
        self.stop().await;
    }
}

/// What is left of a house when its gateway has stopped.
pub(crate) struct Left {
    pub(crate) sims: Vec<(String, Sim)>,
    pub(crate) folder: TempDir,
    heard: Mutex<HashMap<String, u64>>,
    price: Price,
}

impl Left {
    /// Keeps what a caller saw after the gateway had begun to stop.
    pub(crate) fn note(&self, heard: &Heard) {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(heard.request_id().to_owned(), heard.tokens());
    }

    /// Holds the ledger as it lies on the disk against the bills.
    pub(crate) async fn check_books(&self) -> Vec<Record> {
        let path = self.folder.path().join("store");
        let store = app::open_store(&path).await.expect("the store");
        let (ledger, recovered) = Ledger::open(store.clone(), Clock::system())
            .await
            .expect("the ledger");
        assert_eq!((recovered.attempts, recovered.calls), (0, 0));
        let page = ledger.records(Filter {
            limit: 1_000,
            ..Filter::default()
        });
        let mut records = page.await.expect("the ledger").requests;
        records.reverse();
        store.close().await;
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        books::compare(&records, &self.sims, &heard, self.price);
        records
    }
}
