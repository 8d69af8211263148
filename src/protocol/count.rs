//! How many tokens a request is, counted here: for targets that cannot be asked, or do not answer.
//!
//! What models read is counted as text, without the escapes of JSON: instructions, words, calls of tools and their results, tools
//! with their schemas. Beside that each provider frames messages and tools in a way of its own. Pictures and papers
//! are taken for a fixed number. Other models have other tokens than these: how many of theirs are one of ours is learned
//! elsewhere.

mod ask;
mod tokens;

pub use self::ask::{answer, asking, told};

use self::tokens::Tally;
pub use self::tokens::is_ready;
use super::translate;
use super::translate::asked::{Asked, Format, Speaker};
use super::translate::block::{Block, Source, ToolReply};
use super::translate::tool::{Function, Takes, Tool};
use crate::domain::dialect::Dialect;
use crate::domain::tokens::TokenCount;

/// A picture, of whatever size.
const PICTURE: u64 = 1_500;
/// A paper that is not here as words: about a page or two.
const PAPER: u64 = 3_000;

/// Tokens that a provider adds by itself, as far as they tell.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// To begin the answer.
    answer: u64,
    /// Around a message: who speaks, and where it ends.
    message: u64,
    /// Before the tools, if there are any.
    tools: u64,
    /// Around each tool, and around each call of one and its result.
    tool: u64,
}

impl Frame {
    /// Of the dialect that a target is asked in.
    fn of(dialect: Dialect) -> Self {
        let plain = Self {
            answer: 3,
            message: 4,
            tools: 12,
            tool: 8,
        };
        match dialect {
            Dialect::Chat | Dialect::Responses => plain,
            // Anthropic tells the size of the instructions that it adds where tools are offered.
            Dialect::Messages => Self {
                tools: 346,
                ..plain
            },
            Dialect::Gemini => Self {
                message: 1,
                ..plain
            },
            Dialect::Completions => Self {
                answer: 0,
                message: 0,
                ..plain
            },
        }
    }
}

/// Counts a body that its caller wrote in one dialect, as a target reads it that is asked in another. `None` where it cannot be
/// read. This may take long: a megabyte is a fourteenth of a second.
pub fn count(caller: Dialect, body: &[u8], target: Dialect) -> Option<TokenCount> {
    let text = std::str::from_utf8(body).ok()?;
    let (asked, _) = translate::read(caller, text).ok()?;
    let mut counter = Counter {
        frame: Frame::of(target),
        tally: Tally::default(),
        fixed: 0,
    };
    counter.request(&asked);
    Some(counter.tally.total() + TokenCount(counter.fixed))
}

struct Counter {
    frame: Frame,
    tally: Tally,
    /// What is no text.
    fixed: u64,
}

impl Counter {
    fn request(&mut self, asked: &Asked<'_>) {
        self.fixed += self.frame.answer;
        if !asked.tools.is_empty() {
            self.fixed += self.frame.tools;
        }
        asked.tools.iter().for_each(|tool| self.tool(tool));
        if let Some(Format::Schema(schema)) = &asked.format {
            self.text(schema.schema.get());
        }
        self.text(asked.suffix.as_deref().unwrap_or_default());
        // What was thought before the person spoke again, no provider reads.
        let spoke = |it: &translate::asked::Passage<'_>| it.speaker == Speaker::Person;
        let newest = asked.passages.iter().rposition(spoke).unwrap_or(0);
        for (place, passage) in asked.passages.iter().enumerate() {
            self.fixed += self.frame.message;
            for block in &passage.blocks {
                self.block(block, place > newest);
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.tally.add(text);
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        self.fixed += self.frame.tool;
        match tool {
            Tool::Foreign(tool) => self.text(tool.json.get()),
            Tool::Function(Function {
                name,
                description,
                takes,
                ..
            }) => {
                self.text(name);
                self.text(description.as_deref().unwrap_or_default());
                let (Takes::Schema(schema) | Takes::Text(schema)) = takes;
                self.text(schema.as_ref().map_or("", |schema| schema.get()));
            }
        }
    }

    fn block(&mut self, block: &Block<'_>, thoughts: bool) {
        match block {
            Block::Text(text) => self.text(&text.text),
            Block::Refusal(text) => self.text(text),
            Block::Thought(thought) if thoughts => self.text(&thought.text),
            Block::Thought(_) => {}
            Block::Image(_) => self.fixed += PICTURE,
            Block::Document(paper) => match &paper.source {
                Source::Words(words) => self.text(words),
                Source::Data { .. } | Source::Url(_) | Source::File { .. } => self.fixed += PAPER,
            },
            Block::Use(call) => {
                self.fixed += self.frame.tool;
                self.text(&call.name);
                self.text(call.input.get());
            }
            Block::Reply(ToolReply { content, .. }) => {
                self.fixed += self.frame.tool;
                for block in content {
                    self.block(block, thoughts);
                }
            }
            Block::Foreign(foreign) => self.text(foreign.json.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RUST: &str = include_str!("../policy/decide.rs");
    const PYTHON: &str = "import os\n\n\ndef load(path: str) -> dict[str, int]:\n    \"\"\"Reads `name=count` lines.\"\"\"\n    found = {}\n    with open(os.path.expanduser(path), encoding=\"utf-8\") as lines:\n        for line in lines:\n            name, _, count = line.strip().partition(\"=\")\n            if name and not name.startswith(\"#\"):\n                found[name] = int(count or 0)\n    return found\n";
    const SCRIPT: &str = "export async function total(ids: string[]): Promise<number> {\n  const rows = await Promise.all(ids.map((id) => fetch(`/api/orders/${id}`).then((it) => it.json())));\n  return rows.filter((row) => row?.state !== 'void').reduce((sum, row) => sum + row.cents, 0);\n}\n";

    fn schema() -> Value {
        json!({"type": "object", "properties": {"file_path": {"type": "string", "description": "The file to read, from the root"},
               "limit": {"type": "integer"}}, "required": ["file_path"], "additionalProperties": false})
    }

    /// What a client sends in the middle of its work, in Anthropic's dialect, and all of it that is text.
    fn work() -> (Value, Vec<String>) {
        let system =
            "You help people to write programs. Be short, and look before you change anything.";
        let wants = "The total is wrong for void orders. Please find out why, and mend it.";
        let input = json!({"file_path": "src/policy/gate.rs", "limit": 400});
        let body = json!({
            "model": "m", "max_tokens": 1000, "system": [{"type": "text", "text": system}],
            "tools": [{"name": "Read", "description": "Reads a file of the project.", "input_schema": schema()}],
            "messages": [
                {"role": "user", "content": wants},
                {"role": "assistant", "content": [{"type": "text", "text": "I look at the code."},
                    {"type": "tool_use", "id": "t1", "name": "Read", "input": input}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": RUST}]}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t2", "name": "Read", "input": input}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t2", "content": PYTHON.repeat(9)}]},
                {"role": "user", "content": SCRIPT.repeat(12)}]
        });
        let texts = [
            system.to_owned(),
            wants.to_owned(),
            "Read".repeat(3),
            "Reads a file of the project.".to_owned(),
            schema().to_string(),
            input.to_string().repeat(2),
            "I look at the code.".to_owned(),
            RUST.to_owned(),
            PYTHON.repeat(9),
            SCRIPT.repeat(12),
        ];
        (body, texts.to_vec())
    }

    fn counted(caller: Dialect, body: &Value, target: Dialect) -> u64 {
        let count = count(caller, body.to_string().as_bytes(), target);
        count.expect("a body that can be read").0
    }

    #[test]
    fn code_as_clients_send_it_is_counted_to_three_in_a_hundred() {
        let (body, texts) = work();
        let table = tiktoken_rs::o200k_base_singleton();
        let plain = |text: &String| table.encode_ordinary(text).len() as u64;
        let truly: u64 = texts.iter().map(plain).sum();

        let count = counted(Dialect::Messages, &body, Dialect::Chat);

        assert!(truly > 5_000, "{truly}");
        assert!(count.abs_diff(truly) * 100 <= truly * 3, "{count} {truly}");
    }

    #[test]
    fn a_dialect_changes_only_the_frame() {
        let (body, _) = work();
        let chat = json!({"model": "m", "messages": [{"role": "user", "content": RUST}]});
        let responses = json!({"model": "m", "input": RUST});

        let of = |target| counted(Dialect::Messages, &body, target);

        assert_eq!(of(Dialect::Messages) - of(Dialect::Chat), 346 - 12);
        assert_eq!(
            counted(Dialect::Chat, &chat, Dialect::Chat),
            counted(Dialect::Responses, &responses, Dialect::Responses)
        );
    }

    #[test]
    fn pictures_have_a_fixed_size_and_old_thoughts_none() {
        let picture = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A".repeat(90_000)}});
        let thought = json!({"type": "thinking", "thinking": RUST, "signature": "s"});
        let of = |messages: Value| {
            let body = json!({"model": "m", "max_tokens": 9, "messages": messages});
            counted(Dialect::Messages, &body, Dialect::Messages)
        };

        let seen = of(
            json!([{"role": "user", "content": [picture, {"type": "text", "text": "What is this?"}]}]),
        );
        let old = of(
            json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [thought, {"type": "text", "text": "Hi."}]},
                            {"role": "user", "content": "Go on"}]),
        );

        assert!((1_500..1_520).contains(&seen), "{seen}");
        assert!(old < 40, "{old}");
    }

    #[test]
    fn what_cannot_be_read_has_no_count() {
        for body in ["{", "[]", r#"{"model":"m","messages":7}"#] {
            assert_eq!(
                count(Dialect::Messages, body.as_bytes(), Dialect::Chat),
                None,
                "{body}"
            );
        }
    }
}
