//! A conversation that goes from one target to another and back wherever the person speaks, and between a call and its result where
//! nobody binds the two, for each caller and each ordered pair of targets, through the whole gateway. The targets refuse what their providers would refuse: state that they did not give out among
//! it. Each must see all that it gave out, and nothing of the other's.

mod client;

use serde_json::{Value, json};
use tollgate::sim::{Cue, Profile, Strictness, Thoughts};

use crate::calls::Door;
use crate::conversations::forcing;
use crate::rig::{House, Plan};

use client::Client;

/// What the model does at each call: it calls so many tools at once, or, for none, it speaks. Then the person does.
const ACTS: [usize; 18] = [1, 0, 0, 2, 1, 0, 0, 2, 0, 1, 2, 0, 0, 1, 0, 2, 0, 0];

/// A target of a team's own or of a vendor's, and what it speaks. Two of a kind are two accounts.
struct Target {
    name: &'static str,
    dialect: &'static str,
    own: bool,
}

const fn target(name: &'static str, dialect: &'static str, own: bool) -> Target {
    Target { name, dialect, own }
}

const TARGETS: [Target; 9] = [
    target("own-qwen", "chat", true),
    target("two-seek", "chat", false),
    target("own-glm", "messages", true),
    target("one-opus", "messages", false),
    target("two-opus", "messages", false),
    target("one-gpt", "responses", false),
    target("two-gpt", "responses", false),
    target("one-pro", "gemini", false),
    target("two-pro", "gemini", false),
];

async fn house() -> House {
    let mut plan = Plan::new();
    for Target { name, dialect, own } in TARGETS {
        let profile = Profile {
            strictness: match own {
                true => Strictness::Server,
                false => Strictness::Provider,
            },
            thoughts: match dialect {
                "chat" => Thoughts::ReasoningContent,
                _ => Thoughts::Hidden,
            },
            signs: !own,
            counts_calls: own,
            ..Profile::instant()
        };
        plan = plan.sim(name, profile, "").await.speaks(dialect);
        if own {
            plan = plan.own();
        }
        plan = plan.model(name, name);
    }
    plan.start().await
}

/// What of a body only who gave it out can read.
fn seals(body: &Value, found: &mut Vec<String>) {
    const FIELDS: [&str; 3] = ["signature", "encrypted_content", "thoughtSignature"];
    match body {
        Value::Array(list) => list.iter().for_each(|it| seals(it, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(seal) if FIELDS.contains(&name.as_str()) && !seal.is_empty() => {
                        found.push(seal.clone());
                    }
                    value => seals(value, found),
                }
            }
        }
        _ => {}
    }
}

/// One target's part of a conversation.
struct Side<'a> {
    target: &'a Target,
    /// Answers that it has given, each with a thought.
    answers: usize,
}

impl Side<'_> {
    /// What it was told last: its own state as it gave it out, and none of the other's.
    fn check(&self, house: &House, door: Door, other: &str, at: &str) {
        let seen = house.sim(self.target.name).seen();
        let seen = seen.last().expect("a request");
        let text = String::from_utf8_lossy(&seen.body);
        assert!(!text.contains(&format!("hm of {other}")), "{at}: {text}");
        assert!(!text.contains("tollgate1:"), "{at}: {text}");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        let mut found = Vec::new();
        seals(&body, &mut found);
        // Google's own word for what was called elsewhere.
        found.retain(|seal| seal != "skip_thought_signature_validator");
        found.sort_unstable();
        found.dedup();
        let Target { name, dialect, own } = self.target;
        let wanted = match *dialect {
            "chat" => 0,
            "messages" if *own => 0,
            _ => self.answers,
        };
        assert_eq!(found.len(), wanted, "{at}: {text}");
        // A Chat client keeps no thoughts, and those that anybody may read are not kept for it.
        if *own && door != Door::Chat {
            let thoughts = text.matches(&format!("hm of {name} at")).count();
            assert_eq!(thoughts, self.answers, "{at}: {text}");
        }
    }
}

async fn converse(house: &House, key: &str, door: Door, pair: [&Target; 2]) {
    let mut sides = pair.map(|target| Side { target, answers: 0 });
    let names = pair.map(|target| target.name);
    let mut client = Client::new(door, names.join(" and "));
    let (mut turn, mut now) = (0, 0);
    client.ask(turn);
    for (step, calls) in ACTS.into_iter().enumerate() {
        let (side, other) = (&mut sides[now], names[1 - now]);
        let name = side.target.name;
        let words = match calls {
            1 => String::new(),
            _ => format!("I see {step}."),
        };
        let mut cue = Cue::says(words).thinks(format!("hm of {name} at {step}"));
        for call in 0..calls {
            cue = cue.calls("look", json!({"a": call}).to_string());
        }
        house.sim(name).cue([cue]);
        // Both kinds of answers, each at all kinds of steps.
        let stream = (step + turn) % 3 != 0;
        let request = house.client.post(house.url(door.path()));
        let request = request
            .bearer_auth(key)
            .header("x-tollgate-model", name)
            .header("content-type", "application/json")
            .body(client.request(stream).to_string());

        let heard = house.hear(request).await;

        let at = format!("{door:?}, {names:?}, step {step}, stream {stream}");
        assert_eq!(heard.status, 200, "{at}: {}", heard.text());
        assert!(
            !stream || door.says_complete(heard.text()),
            "{at}: {}",
            heard.text()
        );
        side.check(house, door, other, &at);
        side.answers += 1;
        assert_eq!(client.take(&heard, stream), calls, "{at}: {}", heard.text());
        // No server of Chat binds its calls to their results.
        if calls == 0 || side.target.dialect == "chat" {
            now = 1 - now;
        }
        if calls == 0 {
            turn += 1;
            client.ask(turn);
        }
    }
}

async fn no_switch_breaks_a_conversation(door: Door) {
    for one in &TARGETS {
        let house = house().await;
        let key = forcing(&house).await;
        for other in TARGETS.iter().filter(|other| other.name != one.name) {
            converse(&house, &key, door, [one, other]).await;
        }
        house.close().await;
    }
}

#[tokio::test]
async fn no_switch_breaks_a_conversation_of_a_chat_caller() {
    no_switch_breaks_a_conversation(Door::Chat).await;
}

#[tokio::test]
async fn no_switch_breaks_a_conversation_of_a_responses_caller() {
    no_switch_breaks_a_conversation(Door::Responses).await;
}

#[tokio::test]
async fn no_switch_breaks_a_conversation_of_a_messages_caller() {
    no_switch_breaks_a_conversation(Door::Messages).await;
}
