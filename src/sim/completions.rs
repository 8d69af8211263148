//! The older completions, for filling in the middle.

use super::answer::Stop;
use super::chat::usage;
use super::json::{Quoted, put};
use super::reply::{Reply, Told};
use super::tape::{Tape, Track};

fn finish_reason(reply: &Reply<'_>) -> &'static str {
    match reply.answer.stop {
        Stop::Length => "length",
        Stop::Done | Stop::Tool => "stop",
    }
}

fn head(reply: &Reply<'_>) -> String {
    let (id, created, model) = (reply.id("cmpl-"), reply.created, Quoted(reply.model));
    format!(
        r#"{{"id":"{id}","object":"text_completion","created":{created},"model":{model},"choices":["#
    )
}

pub(super) fn whole(reply: &Reply<'_>) -> String {
    let (mut out, text) = (head(reply), Quoted(reply.answer.said.text()));
    put!(
        out,
        r#"{{"text":{text},"index":0,"logprobs":null,"finish_reason":"{}"}}]"#,
        finish_reason(reply)
    );
    if reply.told != Told::Nothing {
        out.push_str(r#","usage":"#);
        usage(reply, &mut out);
    }
    out.push('}');
    out
}

pub(super) fn stream(reply: &Reply<'_>) -> Tape {
    let head = head(reply);
    let tail = if reply.usage_chunk {
        "],\"usage\":null}\n\n"
    } else {
        "]}\n\n"
    };
    let mut track = Track::new(reply.answer.said.len(), head.len() + 80);
    let mut chunk = |tokens: u64, text: &str, finish: &str| {
        track.frame(tokens, |out| {
            let text = Quoted(text);
            put!(out, r#"data: {head}{{"text":{text},"index":0,"logprobs":null,"finish_reason":{finish}}}{tail}"#);
        });
    };
    for piece in reply.answer.said.iter() {
        chunk(1, piece, "null");
    }
    chunk(0, "", &format!("\"{}\"", finish_reason(reply)));
    if reply.usage_chunk && reply.told != Told::Nothing {
        track.frame(0, |out| {
            put!(out, r#"data: {head}],"usage":"#);
            usage(reply, out);
            out.push_str("}\n\n");
        });
    }
    track.frame(0, |out| out.push_str("data: [DONE]\n\n"));
    track.into_tape()
}
