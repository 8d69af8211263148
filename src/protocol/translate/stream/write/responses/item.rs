//! One item of an answer: announced, said in pieces, said whole.

use bytes::BytesMut;

use super::super::super::custom::Custom;
use super::super::shown::Shown;
use super::wire::{ItemJson, Numbers, Part, Told};
use crate::protocol::translate::json::Json;

/// An item.
#[derive(Debug)]
pub(super) struct Item {
    id: String,
    /// Its number, once it is announced.
    place: Option<u64>,
    pub(super) what: What,
    /// What has been said of it.
    said: String,
    /// A part of a thought has been announced.
    shows: bool,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum What {
    /// A message of words, with where they come from.
    Text(Vec<Json<'static>>),
    /// A message that says that the model will not.
    Refusal,
    /// A thought, with the state that its owner wants back.
    Thought(Option<String>),
    /// A call.
    Call {
        id: String,
        name: String,
        space: Option<String>,
        /// It takes a text of its own.
        custom: Option<Custom>,
    },
}

impl Item {
    pub(super) fn new(what: What) -> Self {
        Self {
            id: String::new(),
            place: None,
            what,
            said: String::new(),
            shows: false,
        }
    }

    /// Bytes that are kept of it.
    pub(super) fn kept(&self) -> usize {
        let more = match &self.what {
            What::Text(citations) => citations.iter().map(|json| json.get().len()).sum(),
            What::Thought(sealed) => sealed.as_ref().map_or(0, String::len),
            What::Call { custom, .. } => custom.as_ref().map_or(0, Custom::kept),
            What::Refusal => 0,
        };
        self.said.len() + more
    }

    /// Says that it is there, once.
    pub(super) fn announce(&mut self, shown: &Shown, numbers: &mut Numbers, out: &mut BytesMut) {
        if self.place.is_some() {
            return;
        }
        let place = numbers.item();
        self.place = Some(place);
        self.id = shown.part(self.prefix(), place);
        let told = Told {
            output_index: Some(place),
            item: Some(self.json("in_progress", false)),
            ..Told::default()
        };
        numbers.tell("response.output_item.added", told, out);
        if matches!(self.what, What::Text(_) | What::Refusal) {
            let told = Told {
                part: Some(self.part("")),
                ..self.told()
            };
            numbers.tell("response.content_part.added", told, out);
        }
    }

    /// A piece of it.
    pub(super) fn say(&mut self, piece: &str, numbers: &mut Numbers, out: &mut BytesMut) {
        if matches!(self.what, What::Thought(_)) && !std::mem::replace(&mut self.shows, true) {
            let told = Told {
                part: Some(self.part("")),
                ..self.told()
            };
            numbers.tell("response.reasoning_summary_part.added", told, out);
        }
        self.said.push_str(piece);
        let told = Told {
            delta: Some(piece),
            logprobs: self.logprobs(),
            ..self.told()
        };
        numbers.tell(self.names().0, told, out);
    }

    /// Where words come from.
    pub(super) fn cite(&mut self, json: Json<'static>, numbers: &mut Numbers, out: &mut BytesMut) {
        let What::Text(citations) = &mut self.what else {
            return;
        };
        citations.push(json.clone());
        let number = citations.len() - 1;
        let told = Told {
            annotation_index: Some(number),
            annotation: Some(&json),
            ..self.told()
        };
        numbers.tell("response.output_text.annotation.added", told, out);
    }

    /// Says it whole. `None` where there was nothing to announce.
    pub(super) fn finish(
        &mut self,
        cut: bool,
        numbers: &mut Numbers,
        out: &mut BytesMut,
    ) -> Option<String> {
        self.place?;
        if let What::Call { custom, .. } = &mut self.what
            && let Some(was) = custom.take()
        {
            // It stays a custom call; what was kept of its input comes now.
            *custom = Some(Custom::Plain);
            if let Some(rest) = was.close() {
                self.say(&rest, numbers, out);
            }
        }
        if matches!(self.what, What::Call { custom: None, .. }) && self.said.is_empty() {
            // What has no arguments is called with an empty object: an empty text is no JSON.
            self.say("{}", numbers, out);
        }
        self.end(numbers, out);
        let status = if cut { "incomplete" } else { "completed" };
        let json = self.json(status, true);
        let whole = serde_json::to_string(&json).expect("texts and numbers are always JSON");
        let told = Told {
            output_index: self.place,
            item: Some(json),
            ..Told::default()
        };
        numbers.tell("response.output_item.done", told, out);
        Some(whole)
    }

    /// Says the text of it whole, and the part that the text is in.
    fn end(&self, numbers: &mut Numbers, out: &mut BytesMut) {
        let said = Some(self.said.as_str());
        let at = self.told();
        let (told, part) = match &self.what {
            What::Text(_) => {
                let (text, logprobs) = (said, self.logprobs());
                let told = Told {
                    text,
                    logprobs,
                    ..at
                };
                (told, Some("response.content_part.done"))
            }
            What::Refusal => {
                let told = Told {
                    refusal: said,
                    ..at
                };
                (told, Some("response.content_part.done"))
            }
            What::Thought(_) if !self.shows => return,
            What::Thought(_) => {
                let told = Told { text: said, ..at };
                (told, Some("response.reasoning_summary_part.done"))
            }
            What::Call {
                custom: None, name, ..
            } => {
                let (name, arguments) = (Some(name.as_str()), said);
                let told = Told {
                    name,
                    arguments,
                    ..at
                };
                (told, None)
            }
            What::Call { .. } => (Told { input: said, ..at }, None),
        };
        numbers.tell(self.names().1, told, out);
        if let Some(part) = part {
            let told = Told {
                part: Some(self.part(&self.said)),
                ..self.told()
            };
            numbers.tell(part, told, out);
        }
    }

    fn prefix(&self) -> &'static str {
        match self.what {
            What::Text(_) | What::Refusal => "msg_",
            What::Thought(_) => "rs_",
            What::Call { custom: None, .. } => "fc_",
            What::Call { .. } => "ctc_",
        }
    }

    /// The events of a piece, and of all pieces together.
    fn names(&self) -> (&'static str, &'static str) {
        match self.what {
            What::Text(_) => ("response.output_text.delta", "response.output_text.done"),
            What::Refusal => ("response.refusal.delta", "response.refusal.done"),
            What::Thought(_) => (
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
            ),
            What::Call { custom: None, .. } => (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
            ),
            What::Call { .. } => (
                "response.custom_tool_call_input.delta",
                "response.custom_tool_call_input.done",
            ),
        }
    }

    fn logprobs(&self) -> Option<[(); 0]> {
        matches!(self.what, What::Text(_)).then_some([])
    }

    /// An event that tells of it.
    fn told(&self) -> Told<'_> {
        let (content, summary) = match self.what {
            What::Text(_) | What::Refusal => (Some(0), None),
            What::Thought(_) => (None, Some(0)),
            What::Call { .. } => (None, None),
        };
        Told {
            item_id: Some(&self.id),
            output_index: self.place,
            content_index: content,
            summary_index: summary,
            ..Told::default()
        }
    }

    fn part<'a>(&'a self, said: &'a str) -> Part<'a> {
        match &self.what {
            What::Text(citations) => Part::text(said, citations),
            What::Refusal => Part::refusal(said),
            What::Thought(_) | What::Call { .. } => Part::summary(said),
        }
    }

    /// The item itself, as it is announced or when it is `done`.
    fn json(&self, status: &'static str, done: bool) -> ItemJson<'_> {
        let mut json = ItemJson {
            id: &self.id,
            ..ItemJson::default()
        };
        let said = if done { self.said.as_str() } else { "" };
        match &self.what {
            What::Text(_) | What::Refusal => {
                json.kind = "message";
                (json.status, json.role) = (Some(status), Some("assistant"));
                json.content = Some(done.then(|| self.part(said)).into_iter().collect());
            }
            What::Thought(sealed) => {
                json.kind = "reasoning";
                let shows = done && self.shows;
                json.summary = Some(shows.then(|| self.part(said)).into_iter().collect());
                json.encrypted_content = sealed.as_deref().filter(|_| done);
            }
            What::Call {
                id,
                name,
                space,
                custom,
            } => {
                (json.status, json.call_id) = (Some(status), Some(id.as_str()));
                (json.name, json.namespace) = (Some(name.as_str()), space.as_deref());
                match custom {
                    None => {
                        json.kind = "function_call";
                        json.arguments = Some(said);
                    }
                    Some(_) => (json.kind, json.input) = ("custom_tool_call", Some(said)),
                }
            }
        }
        json
    }
}
