//! Items of a conversation, read: of requests and of answers.

use serde_json::value::RawValue;

use super::super::asked::{Passage, Speaker, say};
use super::super::block::{Block, Foreign, Input, Kind, Thought, ToolReply, ToolUse};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object, Str};
use super::super::sealed::{Form, Sealed};
use super::super::tool::Tool;
use super::{part_read, tools};
use crate::domain::dialect::Dialect;

/// What items are read into.
pub(super) struct Items<'r, 'a> {
    pub(super) passages: &'r mut Vec<Passage<'a>>,
    /// Tools that come as items of the conversation.
    pub(super) tools: &'r mut Vec<Tool<'a>>,
    /// Some items are only named.
    pub(super) refers: &'r mut bool,
    pub(super) dropped: &'r mut Dropped,
}

impl<'a> Items<'_, 'a> {
    /// Reads an item.
    pub(super) fn item(&mut self, raw: &'a RawValue) -> Result<(), Misread> {
        let mut object = Object::of(raw)?;
        let kind = object.text("type")?;
        match kind.as_deref().unwrap_or("message") {
            "message" => self.message(&mut object)?,
            "reasoning" => {
                let thought = reasoning(&mut object)?;
                say(self.passages, Speaker::Assistant, vec![thought]);
            }
            "function_call" => {
                let call = function_call(&mut object)?;
                say(self.passages, Speaker::Assistant, vec![call]);
            }
            "custom_tool_call" => {
                let call = custom_call(&mut object)?;
                say(self.passages, Speaker::Assistant, vec![call]);
            }
            "function_call_output" => self.output(&mut object, Kind::Function)?,
            "custom_tool_call_output" => self.output(&mut object, Kind::Custom)?,
            "additional_tools" => self.more_tools(&mut object)?,
            "item_reference" => {
                *self.refers = true;
                self.dropped.note(Field::Item, Why::Foreign);
            }
            kind => {
                self.foreign(kind, raw);
                return Ok(());
            }
        }
        self.rest(object);
        Ok(())
    }

    /// Fields of an item that nobody took. Ids of items matter to nobody but their keeper, and states of items are over.
    fn rest(&mut self, object: Object<'a>) {
        for (name, _) in object.rest() {
            match &*name {
                "id" => self.dropped.note(Field::Item, Why::Idle),
                "status" => {}
                name => {
                    let name = format!("input.{name}");
                    self.dropped.named(Field::Unknown, Why::NoPlace, &name);
                }
            }
        }
    }

    fn message(&mut self, object: &mut Object<'a>) -> Result<(), Misread> {
        let role = object.need("role")?;
        let blocks = part_read::content(object.take("content"), self.dropped)?;
        let speaker = match &*role {
            "system" => Speaker::System,
            "developer" => Speaker::Developer,
            "user" => Speaker::Person,
            "assistant" => Speaker::Assistant,
            _ => return Err(Misread::new("role", "no role that is known")),
        };
        say(self.passages, speaker, blocks);
        Ok(())
    }

    fn output(&mut self, object: &mut Object<'a>, kind: Kind) -> Result<(), Misread> {
        let content = part_read::content(object.take("output"), self.dropped);
        let reply = ToolReply {
            id: object.need("call_id")?,
            kind,
            content: content.map_err(|it| it.within("output"))?,
            failed: false,
            mark: None,
        };
        say(self.passages, Speaker::Tools, vec![Block::Reply(reply)]);
        Ok(())
    }

    fn more_tools(&mut self, object: &mut Object<'a>) -> Result<(), Misread> {
        // Whose words they are said in means nothing for tools.
        object.take("role");
        for raw in object.list("tools")? {
            tools::tool(raw, self.tools, self.dropped)?;
        }
        Ok(())
    }

    /// What the provider's own tools were asked and gave back, and whatever is new.
    fn foreign(&mut self, kind: &str, raw: &'a RawValue) {
        let speaker = match kind.ends_with("_output") {
            true => Speaker::Tools,
            false => Speaker::Assistant,
        };
        let foreign = Foreign {
            from: Dialect::Responses,
            kind: kind.to_owned().into(),
            json: Json::from(raw),
        };
        say(self.passages, speaker, vec![Block::Foreign(foreign)]);
    }
}

fn reasoning<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let (summary, content) = (texts(object, "summary")?, texts(object, "content")?);
    let open = content.is_some();
    let sealed = match object.text("encrypted_content")? {
        Some(data) => Some(Sealed::read(Dialect::Responses, Form::Encrypted, data)),
        None => open.then(|| Sealed::plain(Dialect::Responses)),
    };
    Ok(Block::Thought(Thought {
        summary: !open,
        text: content.or(summary).unwrap_or_default(),
        sealed,
        item: object.text("id")?,
    }))
}

/// The texts of a list of parts, as one.
fn texts<'a>(object: &mut Object<'a>, name: &str) -> Result<Option<Str<'a>>, Misread> {
    let mut joined: Option<Str<'a>> = None;
    for raw in object.list(name)? {
        let text = match json::text(raw) {
            Some(text) => text,
            None => Object::of(raw)?.text("text")?.unwrap_or_default(),
        };
        joined = Some(match joined {
            None => text,
            Some(before) => format!("{before}\n\n{text}").into(),
        });
    }
    Ok(joined)
}

fn function_call<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let arguments = object.text("arguments")?.unwrap_or_default();
    Ok(Block::Use(ToolUse {
        id: object.need("call_id")?,
        name: object.need("name")?,
        space: object.text("namespace")?,
        kind: Kind::Function,
        input: Input::of_arguments(arguments),
        mark: None,
    }))
}

fn custom_call<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    Ok(Block::Use(ToolUse {
        id: object.need("call_id")?,
        name: object.need("name")?,
        space: object.text("namespace")?,
        kind: Kind::Custom,
        input: Input::Text(object.text("input")?.unwrap_or_default()),
        mark: None,
    }))
}
