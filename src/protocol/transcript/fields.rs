//! The fields of elements and parts in all dialects, and what they come to.

use super::{Arguments, Content, Part, Text, ToolResult};
use crate::protocol::scan::{elements, is_picture, members};

/// A call of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolCall<'a> {
    /// Its name, by which the result is found.
    pub id: Text<'a>,
    /// The tool's name.
    pub name: Text<'a>,
    /// What it is called with.
    pub arguments: Arguments<'a>,
}

/// Fields that say something, each the JSON of its value; empty where there is none.
#[derive(Default)]
pub(super) struct Fields<'a> {
    role: &'a str,
    kind: &'a str,
    id: &'a str,
    /// The name of the call that a result belongs to, or that a call is known by beside its own.
    call: &'a str,
    name: &'a str,
    arguments: &'a str,
    calls: &'a str,
    function: &'a str,
    content: &'a str,
    output: &'a str,
    text: &'a str,
    thinking: &'a str,
    summary: &'a str,
    failed: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn read(json: &'a str) -> Self {
        let mut fields = Self::default();
        members(json, |key, value| fields.set(key, value));
        fields
    }

    fn set(&mut self, key: &str, value: &'a str) {
        if value == "null" {
            return;
        }
        let place = match key {
            "role" => &mut self.role,
            "type" => &mut self.kind,
            "id" => &mut self.id,
            "call_id" | "tool_call_id" | "tool_use_id" => &mut self.call,
            "name" => &mut self.name,
            "arguments" | "input" | "action" | "operation" => &mut self.arguments,
            "tool_calls" => &mut self.calls,
            "function" | "function_call" => &mut self.function,
            "content" => &mut self.content,
            "output" => &mut self.output,
            "text" | "refusal" => &mut self.text,
            "thinking" | "reasoning_content" | "reasoning" => &mut self.thinking,
            "summary" => &mut self.summary,
            "is_error" => return self.failed |= value == "true",
            "success" => return self.failed |= value == "false",
            "status" => return self.failed |= value == "\"failed\"",
            "error" => return self.failed |= value != "false",
            _ => return,
        };
        *place = value;
    }

    pub(super) fn has_role(&self) -> bool {
        !self.role.is_empty()
    }

    /// An element of a conversation.
    pub(super) fn element(&self, each: &mut impl FnMut(Part<'a>)) {
        let of_tool = matches!(self.role, "\"tool\"" | "\"function\"");
        if of_tool || self.kind.ends_with("_output\"") {
            each(Part::Result(self.result()));
        } else if self.kind.ends_with("_call\"") {
            each(Part::Call(self.call()));
            // Tools that the provider runs itself give back in the same item.
            if !self.output.is_empty() {
                each(Part::Result(self.result()));
            }
        } else if self.kind == "\"reasoning\"" {
            for place in [self.summary, self.content] {
                elements(place, |part| {
                    let text = Fields::read(part).text;
                    each_text(text, Part::Thinking, each);
                });
            }
        } else {
            self.message(each);
        }
    }

    fn message(&self, each: &mut impl FnMut(Part<'a>)) {
        each_text(self.thinking, Part::Thinking, each);
        each_text(self.content, Part::Text, each);
        elements(self.content, |part| Fields::part(part, each));
        each_text(self.text, Part::Text, each);
        if !self.function.is_empty() {
            each(Part::Call(self.called(self.function)));
        }
        elements(self.calls, |call| {
            let call = Fields::read(call);
            each(Part::Call(match call.function.is_empty() {
                true => call.call(),
                false => call.called(call.function),
            }));
        });
    }

    /// A part of a content.
    pub(super) fn part(json: &'a str, each: &mut impl FnMut(Part<'a>)) {
        if !json.starts_with('{') {
            return each_text(json, Part::Text, each);
        }
        let fields = Fields::read(json);
        let kind = fields.kind;
        if is_picture(kind) {
            each(Part::Image);
        } else if kind.ends_with("tool_use\"") {
            each(Part::Call(fields.call()));
        } else if kind.ends_with("tool_result\"") {
            each(Part::Result(fields.result()));
        } else if kind == "\"thinking\"" {
            each_text(fields.thinking, Part::Thinking, each);
        } else {
            each_text(fields.text, Part::Text, each);
        }
    }

    fn call(&self) -> ToolCall<'a> {
        // Built-in tools are known by the kind of their calls.
        let kind = Text(self.kind.trim_matches('"').trim_end_matches("_call"));
        let name = Text::quoted(self.name).unwrap_or(kind);
        ToolCall {
            id: Text::of(self.known_by()),
            name,
            arguments: Arguments::of(self.arguments),
        }
    }

    /// A call whose function is described in an object of its own.
    fn called(&self, function: &'a str) -> ToolCall<'a> {
        ToolCall {
            id: Text::of(self.id),
            ..Fields::read(function).call()
        }
    }

    fn result(&self) -> ToolResult<'a> {
        let content = match self.output {
            "" => self.content,
            output => output,
        };
        ToolResult {
            id: Text::of(self.known_by()),
            content: Content(content),
            error: self.failed || exits(content),
        }
    }

    fn known_by(&self) -> &'a str {
        match self.call {
            "" => self.id,
            call => call,
        }
    }
}

fn each_text<'a>(
    json: &'a str,
    part: impl Fn(Text<'a>) -> Part<'a>,
    each: &mut impl FnMut(Part<'a>),
) {
    if let Some(text) = Text::quoted(json) {
        each(part(text));
    }
}

/// One of the outcomes that a shell tool lists is a failure.
fn exits(content: &str) -> bool {
    let mut failed = false;
    if !content.starts_with('[') {
        return false;
    }
    elements(content, |chunk| {
        members(chunk, |key, value| {
            if key == "outcome" {
                members(value, |key, value| {
                    failed |= key == "exit_code" && value != "0";
                });
            }
        });
    });
    failed
}
