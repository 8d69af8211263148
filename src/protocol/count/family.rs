//! Families of models that share a table of tokens, known by the names of models, and by what they bill.

use super::pieces::KINDS;
use super::weights;
use crate::domain::closed::closed;
use crate::domain::dialect::Dialect;

closed!(
    /// Models that make the same tokens of a text.
    Family {
        /// OpenAI's since GPT-4o, the open ones too. Older ones differ by half a hundredth.
        OpenAi = "openai",
        /// Llama 3 and many that came of it: tokens nearly as OpenAI's, tools told as JSON.
        Llama = "llama",
        /// Qwen 2 to 3.
        Qwen = "qwen",
        /// Qwen from 3.5 on.
        Qwen35 = "qwen-3.5",
        /// DeepSeek from V3 on.
        DeepSeek = "deepseek",
        /// Mistral's with the table that they call Tekken.
        Mistral = "mistral",
        /// Gemma and Gemini.
        Gemma = "gemma",
        /// Claude 3 to 4.6.
        Claude = "claude",
        /// Claude from 4.7 on.
        Claude47 = "claude-4.7",
    }
);

/// Whose tokens a model is thought to have before it has billed any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Its name tells.
    Named(Family),
    /// Nothing does: those of most that are asked in its dialect.
    Likely(Family),
}

impl Whose {
    /// Of a model with these names, the first that tells counting, that is asked in a dialect.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>, dialect: Dialect) -> Self {
        let named = names.into_iter().find_map(Family::named);
        named.map_or(Self::likely(dialect), Self::Named)
    }

    fn likely(dialect: Dialect) -> Self {
        Self::Likely(match dialect {
            Dialect::Responses | Dialect::Completions => Family::OpenAi,
            Dialect::Gemini => Family::Gemma,
            Dialect::Chat | Dialect::Messages => Family::Llama,
        })
    }

    /// The family, in either case.
    pub fn family(self) -> Family {
        let (Self::Named(family) | Self::Likely(family)) = self;
        family
    }
}

/// What a word of a name begins with, and whose it is.
const MARKS: &[(&str, Family)] = &[
    ("claude", Family::Claude47),
    ("qwen", Family::Qwen),
    ("qwq", Family::Qwen),
    ("deepseek", Family::DeepSeek),
    ("codestral", Family::Mistral),
    ("devstral", Family::Mistral),
    ("magistral", Family::Mistral),
    ("ministral", Family::Mistral),
    ("mistral", Family::Mistral),
    ("gemini", Family::Gemma),
    ("gemma", Family::Gemma),
    ("llama", Family::Llama),
    ("codellama", Family::Llama),
    ("gpt", Family::OpenAi),
    ("chatgpt", Family::OpenAi),
    ("codex", Family::OpenAi),
    ("o1", Family::OpenAi),
    ("o3", Family::OpenAi),
    ("o4", Family::OpenAi),
];

/// Tokens that a provider adds by itself, as far as they tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// To begin the answer.
    pub(super) answer: u64,
    /// Around a message: who speaks, and where it ends.
    pub(super) message: u64,
    /// Before the tools, if there are any.
    pub(super) tools: u64,
    /// Around each tool.
    pub(super) tool: u64,
    /// Around each call of one, and its result.
    pub(super) call: u64,
}

const PLAIN: Frame = Frame {
    answer: 3,
    message: 4,
    tools: 12,
    tool: 8,
    call: 8,
};

impl Family {
    /// Whose a model of this name is, where the name tells.
    fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let Some((before, after)) = name.rsplit_once("distill") else {
            return Self::marked(&name);
        };
        // A small model that learned from a large one has its own tokens; none of those that DeepSeek taught has theirs.
        let own = || Self::marked(before).filter(|it| *it != Self::DeepSeek);
        Self::marked(after).or_else(own)
    }

    /// By the first mark of a name. DeepSeek's stands also before the names of small models that it taught.
    fn marked(name: &str) -> Option<Self> {
        let mut marks = marks(name);
        let first = marks.next()?;
        let (family, after) = match first.0 {
            Self::DeepSeek => marks.find(|it| it.0 != first.0).unwrap_or(first),
            _ => first,
        };
        Some(family.of_version(version(after)))
    }

    fn of_version(self, version: Option<(u32, u32)>) -> Self {
        match (self, version) {
            (Self::Claude47, Some(version)) if version < (4, 7) => Self::Claude,
            (Self::Qwen, Some(version)) if version >= (3, 5) => Self::Qwen35,
            _ => self,
        }
    }

    /// How many tokens it has for one of each kind.
    pub(super) fn weights(self) -> &'static [f32; KINDS] {
        match self {
            Self::OpenAi | Self::Llama => &weights::SAME,
            Self::Qwen => &weights::QWEN,
            Self::Qwen35 => &weights::QWEN_3_5,
            Self::DeepSeek => &weights::DEEPSEEK,
            Self::Mistral => &weights::TEKKEN,
            Self::Gemma => &weights::GEMMA,
            Self::Claude => &weights::CLAUDE,
            Self::Claude47 => &weights::CLAUDE_4_7,
        }
    }

    /// Whether its template tells tools as JSON: with the escapes of that, and blanks.
    pub(super) fn tells_json(self) -> bool {
        match self {
            Self::Llama | Self::Qwen | Self::Qwen35 | Self::DeepSeek | Self::Mistral => true,
            Self::OpenAi | Self::Gemma | Self::Claude | Self::Claude47 => false,
        }
    }

    /// What it adds by itself.
    pub(super) fn frame(self) -> Frame {
        match self {
            Self::OpenAi => PLAIN,
            // Anthropic tells the size of the instructions that it adds where tools are offered.
            Self::Claude | Self::Claude47 => Frame {
                tools: 346,
                ..PLAIN
            },
            Self::Gemma => Frame {
                message: 1,
                ..PLAIN
            },
            // As Qwen's own template has it.
            _ => Frame {
                message: 5,
                tools: 78,
                tool: 0,
                call: 7,
                ..PLAIN
            },
        }
    }
}

/// The families that words of a name tell, and what stands behind each mark.
fn marks(name: &str) -> impl Iterator<Item = (Family, &str)> {
    let begins = |at: &usize| {
        let before = at.checked_sub(1).and_then(|it| name.as_bytes().get(it));
        before.is_none_or(|it| !it.is_ascii_alphanumeric())
    };
    let told = |at: usize| {
        let word = name.get(at..)?;
        let known = |(mark, family): &(&str, Family)| Some((*family, word.strip_prefix(mark)?));
        MARKS.iter().find_map(known)
    };
    (0..name.len()).filter(begins).filter_map(told)
}

/// The version that a name tells first, if any: a long number is a date, and one with a letter a size.
fn version(name: &str) -> Option<(u32, u32)> {
    let mut words = name.split(|it: char| !it.is_ascii_alphanumeric());
    let number = |word: &str| word.parse().ok().filter(|_: &u32| word.len() <= 2);
    let is_number = |word: &&str| word.parse::<u64>().is_ok();
    let first = words.find(is_number).and_then(number)?;
    Some((first, words.next().and_then(number).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_family() {
        for (family, names) in [
            (
                Family::Claude,
                &[
                    "claude-opus-4-20250514",
                    "claude-3-5-sonnet-20241022",
                    "anthropic/claude-sonnet-4.6",
                    "us.anthropic.claude-haiku-4-5-20251001-v1:0",
                ][..],
            ),
            (
                Family::Claude47,
                &[
                    "claude-opus-4-7",
                    "claude-opus-4.8",
                    "claude-sonnet-5",
                    "claude-sonnet-latest",
                ],
            ),
            (
                Family::Qwen,
                &[
                    "Qwen/Qwen3-Coder-30B-A3B-Instruct",
                    "qwen2.5-coder:7b",
                    "QwQ-32B",
                    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
                    "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B",
                    "Qwen3-4B-Distill",
                    "qwen3-14b-claude-4.5-distill-gguf",
                ],
            ),
            (
                Family::Qwen35,
                &[
                    "Qwen/Qwen3.6-35B-A3B",
                    "qwen-3.5-plus",
                    "deepseek-v4-qwen3.5-9b",
                ],
            ),
            (
                Family::DeepSeek,
                &[
                    "deepseek-v4-pro",
                    "deepseek-chat",
                    "deepseek-ai/DeepSeek-V3.1",
                ],
            ),
            (
                Family::Mistral,
                &["devstral-2-25-12", "codestral-latest", "mistral-large-3"],
            ),
            (
                Family::Gemma,
                &["gemini-3.5-flash", "google/gemma-3-27b-it"],
            ),
            (
                Family::Llama,
                &["meta-llama/Llama-3.3-70B", "r1-distill-llama-70b"],
            ),
            (
                Family::OpenAi,
                &["gpt-5.5", "openai/gpt-oss-120b", "o4-mini", "gpt-4-turbo"],
            ),
        ] {
            for name in names {
                assert_eq!(Family::named(name), Some(family), "{name}");
            }
        }
        for name in [
            "",
            "team-coder",
            "kimi-k3",
            "glm-5.2",
            "proto3",
            "auto",
            "DeepSeek-R1-Distill",
        ] {
            assert_eq!(Family::named(name), None, "{name}");
        }
    }

    #[test]
    fn tables_are_whole_and_sane() {
        for family in Family::ALL {
            let weights = family.weights();
            let sane = weights.iter().all(|it| (0.0..=6.0).contains(it));
            assert!(sane, "{family} {weights:?}");
        }
    }
}
