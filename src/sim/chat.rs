//! Chat Completions, written as OpenAI writes them.

use super::answer::{Answer, Stop};
use super::json::{Quoted, put};
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

pub(super) fn whole(reply: &Reply<'_>) -> String {
    let answer = reply.answer;
    let mut out = String::with_capacity(answer.said.text().len() + 700);
    put!(
        out,
        r#"{{"id":"{}","object":"chat.completion","created":{},"model":{},"choices":[{{"index":0,"message":{{"role":"assistant","content":"#,
        reply.id("chatcmpl-"),
        reply.created,
        Quoted(reply.model),
    );
    match &answer.tool {
        None => put!(out, "{}", Quoted(answer.said.text())),
        Some(name) => put!(
            out,
            r#"null,"tool_calls":[{{"id":"{}","type":"function","function":{{"name":{},"arguments":{}}}}}]"#,
            reply.id("call_"),
            Quoted(name),
            Quoted(answer.said.text()),
        ),
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
    let mut track = Track::new(answer.said.len(), head.len() + 120);
    let mut chunk = |tokens: u64, delta: std::fmt::Arguments<'_>, finish: &str| {
        track.frame(tokens, |out| {
            put!(out, r#"{head}{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish}}}{tail}"#);
        });
    };
    // Reasoning is not shown in this dialect; it has happened when the first chunk comes.
    let thought = answer.thought.len();
    match &answer.tool {
        None => {
            chunk(
                thought,
                format_args!(r#""role":"assistant","content":"","refusal":null"#),
                "null",
            );
            for piece in answer.said.iter() {
                chunk(1, format_args!(r#""content":{}"#, Quoted(piece)), "null");
            }
        }
        Some(name) => {
            let (id, name) = (reply.id("call_"), Quoted(name));
            chunk(
                thought,
                format_args!(r#""role":"assistant","content":null,"refusal":null"#),
                "null",
            );
            let call = format_args!(
                r#""tool_calls":[{{"index":0,"id":"{id}","type":"function","function":{{"name":{name},"arguments":""}}}}]"#
            );
            chunk(0, call, "null");
            for piece in answer.said.iter().map(Quoted) {
                let piece = format_args!(
                    r#""tool_calls":[{{"index":0,"function":{{"arguments":{piece}}}}}]"#
                );
                chunk(1, piece, "null");
            }
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
