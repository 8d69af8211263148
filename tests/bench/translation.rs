//! What it takes to say one event of a target's stream in a caller's words.

use std::cell::RefCell;
use std::io::{self, Write};

use bytes::BytesMut;
use tollgate::domain::dialect::Dialect;
use tollgate::domain::ids::RequestId;
use tollgate::domain::tokens::TokenCount;
use tollgate::protocol::translate::asked::Asked;
use tollgate::protocol::translate::echo::Echo;
use tollgate::protocol::translate::stream::{Shown, Translator};

use crate::micro::time;

/// How a target's stream begins, and a piece of words in it.
const TARGETS: [(Dialect, &[&str], &str); 4] = [
    (
        Dialect::Chat,
        &[
            r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        ],
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"base1-coder","choices":[{"index":0,"delta":{"content":"\n    let total = 0;"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
    ),
    (
        Dialect::Responses,
        &[r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1"}}"#],
        r#"{"type":"response.output_text.delta","sequence_number":9,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"\n    let total = 0;","logprobs":[]}"#,
    ),
    (
        Dialect::Messages,
        &[
            r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":9,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        ],
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\n    let total = 0;"}}"#,
    ),
    (
        Dialect::Gemini,
        &[],
        r#"{"candidates":[{"content":{"parts":[{"text":"\n    let total = 0;"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":9,"totalTokenCount":18},"modelVersion":"gemini-3.8-flash","responseId":"g"}"#,
    ),
];

const CALLERS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Completions,
];

/// Prints what an event takes in each pair, in us.
pub(crate) fn run(out: &mut impl Write) -> io::Result<()> {
    for (target, start, piece) in TARGETS {
        for caller in CALLERS {
            let shown = Shown {
                request: RequestId(1),
                created: 1_790_000_000,
                prompt: TokenCount(1_000),
            };
            let echo = Echo::of(&Asked::new(caller, "auto".into()));
            let translator = Translator::new(target, echo, shown);
            let translator = translator.ok_or_else(|| io::Error::other("no such pair"))?;
            let both = RefCell::new((translator, BytesMut::new()));
            let feed = |data: &str| {
                let (translator, written) = &mut *both.borrow_mut();
                written.clear();
                translator.feed(Some(data.as_bytes()), written);
            };
            start.iter().copied().for_each(feed);
            let [p50, p99] = time(|| feed(piece));
            let what = format!("an event of a stream, {target} to {caller}");
            writeln!(out, "{what:<52}{p50:>10.2}{p99:>10.2}")?;
        }
    }
    Ok(())
}
