//! Conversations replayed against simulated targets, whose caches keep to the rules of providers: what is expected to be read
//! is held against what is billed.

use bytes::Bytes;
use http::HeaderMap;
use tollgate::catalog::CacheRule;
use tollgate::domain::clock::{Clock, Timestamp};
use tollgate::domain::dialect::Endpoint;
use tollgate::domain::ids::{KeyId, ModelId, TargetId};
use tollgate::domain::tokens::TokenCount;
use tollgate::protocol::call::Call;
use tollgate::session::hash::Key;
use tollgate::session::identity::Identity;
use tollgate::session::prefix::{Prompt, Trunk};
use tollgate::session::survival::Survival;
use tollgate::session::turn::{Change, Step};
use tollgate::session::warmth::{Answered, Warm, Warmth};
use tollgate::sim::{Profile, Sim};

const START: i64 = 1_795_262_400_000;

/// A conversation at a target.
struct Talk {
    sim: Sim,
    client: reqwest::Client,
    clock: Clock,
    now: i64,
    key: Key,
    marks: bool,
    messages: Vec<String>,
    warmth: Warmth,
    survival: Survival,
    trunk: Trunk,
    /// What was expected and what was billed, call by call.
    calls: Vec<(f64, u64)>,
    changes: Vec<Change>,
}

fn text(words: usize, seed: usize) -> String {
    let word = |at: usize| format!("w{} ", (at * 7_919 + seed * 104_729) % 9_973);
    (0..words).map(word).collect()
}

impl Talk {
    async fn begin(marks: bool) -> Self {
        let clock = Clock::fixed(Timestamp::from_millis(START));
        let profile = Profile {
            clock: clock.clone(),
            ..Profile::instant()
        };
        // The tests of one binary share the process's choice of cryptography; nothing here uses it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            sim: Sim::start(profile).await.expect("a port"),
            client: reqwest::Client::new(),
            clock,
            now: START,
            key: Key::new([9; 16]),
            marks,
            messages: vec![said("user", &text(400, 1))],
            warmth: Warmth::default(),
            survival: Survival::default(),
            trunk: Trunk::default(),
            calls: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn rule(&self) -> CacheRule {
        CacheRule {
            marks: self.marks,
            ..CacheRule::default()
        }
    }

    /// The body, its last message as clients mark it; behind the next call it is a plain text.
    fn body(&self, model: &str) -> String {
        let tools: Vec<String> = (0..10)
            .map(|at| {
                format!(
                    r#"{{"name":"tool{at}","description":"{}","input_schema":{{"type":"object"}}}}"#,
                    text(60, at)
                )
            })
            .collect();
        let system = text(1_200, 99);
        let (tools, system) = match self.marks {
            true => (
                format!(r#","tools":[{}]"#, tools.join(",")),
                format!(
                    r#","system":[{{"type":"text","text":"{system}","cache_control":{{"type":"ephemeral"}}}}]"#
                ),
            ),
            false => (String::new(), String::new()),
        };
        let mut messages = self.messages.clone();
        if !self.marks {
            messages.insert(0, said("system", &text(1_200, 99)));
        } else if let Some(last) = messages.last_mut() {
            let marked =
                last.replacen(r#""content":""#, r#""content":[{"type":"text","text":""#, 1);
            let end = marked.len() - 1;
            *last = format!(
                r#"{},"cache_control":{{"type":"ephemeral"}}}}]}}"#,
                &marked[..end]
            );
        }
        let messages = messages.join(",");
        format!(r#"{{"model":"{model}","max_tokens":16{tools}{system},"messages":[{messages}]}}"#)
    }

    /// Asks `model` after so many seconds, and then says and answers something.
    async fn turn(&mut self, model: &str, pause: i64) -> Warm {
        self.now += pause * 1_000;
        let now = Timestamp::from_millis(self.now);
        self.clock.set(now);
        let (door, path) = match self.marks {
            true => (Endpoint::Messages, "/v1/messages"),
            false => (Endpoint::Chat, "/v1/chat/completions"),
        };
        let body = self.body(model);
        let call = Call::read(door, Bytes::from(body.clone()), 64).expect("a valid body");
        let prompt = Prompt::read(&call, &self.key);
        let mut headers = HeaderMap::new();
        headers.insert("x-session-id", "s".parse().expect("a value"));
        let identity = Identity::read(&headers, &call, &prompt, &KeyId::from("k"), &self.key);
        let step = Step::from(Some((&self.trunk, None)), &prompt, &identity, &call.outline);
        self.changes.push(step.change);
        let (id, target) = (ModelId::from(model), TargetId::from("t"));
        let (rule, at) = (self.rule(), (&id, &target));
        let warm = self
            .warmth
            .predict_at(at, rule, &prompt, now, &self.survival);

        let url = format!("http://{}{path}", self.sim.addr());
        let sent = self.client.post(url).body(body).send().await;
        let status = sent.expect("an answer").status();
        assert_eq!(status, 200);
        let usage = self.sim.bill().pop().expect("a line").usage;

        self.warmth.observe(&Answered {
            model: &id,
            rule,
            prompt: &prompt,
            usage,
            at: now,
        });
        self.trunk = Trunk::of(&prompt);
        self.calls.push((warm.expected(), usage.cache_read.0));
        let number = self.messages.len();
        self.messages
            .push(said("assistant", &text(60 + number * 3, number)));
        self.messages
            .push(said("user", &text(90 + number * 5, number + 500)));
        warm
    }

    /// What was expected on the whole, off what was billed.
    fn error(&self) -> f64 {
        let expected: f64 = self.calls.iter().map(|call| call.0).sum();
        let billed: u64 = self.calls.iter().map(|call| call.1).sum();
        let apart: f64 = self
            .calls
            .iter()
            .map(|(one, two)| (one - *two as f64).abs())
            .sum();
        assert!(billed > 0 && (expected - billed as f64).abs() <= apart);
        apart / billed as f64
    }

    fn check(&self) {
        let error = self.error();
        assert!(error < 0.05, "{error}: {:?}", self.calls);
    }
}

fn said(role: &str, text: &str) -> String {
    format!(r#"{{"role":"{role}","content":"{text}"}}"#)
}

#[tokio::test]
async fn thirty_turns_are_read_as_expected() {
    for marks in [false, true] {
        let mut talk = Talk::begin(marks).await;

        for _ in 0..30 {
            talk.turn("one", 20).await;
        }

        talk.check();
        assert_eq!(talk.calls[0], (0.0, 0), "nothing was cached yet");
        assert!(talk.calls[1..].iter().all(|call| call.1 > 1_024));
        assert!(talk.changes[1..].iter().all(|it| *it == Change::Extended));
    }
}

#[tokio::test]
async fn what_expires_is_not_counted_on() {
    for marks in [false, true] {
        let mut talk = Talk::begin(marks).await;

        for turn in 0..30 {
            let pause = if turn % 7 == 6 { 301 } else { 45 };
            let warm = talk.turn("one", pause).await;
            assert_eq!(warm.sure == 0.0, turn == 0 || turn % 7 == 6, "{turn}");
        }

        talk.check();
    }
}

#[tokio::test]
async fn a_model_that_is_left_keeps_its_part_until_it_expires() {
    for marks in [false, true] {
        let mut talk = Talk::begin(marks).await;
        let models = [
            "one", "one", "two", "two", "two", "one", "one", "one", "two", "one",
        ];

        for turn in 0..30 {
            talk.turn(models[turn % models.len()], 25).await;
        }
        let cold = talk.turn("three", 25).await;
        let back = talk.turn("two", 25).await;

        talk.check();
        assert_eq!(cold.tokens, TokenCount(0));
        assert!(back.tokens > TokenCount(1_024) && back.sure == 1.0);
    }
}

#[tokio::test]
async fn a_compaction_leaves_the_head() {
    for marks in [false, true] {
        let mut talk = Talk::begin(marks).await;

        for turn in 0..30 {
            if turn == 12 || turn == 22 {
                talk.messages = vec![said("user", &text(300, 7_000 + turn))];
            }
            talk.turn("one", 20).await;
        }

        talk.check();
        for turn in [12, 22] {
            assert_eq!(talk.changes[turn], Change::Compacted);
            assert!(talk.calls[turn].1 < talk.calls[turn - 1].1);
        }
        assert_eq!(
            talk.changes
                .iter()
                .filter(|it| **it == Change::Extended)
                .count(),
            27
        );
    }
}
