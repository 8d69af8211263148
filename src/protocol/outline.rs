//! What a call is made of, by size and count. No text is in it, and it is filled while the body is scanned.

use super::message::{Message, Role};
use crate::domain::facts::Turn;

/// The make-up of a call. Sizes are bytes of JSON text, without what is base64 in it (pictures, sealed reasoning).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Instructions: the system prompt, and what a client adds to a conversation in blocks of its own.
    pub system: usize,
    /// The tools on offer.
    pub tools: usize,
    /// What the person said and attached.
    pub person: usize,
    /// What the model said, thought and called.
    pub assistant: usize,
    /// What tools gave back.
    pub results: usize,
    /// The newest text of the person, unwrapped and without escapes, before it is cut to a window.
    pub newest: usize,
    /// Elements of the conversation.
    pub messages: u32,
    /// Those in which the person says something.
    pub person_turns: u32,
    /// How often results of tools came in. Those that stand side by side came together.
    pub tool_turns: u32,
    /// Tools on offer.
    pub tool_count: u32,
    /// Pictures, those among the results of tools included.
    pub images: u32,
    /// Documents, files, sounds and films, those among the results of tools included.
    pub papers: u32,
    /// The conversation ends with results of tools: the person has said nothing new.
    pub tool_turn: bool,
}

/// One element of a conversation, by its sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    pub(super) system: usize,
    pub(super) person: usize,
    pub(super) assistant: usize,
    pub(super) results: usize,
}

impl Outline {
    /// Who spoke last. `goes_on`: what was said before is not in the call, but lies at the provider.
    pub fn turn(&self, goes_on: bool) -> Turn {
        match self.tool_turn {
            true => Turn::Tool,
            false if !goes_on && self.person_turns <= 1 && self.assistant == 0 => Turn::First,
            false => Turn::User,
        }
    }

    /// Adds the next element.
    pub(super) fn add(&mut self, share: Share) {
        self.system += share.system;
        self.person += share.person;
        self.assistant += share.assistant;
        self.results += share.results;
    }

    /// With its turns counted: they follow from the messages.
    pub(super) fn count(mut self, messages: &[Message]) -> Self {
        self.messages = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        let mut beside = false;
        for message in messages {
            let (person, tool) = (message.is_person_turn(), message.is_tool_turn());
            self.person_turns += u32::from(person);
            self.tool_turns += u32::from(tool && !beside);
            // What a client adds behind the results changes nothing.
            if person || tool || message.role == Role::Assistant {
                self.tool_turn = tool && !person;
            }
            beside = tool;
        }
        self
    }

    /// Adds a field of the body itself; `size` counts its value.
    pub(super) fn add_field(&mut self, key: &str, value: &str) {
        let size = value.len();
        match key {
            "system" | "instructions" => self.system += size,
            "tools" | "functions" => self.tools += size,
            "input" if value.starts_with('"') => self.person += size,
            "prompt" if value.starts_with(['"', '[']) => self.person += size,
            "suffix" => self.person += size,
            _ => {}
        }
    }
}
