//! How many tokens a request is, counted here: for targets that cannot be asked, or do not answer.
//!
//! What models read is counted as text, without the escapes of JSON: instructions, words, calls of tools and their results, tools
//! with their schemas. Beside that each provider frames messages and tools in a way of its own. Pictures and papers
//! are taken for a fixed number. Other models have other tokens than these: how many of theirs are one of ours is known for
//! [families](Family) of models, kind by kind, and what is left is learned elsewhere.

mod ask;
mod family;
mod pieces;
mod tokens;
mod weights;

use std::borrow::Cow;

pub use self::ask::{answer, asking, told};
pub use self::family::{Family, Whose};

use self::pieces::{GROUPS, Pieces};
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

/// Into how many parts a count is told apart.
pub const PARTS: usize = GROUPS + 1;

/// A request, counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    texts: Pieces,
    /// The tools, told one after the other.
    tools: Pieces,
    /// The same, told as JSON.
    json: Pieces,
    /// How many of what is framed.
    framed: Framed,
    /// What is no text.
    fixed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Framed {
    messages: u64,
    tools: u64,
    calls: u64,
}

impl Counted {
    /// How many tokens it is for a model of a family.
    pub fn tokens(&self, family: Family) -> TokenCount {
        let told: f64 = self.parts(family).iter().sum();
        TokenCount(told.round() as u64 + self.fixed)
    }

    /// What of them is no text, but pictures and papers: the same for all.
    pub fn fixed(&self) -> u64 {
        self.fixed
    }

    /// The others, by kinds of pieces; what the provider adds comes last.
    pub fn parts(&self, family: Family) -> [f64; PARTS] {
        let mut pieces = self.texts;
        pieces += match family.tells_json() {
            true => &self.json,
            false => &self.tools,
        };
        let mut parts = [0.0; PARTS];
        parts[..GROUPS].copy_from_slice(&pieces.weighed(family.weights()));
        parts[GROUPS] = self.frame(family) as f64;
        parts
    }

    fn frame(&self, family: Family) -> u64 {
        let (frame, framed) = (family.frame(), self.framed);
        let tools = match framed.tools {
            0 => 0,
            tools => frame.tools + tools * frame.tool,
        };
        frame.answer + framed.messages * frame.message + tools + framed.calls * frame.call
    }
}

/// Counts a body that its caller wrote in a dialect. `None` where it cannot be read. This may take long: a megabyte
/// of words is a fourteenth of a second. Tools are counted in both ways in which they are told, so one of those takes twice as long.
/// Of words, and of tools told in either way, what is beyond four megabytes is not looked at, so that it never takes much longer
/// than a second.
pub fn count(caller: Dialect, body: &[u8]) -> Option<Counted> {
    let text = std::str::from_utf8(body).ok()?;
    let (asked, _) = translate::read(caller, text).ok()?;
    let mut counter = Counter::default();
    counter.request(&asked);
    Some(Counted {
        texts: counter.texts.total(),
        tools: counter.tools.total(),
        json: counter.json.total(),
        framed: counter.framed,
        fixed: counter.fixed,
    })
}

#[derive(Default)]
struct Counter {
    texts: Tally,
    tools: Tally,
    json: Tally,
    framed: Framed,
    fixed: u64,
}

impl Counter {
    fn request(&mut self, asked: &Asked<'_>) {
        asked.tools.iter().for_each(|tool| self.tool(tool));
        if let Some(Format::Schema(schema)) = &asked.format {
            self.text(schema.schema.get());
        }
        self.text(asked.suffix.as_deref().unwrap_or_default());
        // What was thought before the person spoke again, no provider reads.
        let spoke = |it: &translate::asked::Passage<'_>| it.speaker == Speaker::Person;
        let newest = asked.passages.iter().rposition(spoke).unwrap_or(0);
        for (place, passage) in asked.passages.iter().enumerate() {
            self.framed.messages += 1;
            for block in &passage.blocks {
                self.block(block, place > newest);
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.texts.add(text);
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        self.framed.tools += 1;
        match tool {
            Tool::Foreign(tool) => {
                self.tools.add(tool.json.get());
                self.json.add(tool.json.get());
            }
            Tool::Function(function) => {
                let told = Told::of(function);
                for text in [told.name, told.description, told.takes] {
                    self.tools.add(text);
                }
                self.json.add(&told.json());
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
                self.framed.calls += 1;
                self.text(&call.name);
                self.text(call.input.get());
            }
            Block::Reply(ToolReply { content, .. }) => {
                self.framed.calls += 1;
                for block in content {
                    self.block(block, thoughts);
                }
            }
            Block::Foreign(foreign) => self.text(foreign.json.get()),
        }
    }
}

/// What models are told of a tool.
struct Told<'a> {
    name: &'a str,
    description: &'a str,
    takes: &'a str,
}

impl<'a> Told<'a> {
    fn of(function: &'a Function<'_>) -> Self {
        let (Takes::Schema(takes) | Takes::Text(takes)) = &function.takes;
        Self {
            name: &function.name,
            description: function.description.as_deref().unwrap_or_default(),
            takes: takes.as_ref().map_or("", |schema| schema.get()),
        }
    }

    /// As the templates of open models write it down.
    fn json(&self) -> String {
        let quoted = |text| serde_json::to_string(text).map_or(Cow::Borrowed(text), Cow::Owned);
        let (name, description) = (quoted(self.name), quoted(self.description));
        let takes = match self.takes {
            "" => "{}".to_owned(),
            takes => spaced(takes),
        };
        format!(
            r#"{{"type": "function", "function": {{"name": {name}, "description": {description}, "parameters": {takes}}}}}"#
        ) + "\n"
    }
}

/// JSON with a blank behind each comma and colon, and none elsewhere: as templates write it.
fn spaced(json: &str) -> String {
    let mut spaced = String::with_capacity(json.len() * 9 / 8);
    let (mut quoted, mut escaped) = (false, false);
    for letter in json.chars() {
        if !quoted && letter.is_ascii_whitespace() {
            continue;
        }
        spaced.push(letter);
        if !quoted && matches!(letter, ',' | ':') {
            spaced.push(' ');
        }
        quoted ^= letter == '"' && !escaped;
        escaped = quoted && letter == '\\' && !escaped;
    }
    spaced
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

    fn counted(caller: Dialect, body: &Value, family: Family) -> u64 {
        let count = count(caller, body.to_string().as_bytes());
        count.expect("a body that can be read").tokens(family).0
    }

    #[test]
    fn code_as_clients_send_it_is_counted_to_three_in_a_hundred() {
        let (body, texts) = work();
        let table = tiktoken_rs::o200k_base_singleton();
        let plain = |text: &String| table.encode_ordinary(text).len() as u64;
        let truly: u64 = texts.iter().map(plain).sum();

        let count = counted(Dialect::Messages, &body, Family::OpenAi);

        assert!(truly > 5_000, "{truly}");
        assert!(count.abs_diff(truly) * 100 <= truly * 3, "{count} {truly}");
    }

    #[test]
    fn a_call_is_as_long_in_whatever_dialect_it_is_told() {
        let chat = json!({"model": "m", "messages": [{"role": "user", "content": RUST}]});
        let responses = json!({"model": "m", "input": RUST});

        let of = |caller, body| counted(caller, body, Family::OpenAi);

        assert_eq!(of(Dialect::Chat, &chat), of(Dialect::Responses, &responses));
    }

    #[test]
    fn templates_tell_tools_as_json() {
        let tool = Told {
            name: "Read",
            description: "Reads a \"file\"\nof the project.",
            takes: "{\"type\":\"object\", \"properties\" :{\"a,b\":{\"enum\":[\"x\\\":y\",1]}}}",
        };

        let told = tool.json();

        let names = r#"{"type": "function", "function": {"name": "Read", "description": "Reads a \"file\"\nof the project.""#;
        let takes = r#"{"type": "object", "properties": {"a,b": {"enum": ["x\":y", 1]}}}"#;
        assert_eq!(told, format!("{names}, \"parameters\": {takes}}}}}\n"));
    }

    #[test]
    fn families_differ_in_figures_and_in_what_they_tell_of_tools() {
        let (work, _) = work();
        let figures = json!({"model": "m", "messages": [{"role": "user", "content": "1234567890 ".repeat(900)}]});

        let of = |body, family| counted(Dialect::Messages, body, family);

        // OpenAI's table has four tokens for ten figures, Qwen's ten.
        let (few, many) = (of(&figures, Family::OpenAi), of(&figures, Family::Qwen));
        assert!(many * 10 > few * 18, "{few} {many}");
        assert!(of(&work, Family::Llama) > of(&work, Family::OpenAi));
    }

    #[test]
    fn pictures_have_a_fixed_size_and_old_thoughts_none() {
        let picture = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A".repeat(90_000)}});
        let thought = json!({"type": "thinking", "thinking": RUST, "signature": "s"});
        let of = |messages: Value| {
            let body = json!({"model": "m", "max_tokens": 9, "messages": messages});
            counted(Dialect::Messages, &body, Family::OpenAi)
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
                count(Dialect::Messages, body.as_bytes()).map(|it| it.tokens(Family::OpenAi)),
                None,
                "{body}"
            );
        }
    }
}
