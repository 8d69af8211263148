//! The words of the person in the calls of every client that we know, and the window on them.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;
use crate::domain::dialect::Endpoint;
use crate::protocol::call::Call;

/// A call as a client would send it, and what is to be found in it. Sizes are those of JSON without space.
#[derive(Deserialize)]
struct Recorded<'a> {
    endpoint: Endpoint,
    words: String,
    outline: Sizes,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(remote = "Outline", deny_unknown_fields)]
struct OutlineDef {
    system: usize,
    tools: usize,
    person: usize,
    assistant: usize,
    results: usize,
    newest: usize,
    messages: u32,
    person_turns: u32,
    tool_turns: u32,
    tool_count: u32,
    images: u32,
    #[serde(default)]
    papers: u32,
    tool_turn: bool,
}

#[derive(Deserialize)]
struct Sizes(#[serde(with = "OutlineDef")] Outline);

fn read(endpoint: Endpoint, body: &str) -> Call {
    Call::read(endpoint, Bytes::copy_from_slice(body.as_bytes()), 64).expect("a valid body")
}

fn chat(content: &str) -> Call {
    let quoted = serde_json::to_string(content).expect("JSON");
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{quoted}}}]}}"#);
    read(Endpoint::Chat, &body)
}

#[test]
fn every_client_is_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients");
    let mut calls = 0;
    for entry in fs::read_dir(folder).expect("the folder of calls") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a call");
        let recorded: Recorded<'_> = serde_json::from_str(&text).expect("a call and its outline");
        // Without space, and with each object's fields in another order.
        let compact: serde_json::Value = serde_json::from_str(recorded.body.get()).expect("JSON");

        let call = read(recorded.endpoint, &compact.to_string());
        let spaced = read(recorded.endpoint, recorded.body.get());

        let client = path.display();
        assert_eq!(call.text, recorded.words, "{client}");
        assert_eq!(call.outline, recorded.outline.0, "{client}");
        assert_eq!(spaced.text, recorded.words, "{client}, spaced");
        calls += 1;
    }
    assert!(calls >= 18, "{calls}");
}

#[test]
fn all_texts_of_the_person_count() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[
        {"type":"text","text":"one"},{"type":"text","text":"<git_status>x</git_status>"},
        {"type":"text","text":"two"},{"type":"text","text":" "},{"type":"text","text":"three"}]}]}"#;

    assert_eq!(read(Endpoint::Chat, body).text, "one\ntwo\nthree");
}

#[test]
fn a_call_of_wraps_alone_is_taken_whole() {
    let text = "<git_status>\nx\n</git_status>";

    assert_eq!(chat(text).text, text);
    assert_eq!(
        read(
            Endpoint::Chat,
            r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#
        )
        .text,
        ""
    );
}

#[test]
fn words_long_before_many_tool_turns_are_found() {
    let round = r#",{"role":"assistant","content":"ok"},{"role":"user","content":[{"type":"tool_result","content":"x"}]}"#;
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"fix it"}}{}]}}"#,
        round.repeat(500)
    );

    let call = read(Endpoint::Messages, &body);

    assert_eq!(call.text, "fix it");
    assert_eq!(
        (call.outline.tool_turns, call.outline.tool_turn),
        (500, true)
    );
}

#[test]
fn prompts_in_a_list_are_read_too() {
    let text = |body: &str| read(Endpoint::Completions, body).text;

    assert_eq!(text(r#"{"model":"m","prompt":["one","two"]}"#), "one");
    assert_eq!(text(r#"{"model":"m","prompt":[1,2,3]}"#), "");
}

#[test]
fn the_window_shows_both_ends() {
    let text = "é".repeat(2_000) + &"x".repeat(50_000) + &"😀".repeat(2_000);

    let window = of_text(&text);

    assert_eq!(window, "é".repeat(1_024) + "\n" + &"😀".repeat(512));
    assert_eq!(chat(&text).text, window);
    assert_eq!(chat(&text).outline.newest, text.len());
    let fits = "y".repeat(2 * WINDOW);
    assert_eq!(of_text(&fits), fits);
}

#[test]
fn the_middle_of_a_huge_text_counts_without_being_copied() {
    let text = "a".repeat(300_000) + &"b".repeat(300_000);

    let (window, outline) = bare(&text);

    assert_eq!(window, "a".repeat(WINDOW) + "\n" + &"b".repeat(WINDOW));
    assert_eq!(outline.newest, text.len());
    assert_eq!(of_text(&text), window);
}

#[test]
fn a_block_goes_however_long_it_is() {
    let notes = "a line of notes\\n".repeat(20_000);
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[
            {{"type":"text","text":"<system-reminder>\n{notes}</system-reminder>\n"}},
            {{"type":"text","text":"fix it"}}]}}]}}"#
    );

    let call = read(Endpoint::Messages, &body);

    assert_eq!((call.text.as_str(), call.outline.newest), ("fix it", 6));
    assert!(call.outline.system > notes.len());
}

#[test]
fn a_character_in_two_escapes_is_one() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"ship it \ud83d\ude00"}]}"#;

    assert_eq!(read(Endpoint::Chat, body).text, "ship it 😀");
}

/// As some encoders write it.
fn to_ascii(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("JSON");
    let units = |c: char| {
        let mut buffer = [0; 2];
        let units = c.encode_utf16(&mut buffer).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    };
    quoted
        .chars()
        .map(|c| {
            if c.is_ascii() {
                c.to_string()
            } else {
                units(c)
            }
        })
        .collect()
}

proptest! {
    #[test]
    fn a_call_and_a_row_of_training_are_read_alike(
        parts in "(<task>|</task>|<git_status>|</git_status>|\\n|é😀|\\\\|\"|\\PC{0,30}){0,30}",
        times in 1usize..200,
    ) {
        let text = parts.repeat(times);
        let (window, outline) = bare(&text);
        let call = chat(&text);

        prop_assert!(window.len() <= 2 * WINDOW + 1);
        prop_assert_eq!(&call.text, &window);
        prop_assert_eq!(call.outline, outline);
        // What is skipped of a long text depends on how it is written.
        let ascii = to_ascii(&text);
        if ascii.len() <= 2 * NEAR && outline.person_turns > 0 {
            let escaped = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{ascii}}}]}}"#);
            prop_assert_eq!(&read(Endpoint::Chat, &escaped).text, &window);
            prop_assert_eq!(of_text(&text), window);
        }
    }

    #[test]
    fn any_conversation_is_read(
        texts in prop::collection::vec("\\PC{0,60}|<task>\\PC{0,9}", 0..6),
        roles in prop::collection::vec("user|tool|assistant|system|", 6),
        endpoint in 0usize..6,
    ) {
        let turns = texts.iter().zip(&roles).map(|(text, role)| {
            serde_json::json!({ "role": role, "content": [{ "type": "text", "text": text }, text, 1, { "content": [text] }] })
        });
        let body = serde_json::json!({ "model": "m", "input": turns.collect::<Vec<_>>() }).to_string();

        let call = read(Endpoint::ALL[endpoint], &body);

        let Outline { system, person, assistant, results, .. } = call.outline;
        prop_assert!(system + person + assistant + results <= body.len());
        prop_assert!(call.text.len() <= 2 * WINDOW + 1);
    }
}
