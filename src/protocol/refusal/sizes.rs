//! How long a prompt was and how much fits, as the message of a refusal tells it.
//!
//! A message has other numbers too: the room for the answer, what is left beside it. What is remembered of a model rests only on
//! numbers that the words before them name; for words that are passed on, a guess will do.

use crate::domain::tokens::TokenCount;

/// How long a prompt is that a target refuses for its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Its tokens, room for the answer included, where the target names them and how many fit.
    pub sent: Option<TokenCount>,
    /// How many fit, where the target names it.
    pub most: Option<TokenCount>,
}

impl TooLong {
    pub(super) fn read(message: &str) -> Self {
        let plain = plain(message);
        let most = window(&plain);
        let sent = most.and_then(|most| sent(&plain).filter(|sent| *sent > most));
        Self {
            sent: sent.map(TokenCount),
            most: most.map(TokenCount),
        }
    }
}

/// Smaller numbers are no sizes.
const LEAST: u64 = 512;

/// What stands right before the size of a window.
const BEFORE_WINDOW: &[&str] = &[
    "context length is ",
    "context length is only ",
    "context length of ",
    "context length (",
    "context size (",
    "context size of ",
    "context window of ",
    "context window (",
    "model length of ",
    "max_model_len (",
    "max_model_len=",
    "prompt length is ",
    "tokens allowed (",
    "tokens allowed ",
    "limit of ",
];

/// What stands right behind it.
const BEHIND_WINDOW: &[&str] = &[" maximum"];

/// What stands right before the size of what was sent.
const BEFORE_SENT: &[&str] = &[
    "resulted in ",
    "requested ",
    "requested about ",
    "requested a total of ",
    "request (",
    "request contains ",
    "prompt contains ",
    "prompt (length ",
    "prompt is too long: ",
    "the input (",
    "token count (",
];

/// What stands behind a number that is only a part of it.
const PART: &[&str] = &[" input", " output", " completion"];

/// As it is read: small letters, and numbers in one piece.
fn plain(message: &str) -> String {
    let small = message.chars().map(|c| c.to_ascii_lowercase());
    small.filter(|c| *c != ',').collect()
}

/// The size of the window. Who names two of them names none.
fn window(plain: &str) -> Option<u64> {
    one(windows(plain))
}

fn windows(plain: &str) -> impl Iterator<Item = u64> {
    let sum = sum(plain).map(|(_, most)| most);
    let behind = BEFORE_WINDOW.iter().flat_map(|words| behind(plain, words));
    let before = BEHIND_WINDOW.iter().flat_map(|words| before(plain, words));
    behind.chain(before).chain(sum)
}

/// Whether a text names a window of this size, whatever else it names.
pub(super) fn names(text: &str, most: TokenCount) -> bool {
    windows(&plain(text)).any(|size| size == most.0)
}

fn sent(plain: &str) -> Option<u64> {
    let all = BEFORE_SENT.iter().flat_map(|words| behind(plain, words));
    one(all.chain(sum(plain).map(|(sent, _)| sent)))
}

/// The one size that all of them are.
fn one(sizes: impl Iterator<Item = u64>) -> Option<u64> {
    let mut sizes = sizes.filter(|size| *size >= LEAST);
    let first = sizes.next()?;
    sizes.all(|size| size == first).then_some(first)
}

/// Anthropic adds the room for the answer: `188240 + 21333 > 200000`.
fn sum(plain: &str) -> Option<(u64, u64)> {
    let (left, right) = plain.split_once(" > ")?;
    let (left, answer) = left.rsplit_once(" + ")?;
    let answer: u64 = answer.parse().ok()?;
    let (prompt, most) = (last(left)?, first(right)?.0);
    Some((prompt.saturating_add(answer), most))
}

/// The whole numbers that stand right behind these words.
fn behind<'a>(plain: &'a str, words: &'a str) -> impl Iterator<Item = u64> + 'a {
    let places = plain.match_indices(words);
    places.filter_map(|(at, words)| {
        let (size, rest) = first(&plain[at + words.len()..])?;
        let whole = !PART.iter().any(|part| rest.starts_with(part));
        whole.then_some(size)
    })
}

/// The numbers that stand right before these words.
fn before<'a>(plain: &'a str, words: &'a str) -> impl Iterator<Item = u64> + 'a {
    let places = plain.match_indices(words);
    places.filter_map(|(at, _)| last(&plain[..at]))
}

/// The number that a text begins with, and what comes behind.
fn first(text: &str) -> Option<(u64, &str)> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let size = text[..text.len() - rest.len()].parse().ok()?;
    Some((size, rest))
}

/// The number that a text ends with.
fn last(text: &str) -> Option<u64> {
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    text[rest.len()..].parse().ok()
}

/// How many tokens were sent and how many fit, for people: as far as they are named, and else of the numbers that can be sizes the
/// largest, and the next. `prompt` is how long it is by our own count.
pub(super) fn sizes(message: &str, prompt: u64) -> (u64, Option<u64>) {
    let plain = plain(message);
    if let Some(most) = window(&plain) {
        let sent = sent(&plain).filter(|sent| *sent > most);
        let sent = sent.unwrap_or_else(|| prompt.max(most.saturating_add(1)));
        return (sent, Some(most));
    }
    let numbers = plain.split(|c: char| !c.is_ascii_digit());
    let numbers = numbers.filter_map(|digits| digits.parse().ok());
    let mut sizes: Vec<u64> = numbers.filter(|size| *size >= LEAST).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    match sizes.as_slice() {
        [] => (prompt, None),
        [most] => (prompt.max(most.saturating_add(1)), Some(*most)),
        [sent, most, ..] => (*sent, Some(*most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages with what was sent and what fits, where they name it.
    const KNOWN: &[(&str, Option<u64>, Option<u64>)] = &[
        // vLLM.
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
            Some(5_000),
            Some(4_096),
        ),
        (
            "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller than the number of text tokens.",
            Some(5_000),
            Some(4_096),
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 65536 tokens and your request has 34000 input tokens (32000 > 65536 - 34000).",
            None,
            Some(65_536),
        ),
        (
            "You passed 40000 input tokens and requested 30000 output tokens. However, the model's context length is only 65536 tokens, resulting in a maximum input length of 35536 tokens. Please reduce the length of the input prompt or the number of requested output tokens.",
            None,
            Some(65_536),
        ),
        // SGLang.
        (
            "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
            Some(5_000),
            Some(4_096),
        ),
        (
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 tokens: 4000 tokens from the input messages and 1000 tokens for the completion.",
            Some(5_000),
            Some(4_096),
        ),
        // llama.cpp.
        (
            "the request exceeds the available context size. try increasing the context size or enable context shift",
            None,
            None,
        ),
        (
            "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
            Some(5_000),
            Some(4_096),
        ),
        // OpenAI.
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130,500 tokens.",
            Some(130_500),
            Some(128_000),
        ),
        (
            "Your input exceeds the context window of this model.",
            None,
            None,
        ),
        // Anthropic.
        (
            "prompt is too long: 250000 tokens > 200000 maximum",
            Some(250_000),
            Some(200_000),
        ),
        (
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again",
            Some(209_573),
            Some(200_000),
        ),
        // Google.
        (
            "The input token count (5000) exceeds the maximum number of tokens allowed (4096).",
            Some(5_000),
            Some(4_096),
        ),
        (
            "The input token count exceeds the maximum number of tokens allowed 1048576.",
            None,
            Some(1_048_576),
        ),
        // OpenRouter, Mistral, xAI.
        (
            "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens (39000 of text input, 1000 in the output).",
            Some(40_000),
            Some(32_768),
        ),
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            Some(40_000),
            Some(32_768),
        ),
        (
            "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
            Some(140_000),
            Some(131_072),
        ),
        // Numbers that nobody names.
        ("context window exceeded: 40000, 30000", None, None),
        // Two windows are none.
        (
            "prompt is too long: 600 tokens > 512 maximum: maximum context length is 65536 tokens",
            None,
            None,
        ),
    ];

    #[test]
    fn a_window_is_only_what_a_message_names_so() {
        for (message, sent, most) in KNOWN {
            let told = TooLong::read(message);

            let expected = (sent.map(TokenCount), most.map(TokenCount));
            assert_eq!((told.sent, told.most), expected, "{message}");
        }
    }

    #[test]
    fn for_people_a_number_that_nobody_names_will_do() {
        for (message, told) in [
            (
                "context window exceeded: 40000, 30000",
                (40_000, Some(30_000)),
            ),
            ("context window exceeded: 30000", (30_001, Some(30_000))),
            ("context window exceeded", (9_000, None)),
            (KNOWN[2].0, (65_537, Some(65_536))),
        ] {
            assert_eq!(sizes(message, 9_000), told, "{message}");
        }
    }
}
