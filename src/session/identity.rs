//! Which conversation a call belongs to: by what its client says of it, else by how it begins.
//!
//! A name counts for one key only, so that two teams that call their sessions alike share nothing.

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::hash::Key;
use super::prefix::Prompt;
use crate::domain::ids::{KeyId, SessionId};
use crate::protocol::call::Call;
use crate::protocol::message::{Message, Role};

/// Longer names are no names.
const LONGEST: usize = 128;

/// Our own name for the header that names the session: it says nothing of who sends it.
const OURS: HeaderName = HeaderName::from_static("x-tollgate-session");

/// Headers in which clients name the session, ours first. Claude Code; Codex, and opencode to its OpenAI provider; opencode.
static HEADERS: [HeaderName; 5] = [
    OURS,
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-session-affinity"),
];

/// Headers that name an agent within a session. Codex calls its main thread by the name of the session.
static AGENTS: [HeaderName; 2] = [
    HeaderName::from_static("x-claude-code-agent-id"),
    HeaderName::from_static("thread-id"),
];

/// Where Codex counts its context windows.
const WINDOW: HeaderName = HeaderName::from_static("x-codex-window-id");

/// Stands in the first part of Claude Code's system prompt: a line that differs from call to call of one session.
const BILLING: &[u8] = b"x-anthropic-billing-header:";

/// What aider puts between its examples and the talk.
const EXAMPLES_END: &[u8] = b"I switched to a new code base";

/// By what state is kept: a hash of key, name and agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConversationId(pub u64);

/// What told the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The client, by name: all of the session's calls bear it.
    Name,
    /// The client, by a word that several conversations may share: `prompt_cache_key` of an application, its user.
    Hint,
    /// Only how it begins.
    Beginning,
}

/// Who speaks within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agent {
    /// The session itself.
    Main,
    /// An agent that has a name.
    Named(u64),
    /// Not said: whoever has another system prompt than the session began with is an agent of its own.
    Unsaid,
}

/// What a call says of its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The session's name, for records.
    pub name: SessionId,
    /// The session, whatever agent speaks.
    pub base: ConversationId,
    /// What told it.
    pub told: Told,
    /// Stands for the system prompt.
    pub system: u64,
    /// Stands for the system prompt and the person's first words.
    pub opening: u64,
    /// The answer that this call goes on from, or the conversation, at a provider that keeps them: stands for its id there.
    pub after: Option<u64>,
    /// The number of the context window: a compaction raises it.
    pub window: Option<u32>,
    /// An agent's call that offers no tools: no session of these clients begins so, but what they ask beside one does.
    bare: bool,
    agent: Agent,
}

/// The conversation of a call, once it is known how its session began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// By what its state is kept.
    pub id: ConversationId,
    /// Its name, for records.
    pub name: SessionId,
    /// The session that it is a part of, where an agent of it speaks.
    pub parent: Option<SessionId>,
}

impl Identity {
    /// Reads what a call with this prompt says, under the key that it came by.
    pub fn read(
        headers: &HeaderMap,
        call: &Call,
        prompt: &Prompt,
        caller: &KeyId,
        key: &Key,
    ) -> Self {
        let system = system(call, prompt, key);
        let opening = key.join(system, opening(call).map_or(0, |at| prompt.message(at)));
        let conversation = call.asks.conversation.as_deref();
        let named = name(headers, call).or(conversation.filter(|name| is_name(name)));
        let hint = [&call.cache_key, &call.asks.user, &call.user];
        let hint = hint.into_iter().flatten().find(|name| is_name(name));
        let of = |word: &str| key.all([caller.as_str().as_bytes(), word.as_bytes()]);
        let after = call.asks.previous.as_deref().or(conversation);
        let after = after.map(|id| answer(caller, id, key));
        let (told, base, name) = match (named, hint) {
            (Some(name), _) => (Told::Name, of(name), SessionId::from(name)),
            (None, Some(hint)) => {
                let base = key.join(of(hint), opening);
                (Told::Hint, base, SessionId::from(hint.as_str()))
            }
            (None, None) => {
                let base = key.join(of(""), opening);
                // What is shown tells nothing of the hash that state is kept by.
                let shown = key.all([&base.to_le_bytes()[..], b"shown"]);
                (
                    Told::Beginning,
                    base,
                    format!("auto-{shown:016x}").as_str().into(),
                )
            }
        };
        Self {
            agent: match told {
                Told::Name => agent(headers, &name, key),
                Told::Hint | Told::Beginning => Agent::Main,
            },
            window: window(headers),
            bare: call.outline.tool_count == 0 && is_of_an_agent(headers),
            base: ConversationId(base),
            name,
            told,
            system,
            opening,
            after,
        }
    }

    /// The conversation. `root` stands for the system prompt that the session began with, where it is known.
    pub fn settle(&self, root: Option<u64>, key: &Key) -> Conversation {
        let agent = match self.agent {
            Agent::Main => None,
            Agent::Named(agent) => Some(agent),
            Agent::Unsaid => root
                .map_or(self.bare, |root| root != self.system)
                .then_some(self.opening),
        };
        match agent {
            None => Conversation {
                id: self.base,
                name: self.name.clone(),
                parent: None,
            },
            Some(agent) => {
                let id = key.join(self.base.0, agent);
                let shown = key.all([&id.to_le_bytes()[..], b"shown"]) as u32;
                Conversation {
                    id: ConversationId(id),
                    name: SessionId::new(format!("{}/{shown:08x}", self.name)),
                    parent: Some(self.name.clone()),
                }
            }
        }
    }
}

/// Stands for an answer of a provider that keeps answers, under the key that asked for it.
pub fn answer(caller: &KeyId, id: &str, key: &Key) -> u64 {
    key.all([caller.as_str().as_bytes(), b"answer", id.as_bytes()])
}

/// Stands for the editor that a call comes from, where its client names it in a header, under the key that it came by.
pub fn editor(headers: &HeaderMap, caller: &KeyId, key: &Key) -> Option<u64> {
    let name = HEADERS.iter().find_map(|name| header(headers, name))?;
    Some(key.all([caller.as_str().as_bytes(), b"editor", name.as_bytes()]))
}

/// The session's name as a client gives it in a header or in what Claude Code says of its user.
fn name<'a>(headers: &'a HeaderMap, call: &'a Call) -> Option<&'a str> {
    let header = HEADERS.iter().find_map(|name| header(headers, name));
    header.or_else(|| of_user(call.user.as_deref()?))
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?;
    is_name(text).then_some(text)
}

/// Claude Code's user: JSON with the session, or, of old, a text that ends with it.
fn of_user(user: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct User<'a> {
        session_id: &'a str,
    }
    let json = serde_json::from_str::<User<'_>>(user).ok();
    let session = json.map(|user| user.session_id).or_else(|| {
        let (_, session) = user.rsplit_once("_session_")?;
        user.starts_with("user_").then_some(session)
    });
    session.filter(|name| is_name(name))
}

fn is_of_an_agent(headers: &HeaderMap) -> bool {
    header(headers, &OURS).is_none() && HEADERS.iter().any(|name| header(headers, name).is_some())
}

fn agent(headers: &HeaderMap, session: &SessionId, key: &Key) -> Agent {
    let named = AGENTS.iter().find_map(|name| header(headers, name));
    match named {
        Some(agent) if agent != session.as_str() => Agent::Named(key.hash(agent.as_bytes())),
        Some(_) => Agent::Main,
        None => Agent::Unsaid,
    }
}

/// Codex says it as `<session>:<number>`.
fn window(headers: &HeaderMap) -> Option<u32> {
    let (_, number) = header(headers, &WINDOW)?.rsplit_once(':')?;
    number.parse().ok()
}

/// Stands for the instructions: the system prompt, or the messages of that kind that come first.
fn system(call: &Call, prompt: &Prompt, key: &Key) -> u64 {
    if let Some(place) = &call.system_at {
        let mut scratch = Vec::new();
        let canon = call.canon_at(place.clone(), &mut scratch);
        return key.all(canon.parts.map(without_billing));
    }
    let leading = 0..prompt.leading();
    leading.fold(0, |before, at| key.join(before, prompt.message(at)))
}

fn without_billing(system: &[u8]) -> &[u8] {
    let beginning = &system[..system.len().min(128)];
    match memchr::memmem::find(beginning, BILLING) {
        Some(at) => memchr::memchr(b'}', &system[at..]).map_or(system, |end| &system[at + end..]),
        None => system,
    }
}

/// Which message has the person's first words.
fn opening(call: &Call) -> Option<usize> {
    let mut opening = None;
    for (at, message) in call.messages.iter().enumerate().take(16) {
        if message.role != Role::Person {
            continue;
        }
        if message.is_person_turn() {
            opening.get_or_insert(at);
        } else if is_examples_end(call, message) {
            opening = None;
        }
    }
    opening.or_else(|| call.messages.iter().position(Message::is_person_turn))
}

fn is_examples_end(call: &Call, message: &Message) -> bool {
    let json = call.json(message.bytes.clone());
    let beginning = &json[..json.len().min(256)];
    memchr::memmem::find(beginning, EXAMPLES_END).is_some()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
