//! Chat Completions, written as OpenAI writes them.

use super::answer::{Answer, Stop, Thinking};
use super::json::{Quoted, put};
use super::profile::Thoughts;
use super::reply::{Reply, Told};
use super::tape::{Tape, Track};

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::Done => "stop",
        Stop::Tool => "tool_calls",
        Stop::Length => "length",
    }
}

/// The usage object: cached and written tokens are inside the prompt, reasoning inside the completion.
pub(super) fn usage(reply: &Reply<'_>, out: &mut String) {
    let (usage, told) = (&reply.usage, reply.told);
    let (prompt, output) = (usage.prompt().0, usage.output.0);
    let written = usage.cache_write_short.0 + usage.cache_write_long.0;
    put!(
        out,
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0"#,
        told.count(prompt),
        told.count(output),
        told.count(prompt + output),
        told.count(usage.cache_read.0),
    );
    if written > 0 {
        put!(out, r#","cache_write_tokens":{}"#, told.count(written));
    }
    put!(
        out,
        r#"}},"completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
        told.count(usage.reasoning.0),
    );
}

/// The field that shows what was thought, where the server has one. Its callers do not ask to see thoughts, only to have them.
fn shown_in(reply: &Reply<'_>) -> Option<&'static str> {
    match (reply.answer.thinking, reply.thoughts) {
        (Thinking::No, _) | (_, Thoughts::Hidden) => None,
        (_, Thoughts::ReasoningContent) => Some("reasoning_content"),
        (_, Thoughts::Reasoning) => Some("reasoning"),
    }
}

pub(super) fn whole(reply: &Reply<'_>) -> String {
    let answer = reply.answer;
    let mut out = String::with_capacity(answer.size() + 700);
    put!(
        out,
        r#"{{"id":"{}","object":"chat.completion","created":{},"model":{},"choices":[{{"index":0,"message":{{"role":"assistant","content":"#,
        reply.id("chatcmpl-"),
        reply.created,
        Quoted(reply.model),
    );
    match answer.said.len() == 0 && !answer.calls.is_empty() {
        true => out.push_str("null"),
        false => put!(out, "{}", Quoted(answer.said.text())),
    }
    if let Some(field) = shown_in(reply) {
        put!(out, r#","{field}":{}"#, Quoted(answer.thought.text()));
    }
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().enumerate().map(|(at, call)| {
            let (id, name) = (reply.chat_call_id(&call.name, at), Quoted(&call.name));
            let arguments = Quoted(call.arguments.text());
            format!(
                r#"{{"id":"{id}","type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#
            )
        });
        let calls: Vec<String> = calls.collect();
        put!(out, r#","tool_calls":[{}]"#, calls.join(","));
    }
    put!(
        out,
        r#","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"{}"}}]"#,
        finish_reason(answer)
    );
    if reply.told != Told::Nothing {
        out.push_str(r#","usage":"#);
        usage(reply, &mut out);
    }
    out.push_str(r#","service_tier":"default","system_fingerprint":"fp_sim"}"#);
    out
}

pub(super) fn stream(reply: &Reply<'_>) -> Tape {
    let answer = reply.answer;
    let mut head = String::with_capacity(200);
    put!(
        head,
        r#"data: {{"id":"{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":"fp_sim","choices":["#,
        reply.id("chatcmpl-"),
        reply.created,
        Quoted(reply.model),
    );
    // With `include_usage` every chunk but the last carries `usage: null`; without it none has the field.
    let tail = if reply.usage_chunk {
        "],\"usage\":null}\n\n"
    } else {
        "]}\n\n"
    };
    let mut track = Track::new(answer.tokens(), head.len() + 120);
    let mut chunk = |tokens: u64, delta: std::fmt::Arguments<'_>, finish: &str| {
        track.frame(tokens, |out| {
            put!(out, r#"{head}{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish}}}{tail}"#);
        });
    };
    // Where reasoning is not shown, it has happened when the first chunk comes.
    let shown = shown_in(reply);
    let hidden = if shown.is_some() {
        0
    } else {
        answer.thought.len()
    };
    let empty = match answer.said.len() == 0 && !answer.calls.is_empty() {
        true => "null",
        false => "\"\"",
    };
    chunk(
        hidden,
        format_args!(r#""role":"assistant","content":{empty},"refusal":null"#),
        "null",
    );
    if let Some(field) = shown {
        for piece in answer.thought.iter().map(Quoted) {
            chunk(1, format_args!(r#""{field}":{piece}"#), "null");
        }
    }
    for piece in answer.said.iter() {
        chunk(1, format_args!(r#""content":{}"#, Quoted(piece)), "null");
    }
    for (at, called) in answer.calls.iter().enumerate() {
        let (id, name) = (reply.chat_call_id(&called.name, at), Quoted(&called.name));
        let call = format_args!(
            r#""tool_calls":[{{"index":{at},"id":"{id}","type":"function","function":{{"name":{name},"arguments":""}}}}]"#
        );
        chunk(0, call, "null");
        for piece in called.arguments.iter().map(Quoted) {
            let piece = format_args!(
                r#""tool_calls":[{{"index":{at},"function":{{"arguments":{piece}}}}}]"#
            );
            chunk(1, piece, "null");
        }
    }
    chunk(
        0,
        format_args!(""),
        &format!("\"{}\"", finish_reason(answer)),
    );
    if reply.usage_chunk && reply.told != Told::Nothing {
        track.frame(0, |out| {
            put!(out, r#"{head}],"usage":"#);
            usage(reply, out);
            out.push_str("}\n\n");
        });
    }
    track.frame(0, |out| out.push_str("data: [DONE]\n\n"));
    track.into_tape()
}
