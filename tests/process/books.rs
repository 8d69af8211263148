//! Our ledger, read over the admin API and held against the targets' own bills.

use std::collections::HashMap;

use serde_json::Value;
use tollgate::sim::BillLine;

use crate::caller::Got;
use crate::rig::{Gateway, Pair, price};

/// Everything in the ledger.
pub(crate) struct Books {
    requests: Vec<Value>,
    /// Attempts by id.
    attempts: HashMap<String, Value>,
    total: u64,
}

const CLASSES: [&str; 5] = [
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
];

impl Books {
    /// Reads all pages. No id comes twice, and every cost is that of its tokens.
    pub(crate) async fn read(gateway: &Gateway) -> Self {
        let mut requests = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = gateway.ask(&format!("/requests?limit=100{cursor}")).await;
            requests.extend(page["requests"].as_array().expect("a list").clone());
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let mut books = Self {
            requests,
            attempts: HashMap::new(),
            total: 0,
        };
        books.index();
        books
    }

    fn index(&mut self) {
        let mut seen = std::collections::HashSet::new();
        for request in &self.requests {
            assert!(seen.insert(text(&request["request_id"])), "{request}");
            let mut sum = 0;
            for attempt in request["attempts"].as_array().expect("a list") {
                sum += cost(attempt);
                let twice = self
                    .attempts
                    .insert(text(&attempt["attempt_id"]), attempt.clone());
                assert!(twice.is_none(), "twice: {attempt}");
            }
            assert_eq!(request["cost_nano_usd"].as_u64(), Some(sum), "{request}");
            self.total += sum;
        }
    }

    /// Attempts in this state.
    pub(crate) fn count(&self, state: &str) -> usize {
        let of_state = |attempt: &&Value| attempt["state"] == state;
        self.attempts.values().filter(of_state).count()
    }

    /// Attempts that ended so.
    pub(crate) fn ends(&self, end: &str) -> usize {
        let of_end = |attempt: &&Value| attempt["end"] == end;
        self.attempts.values().filter(of_end).count()
    }

    /// Each attempt of the targets' bills is here once and has ended: an actual one with the bill's tokens. What is here
    /// and on no bill never reached a target. The sums are those of the entries.
    pub(crate) async fn agree(&self, gateway: &Gateway, pair: &Pair) {
        assert_eq!(self.count("open"), 0);
        let bill: Vec<BillLine> = [pair.near.bill(), pair.far.bill()].concat();
        let mut billed = HashMap::new();
        for line in bill {
            let id = line
                .attempt
                .clone()
                .expect("every request names its attempt");
            assert!(self.attempts.contains_key(&id), "not here: {line:?}");
            let ours = &self.attempts[&id];
            assert_ne!(ours["state"], "void", "{line:?}");
            if ours["state"] == "actual" {
                let theirs = serde_json::to_value(line.usage).expect("JSON");
                assert_eq!(ours["tokens"], theirs, "{id}");
            }
            assert!(billed.insert(id, line).is_none(), "billed twice");
        }
        for (id, ours) in &self.attempts {
            assert!(
                ours["state"] != "actual" || billed.contains_key(id),
                "{ours}"
            );
        }
        for by in ["tenant", "key", "model", "day"] {
            let spend = gateway.ask(&format!("/spend?by={by}")).await;
            let rows = spend["rows"].as_array().expect("rows");
            let sum = |name: &str| {
                rows.iter()
                    .filter_map(|row| row[name].as_u64())
                    .sum::<u64>()
            };
            assert_eq!(sum("cost_nano_usd"), self.total, "{by}");
            assert_eq!(sum("attempts"), self.attempts.len() as u64, "{by}");
        }
    }

    /// What a caller got is never more than what its call was settled with.
    pub(crate) fn cover(&self, got: &Got) {
        let Some(id) = &got.request else { return };
        let request = self.request(id);
        let attempts = request["attempts"].as_array().expect("a list");
        let billed = attempts.last().map_or(0, |attempt| {
            attempt["tokens"]["output"].as_u64().expect("a count")
        });
        assert!(billed >= got.tokens, "{} relayed: {request}", got.tokens);
    }

    pub(crate) fn request(&self, id: &str) -> &Value {
        let found = self.requests.iter().find(|it| it["request_id"] == id);
        found.expect("a call that was answered is in the ledger")
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// What the attempt's entry says that it cost, which is what its tokens cost.
fn cost(attempt: &Value) -> u64 {
    let cost = attempt["cost_nano_usd"].as_u64().expect("a known cost");
    let prices = price(attempt["model"].as_str().expect("a model"));
    let of = |(class, price): (&str, u64)| attempt["tokens"][class].as_u64().map(|n| n * price);
    let classes = CLASSES.into_iter().zip(prices);
    let sum: Option<u64> = classes.map(of).sum();
    assert_eq!(Some(cost), sum, "{attempt}");
    cost
}
