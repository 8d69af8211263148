//! An answer as Google writes it.

use super::super::answer::{Stop, Thinking};
use super::super::json::{Quoted, put};
use super::super::reply::{Reply, Told};
use super::super::seal::Kind;
use super::super::tape::{Tape, Track};
use super::signs;

/// A call says STOP too.
fn finish_reason(reply: &Reply<'_>) -> &'static str {
    match reply.answer.stop {
        Stop::Done | Stop::Tool => "STOP",
        Stop::Length => "MAX_TOKENS",
    }
}

/// How much of the answer has been made.
#[derive(Clone, Copy, Default)]
struct Made {
    thought: u64,
    said: u64,
}

/// `,"usageMetadata":{…}`: what was cached is inside the prompt, thoughts stand beside what was said.
fn usage(reply: &Reply<'_>, made: Made, out: &mut String) {
    let (told, prompt) = (reply.told, reply.usage.prompt().0);
    if told == Told::Nothing {
        return;
    }
    put!(
        out,
        r#","usageMetadata":{{"promptTokenCount":{},"candidatesTokenCount":{},"totalTokenCount":{}"#,
        told.count(prompt),
        told.count(made.said),
        told.count(prompt + made.said + made.thought),
    );
    for (field, count) in [
        ("cachedContentTokenCount", reply.usage.cache_read.0),
        ("thoughtsTokenCount", made.thought),
    ] {
        if count > 0 {
            put!(out, r#","{field}":{}"#, told.count(count));
        }
    }
    let prompt = told.count(prompt);
    put!(
        out,
        r#","promptTokensDetails":[{{"modality":"TEXT","tokenCount":{prompt}}}]}}"#
    );
}

/// A response with these parts. Without a reason to finish, more will come.
fn response(reply: &Reply<'_>, parts: &str, finish: Option<&str>, made: Made, out: &mut String) {
    put!(
        out,
        r#"{{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}},"#
    );
    if let Some(reason) = finish {
        put!(out, r#""finishReason":"{reason}","#);
    }
    out.push_str(r#""index":0}]"#);
    usage(reply, made, out);
    put!(
        out,
        r#","modelVersion":{},"responseId":"{}"}}"#,
        Quoted(reply.model),
        reply.id("")
    );
}

fn signed(reply: &Reply<'_>) -> bool {
    reply.answer.thinking != Thinking::No || signs(reply.model)
}

/// `,"thoughtSignature":"…"`, where the model signs.
fn signature(reply: &Reply<'_>) -> String {
    match signed(reply) {
        true => {
            let seal = reply.seal(Kind::Thought, reply.model);
            format!(r#","thoughtSignature":"{seal}""#)
        }
        false => String::new(),
    }
}

fn thought(text: &str) -> String {
    format!(r#"{{"text":{},"thought":true}}"#, Quoted(text))
}

/// The first of several calls bears the signature of all. A call that was cut is not told.
fn calls(reply: &Reply<'_>) -> Vec<(u64, String)> {
    let calls = reply.answer.whole_calls().iter().enumerate();
    let parts = calls.map(|(at, call)| {
        let (id, name) = (reply.call_id("", at), Quoted(&call.name));
        let args = call.arguments.text();
        let signature = if at == 0 {
            signature(reply)
        } else {
            String::new()
        };
        let part =
            format!(r#"{{"functionCall":{{"id":"{id}","name":{name},"args":{args}}}{signature}}}"#);
        (call.arguments.len(), part)
    });
    parts.collect()
}

pub(in super::super) fn whole(reply: &Reply<'_>) -> String {
    let answer = reply.answer;
    let calls = calls(reply);
    let mut parts = Vec::new();
    if answer.thinking == Thinking::Shown {
        parts.push(thought(answer.thought.text()));
    }
    if answer.said.len() > 0 {
        let signature = if calls.is_empty() {
            signature(reply)
        } else {
            String::new()
        };
        let text = Quoted(answer.said.text());
        parts.push(format!(r#"{{"text":{text}{signature}}}"#));
    }
    parts.extend(calls.into_iter().map(|(_, part)| part));
    let mut out = String::with_capacity(answer.size() + 700);
    let reason = finish_reason(reply);
    response(reply, &parts.join(","), Some(reason), all(reply), &mut out);
    out
}

fn all(reply: &Reply<'_>) -> Made {
    let thought = reply.answer.thought.len();
    Made {
        thought,
        said: reply.answer.tokens() - thought,
    }
}

pub(in super::super) fn stream(reply: &Reply<'_>) -> Tape {
    let answer = reply.answer;
    let mut track = Track::new(answer.tokens(), 500);
    let mut made = Made::default();
    let mut event = |tokens: u64, parts: &str, made: Made, finish: Option<&str>| {
        track.frame(tokens, |out| {
            out.push_str("data: ");
            response(reply, parts, finish, made, out);
            out.push_str("\r\n\r\n");
        });
    };
    // What is not shown has been thought when the next event comes.
    let mut hidden = answer.thought.len();
    if answer.thinking == Thinking::Shown {
        hidden = 0;
        for piece in answer.thought.iter() {
            made.thought += 1;
            event(1, &thought(piece), made, None);
        }
    }
    made.thought = answer.thought.len();
    for piece in answer.said.iter() {
        made.said += 1;
        let part = format!(r#"{{"text":{}}}"#, Quoted(piece));
        event(1 + std::mem::take(&mut hidden), &part, made, None);
    }
    let calls = calls(reply);
    // Words are signed by an empty text behind them.
    let last = match calls.is_empty() {
        true => format!(r#"{{"text":""{}}}"#, signature(reply)),
        false => String::new(),
    };
    for (tokens, part) in calls {
        made.said += tokens;
        event(tokens + std::mem::take(&mut hidden), &part, made, None);
    }
    let rest = all(reply).said - made.said;
    let reason = finish_reason(reply);
    event(rest + hidden, &last, all(reply), Some(reason));
    track.into_tape()
}
