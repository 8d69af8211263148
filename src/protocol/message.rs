//! One element of a conversation, as the scan of a body finds it: who speaks, where it stands, what is in it. No text here;
//! [`super::transcript`] reads one.

use std::ops::Range;

/// Who speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one who instructs: system or developer.
    System,
    /// The person, or a client on the person's behalf.
    Person,
    /// The model: words, thoughts, calls of tools.
    Assistant,
    /// A tool, with what it gave back.
    Tool,
    /// Someone we do not know.
    #[default]
    Other,
}

/// What is in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Calls of tools.
    pub calls: bool,
    /// Results of tools, given back as such or as a text that a client wrote for the person.
    pub results: bool,
    /// Pictures.
    pub images: bool,
    /// Documents, files, sounds or films.
    pub papers: bool,
    /// Text beside results of tools.
    pub text: bool,
    /// Words of its speaker's own: neither results of tools, nor only what a client added.
    pub words: bool,
}

/// One element of a conversation: a message, or an item of another kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// Where the element's JSON stands in the body.
    pub bytes: Range<usize>,
    /// What is in it.
    pub holds: Holds,
    /// Where that stands which is said.
    pub(super) content: Option<Range<usize>>,
}

impl Message {
    /// A prompt that is no conversation: all of it is the person's. `content` is its first text; it may be tokens instead.
    pub(super) fn prompt(bytes: Range<usize>, content: Option<Range<usize>>) -> Self {
        Self {
            role: Role::Person,
            holds: Holds {
                text: content.is_some(),
                words: content.is_some(),
                ..Holds::default()
            },
            content,
            bytes,
        }
    }

    /// The person says something: a new turn begins.
    pub fn is_person_turn(&self) -> bool {
        self.role == Role::Person && self.holds.words
    }

    /// Results of tools come in.
    pub fn is_tool_turn(&self) -> bool {
        matches!(self.role, Role::Person | Role::Tool) && self.holds.results
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::dialect::Endpoint;
    use crate::protocol::call::Call;

    fn read(endpoint: Endpoint, body: &str) -> Call {
        Call::read(endpoint, Bytes::copy_from_slice(body.as_bytes()), 64).expect("a valid body")
    }

    /// The messages in short: the speaker's letter, then what is held.
    fn brief(call: &Call) -> Vec<String> {
        let of = |message: &Message| {
            let role = match message.role {
                Role::System => "s",
                Role::Person => "p",
                Role::Assistant => "a",
                Role::Tool => "t",
                Role::Other => "?",
            };
            let holds = message.holds;
            let flags = [
                (holds.calls, " calls"),
                (holds.results, " results"),
                (holds.images, " images"),
                (holds.words, " words"),
            ];
            let held = flags.iter().filter(|(held, _)| *held);
            role.to_owned() + &held.map(|(_, word)| *word).collect::<String>()
        };
        call.messages.iter().map(of).collect()
    }

    #[test]
    fn each_dialect_gives_its_messages_in_order() {
        let chat = read(
            Endpoint::Chat,
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"u"}}]},
                {"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},{"role":"tool","content":"y"},{"role":"assistant","content":"z","tool_calls":[]}]}"#,
        );
        let responses = read(
            Endpoint::Responses,
            r#"{"model":"m","instructions":"i","tools":[1],"input":[{"role":"developer","content":"d"},{"role":"user","content":[{"type":"input_text","text":"x"}]},
                {"type":"reasoning","summary":[]},{"type":"function_call","name":"f"},{"type":"function_call_output","output":"o"},{"type":"item_reference"}]}"#,
        );
        let messages = read(
            Endpoint::Messages,
            r#"{"model":"m","system":[{"text":"s"}],"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking"},{"type":"tool_use"}]},
                {"role":"user","content":[{"type":"tool_result","content":[{"type":"image"}]},{"type":"text","text":"<system-reminder>r</system-reminder>"}]}]}"#,
        );

        assert_eq!(
            brief(&chat),
            [
                "s words",
                "p images words",
                "a calls",
                "t results words",
                "a words"
            ]
        );
        assert_eq!(
            brief(&responses),
            ["s words", "p words", "a", "a calls", "t results", "?"]
        );
        assert_eq!(brief(&messages), ["p words", "a calls", "p results images"]);
        let at = |call: &Call, place: &Option<Range<usize>>| {
            let json = place.clone().map(|place| call.json(place).to_vec());
            json.map(|json| String::from_utf8(json).expect("text"))
        };
        assert_eq!(
            at(&responses, &responses.system_at).as_deref(),
            Some("\"i\"")
        );
        assert_eq!(at(&responses, &responses.tools_at).as_deref(), Some("[1]"));
        assert_eq!((chat.system_at, chat.tools_at), (None, None));
    }

    #[test]
    fn a_message_is_found_again_by_its_place() {
        let body = r#"{"model":"m","messages":[ {"role":"user","content":"x"} , "bare"]}"#;

        let call = read(Endpoint::Chat, body);

        let found = call.messages.iter().map(|it| call.json(it.bytes.clone()));
        let found: Vec<&[u8]> = found.collect();
        assert_eq!(
            found,
            [br#"{"role":"user","content":"x"}"#.as_slice(), br#""bare""#]
        );
    }

    #[test]
    fn a_prompt_is_one_message() {
        let of = |endpoint, body: &str| brief(&read(endpoint, body)).join(", ");

        let text = of(Endpoint::Completions, r#"{"model":"m","prompt":"fn"}"#);
        let texts = of(Endpoint::Completions, r#"{"model":"m","prompt":["a","b"]}"#);
        let tokens = of(Endpoint::Completions, r#"{"model":"m","prompt":[1,2]}"#);
        let numbers = of(Endpoint::Embeddings, r#"{"model":"m","input":[1,2]}"#);

        assert_eq!(
            [text, texts, tokens, numbers],
            ["p words", "p words", "p", ""]
        );
    }

    #[test]
    fn too_many_messages_are_refused() {
        let body = |n: usize| format!(r#"{{"model":"m","input":[{}1]}}"#, "{},".repeat(n));
        let code = |n| {
            let body = Bytes::from(body(n));
            let refused = Call::read(Endpoint::Responses, body, 64).err();
            refused.map(|refused| refused.code)
        };

        assert_eq!(code(100_000), None);
        assert_eq!(code(100_001), Some("too_many_messages"));
    }
}
