//! Calls whose kind is plain from their shape: what clients ask for by themselves, beside the work. For these no net is asked,
//! and they move nothing in the conversation that they belong to.

use http::{HeaderMap, HeaderName};

use crate::domain::closed::closed;
use crate::domain::dialect::Endpoint;
use crate::domain::facts::{Classification, Language, Task};
use crate::domain::tokens::TokenCount;
use crate::protocol::call::Call;

closed!(
    /// A kind of call that is plain from its shape.
    Shape {
        /// A name for the conversation.
        Title = "title",
        /// Whether there is any quota left: one token is asked for.
        QuotaProbe = "quota_probe",
        /// Whether the person has begun something new; whose turn it is.
        TopicCheck = "topic_check",
        /// The conversation is to be told in short, to go on from that.
        Compaction = "compaction",
        /// Something is to be told in short beside the conversation.
        Summary = "summary",
        /// Only the provider's cache is to be filled.
        WarmUp = "warm_up",
        /// What the person may say next.
        Suggestion = "suggestion",
        /// The words for a commit.
        CommitMessage = "commit_message",
        /// Whether a call of a tool is safe.
        SafetyCheck = "safety_check",
        /// The gap at the cursor is to be filled.
        FillIn = "fill_in",
        /// Tokens are only counted.
        Count = "count",
        /// Numbers for texts.
        Embedding = "embedding",
        /// Said by the client to be beside the work, and no more.
        Aside = "aside",
    }
);

/// What must hold for a shape. What is left out is not asked.
struct Sign {
    shape: Shape,
    /// A header and its value, or a piece of it.
    header: Option<(Hint, &'static str)>,
    door: Option<Endpoint>,
    /// The most output that is asked for.
    most: Option<u64>,
    /// No tools are offered, and no picture is shown.
    bare: bool,
    /// The least bytes of the newest words; of a whole request by a program, not of a sentence of a person.
    least: usize,
    /// A name in the form that the answer must have.
    form: Option<&'static str>,
    /// One of these stands in the newest words.
    words: &'static [&'static str],
    /// One of these stands in the system prompt's beginning.
    system: &'static [&'static str],
}

const ANY: Sign = Sign {
    shape: Shape::Aside,
    header: None,
    door: None,
    most: None,
    bare: false,
    least: 0,
    form: None,
    words: &[],
    system: &[],
};

const CLASS: &str = "x-claude-code-request-class";
const FIRST_PARTY: &str = "x-claude-1p-request-class";
const CODEX: &str = "x-codex-turn-metadata";

/// A header by which a client says what a call is for.
#[derive(Clone, Copy)]
enum Hint {
    Class,
    FirstParty,
    Codex,
}

/// By [`Hint`].
static HINTS: [HeaderName; 3] = [
    HeaderName::from_static(CLASS),
    HeaderName::from_static(FIRST_PARTY),
    HeaderName::from_static(CODEX),
];

/// The first that holds is taken.
const SIGNS: &[Sign] = &[
    // Doors that say it themselves.
    Sign {
        shape: Shape::Count,
        door: Some(Endpoint::CountTokens),
        ..ANY
    },
    Sign {
        shape: Shape::Embedding,
        door: Some(Endpoint::Embeddings),
        ..ANY
    },
    Sign {
        shape: Shape::FillIn,
        door: Some(Endpoint::Completions),
        ..ANY
    },
    // Claude Code with its hints on: what it is for first, then the class alone.
    Sign {
        shape: Shape::Compaction,
        header: Some((Hint::Class, "compaction")),
        ..ANY
    },
    Sign {
        shape: Shape::Title,
        header: Some((Hint::FirstParty, "summary-extraction")),
        form: Some("\"title\""),
        ..ANY
    },
    Sign {
        shape: Shape::Summary,
        header: Some((Hint::FirstParty, "summary-extraction")),
        ..ANY
    },
    Sign {
        shape: Shape::Suggestion,
        header: Some((Hint::FirstParty, "followup-generation")),
        ..ANY
    },
    // Codex.
    Sign {
        shape: Shape::WarmUp,
        header: Some((Hint::Codex, "\"request_kind\":\"prewarm\"")),
        ..ANY
    },
    Sign {
        shape: Shape::Compaction,
        header: Some((Hint::Codex, "\"request_kind\":\"compact")),
        ..ANY
    },
    Sign {
        shape: Shape::Compaction,
        words: &["CONTEXT CHECKPOINT COMPACTION"],
        ..ANY
    },
    // By the output that is asked for, whoever asks.
    Sign {
        shape: Shape::WarmUp,
        most: Some(0),
        ..ANY
    },
    Sign {
        shape: Shape::QuotaProbe,
        most: Some(1),
        bare: true,
        ..ANY
    },
    // Claude Code's judge of risky commands: short, with a text to stop at, before a whole transcript.
    Sign {
        shape: Shape::SafetyCheck,
        most: Some(64),
        bare: true,
        system: &["security monitor", "safety", "permission"],
        ..ANY
    },
    // By the form of the answer: titles of Claude Code and Zed, topics of Claude Code, whose turn it is in Gemini CLI and Qwen Code.
    Sign {
        shape: Shape::TopicCheck,
        form: Some("\"isNewTopic\""),
        ..ANY
    },
    Sign {
        shape: Shape::TopicCheck,
        form: Some("\"next_speaker\""),
        ..ANY
    },
    Sign {
        shape: Shape::Suggestion,
        form: Some("\"follow_ups\""),
        ..ANY
    },
    Sign {
        shape: Shape::Title,
        bare: true,
        form: Some("\"title\""),
        ..ANY
    },
    Sign {
        shape: Shape::TopicCheck,
        bare: true,
        system: &["isNewTopic", "new conversation topic"],
        ..ANY
    },
    // By what a program asks for in words: opencode, Continue, Zed, Copilot, chat windows.
    Sign {
        shape: Shape::Title,
        bare: true,
        system: &[
            "title generator",
            "generate a short title",
            "concise title",
            "title for this conversation",
            "title for the conversation",
        ],
        ..ANY
    },
    Sign {
        shape: Shape::Title,
        bare: true,
        words: &[
            "Generate a title for this conversation",
            "title for this conversation",
            "title for the chat",
            "word title",
        ],
        least: 120,
        ..ANY
    },
    Sign {
        shape: Shape::CommitMessage,
        bare: true,
        system: &["commit message", "Git commit"],
        ..ANY
    },
    Sign {
        shape: Shape::Compaction,
        system: &[
            "state_snapshot",
            "summarizing conversations",
            "summarize conversations",
        ],
        bare: true,
        ..ANY
    },
    // Claude Code, Cline and Roo without hints: a long instruction as the last words.
    Sign {
        shape: Shape::Compaction,
        words: &[
            "detailed summary of the conversation",
            "summary of the conversation so far",
            "detailed summary of our conversation",
        ],
        least: 1_000,
        ..ANY
    },
    // Aider tells older talk in short.
    Sign {
        shape: Shape::Summary,
        bare: true,
        system: &["summarize this partial conversation"],
        ..ANY
    },
    Sign {
        shape: Shape::Suggestion,
        words: &["[SUGGESTION MODE"],
        ..ANY
    },
    // Claude Code: beside the work, whatever for.
    Sign {
        shape: Shape::Aside,
        header: Some((Hint::Class, "auxiliary")),
        ..ANY
    },
];

impl Shape {
    /// The shape of a call, if it is plain.
    pub fn of(headers: &HeaderMap, call: &Call) -> Option<Self> {
        let shown = Shown::of(headers, call);
        let sign = SIGNS.iter().find(|sign| shown.has(sign))?;
        Some(sign.shape)
    }

    /// What such a call is and needs, so that nobody need be asked.
    pub fn class(self) -> Classification {
        use Task::{Command, Complete, Explain, Other, Plan, Review};
        let (task, difficulty, [low, output, high]) = match self {
            Self::Title => (Explain, -3.0, [5, 15, 40]),
            Self::QuotaProbe | Self::WarmUp => (Other, -4.0, [0, 1, 1]),
            Self::TopicCheck => (Plan, -2.5, [10, 25, 80]),
            Self::Compaction => (Explain, -0.5, [600, 1_500, 4_000]),
            Self::Summary => (Explain, -1.5, [60, 200, 800]),
            Self::Suggestion => (Plan, -2.0, [5, 20, 80]),
            Self::CommitMessage => (Command, -2.0, [8, 25, 80]),
            Self::SafetyCheck => (Review, -1.0, [2, 20, 300]),
            Self::FillIn => (Complete, -1.5, [5, 30, 150]),
            Self::Count | Self::Embedding => (Other, -4.0, [0, 0, 0]),
            Self::Aside => (Other, -1.5, [10, 100, 600]),
        };
        Classification {
            task,
            second: Other,
            confidence: 0.99,
            difficulty,
            variance: 0.5,
            output: TokenCount(output),
            output_low: TokenCount(low),
            output_high: TokenCount(high),
            language: Language::Other,
        }
    }

    /// Whether it is asked with the conversation's own prompt, so that the model that has it cached is the cheapest.
    pub fn shares_prompt(self) -> bool {
        matches!(self, Self::Compaction | Self::Suggestion | Self::WarmUp)
    }
}

/// What of a call the signs look at.
struct Shown<'a> {
    hints: [Option<&'a str>; HINTS.len()],
    call: &'a Call,
    system: &'a str,
    form: &'a str,
}

impl<'a> Shown<'a> {
    fn of(headers: &'a HeaderMap, call: &'a Call) -> Self {
        let first = call.messages.first().map(|message| message.bytes.clone());
        let place = call.system_at.clone().or(first);
        let json = place.map_or(&[][..], |place| call.json(place));
        let form = call.asks.format.clone().map(|place| call.json(place));
        Self {
            hints: HINTS
                .each_ref()
                .map(|name| headers.get(name)?.to_str().ok()),
            call,
            system: text(&json[..json.len().min(4 << 10)]),
            form: form.map_or("", text),
        }
    }

    fn has(&self, sign: &Sign) -> bool {
        let call = self.call;
        let any = |words: &[&str], text: &str| {
            words.is_empty() || words.iter().any(|word| text.contains(word))
        };
        sign.door.is_none_or(|door| door == call.endpoint)
            && sign
                .most
                .is_none_or(|most| call.max_output.is_some_and(|output| output.0 <= most))
            && !(sign.bare && (call.tools || call.images))
            && call.outline.newest >= sign.least
            && sign.header.is_none_or(|header| self.says(header))
            && sign.form.is_none_or(|form| self.form.contains(form))
            // Where tools have given something back, the newest words are old, and were looked at.
            && (sign.words.is_empty() || !call.outline.tool_turn)
            && any(sign.words, &call.text)
            && any(sign.system, self.system)
    }

    fn says(&self, (hint, value): (Hint, &str)) -> bool {
        self.hints[hint as usize].is_some_and(|said| match value.starts_with('"') {
            true => said.contains(value),
            false => said == value,
        })
    }
}

/// The text of bytes that may end within a letter.
fn text(bytes: &[u8]) -> &str {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.valid_up_to(),
    };
    std::str::from_utf8(&bytes[..valid]).unwrap_or_default()
}

#[cfg(test)]
mod tests;
