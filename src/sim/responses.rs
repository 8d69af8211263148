//! OpenAI Responses: items with events of their own, numbered without a gap.

use super::answer::{Answer, Stop, Thinking};
use super::json::{Quoted, put};
use super::reply::{Reply, Told};
use super::seal::Kind;
use super::tape::{Tape, Track};

/// How far a response has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Over,
    Failed,
}

fn usage(reply: &Reply<'_>, out: &mut String) {
    let (usage, told) = (&reply.usage, reply.told);
    if told == Told::Nothing {
        return out.push_str("null");
    }
    let (prompt, output) = (usage.prompt().0, usage.output.0);
    let written = usage.cache_write_short.0 + usage.cache_write_long.0;
    let counts = [prompt, usage.cache_read.0, written].map(|n| told.count(n));
    put!(
        out,
        r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},"cache_write_tokens":{}"#,
        counts[0],
        counts[1],
        counts[2],
    );
    if written > 0 {
        let (short, long) = (usage.cache_write_short.0, usage.cache_write_long.0);
        put!(
            out,
            r#","cache_write_tokens_details":{{"ttl_30m_tokens":{},"ttl_12h_tokens":{}}}"#,
            told.count(short),
            told.count(long)
        );
    }
    put!(
        out,
        r#"}},"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}"#,
        told.count(output),
        told.count(usage.reasoning.0),
        told.count(prompt + output)
    );
}

/// An item of the output.
#[derive(Clone, Copy)]
enum Part {
    Thought,
    Message,
    /// A call, by its place among them.
    Call(usize),
}

fn parts(answer: &Answer) -> Vec<Part> {
    let mut parts = Vec::with_capacity(2 + answer.calls.len());
    if answer.thinking != Thinking::No {
        parts.push(Part::Thought);
    }
    if answer.said.len() > 0 || answer.calls.is_empty() {
        parts.push(Part::Message);
    }
    parts.extend((0..answer.calls.len()).map(Part::Call));
    parts
}

/// The response object; its output only when it is over.
fn object(reply: &Reply<'_>, state: State, failure: &str, out: &mut String) {
    let cut = reply.answer.stop == Stop::Length;
    let (status, detail) = match state {
        State::Running => ("in_progress", "null"),
        State::Failed => ("failed", "null"),
        State::Over if cut => ("incomplete", r#"{"reason":"max_output_tokens"}"#),
        State::Over => ("completed", "null"),
    };
    put!(
        out,
        r#"{{"id":"{}","object":"response","created_at":{},"status":"{status}","background":false,"error":{},"incomplete_details":{detail},"instructions":null,"max_output_tokens":null,"model":{},"output":["#,
        reply.kept_id("resp_"),
        reply.created,
        if failure.is_empty() { "null" } else { failure },
        Quoted(reply.model),
    );
    if state == State::Over {
        for (at, part) in parts(reply.answer).into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            match part {
                Part::Thought => reasoning_item(reply, out),
                Part::Message => message_item(reply, true, out),
                Part::Call(at) => call_item(reply, at, true, out),
            }
        }
    }
    put!(
        out,
        r#"],"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,"reasoning":{{"effort":null,"summary":null}},"safety_identifier":null,"service_tier":"default","store":{},"temperature":1.0,"text":{{"format":{{"type":"text"}},"verbosity":"medium"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":"#,
        reply.kept
    );
    match state {
        State::Over => usage(reply, out),
        State::Running | State::Failed => out.push_str("null"),
    }
    out.push_str(r#","user":null,"metadata":{}}"#);
}

fn reasoning_item(reply: &Reply<'_>, out: &mut String) {
    put!(
        out,
        r#"{{"id":"{}","type":"reasoning","summary":["#,
        reply.kept_id("rs_")
    );
    if reply.answer.thinking == Thinking::Shown {
        summary_part(reply.answer.thought.text(), out);
    }
    out.push(']');
    if reply.sealed {
        let sealed = reply.seal(Kind::Reasoning, "");
        put!(out, r#","encrypted_content":"{sealed}""#);
    }
    out.push('}');
}

fn summary_part(text: &str, out: &mut String) {
    put!(out, r#"{{"type":"summary_text","text":{}}}"#, Quoted(text));
}

fn text_part(text: &str, out: &mut String) {
    put!(
        out,
        r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":{}}}"#,
        Quoted(text)
    );
}

fn status(reply: &Reply<'_>, done: bool) -> &'static str {
    match (done, reply.answer.stop) {
        (false, _) => "in_progress",
        (true, Stop::Length) => "incomplete",
        (true, _) => "completed",
    }
}

/// The message, as it is when it is added or when it is done.
fn message_item(reply: &Reply<'_>, done: bool, out: &mut String) {
    put!(
        out,
        r#"{{"id":"{}","type":"message","status":"{}","content":["#,
        reply.kept_id("msg_"),
        status(reply, done)
    );
    if done {
        text_part(reply.answer.said.text(), out);
    }
    out.push_str(r#"],"role":"assistant"}"#);
}

/// The same of a call.
fn call_item(reply: &Reply<'_>, at: usize, done: bool, out: &mut String) {
    let call = &reply.answer.calls[at];
    put!(
        out,
        r#"{{"id":"{}","type":"function_call","status":"{}","arguments":{},"call_id":"{}","name":{}}}"#,
        reply.call_id("fc_", at),
        status(reply, done),
        Quoted(if done { call.arguments.text() } else { "" }),
        reply.call_id("call_", at),
        Quoted(&call.name),
    );
}

pub(super) fn whole(reply: &Reply<'_>) -> String {
    let mut out = String::with_capacity(reply.answer.size() + 1_500);
    object(reply, State::Over, "", &mut out);
    out
}

/// Writes events; each frame is one, so the frame's number is the event's.
struct Writer(Track);

impl Writer {
    fn event(&mut self, tokens: u64, name: &str, rest: impl FnOnce(&mut String)) {
        let number = self.0.len();
        self.0.frame(tokens, |out| {
            put!(
                out,
                "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{number}"
            );
            rest(out);
            out.push_str("}\n\n");
        });
    }

    fn response(&mut self, name: &str, reply: &Reply<'_>, state: State) {
        self.event(0, name, |out| {
            out.push_str(r#","response":"#);
            object(reply, state, "", out);
        });
    }
}

pub(super) fn stream(reply: &Reply<'_>) -> Tape {
    let answer = reply.answer;
    let mut writer = Writer(Track::new(answer.tokens(), 260));
    writer.response("response.created", reply, State::Running);
    writer.response("response.in_progress", reply, State::Running);
    for (index, part) in parts(answer).into_iter().enumerate() {
        match part {
            Part::Thought => reasoning(reply, &mut writer),
            Part::Message => message(reply, index, &mut writer),
            Part::Call(at) => call(reply, at, index, &mut writer),
        }
    }
    let last = match answer.stop {
        Stop::Length => "response.incomplete",
        Stop::Done | Stop::Tool => "response.completed",
    };
    writer.response(last, reply, State::Over);
    writer.0.into_tape()
}

fn reasoning(reply: &Reply<'_>, writer: &mut Writer) {
    let (id, thought) = (reply.kept_id("rs_"), &reply.answer.thought);
    writer.event(0, "response.output_item.added", |out| {
        put!(
            out,
            r#","output_index":0,"item":{{"id":"{id}","type":"reasoning","summary":[]}}"#
        );
    });
    let place = format!(r#","item_id":"{id}","output_index":0,"summary_index":0"#);
    let mut hidden = thought.len();
    if reply.answer.thinking == Thinking::Shown {
        hidden = 0;
        let part = |text: &str, out: &mut String| {
            put!(out, r#"{place},"part":"#);
            summary_part(text, out);
        };
        writer.event(0, "response.reasoning_summary_part.added", |out| {
            part("", out)
        });
        for piece in thought.iter() {
            writer.event(1, "response.reasoning_summary_text.delta", |out| {
                put!(out, r#"{place},"delta":{}"#, Quoted(piece));
            });
        }
        writer.event(0, "response.reasoning_summary_text.done", |out| {
            put!(out, r#"{place},"text":{}"#, Quoted(thought.text()));
        });
        writer.event(0, "response.reasoning_summary_part.done", |out| {
            part(thought.text(), out)
        });
    }
    writer.event(hidden, "response.output_item.done", |out| {
        out.push_str(r#","output_index":0,"item":"#);
        reasoning_item(reply, out);
    });
}

/// The event that adds an item or has it done.
fn item(index: usize, done: bool, writer: &mut Writer, write: impl FnOnce(&mut String)) {
    let name = if done {
        "response.output_item.done"
    } else {
        "response.output_item.added"
    };
    writer.event(0, name, |out| {
        put!(out, r#","output_index":{index},"item":"#);
        write(out);
    });
}

fn message(reply: &Reply<'_>, index: usize, writer: &mut Writer) {
    let (id, said) = (reply.kept_id("msg_"), &reply.answer.said);
    let place = format!(r#","item_id":"{id}","output_index":{index},"content_index":0"#);
    let part = |text: &str, out: &mut String| {
        put!(out, r#"{place},"part":"#);
        text_part(text, out);
    };
    item(index, false, writer, |out| message_item(reply, false, out));
    writer.event(0, "response.content_part.added", |out| part("", out));
    for piece in said.iter() {
        writer.event(1, "response.output_text.delta", |out| {
            put!(out, r#"{place},"delta":{},"logprobs":[]"#, Quoted(piece));
        });
    }
    writer.event(0, "response.output_text.done", |out| {
        put!(
            out,
            r#"{place},"text":{},"logprobs":[]"#,
            Quoted(said.text())
        );
    });
    writer.event(0, "response.content_part.done", |out| {
        part(said.text(), out)
    });
    item(index, true, writer, |out| message_item(reply, true, out));
}

fn call(reply: &Reply<'_>, at: usize, index: usize, writer: &mut Writer) {
    let (id, called) = (reply.call_id("fc_", at), &reply.answer.calls[at]);
    let place = format!(r#","item_id":"{id}","output_index":{index}"#);
    item(index, false, writer, |out| call_item(reply, at, false, out));
    for piece in called.arguments.iter() {
        writer.event(1, "response.function_call_arguments.delta", |out| {
            put!(out, r#"{place},"delta":{}"#, Quoted(piece));
        });
    }
    let (name, arguments) = (Quoted(&called.name), Quoted(called.arguments.text()));
    writer.event(0, "response.function_call_arguments.done", |out| {
        put!(out, r#"{place},"name":{name},"arguments":{arguments}"#);
    });
    item(index, true, writer, |out| call_item(reply, at, true, out));
}

/// What follows event number `number` when the reply fails: `error`, then `response.failed`, as OpenAI does.
pub(super) fn failure(reply: &Reply<'_>, number: usize, code: &str, message: &str) -> String {
    let (next, text) = (number + 1, Quoted(message));
    let mut out = String::new();
    put!(
        out,
        "event: error\ndata: {{\"type\":\"error\",\"sequence_number\":{number},\"code\":\"{code}\",\"message\":{text},\"param\":null}}\n\n"
    );
    put!(
        out,
        "event: response.failed\ndata: {{\"type\":\"response.failed\",\"sequence_number\":{next},\"response\":"
    );
    let error = format!(r#"{{"code":"{code}","message":{text}}}"#);
    object(reply, State::Failed, &error, &mut out);
    out.push_str("}\n\n");
    out
}
