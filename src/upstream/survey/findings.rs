//! What an answer says of what a model and its target can do.

use bytes::Bytes;
use serde_json::Value;

use super::ask::Heard;
use super::finding::{Finding, Mend, Verdict, What};
use super::question;
use crate::catalog::{Model, Target};
use crate::domain::dialect::{Ability, Dialect};
use crate::domain::kind::habits::Cached;
use crate::domain::tokens::Usage;
use crate::protocol::translate::answer::{Answer, Stop};
use crate::protocol::translate::block::Block;
use crate::protocol::translate::read_answer;
use crate::upstream::error::Why;

use Verdict::{No, NotAsked, Unclear, Yes};

/// What a call came to that gave no answer.
pub(super) fn silent(heard: &Heard) -> (Verdict, String) {
    match heard {
        Heard::Good { .. } => (Yes, String::new()),
        Heard::Late => (NotAsked, "out of time".to_owned()),
        Heard::Failed(failed) => (Unclear, failed.why.as_str().to_owned()),
        Heard::Refused { status, said } => {
            let verdict = match status {
                // Not what the call asks for, but who asks or how often.
                401..=403 | 408 | 429 | 500 | 502..=599 => Unclear,
                _ => No,
            };
            (verdict, with_words(&status.to_string(), said))
        }
    }
}

fn with_words(status: &str, said: &str) -> String {
    match said {
        "" => status.to_owned(),
        said => format!("{status}: {said}"),
    }
}

/// The call was refused for its key.
pub(super) fn is_locked(heard: &Heard) -> bool {
    match heard {
        Heard::Refused { status, .. } => matches!(status, 401 | 403),
        _ => false,
    }
}

/// Nobody was there.
pub(super) fn is_away(heard: &Heard) -> Option<Why> {
    match heard {
        Heard::Failed(failed) if failed.not_sent() || failed.why == Why::Reset => Some(failed.why),
        _ => None,
    }
}

/// Under which key a model's or a target's settings stand.
pub(super) fn at_model(model: &Model) -> String {
    format!("models.{}", model.id)
}

pub(super) fn at_target(target: &Target) -> String {
    format!("targets.{}", target.id)
}

/// The ability that a finding is about.
fn ability(what: What) -> Option<Ability> {
    match what {
        What::Tools => Some(Ability::Tools),
        What::StructuredOutput => Some(Ability::StructuredOutput),
        What::Fim => Some(Ability::Fim),
        What::Thinking => Some(Ability::Thinking),
        _ => None,
    }
}

/// Holds what was found of a model's abilities against what is configured. All that differs is mended by one line.
pub(super) fn abilities(model: &Model, findings: &mut [Finding]) {
    let found = |verdict| {
        let all = findings.iter().filter(move |it| it.verdict == verdict);
        all.filter_map(|it| ability(it.what)).collect::<Vec<_>>()
    };
    let (can, cannot) = (found(Yes), found(No));
    let kept = model.can.iter().filter(|it| !cannot.contains(it));
    let more = can.iter().filter(|it| !model.can.contains(it));
    let words: Vec<_> = kept.chain(more).map(|it| it.as_str()).collect();
    let line = format!("can: [{}]", words.join(", "));
    for finding in findings {
        let Some(ability) = ability(finding.what) else {
            continue;
        };
        let configured = model.can.contains(&ability);
        finding.differs = configured && finding.verdict == No;
        // Where nothing is listed, nothing is ruled out.
        let better = !configured && finding.verdict == Yes && !model.can.is_empty();
        finding.mend = (finding.differs || better).then(|| Mend::new(at_model(model), &*line));
    }
}

/// A dialect that is configured, by what came of a call in it.
pub(super) fn dialect(dialect: Dialect, heard: &Heard) -> Finding {
    let (verdict, told) = match heard {
        Heard::Good { body, .. } => match is_answer(dialect, body) {
            true => (Yes, String::new()),
            false => (No, "it answers in other words".to_owned()),
        },
        // There is no such door. Anything else is said by somebody who is behind it.
        Heard::Refused {
            status: status @ (404 | 405 | 501),
            said,
        } => {
            let gone = said.to_ascii_lowercase().contains("model");
            (
                if gone { Unclear } else { No },
                with_words(&status.to_string(), said),
            )
        }
        Heard::Refused { status, said } => (Unclear, with_words(&status.to_string(), said)),
        heard => silent(heard),
    };
    Finding::new(What::Dialect, verdict, told).in_dialect(dialect)
}

/// Holds the dialects that were found against those that are configured.
pub(super) fn dialects(target: &Target, findings: &mut [Finding]) {
    let missing = findings.iter().filter(|it| it.verdict == No);
    let missing: Vec<_> = missing.filter_map(|it| it.dialect).collect();
    let spoken = target.dialects.iter().filter(|it| !missing.contains(it));
    let spoken: Vec<_> = spoken.map(|it| it.as_str()).collect();
    let line = format!("dialects: [{}]", spoken.join(", "));
    let differ = |it: &&mut Finding| it.verdict == No && it.dialect.is_some();
    for finding in findings.iter_mut().filter(differ) {
        finding.differs = true;
        finding.mend = Some(Mend::new(at_target(target), &*line));
    }
}

fn is_answer(dialect: Dialect, body: &[u8]) -> bool {
    match dialect {
        Dialect::Completions => is_completed(body),
        _ => answer(dialect, body).is_some(),
    }
}

fn is_completed(body: &[u8]) -> bool {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    json["choices"][0]["text"].is_string()
}

fn answer(dialect: Dialect, body: &[u8]) -> Option<Answer<'_>> {
    // What an answer without an id would be called does not matter here.
    read_answer(dialect, std::str::from_utf8(body).ok()?, "").ok()
}

/// Whether a tool was called.
pub(super) fn called(dialect: Dialect, heard: &Heard) -> (Verdict, String) {
    let Heard::Good { body, .. } = heard else {
        return silent(heard);
    };
    let Some(answer) = answer(dialect, body) else {
        return (Unclear, "the answer cannot be read".to_owned());
    };
    let calls =
        |block: &Block<'_>| matches!(block, Block::Use(call) if call.name == question::TOOL);
    match answer.blocks.iter().any(calls) {
        true => (Yes, String::new()),
        false if answer.stop == Stop::Length => (Unclear, "cut short".to_owned()),
        false => (No, "it answered in words".to_owned()),
    }
}

/// Whether the answer keeps to its schema.
pub(super) fn formed(dialect: Dialect, heard: &Heard) -> (Verdict, String) {
    let Heard::Good { body, .. } = heard else {
        return silent(heard);
    };
    let Some(answer) = answer(dialect, body) else {
        return (Unclear, "the answer cannot be read".to_owned());
    };
    let texts = answer.blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(&*text.text),
        _ => None,
    });
    let text: String = texts.collect();
    let json: Option<Value> = serde_json::from_str(text.trim()).ok();
    match json {
        Some(json) if json[question::FIELD].is_boolean() => (Yes, String::new()),
        _ if answer.stop == Stop::Length => (Unclear, "cut short".to_owned()),
        _ => (No, "the answer is not of the schema".to_owned()),
    }
}

/// Whether the model thought.
pub(super) fn thought(dialect: Dialect, heard: &Heard) -> (Verdict, String) {
    let Heard::Good { body, used } = heard else {
        return silent(heard);
    };
    let thinks = |block: &Block<'_>| matches!(block, Block::Thought(_));
    let answer = answer(dialect, body);
    let shown = answer.is_some_and(|answer| answer.blocks.iter().any(thinks));
    let counted = used.is_some_and(|used| used.reasoning.0 > 0);
    match (shown, counted) {
        (true, _) => (Yes, "shown".to_owned()),
        (false, true) => (Yes, "counted, not shown".to_owned()),
        (false, false) => (Unclear, "none seen".to_owned()),
    }
}

/// Whether a gap was filled.
pub(super) fn filled(heard: &Heard) -> (Verdict, String) {
    match heard {
        Heard::Good { body, .. } if is_completed(body) => (Yes, String::new()),
        Heard::Good { .. } => (No, "no text came".to_owned()),
        heard => silent(heard),
    }
}

/// Whether tokens were counted.
pub(super) fn counted(heard: &Heard) -> (Verdict, String) {
    match heard {
        Heard::Good { used: Some(_), .. } => (Yes, String::new()),
        Heard::Good { .. } => (No, "no count came".to_owned()),
        heard => silent(heard),
    }
}

/// How an answer would tell what was cached, in each dialect.
const CACHED: [&str; 4] = [
    "\"cached_tokens\"",
    "\"prompt_cache_hit_tokens\"",
    "\"cache_read_input_tokens\"",
    "\"cachedContentTokenCount\"",
];

/// Whether an answer tells what of its prompt was cached. Nothing was, but most say so.
pub(super) fn cached(
    target: &Target,
    dialect: Dialect,
    text: &Bytes,
    used: Option<Usage>,
) -> Finding {
    let says = |mark: &str| memchr::memmem::find(text, mark.as_bytes()).is_some();
    let (verdict, told) = match target.habits().cached {
        _ if CACHED.iter().any(|mark| says(mark)) => (Yes, String::new()),
        _ if used.is_none() => (Unclear, "no usage".to_owned()),
        // Google leaves out what is none.
        _ if dialect == Dialect::Gemini => (Unclear, "none cached".to_owned()),
        Cached::With(flag) => {
            let told = format!("start {} with {flag}", target.habits().name);
            (No, told)
        }
        Cached::Told | Cached::Untold => (No, String::new()),
    };
    Finding::new(What::Cached, verdict, told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::Hosting;
    use crate::upstream::error::UpstreamError;

    fn refused(status: u16, said: &str) -> Heard {
        Heard::Refused {
            status,
            said: said.to_owned(),
        }
    }

    fn good(body: &'static str) -> Heard {
        Heard::Good {
            body: Bytes::from_static(body.as_bytes()),
            used: None,
        }
    }

    #[test]
    fn a_dialect_is_missing_where_there_is_no_such_door() {
        let of = |heard: &Heard| dialect(Dialect::Messages, heard).verdict;

        assert_eq!(of(&refused(404, "Not Found")), No);
        assert_eq!(of(&refused(405, "")), No);
        assert_eq!(of(&good("<html>")), No);
        // Who says so stands behind the door.
        assert_eq!(of(&refused(404, "model: claude-x")), Unclear);
        for status in [400, 429, 500, 529] {
            assert_eq!(of(&refused(status, "")), Unclear, "{status}");
        }
        assert_eq!(of(&Heard::Late), NotAsked);
    }

    #[test]
    fn a_refusal_of_the_call_is_a_no_and_any_other_tells_nothing() {
        let of = |status| called(Dialect::Chat, &refused(status, "")).0;

        assert_eq!((of(400), of(422), of(501)), (No, No, No));
        for status in [401, 402, 403, 408, 429, 500, 503, 529] {
            assert_eq!(of(status), Unclear, "{status}");
        }
        let failed = Heard::Failed(UpstreamError::new(Why::Truncated, "x"));
        assert_eq!(called(Dialect::Chat, &failed).0, Unclear);
    }

    #[test]
    fn an_answer_that_was_cut_short_tells_nothing_of_tools_and_schemas() {
        let said = |content: &str, end: &str| {
            let body = format!(
                r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":{content}}},"finish_reason":"{end}"}}]}}"#
            );
            Heard::Good {
                body: body.into(),
                used: None,
            }
        };

        assert_eq!(called(Dialect::Chat, &said("\"hm\"", "length")).0, Unclear);
        assert_eq!(called(Dialect::Chat, &said("\"yes\"", "stop")).0, No);
        assert_eq!(
            formed(Dialect::Chat, &said("\"{\\\"ok\\\":\"", "length")).0,
            Unclear
        );
        assert_eq!(formed(Dialect::Chat, &said("\"yes\"", "stop")).0, No);
        assert_eq!(
            formed(Dialect::Chat, &said("\"{\\\"ok\\\":true}\"", "stop")).0,
            Yes
        );
    }

    #[test]
    fn what_was_cached_is_told_or_the_flag_is_named_that_tells_it() {
        let mut target = Target::new("t".into(), Hosting::Own, vec![Dialect::Chat], "http://h");
        target.kind = crate::domain::kind::Kind::Vllm;
        let of = |text: &'static str, dialect, used| {
            let text = Bytes::from_static(text.as_bytes());
            let found = cached(&target, dialect, &text, used);
            (found.verdict, found.told)
        };
        let used = Some(Usage::default());

        let told = of(r#"{"cached_tokens":0}"#, Dialect::Chat, used);
        assert_eq!(told, (Yes, String::new()));
        let (verdict, words) = of("{}", Dialect::Chat, used);
        assert_eq!(verdict, No);
        assert!(words.contains("--enable-prompt-tokens-details"), "{words}");
        assert_eq!(of("{}", Dialect::Gemini, used).0, Unclear);
        assert_eq!(of("{}", Dialect::Chat, None).0, Unclear);
    }
}
