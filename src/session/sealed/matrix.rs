//! A conversation that goes from one target to another and back wherever the person speaks, for each caller and each ordered pair of
//! targets. The targets refuse what their providers would refuse, and each must see all that it gave out, as it gave it out.

use serde_json::{Value, json};

use self::strict::{Act, Target};
use super::*;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::dialect::Endpoint;
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::manner::{Manner, Thoughts};
use crate::protocol::translate::{read, read_answer, write, write_answer};

mod strict;

/// What the model does at each call. Behind `Say` the person speaks, and another target answers.
const ACTS: [Act; 17] = [
    Act::Call(1),
    Act::Say,
    Act::Say,
    Act::Call(2),
    Act::Call(1),
    Act::Say,
    Act::Say,
    Act::Call(2),
    Act::Say,
    Act::Call(1),
    Act::Call(2),
    Act::Say,
    Act::Say,
    Act::Call(1),
    Act::Say,
    Act::Call(2),
    Act::Say,
];

fn targets() -> Vec<Target> {
    use Dialect::{Chat, Gemini, Messages, Responses};
    vec![
        Target::new(Chat, Hosting::Own, "gpu/qwen"),
        Target::new(Chat, Hosting::Vendor, "deep/seek"),
        Target::new(Messages, Hosting::Own, "gpu/glm"),
        Target::new(Messages, Hosting::Vendor, "one/opus"),
        Target::new(Messages, Hosting::Vendor, "two/opus"),
        Target::new(Responses, Hosting::Vendor, "one/gpt"),
        Target::new(Responses, Hosting::Vendor, "two/gpt"),
        Target::new(Gemini, Hosting::Vendor, "one/pro"),
        Target::new(Gemini, Hosting::Vendor, "two/pro"),
    ]
}

/// A client that keeps the whole conversation, and of an answer what clients of its dialect keep.
struct Client {
    dialect: Dialect,
    said: Vec<Value>,
}

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

impl Client {
    fn ask(&mut self, turn: usize) {
        let text = format!("question {turn}");
        let shows = turn == 2;
        let url = format!("data:image/png;base64,{PIXEL}");
        let mut parts = match self.dialect {
            Dialect::Chat => vec![json!({"type": "text", "text": text})],
            Dialect::Messages => vec![json!({"type": "text", "text": text})],
            _ => vec![json!({"type": "input_text", "text": text})],
        };
        if shows {
            parts.push(match self.dialect {
                Dialect::Chat => json!({"type": "image_url", "image_url": {"url": url}}),
                Dialect::Messages => json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}),
                _ => json!({"type": "input_image", "image_url": url}),
            });
        }
        self.said.push(json!({"role": "user", "content": parts}));
    }

    fn request(&self) -> String {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let said = &self.said;
        match self.dialect {
            Dialect::Chat => json!({"model": "auto", "messages": said,
                "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}]}),
            Dialect::Messages => json!({"model": "auto", "max_tokens": 20_000, "thinking": {"type": "adaptive"}, "messages": said,
                "tools": [{"name": "look", "input_schema": schema}]}),
            _ => json!({"model": "auto", "store": false, "include": ["reasoning.encrypted_content"], "input": said,
                "tools": [{"type": "function", "name": "look", "parameters": schema}]}),
        }
        .to_string()
    }

    /// Takes an answer in, and gives its calls their results.
    fn take(&mut self, answer: &str) {
        let answer: Value = serde_json::from_str(answer).expect("JSON");
        let id = |call: &Value, name: &str| call[name].as_str().expect("an id").to_owned();
        match self.dialect {
            Dialect::Chat => {
                let message = &answer["choices"][0]["message"];
                let calls = message["tool_calls"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let mut kept = json!({"role": "assistant", "content": message["content"]});
                if !calls.is_empty() {
                    kept["tool_calls"] = message["tool_calls"].clone();
                }
                self.said.push(kept);
                let result = |call| json!({"role": "tool", "tool_call_id": id(call, "id"), "content": "seen"});
                self.said.extend(calls.iter().map(result));
            }
            Dialect::Messages => {
                let content = answer["content"].as_array().expect("blocks");
                self.said
                    .push(json!({"role": "assistant", "content": content}));
                let calls = content.iter().filter(|it| it["type"] == "tool_use");
                let result = |call| json!({"type": "tool_result", "tool_use_id": id(call, "id"), "content": "seen"});
                let results: Vec<_> = calls.map(result).collect();
                if !results.is_empty() {
                    self.said.push(json!({"role": "user", "content": results}));
                }
            }
            _ => {
                let output = answer["output"].as_array().expect("items");
                self.said.extend(output.iter().cloned());
                let calls = output.iter().filter(|it| it["type"] == "function_call");
                let result = |call| json!({"type": "function_call_output", "call_id": id(call, "call_id"), "output": "seen"});
                self.said.extend(calls.map(result));
            }
        }
    }
}

fn manner(target: &Target) -> Manner {
    let mut manner = Manner::of(target.dialect);
    manner.owner = target.owner();
    if target.hosting == Hosting::Own {
        manner.thoughts = Thoughts::ReasoningContent;
    }
    manner
}

fn written(seals: &Seals, caller: Dialect, body: &str, target: &Target) -> (String, Echo) {
    let (mut asked, echo) = read(caller, body).expect("a request");
    seals.restore(&mut asked);
    if target.hosting == Hosting::Own {
        Seals::disown(&mut asked);
    }
    let written = write(target.dialect, &asked, "m", &manner(target));
    (written.body, echo)
}

/// One call, as the layers carry it: unchanged where the target speaks the caller's dialect and nothing in it is another's.
fn call(
    seals: &Seals,
    caller: Dialect,
    body: &str,
    target: &mut Target,
    act: Act,
) -> Result<String, String> {
    let endpoint = match caller {
        Dialect::Chat => Endpoint::Chat,
        Dialect::Messages => Endpoint::Messages,
        _ => Endpoint::Responses,
    };
    if caller == target.dialect {
        let call = Call::read(endpoint, body.to_owned().into(), 64).expect("a valid body");
        let sent = match seals.is_foreign(&call, &target.owner(), target.hosting) {
            true => written(seals, caller, body, target).0,
            false => body.to_owned(),
        };
        let answer = target.answer(&sent, act)?;
        seals::of_answer(caller, answer.as_bytes(), |state| {
            seals.made(&state, target.maker);
        });
        return Ok(answer);
    }
    let (sent, echo) = written(seals, caller, body, target);
    let said = target.answer(&sent, act)?;
    let mut answer = read_answer(target.dialect, &said, "").expect("an answer");
    aside::claim(&mut answer.blocks, target.dialect, target.maker);
    seals.lay_aside(aside::of_answer(&answer, &echo));
    Ok(write_answer(&answer, &echo, 0).body)
}

fn converse(caller: Dialect, mut pair: [Target; 2]) {
    let clock = Clock::fixed(Timestamp::from_millis(1_795_262_400_000));
    let seals = Seals::of(&Talks::alone(clock, &Entropy::seeded(3)), &"k".into());
    let mut client = Client {
        dialect: caller,
        said: Vec::new(),
    };
    let mut turn = 0;
    client.ask(turn);
    for (at, act) in ACTS.into_iter().enumerate() {
        let others = pair[(turn + 1) % 2].gave.clone();
        let target = &mut pair[turn % 2];
        let body = client.request();
        let answer = call(&seals, caller, &body, target, act);
        let maker = target.maker;
        let answer = answer.unwrap_or_else(|refusal| {
            panic!(
                "{caller} caller, {} then {}, call {at}: {maker} refuses: {refusal}",
                pair[0].maker, pair[1].maker
            )
        });
        let last = &pair[turn % 2].saw;
        for state in others {
            assert!(
                !last.contains(&state),
                "{caller} caller, call {at}: {maker} was told {state}"
            );
        }
        client.take(&answer);
        if act == Act::Say {
            turn += 1;
            client.ask(turn);
        }
    }
}

#[test]
fn no_switch_breaks_a_conversation() {
    let count = targets().len();
    for caller in [Dialect::Chat, Dialect::Messages, Dialect::Responses] {
        for (one, other) in (0..count).flat_map(|one| (0..count).map(move |other| (one, other))) {
            let (first, second) = (targets().swap_remove(one), targets().swap_remove(other));
            if one != other {
                converse(caller, [first, second]);
            }
        }
    }
}
