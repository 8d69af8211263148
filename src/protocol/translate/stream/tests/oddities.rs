//! What servers do that their dialect's first server does not; and what callers did not ask for.

use super::super::read::Reader;
use super::*;
use crate::protocol::translate::event::{Delta, Event, Opened};

/// The steps of a stream, in brief.
fn steps(target: Dialect, data: &[&str]) -> String {
    let mut reader = Reader::new(target).expect("a dialect of targets");
    let mut found = Vec::new();
    for data in data {
        reader.event(Some(data.as_bytes()), &mut |event| {
            found.extend(brief(&event))
        });
    }
    reader.close(&mut |event| found.extend(brief(&event)));
    found.join(" ")
}

fn brief(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Open { index, block } => match block {
            Opened::Use { id, name, .. } => format!("{index}:{name}({id})"),
            Opened::Thought { .. } => format!("{index}:thought"),
            other => format!("{index}:{other:?}"),
        },
        Event::Delta { index, delta } => match delta {
            Delta::Text(said) | Delta::Input(said) => format!("{index}+{said}"),
            Delta::Sealed(sealed) if sealed.data.is_empty() => return None,
            Delta::Sealed(sealed) => format!("{index}*{}", sealed.data),
            Delta::Citation(_) => format!("{index}^"),
        },
        Event::Close { index } => format!("{index}."),
        Event::Stop(stop) => format!("{stop:?}"),
        Event::End => "end".into(),
        Event::Fault(failure) => format!("!{}: {}", failure.code, failure.message),
        Event::Start(_) | Event::Usage(_) | Event::Ping => return None,
    })
}

/// A chunk with this delta.
fn delta(delta: &str) -> String {
    format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn chat(deltas: &[&str], reason: &str) -> String {
    let mut data: Vec<_> = deltas.iter().map(|it| delta(it)).collect();
    data.push(format!(
        r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#
    ));
    let data: Vec<_> = data.iter().map(String::as_str).collect();
    steps(Dialect::Chat, &data)
}

#[test]
fn calls_that_come_in_turns_are_kept_apart() {
    let found = chat(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":"}"}}]}"#,
        ],
        "tool_calls",
    );

    assert_eq!(
        found,
        r#"0:f(a) 0+{"x" 1:g(b) 1+{ 0+:1} 1+} 0. 1. Tools end"#
    );
}

#[test]
fn a_call_ends_where_something_else_begins() {
    let found = chat(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"content":"and"}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":" "}}]}"#,
        ],
        "stop",
    );

    assert_eq!(found, "0:f(a) 0+{} 0. 1:Text 1+and 1. Tools end");
}

#[test]
fn ids_and_names_that_are_empty_or_repeated_say_nothing() {
    let found = chat(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#,
        ],
        "tool_calls",
    );

    assert_eq!(found, "0:f(a) 0+{} 0. Tools end");
}

#[test]
fn calls_without_numbers_are_told_by_their_ids() {
    let same_number = chat(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
        ],
        "tool_calls",
    );
    let no_number = chat(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#,
            r#"{"tool_calls":[{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
        ],
        "tool_calls",
    );

    assert_eq!(same_number, "0:f(a) 0+{} 0. 1:f(b) 1+{} 1. Tools end");
    assert_eq!(no_number, "0:f(a) 0+{ 0+} 0. 1:f(b) 1+{} 1. Tools end");
}

#[test]
fn a_call_may_come_in_the_old_form_or_without_an_id() {
    let old = chat(
        &[r#"{"function_call":{"name":"f","arguments":"{}"}}"#],
        "function_call",
    );

    assert!(
        old.starts_with("0:f(call_") && old.ends_with(" 0+{} 0. Tools end"),
        "{old}"
    );
}

#[test]
fn mistral_thinks_in_parts_of_its_content() {
    let found = chat(
        &[
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
            r#"{"content":[{"type":"text","text":"so"}]}"#,
        ],
        "stop",
    );

    assert_eq!(found, "0:thought 0+hm 0. 1:Text 1+so 1. Done end");
}

#[test]
fn a_character_that_was_cut_in_two_loses_no_words() {
    let found = chat(
        &[r#"{"content":"a\ud83d"}"#, r#"{"content":"\ude00b"}"#],
        "stop",
    );

    assert!(
        found.starts_with("0:Text 0+a") && found.contains("b 0. Done end"),
        "{found}"
    );
}

#[test]
fn azures_empty_first_chunk_is_no_beginning() {
    let found = steps(
        Dialect::Chat,
        &[
            r#"{"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[]}"#,
            &delta(r#"{"content":"a"}"#),
        ],
    );

    assert_eq!(found, "0:Text 0+a");
}

#[test]
fn an_empty_reason_to_end_is_none() {
    let step = |text: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":""}}]}}"#
        )
    };
    let all = [step(""), step("Yes"), step(", it is.")];
    let mut said: Vec<&str> = all.iter().map(String::as_str).collect();
    said.push(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);

    let steps = steps(Dialect::Chat, &said);

    assert!(
        steps.contains("Yes") && steps.contains(", it is."),
        "{steps}"
    );
}

#[test]
fn an_answer_that_was_stopped_needs_no_closing_mark() {
    let found = chat(&[r#"{"content":"a"}"#], "length");

    assert_eq!(found, "0:Text 0+a 0. Length end");
}

#[test]
fn a_message_that_begins_twice_is_one_and_its_providers_own_tools_are_left_out() {
    let start = r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1,"output_tokens":1}}}"#;
    let found = steps(
        Dialect::Messages,
        &[
            start,
            start,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a": 1}}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"redacted_thinking","data":"xyz"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            r#"{"type":"something_new"}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"output_tokens":5}}"#,
        ],
    );

    let expected = r#"0:f(t) 0+{"a": 1} 0. 1:thought 1*xyz 1. Sequence(Some("END")) end"#;
    assert_eq!(found, expected);
}

#[test]
fn lm_studio_says_arguments_only_when_they_are_whole() {
    let found = steps(
        Dialect::Responses,
        &[
            r#"{"type":"response.created","response":{"id":"r"}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"x","call_id":"c","name":"f","arguments":""}}"#,
            r#"{"type":"response.function_call_arguments.done","output_index":0,"item_id":"y","arguments":"{\"a\":1}"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#,
            r#"{"type":"response.completed","response":{}}"#,
        ],
    );

    assert_eq!(found, r#"0:f(c) 0+{"a":1} 0. Tools end"#);
}

#[test]
fn open_models_say_their_reasoning_itself() {
    let found = steps(
        Dialect::Responses,
        &[
            r#"{"type":"response.created","response":{"id":"r"}}"#,
            r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"hm"}"#,
            r#"{"type":"response.reasoning_text.done","output_index":0,"content_index":0,"text":"hm"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning"}}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"so"}"#,
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#,
        ],
    );

    assert_eq!(
        found,
        "0:thought 0+hm 0. 1:Text 1+so 1. Refused(Refused { category: Some(\"content_filter\"), explanation: None }) end"
    );
}

#[test]
fn an_error_that_is_told_twice_is_one() {
    let found = steps(
        Dialect::Responses,
        &[
            r#"{"type":"error","code":"slow_down","message":"later"}"#,
            r#"{"type":"response.failed","response":{"error":{"code":"slow_down","message":"later"}}}"#,
        ],
    );

    assert_eq!(found, "!slow_down: later");
}

#[test]
fn googles_signatures_stand_before_what_they_are_bound_to() {
    let found = steps(
        Dialect::Gemini,
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"a","thoughtSignature":"s1"},{"text":"","thoughtSignature":"s2"}]}}]}"#,
            r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"f("}]}"#,
        ],
    );

    let expected = "0:thought 0*s1 0. 1:Text 1+a 1. 2:thought 2*s2 2. !MALFORMED_FUNCTION_CALL: f(";
    assert_eq!(found, expected);
}

#[test]
fn who_did_not_ask_is_told_neither_usage_nor_thoughts() {
    for caller in CALLERS {
        let asked = Asked::new(caller, "auto".into());

        let told = translated(
            Dialect::Messages,
            &asked,
            &[said(Dialect::Messages, "agent")],
        );

        assert!(
            !told.contains("EqQBCkYIBxgC"),
            "{caller} has no use for state"
        );
        if caller == Dialect::Chat {
            assert!(!told.contains("usage"), "{told}");
        }
        if caller == Dialect::Messages {
            assert!(!told.contains("thinking_delta"), "{told}");
        }
    }
}

#[test]
fn what_was_left_out_is_counted() {
    let mut translator = translator(Dialect::Messages, &asked(Dialect::Chat));
    let mut out = BytesMut::new();
    for event in data(std::str::from_utf8(&said(Dialect::Messages, "agent")).expect("text")) {
        translator.feed(Some(&event), &mut out);
    }
    translator.feed(Some(br#"{"type":"vote"}"#), &mut out);

    let dropped = translator.dropped();
    let fields: Vec<_> = dropped.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(
        fields,
        ["sealed_state"],
        "what comes after the end is nothing"
    );
}

#[test]
fn a_custom_tool_gets_its_own_text_back() {
    let call = r#"{"tool_calls":[{"index":0,"id":"call_0123","function":{"name":"apply_patch","arguments":"{\"input\":\"*** Begin\\n\"}"}}]}"#;
    let stream = format!(
        "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        delta(call),
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#
    );
    let told = |caller| translated(Dialect::Chat, &asked(caller), &[stream.clone().into()]);

    let responses = told(Dialect::Responses);
    assert!(responses.contains(r#""type":"custom_tool_call","status":"completed","call_id":"call_0123","name":"apply_patch","input":"*** Begin\n""#));
    assert!(
        responses.contains("response.custom_tool_call_input.delta")
            && !responses.contains("arguments")
    );
    assert!(told(Dialect::Chat).contains(r#""custom":{"input":"*** Begin\n"}"#));
}

#[test]
fn ids_that_servers_count_anew_are_told_apart() {
    let id = |answer: &str| {
        let chunk = delta(
            r#"{"tool_calls":[{"index":0,"id":"call_0","function":{"name":"f","arguments":"{}"}}]}"#,
        );
        let chunk = chunk.replace(r#""id":"c""#, &format!(r#""id":"{answer}""#));
        let stream = format!("data: {chunk}\n\n");
        let told = translated(Dialect::Chat, &asked(Dialect::Messages), &[stream.into()]);
        let at = told
            .find("\"id\":\"toolu_")
            .expect("an id of this dialect's form");
        told[at..at + 40].to_owned()
    };

    assert_ne!(id("one"), id("two"));
    assert_eq!(id("one"), id("one"));
}

#[test]
fn what_has_no_name_is_named_by_its_call() {
    let answer = concat!(
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
        "data: [DONE]\n\n",
    );
    let told = |request| {
        let shown = Shown {
            request: RequestId(request),
            ..shown()
        };
        let echo = Echo::of(&asked(Dialect::Messages));
        let mut translator = Translator::new(Dialect::Chat, echo, shown).expect("a pair");
        let mut out = BytesMut::new();
        for data in data(answer) {
            translator.feed(Some(&data), &mut out);
        }
        let text = String::from_utf8(out.to_vec()).expect("text");
        let ids = text.split("\"id\":\"").skip(1);
        let ids = ids.filter_map(|it| Some(it.split_once('"')?.0.to_owned()));
        ids.collect::<Vec<_>>()
    };

    let (one, other) = (told(1), told(2));

    assert_eq!(one.len(), 2, "the answer's and the call's");
    assert!(one.iter().all(|id| !other.contains(id)), "{one:?}");
}
