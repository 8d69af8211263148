//! What is seen in outputs as tools write them, and in conversations as clients send them.

mod clients;
mod compilers;
mod property;
mod runners;

use bytes::Bytes;
use serde_json::{Value, json};

use super::commands;
use super::output::{self, Outcome};
use super::*;
use crate::domain::dialect::Endpoint;
use crate::protocol::call::Call;

/// The outcome of a command's output.
fn judged(command: &str, output: &str) -> Outcome {
    output::judge(output, commands::read(command).does, false)
}

fn words(signs: &Signs) -> String {
    let word = |(sign, count): (Sign, u16)| match count {
        1 => sign.to_string(),
        count => format!("{sign}*{count}"),
    };
    signs.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// What a whole body says, and the state behind it.
fn read(endpoint: Endpoint, body: &Value) -> (String, State) {
    let call = call(endpoint, body);
    let mut state = State::default();
    let signs = Evidence::step(&mut state, call.body(), &call.messages);
    (words(&signs), state)
}

fn call(endpoint: Endpoint, body: &Value) -> Call {
    Call::read(endpoint, Bytes::from(body.to_string()), 64).expect("a valid body")
}

/// A conversation in the shape of Claude Code.
#[derive(Default)]
struct Claude(Vec<Value>);

impl Claude {
    fn says(mut self, text: &str) -> Self {
        self.0
            .push(json!({"role": "user", "content": [{"type": "text", "text": text}]}));
        self
    }

    fn answers(mut self, text: &str) -> Self {
        self.0
            .push(json!({"role": "assistant", "content": [{"type": "text", "text": text}]}));
        self
    }

    /// A call and its result.
    fn uses(mut self, name: &str, input: Value, error: bool, result: &str) -> Self {
        let id = format!("toolu_{}", self.0.len());
        self.0.push(json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": name, "input": input}]}));
        self.0.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "is_error": error, "content": result},
            {"type": "text", "text": "<system-reminder>the todo list is empty; still broken</system-reminder>"}]}));
        self
    }

    fn runs(self, command: &str, error: bool, result: &str) -> Self {
        self.uses(
            "Bash",
            json!({"command": command, "description": "run it"}),
            error,
            result,
        )
    }

    fn edits(self, file: &str, change: &str) -> Self {
        let input = json!({"file_path": file, "old_string": change, "new_string": "y"});
        self.uses(
            "Edit",
            input,
            false,
            "The file has been updated.\n     1\terror: FAILED",
        )
    }

    fn body(&self) -> Value {
        json!({"model": "m", "messages": self.0})
    }

    fn read(&self) -> (String, State) {
        read(Endpoint::Messages, &self.body())
    }

    fn signs(&self) -> String {
        self.read().0
    }
}
