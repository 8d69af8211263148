//! Whole streams: translated, cut anywhere, broken, and read back.

mod chaos;
mod golden;
mod oddities;
mod round;
mod splits;

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::*;
use crate::domain::dialect::Dialect;
use crate::domain::ids::RequestId;
use crate::domain::tokens::TokenCount;
use crate::protocol::fault::Fault;
use crate::protocol::sse::Splitter;
use crate::protocol::translate::asked::{Asked, Mode};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::tool::{Function, Takes, Tool};

const TARGETS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Gemini,
];

const CALLERS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Completions,
];

const SCENES: [&str; 5] = ["agent", "length", "refusal", "error", "cut"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/translate/streams")
}

/// What a target says in a scene.
fn said(target: Dialect, scene: &str) -> Bytes {
    let file = folder().join(target.as_str()).join(format!("{scene}.sse"));
    std::fs::read(file).expect("a stream of each target").into()
}

/// A caller of an agent: it wants usage, thoughts, and the state that belongs to them.
fn asked(caller: Dialect) -> Asked<'static> {
    let mut asked = Asked::new(caller, "auto".into());
    asked.usage = Some(true);
    asked.reasoning.sealed = true;
    asked.reasoning.mode = Some(Mode::Adaptive);
    asked.tools.push(Tool::Function(Function {
        name: "apply_patch".into(),
        space: None,
        description: None,
        takes: Takes::Text(None),
        strict: None,
        deferred: None,
        mark: None,
    }));
    asked
}

fn shown() -> Shown {
    Shown {
        request: RequestId(0xabc),
        created: 1_790_000_001,
        prompt: TokenCount(1_000),
    }
}

fn translator(target: Dialect, asked: &Asked<'_>) -> Translator {
    Translator::new(target, Echo::of(asked), shown()).expect("a pair that is translated")
}

/// What the caller is told when a target says `chunks` and closes.
fn translated(target: Dialect, asked: &Asked<'_>, chunks: &[Bytes]) -> String {
    let mut translator = translator(target, asked);
    let (mut splitter, mut out) = (Splitter::default(), BytesMut::new());
    for chunk in chunks {
        let event = |event: crate::protocol::sse::Event| {
            translator.feed(event.data.as_deref(), &mut out);
        };
        splitter.push(chunk.clone(), event).expect("short events");
    }
    finish(&mut translator, &mut out);
    String::from_utf8(out.to_vec()).expect("text")
}

/// The target closes; whoever carries the stream ends it where it is not whole.
fn finish(translator: &mut Translator, out: &mut BytesMut) {
    translator.close(out);
    let cut = Fault::new(
        502,
        "upstream_error",
        "the stream ended before it was complete",
    );
    translator.fail(&cut, out);
}

/// The data of each event of a stream.
fn data(stream: &str) -> Vec<Bytes> {
    let mut found = Vec::new();
    let mut splitter = Splitter::default();
    let stream = Bytes::copy_from_slice(stream.as_bytes());
    splitter
        .push(stream, |event| found.extend(event.data))
        .expect("short events");
    found
}
