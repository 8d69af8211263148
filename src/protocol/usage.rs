//! What an answer says it used, normalised once for each dialect.
//!
//! The dialects count differently. Anthropic tells cached tokens beside the input; OpenAI inside it. Reasoning is
//! a part of the output, but some servers leave it out of `completion_tokens`: then the reported total decides. Google
//! tells thoughts beside what was said, and what was cached inside the prompt.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::tokens::{TokenCount, Usage};
use crate::domain::wire::Wire;

/// More than any model can take or give: a count beyond it is not believed.
const ABSURD: u64 = 20_000_000;

/// What the answer said it was served as: prices depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// OpenAI's and Anthropic's `service_tier`.
    pub tier: Option<Box<str>>,
    /// Anthropic's `speed`.
    pub speed: Option<Box<str>>,
    /// Anthropic's `inference_geo`.
    pub region: Option<Box<str>>,
}

/// What was told of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Counts that can be.
    Usage(Usage),
    /// Something that cannot be: negative, a fraction, a text, absurdly large, parts larger than the whole.
    Rejected,
}

/// Counts of the OpenAI kind, of Chat Completions and Responses alike.
#[derive(Deserialize, Default)]
#[serde(default)]
struct OpenAiCounts {
    #[serde(alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(alias = "output_tokens")]
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(alias = "output_tokens_details")]
    completion_tokens_details: Option<OutputDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    cache_write_tokens_details: Option<WriteDetails>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WriteDetails {
    ttl_12h_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    #[serde(alias = "thinking_tokens")]
    reasoning_tokens: Option<u64>,
}

/// Anthropic's counts; a later event tells a part of them anew.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub(super) struct AnthropicCounts {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<ThinkingDetails>,
    pub(super) service_tier: Option<Box<str>>,
    pub(super) speed: Option<Box<str>>,
    pub(super) inference_geo: Option<Box<str>>,
}

#[derive(Clone, Copy, Default, Debug, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Clone, Copy, Default, Debug, Deserialize)]
#[serde(default)]
struct ThinkingDetails {
    thinking_tokens: Option<u64>,
}

/// Google's `usageMetadata`; each event of a stream tells all of it anew.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct GoogleCounts {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

impl AnthropicCounts {
    /// Takes over what `later` tells: its counts are cumulative, the last word counts.
    pub(super) fn update(&mut self, later: Self) {
        fn newer<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        newer(&mut self.input_tokens, later.input_tokens);
        newer(
            &mut self.cache_creation_input_tokens,
            later.cache_creation_input_tokens,
        );
        newer(
            &mut self.cache_read_input_tokens,
            later.cache_read_input_tokens,
        );
        newer(&mut self.cache_creation, later.cache_creation);
        newer(&mut self.output_tokens, later.output_tokens);
        newer(&mut self.output_tokens_details, later.output_tokens_details);
        newer(&mut self.service_tier, later.service_tier);
        newer(&mut self.speed, later.speed);
        newer(&mut self.inference_geo, later.inference_geo);
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            tier: self.service_tier.clone(),
            speed: self.speed.clone(),
            region: self.inference_geo.clone(),
        }
    }

    pub(super) fn told(&self) -> Option<Told> {
        let (input, output) = (self.input_tokens?, self.output_tokens?);
        let written = self.cache_creation_input_tokens.unwrap_or(0);
        let long = self
            .cache_creation
            .and_then(|c| c.ephemeral_1h_input_tokens)
            .unwrap_or(0);
        let Some(short) = written.checked_sub(long) else {
            return Some(Told::Rejected);
        };
        Some(believe(Usage {
            input: TokenCount(input),
            cache_read: TokenCount(self.cache_read_input_tokens.unwrap_or(0)),
            cache_write_short: TokenCount(short),
            cache_write_long: TokenCount(long),
            output: TokenCount(output),
            reasoning: TokenCount(
                self.output_tokens_details
                    .and_then(|d| d.thinking_tokens)
                    .unwrap_or(0),
            ),
        }))
    }
}

impl OpenAiCounts {
    fn told(&self) -> Option<Told> {
        let prompt = self.prompt_tokens?;
        // Embeddings have a prompt and no completion.
        let completion = self.completion_tokens.unwrap_or(0);
        let details = self.prompt_tokens_details.as_ref();
        let cached = details
            .and_then(|d| d.cached_tokens)
            .or(self.prompt_cache_hit_tokens)
            .unwrap_or(0);
        let written = details.and_then(|d| d.cache_write_tokens).unwrap_or(0);
        let long = details
            .and_then(|d| d.cache_write_tokens_details.as_ref())
            .and_then(|d| d.ttl_12h_tokens)
            .unwrap_or(0);
        let reasoning = self
            .completion_tokens_details
            .as_ref()
            .and_then(|d| d.reasoning_tokens)
            .unwrap_or(0);
        // A server that leaves reasoning out of the completion still counts it in the total.
        let output = match self
            .total_tokens
            .and_then(|total| total.checked_sub(prompt))
        {
            Some(rest) if rest > completion => rest,
            _ => completion,
        };
        let parts = cached
            .checked_add(written)
            .and_then(|parts| prompt.checked_sub(parts))
            .zip(written.checked_sub(long));
        let Some((input, short)) = parts else {
            return Some(Told::Rejected);
        };
        Some(believe(Usage {
            input: TokenCount(input),
            cache_read: TokenCount(cached),
            cache_write_short: TokenCount(short),
            cache_write_long: TokenCount(long),
            output: TokenCount(output),
            reasoning: TokenCount(reasoning),
        }))
    }
}

impl GoogleCounts {
    fn told(&self) -> Option<Told> {
        let prompt = self.prompt_token_count?;
        let tools = self.tool_use_prompt_token_count.unwrap_or(0);
        let cached = self.cached_content_token_count.unwrap_or(0);
        let thoughts = self.thoughts_token_count.unwrap_or(0);
        let said = self.candidates_token_count.unwrap_or(0);
        let input = prompt
            .checked_add(tools)
            .and_then(|prompt| prompt.checked_sub(cached));
        let Some((input, output)) = input.zip(said.checked_add(thoughts)) else {
            return Some(Told::Rejected);
        };
        Some(believe(Usage {
            input: TokenCount(input),
            cache_read: TokenCount(cached),
            output: TokenCount(output),
            reasoning: TokenCount(thoughts),
            ..Usage::default()
        }))
    }
}

impl Told {
    /// The counts, where they can be.
    pub fn usage(self) -> Option<Usage> {
        match self {
            Self::Usage(usage) => Some(usage),
            Self::Rejected => None,
        }
    }
}

/// Counts that can be, or a rejection.
pub(super) fn believe(usage: Usage) -> Told {
    let sane =
        usage.prompt().0 <= ABSURD && usage.output.0 <= ABSURD && usage.reasoning <= usage.output;
    match sane {
        true => Told::Usage(usage),
        false => Told::Rejected,
    }
}

/// Reads a usage object of the OpenAI kind. `None` when it tells nothing.
pub(super) fn openai(raw: &RawValue) -> Option<Told> {
    match serde_json::from_str::<Option<OpenAiCounts>>(raw.get()) {
        Ok(counts) => counts?.told(),
        Err(_) => Some(Told::Rejected),
    }
}

/// Reads Google's `usageMetadata`. `None` when it tells nothing.
pub(super) fn google(raw: &RawValue) -> Option<Told> {
    match serde_json::from_str::<Option<GoogleCounts>>(raw.get()) {
        Ok(counts) => counts?.told(),
        Err(_) => Some(Told::Rejected),
    }
}

/// Reads Anthropic's usage object; `Err` when it holds what cannot be.
pub(super) fn anthropic(raw: &RawValue) -> Result<AnthropicCounts, serde_json::Error> {
    serde_json::from_str(raw.get())
}

/// What a whole answer, one that is not a stream, tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// Usage, where the answer has any.
    pub told: Option<Told>,
    /// What it was served as.
    pub terms: Terms,
    /// The answer is an error in spite of its status.
    pub error: bool,
    /// What a provider that keeps answers calls it.
    pub id: Option<String>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default, alias = "usageMetadata")]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<Cow<'a, str>>,
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// Reads a whole answer. `None` when it is not a JSON object.
pub fn whole(wire: Wire, body: &[u8]) -> Option<Whole> {
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let mut terms = Terms {
        tier: answer.service_tier.map(|tier| tier.as_ref().into()),
        ..Terms::default()
    };
    let told = match wire.endpoint {
        // Counting is free: the answer is a number, not a bill.
        Endpoint::CountTokens => answer.input_tokens.map(|_| Told::Usage(Usage::default())),
        _ => match (answer.usage, wire.dialect) {
            (None, _) => None,
            (Some(raw), Dialect::Messages) => match anthropic(raw) {
                Ok(counts) => {
                    terms = counts.terms();
                    counts.told()
                }
                Err(_) => Some(Told::Rejected),
            },
            (Some(raw), Dialect::Gemini) => google(raw),
            (Some(raw), _) => openai(raw),
        },
    };
    let error = answer.error.is_some_and(|raw| raw.get() != "null");
    let id = answer.id.filter(|_| wire == Wire::own(Endpoint::Responses));
    Some(Whole {
        told,
        terms,
        error,
        id: id.and_then(|raw| serde_json::from_str(raw.get()).ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(endpoint: Endpoint, body: &str) -> Option<Told> {
        let wire = Wire::own(endpoint);
        whole(wire, body.as_bytes()).expect("an object").told
    }

    fn counts(
        input: u64,
        read: u64,
        short: u64,
        long: u64,
        output: u64,
        reasoning: u64,
    ) -> Option<Told> {
        Some(Told::Usage(Usage {
            input: TokenCount(input),
            cache_read: TokenCount(read),
            cache_write_short: TokenCount(short),
            cache_write_long: TokenCount(long),
            output: TokenCount(output),
            reasoning: TokenCount(reasoning),
        }))
    }

    #[test]
    fn chat_counts_caches_inside_the_prompt() {
        let body = r#"{"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
            "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10,"cache_write_tokens_details":{"ttl_12h_tokens":4}},
            "completion_tokens_details":{"reasoning_tokens":5}}}"#;

        assert_eq!(usage(Endpoint::Chat, body), counts(30, 60, 6, 4, 20, 5));
    }

    #[test]
    fn responses_uses_other_words_for_the_same() {
        let body = r#"{"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":60},"output_tokens":20,
            "output_tokens_details":{"reasoning_tokens":5},"total_tokens":120}}"#;

        assert_eq!(
            usage(Endpoint::Responses, body),
            counts(40, 60, 0, 0, 20, 5)
        );
    }

    #[test]
    fn messages_counts_caches_beside_the_input() {
        let body = r#"{"usage":{"input_tokens":10,"cache_creation_input_tokens":30,"cache_read_input_tokens":60,
            "cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":10},"output_tokens":7,
            "service_tier":"standard"}}"#;

        assert_eq!(
            usage(Endpoint::Messages, body),
            counts(10, 60, 20, 10, 7, 0)
        );
        let tier = whole(Wire::own(Endpoint::Messages), body.as_bytes())
            .expect("an object")
            .terms
            .tier;
        assert_eq!(tier.as_deref(), Some("standard"));
    }

    #[test]
    fn reasoning_outside_the_completion_is_output_all_the_same() {
        let body = r#"{"usage":{"prompt_tokens":307,"completion_tokens":26,"total_tokens":560,
            "completion_tokens_details":{"reasoning_tokens":227}}}"#;

        assert_eq!(usage(Endpoint::Chat, body), counts(307, 0, 0, 0, 253, 227));
    }

    #[test]
    fn google_counts_caches_inside_the_prompt_and_thoughts_beside_the_answer() {
        let told = |text: &str| {
            let raw: &RawValue = serde_json::from_str(text).expect("JSON");
            google(raw)
        };
        let all = r#"{"promptTokenCount":29,"cachedContentTokenCount":9,"candidatesTokenCount":15,"thoughtsTokenCount":804,
            "toolUsePromptTokenCount":2,"totalTokenCount":850,"promptTokensDetails":[{"modality":"TEXT","tokenCount":29}]}"#;

        assert_eq!(told(all), counts(22, 9, 0, 0, 819, 804));
        assert_eq!(told(r#"{"promptTokenCount":7}"#), counts(7, 0, 0, 0, 0, 0));
        assert_eq!(told("{}"), None);
        assert_eq!(told("null"), None);
        let wrong = [
            r#"{"promptTokenCount":-1}"#,
            r#"{"promptTokenCount":1,"cachedContentTokenCount":2}"#,
            r#"{"promptTokenCount":1,"candidatesTokenCount":1000000000000000000}"#,
            r#"{"promptTokenCount":1,"candidatesTokenCount":18446744073709551615,"thoughtsTokenCount":9}"#,
        ];
        assert!(wrong.iter().all(|it| told(it) == Some(Told::Rejected)));
    }

    #[test]
    fn what_cannot_be_is_rejected() {
        for wrong in ["-1", "1.5", "\"7\"", "1000000000000000000", "1e300"] {
            let body = format!(r#"{{"usage":{{"prompt_tokens":{wrong},"completion_tokens":1}}}}"#);
            assert_eq!(
                usage(Endpoint::Chat, &body),
                Some(Told::Rejected),
                "{wrong}"
            );
            let body = format!(r#"{{"usage":{{"input_tokens":1,"output_tokens":{wrong}}}}}"#);
            assert_eq!(
                usage(Endpoint::Messages, &body),
                Some(Told::Rejected),
                "{wrong}"
            );
        }
        let more_cached_than_sent =
            r#"{"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":6}}}"#;
        assert_eq!(
            usage(Endpoint::Chat, more_cached_than_sent),
            Some(Told::Rejected)
        );
        assert_eq!(usage(Endpoint::Chat, r#"{"usage":null}"#), None);
        assert_eq!(usage(Endpoint::Chat, "{}"), None);
    }

    #[test]
    fn an_error_in_a_good_status_is_seen() {
        let body: &[u8] = br#"{"error":{"message":"out of memory","code":500}}"#;

        let error = |endpoint, body| whole(Wire::own(endpoint), body).expect("an object").error;
        assert!(error(Endpoint::Chat, body));
        assert!(!error(Endpoint::Responses, br#"{"error":null}"#));
        assert!(whole(Wire::own(Endpoint::Chat), b"<html>").is_none());
    }
}
