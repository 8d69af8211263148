//! State goes round by way of a caller that has no place for it.

use std::collections::HashMap;

use bytes::BytesMut;

use super::*;
use crate::domain::ids::RequestId;
use crate::domain::tokens::TokenCount;
use crate::protocol::translate::manner::Manner;
use crate::protocol::translate::stream::{Shown, Translator};
use crate::protocol::translate::{read, read_answer, write, write_answer};

const ASK: &str = r#"{"role":"user","content":"fix it"}"#;

fn request(messages: &str) -> String {
    format!(
        r#"{{"model":"m","messages":[{messages}],"tools":[{{"type":"function","function":{{"name":"read","parameters":{{"type":"object"}}}}}}]}}"#
    )
}

fn manner(dialect: Dialect, maker: &'static str) -> Manner {
    let mut manner = Manner::of(dialect);
    manner.owner.maker = Some(maker.into());
    manner
}

/// A turn of a chat caller with a target of `dialect`: what `maker` said, and the next request as a target of `to` gets it.
fn turn(dialect: Dialect, said: &str, (to, maker): (Dialect, &'static str)) -> String {
    let first = request(ASK);
    let (_, echo) = read(Dialect::Chat, &first).expect("a request");
    let mut answer = read_answer(dialect, said, "").expect("an answer");
    claim(&mut answer.blocks, dialect, "one");
    let kept: HashMap<_, _> = of_answer(&answer, &echo).into_iter().collect();
    let told = write_answer(&answer, &echo, 0).body;
    let at = told.find(r#""message":"#).expect("a message") + 10;
    let mut message =
        serde_json::Deserializer::from_str(&told[at..]).into_iter::<&serde_json::value::RawValue>();
    let message = message.next().expect("one").expect("an object").get();
    let id = message
        .split(r#""id":""#)
        .nth(1)
        .and_then(|it| it.split('"').next());
    let next = match id {
        Some(id) => {
            format!(r#"{{"role":"tool","tool_call_id":"{id}","content":"x"}}"#)
        }
        None => ASK.to_owned(),
    };
    let second = request(&format!("{ASK},{message},{next}"));
    let (mut asked, _) = read(Dialect::Chat, &second).expect("a request");
    restore(&mut asked, |mark| kept.get(&mark).cloned());
    write(to, &asked, "m", &manner(to, maker)).body
}

const CLAUDE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[
    {"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"redacted_thinking","data":"cmVk"},
    {"type":"text","text":"I look. "},{"type":"thinking","thinking":"so","signature":"c28="},
    {"type":"tool_use","id":"toolu_abcdef","name":"read","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"#;

#[test]
fn signed_thoughts_come_back_where_they_stood() {
    let body = turn(Dialect::Messages, CLAUDE, (Dialect::Messages, "one"));

    let said = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"redacted_thinking","data":"cmVk"},{"type":"text","text":"I look. "},{"type":"thinking","thinking":"so","signature":"c28="},{"type":"tool_use","id":"toolu_abcdef","name":"read","input":{"a":1}}"#;
    assert!(body.contains(said), "{body}");
}

#[test]
fn they_come_back_to_nobody_else() {
    for to in [
        (Dialect::Messages, "two"),
        (Dialect::Responses, "one"),
        (Dialect::Gemini, "one"),
    ] {
        let body = turn(Dialect::Messages, CLAUDE, to);

        assert!(!body.contains("c2ln") && !body.contains("hm"), "{body}");
        assert!(body.contains("I look."), "{body}");
    }
}

#[test]
fn a_call_has_its_own_signature_again() {
    let said = r#"{"responseId":"r","modelVersion":"g","candidates":[{"content":{"role":"model","parts":[
        {"functionCall":{"name":"read","args":{}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"read","args":{}}}]},"finishReason":"STOP"}]}"#;

    let body = turn(Dialect::Gemini, said, (Dialect::Gemini, "one"));

    assert_eq!(body.matches(r#""thoughtSignature":"c2ln""#).count(), 1);
    let (signature, second) = (body.find("c2ln"), body.rfind("functionCall"));
    assert!(signature < second, "{body}");
}

#[test]
fn words_have_theirs_again_and_so_has_encrypted_reasoning() {
    let gemini = r#"{"responseId":"r","modelVersion":"g","candidates":[{"content":{"role":"model","parts":[{"text":"Done.","thoughtSignature":"c2ln"}]},"finishReason":"STOP"}]}"#;
    let openai = r#"{"id":"resp_1","object":"response","status":"completed","model":"o","output":[
        {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"ZW5j"},
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Done.","annotations":[]}]}]}"#;

    let body = turn(Dialect::Gemini, gemini, (Dialect::Gemini, "one"));
    assert!(body.contains(r#""thoughtSignature":"c2ln""#), "{body}");
    let body = turn(Dialect::Responses, openai, (Dialect::Responses, "one"));
    assert!(body.contains(r#""encrypted_content":"ZW5j""#), "{body}");
}

#[test]
fn the_same_words_at_another_place_are_not_the_same_answer() {
    let ask = Behind::of(&[Passage::new(Speaker::Person, vec![Block::text("a")])]);
    let other = Behind::of(&[Passage::new(Speaker::Person, vec![Block::text("b")])]);

    assert_ne!(ask.words("Done."), other.words("Done."));
    assert_ne!(ask.words("Done."), ask.call("Done."));
    assert_eq!(ask.words("Done.\n"), ask.words("Done."));
}

#[test]
fn a_stream_leaves_the_same_as_a_whole_answer() {
    let said = [
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"cmVk"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"I look. "}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"thinking_delta","thinking":"so"}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"signature_delta","signature":"c28="}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_abcdef","name":"read","input":{}}}"#,
        r#"{"type":"content_block_stop","index":4}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let first = request(ASK);
    let (_, echo) = read(Dialect::Chat, &first).expect("a request");
    let shown = Shown {
        request: RequestId(1),
        created: 0,
        prompt: TokenCount(1),
    };
    let translator = Translator::new(Dialect::Messages, echo.clone(), shown);
    let mut translator = translator.expect("a pair").made_by("one");
    let mut collector = Collector::of(&echo).expect("chat carries nothing");
    for data in &said {
        let mut out = BytesMut::new();
        translator.feed_and(Some(data.as_bytes()), &mut out, &mut |step| {
            collector.event(step);
        });
    }

    let mut answer = read_answer(Dialect::Messages, CLAUDE, "").expect("an answer");
    claim(&mut answer.blocks, Dialect::Messages, "one");
    assert_eq!(collector.finish(), of_answer(&answer, &echo));
}
