//! Anthropic Messages: one block open at a time, usage counted beside the cache.

use super::answer::{Stop, Thinking};
use super::json::{Quoted, put};
use super::reply::{Reply, Told};
use super::seal::Kind;
use super::tape::{Tape, Track};

fn stop_reason(reply: &Reply<'_>) -> &'static str {
    match reply.answer.stop {
        Stop::Done => "end_turn",
        Stop::Tool => "tool_use",
        Stop::Length => "max_tokens",
    }
}

/// `,"usage":{…}` with this many output tokens, or nothing where the caller is told nothing.
fn usage(reply: &Reply<'_>, output: u64, out: &mut String) {
    let (usage, told) = (&reply.usage, reply.told);
    if told == Told::Nothing {
        return;
    }
    let (short, long) = (usage.cache_write_short.0, usage.cache_write_long.0);
    put!(
        out,
        r#","usage":{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}},"output_tokens":{}"#,
        told.count(usage.input.0),
        told.count(short + long),
        told.count(usage.cache_read.0),
        told.count(short),
        told.count(long),
        told.count(output),
    );
    if usage.reasoning.0 > 0 {
        let thinking = told.count(usage.reasoning.0.min(output));
        put!(
            out,
            r#","output_tokens_details":{{"thinking_tokens":{thinking}}}"#
        );
    }
    out.push_str(r#","service_tier":"standard"}"#);
}

pub(super) fn whole(reply: &Reply<'_>) -> String {
    let mut out = String::with_capacity(reply.answer.size() + 600);
    put!(
        out,
        r#"{{"id":"{}","type":"message","role":"assistant","model":{},"content":["#,
        reply.id("msg_"),
        Quoted(reply.model),
    );
    out.push_str(&blocks(reply).join(","));
    put!(
        out,
        r#"],"stop_reason":"{}","stop_sequence":null"#,
        stop_reason(reply)
    );
    usage(reply, reply.usage.output.0, &mut out);
    out.push('}');
    out
}

fn blocks(reply: &Reply<'_>) -> Vec<String> {
    let answer = reply.answer;
    let mut blocks = Vec::with_capacity(2 + answer.calls.len());
    match (answer.thinking, answer.redacted) {
        (Thinking::No, _) => {}
        (_, true) => blocks.push(format!("{{{}}}", redacted(reply))),
        (_, false) => {
            let (thought, signature) = (Quoted(shown(reply)), signature(reply));
            blocks.push(format!(
                r#"{{"type":"thinking","thinking":{thought},"signature":"{signature}"}}"#
            ));
        }
    }
    if answer.said.len() > 0 {
        let text = Quoted(answer.said.text());
        blocks.push(format!(r#"{{"type":"text","text":{text}}}"#));
    }
    for (at, call) in answer.calls.iter().enumerate() {
        // A call that was cut is no JSON, and this dialect has no place for half an object.
        let input = match at < answer.whole_calls().len() {
            true => call.arguments.text(),
            false => "{}",
        };
        let (id, name) = (reply.call_id("toolu_", at), Quoted(&call.name));
        blocks.push(format!(
            r#"{{"type":"tool_use","id":"{id}","name":{name},"input":{input}}}"#
        ));
    }
    blocks
}

/// What is shown of a thought.
fn shown<'a>(reply: &Reply<'a>) -> &'a str {
    match reply.answer.thinking {
        Thinking::Shown => reply.answer.thought.text(),
        Thinking::Hidden | Thinking::No => "",
    }
}

fn signature(reply: &Reply<'_>) -> String {
    reply.seal(Kind::Signature, shown(reply))
}

/// The block without its braces.
fn redacted(reply: &Reply<'_>) -> String {
    let data = reply.seal(Kind::Redacted, "");
    format!(r#""type":"redacted_thinking","data":"{data}""#)
}

/// Writes the events of a stream; knows the index of the open block.
struct Writer {
    track: Track,
    index: u32,
    pinged: bool,
}

impl Writer {
    fn event(&mut self, tokens: u64, name: &str, rest: std::fmt::Arguments<'_>) {
        self.track.frame(tokens, |out| {
            put!(
                out,
                "event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n"
            );
        });
    }

    fn open(&mut self, block: std::fmt::Arguments<'_>) {
        let index = self.index;
        self.event(
            0,
            "content_block_start",
            format_args!(r#","index":{index},"content_block":{{{block}}}"#),
        );
        if !std::mem::replace(&mut self.pinged, true) {
            self.event(0, "ping", format_args!(""));
        }
    }

    fn delta(&mut self, tokens: u64, delta: std::fmt::Arguments<'_>) {
        let index = self.index;
        self.event(
            tokens,
            "content_block_delta",
            format_args!(r#","index":{index},"delta":{{{delta}}}"#),
        );
    }

    /// Tokens that no event shows.
    fn hidden(&mut self, tokens: u64) {
        self.event(tokens, "ping", format_args!(""));
    }

    fn close(&mut self) {
        let index = self.index;
        self.event(0, "content_block_stop", format_args!(r#","index":{index}"#));
        self.index += 1;
    }
}

pub(super) fn stream(reply: &Reply<'_>) -> Tape {
    let answer = reply.answer;
    let mut writer = Writer {
        track: Track::new(answer.tokens(), 140),
        index: 0,
        pinged: false,
    };
    start(reply, &mut writer);
    if answer.thinking != Thinking::No {
        thought(reply, &mut writer);
    }
    if answer.said.len() > 0 {
        writer.open(format_args!(r#""type":"text","text":"""#));
        for piece in answer.said.iter().map(Quoted) {
            writer.delta(1, format_args!(r#""type":"text_delta","text":{piece}"#));
        }
        writer.close();
    }
    for (at, call) in answer.calls.iter().enumerate() {
        let (id, name) = (reply.call_id("toolu_", at), Quoted(&call.name));
        writer.open(format_args!(
            r#""type":"tool_use","id":"{id}","name":{name},"input":{{}}"#
        ));
        writer.delta(
            0,
            format_args!(r#""type":"input_json_delta","partial_json":"""#),
        );
        for piece in call.arguments.iter().map(Quoted) {
            writer.delta(
                1,
                format_args!(r#""type":"input_json_delta","partial_json":{piece}"#),
            );
        }
        writer.close();
    }
    let mut last = String::new();
    usage(reply, reply.usage.output.0, &mut last);
    let reason = stop_reason(reply);
    let delta = format_args!(r#","delta":{{"stop_reason":"{reason}","stop_sequence":null}}{last}"#);
    writer.event(0, "message_delta", delta);
    writer.event(0, "message_stop", format_args!(""));
    writer.track.into_tape()
}

fn start(reply: &Reply<'_>, writer: &mut Writer) {
    let mut counts = String::new();
    usage(reply, reply.usage.output.0.min(1), &mut counts);
    let (id, model) = (reply.id("msg_"), Quoted(reply.model));
    let message = format_args!(
        r#","message":{{"id":"{id}","type":"message","role":"assistant","model":{model},"content":[],"stop_reason":null,"stop_sequence":null{counts}}}"#
    );
    writer.event(0, "message_start", message);
}

fn thought(reply: &Reply<'_>, writer: &mut Writer) {
    let answer = reply.answer;
    if answer.redacted {
        writer.open(format_args!("{}", redacted(reply)));
        // What nobody sees has been made all the same.
        writer.hidden(answer.thought.len());
        writer.close();
        return;
    }
    writer.open(format_args!(
        r#""type":"thinking","thinking":"","signature":"""#
    ));
    let mut hidden = answer.thought.len();
    if answer.thinking == Thinking::Shown {
        hidden = 0;
        for piece in answer.thought.iter().map(Quoted) {
            writer.delta(
                1,
                format_args!(r#""type":"thinking_delta","thinking":{piece}"#),
            );
        }
    }
    let signature = signature(reply);
    writer.delta(
        hidden,
        format_args!(r#""type":"signature_delta","signature":"{signature}""#),
    );
    writer.close();
}
