//! What the follower makes of each dialect's events.

use super::*;
use crate::domain::dialect::Endpoint;

fn follow(endpoint: Endpoint, hide: bool, events: &[&'static str]) -> (Follower, Vec<Step>) {
    let mut follower = Follower::new(endpoint.dialect(), hide);
    let steps = events
        .iter()
        .map(|data| follower.event(Some(&Bytes::from_static(data.as_bytes()))))
        .collect();
    (follower, steps)
}

#[test]
fn a_chat_stream_is_billed_by_its_usage_frame_which_the_caller_did_not_ask_for() {
    let (follower, steps) = follow(
        Endpoint::Chat,
        true,
        &[
            r#"{"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}"#,
            r#"{"choices":[{"delta":{"content":"hello"}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2},"service_tier":"flex"}"#,
            "[DONE]",
        ],
    );

    assert_eq!(
        steps,
        [
            Step::Relay,
            Step::Relay,
            Step::Relay,
            Step::Hide,
            Step::Last
        ]
    );
    let Some(Told::Usage(usage)) = follower.told() else {
        unreachable!("usage was told")
    };
    assert_eq!((usage.input.0, usage.output.0), (9, 2));
    assert_eq!(follower.terms().tier.as_deref(), Some("flex"));
}

#[test]
fn usage_on_the_finish_chunk_is_not_hidden() {
    let (follower, steps) = follow(
        Endpoint::Chat,
        true,
        &[
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#,
        ],
    );

    assert_eq!(steps, [Step::Relay]);
    assert!(follower.finished() && !follower.complete());
}

#[test]
fn a_cut_message_keeps_the_input_that_was_told_and_the_output_that_was_relayed() {
    let (follower, _) = follow(
        Endpoint::Messages,
        false,
        &[
            r#"{"type":"message_start","message":{"usage":{"input_tokens":10,"cache_read_input_tokens":50,"output_tokens":1}}}"#,
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"abcdefghi"}}"#,
            r#"{"type":"ping"}"#,
        ],
    );

    assert_eq!(follower.told(), None);
    let usage = follower.estimate(TokenCount(999));
    assert_eq!(
        (usage.input.0, usage.cache_read.0, usage.output.0),
        (10, 50, 3)
    );
}

#[test]
fn the_last_cumulative_count_of_a_message_wins() {
    let (follower, steps) = follow(
        Endpoint::Messages,
        false,
        &[
            r#"{"type":"message_start","message":{"usage":{"input_tokens":43,"output_tokens":1}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":61,"output_tokens":9}}"#,
            r#"{"type":"message_stop"}"#,
        ],
    );

    assert_eq!(steps.last(), Some(&Step::Last));
    let Some(Told::Usage(usage)) = follower.told() else {
        unreachable!("usage was told")
    };
    assert_eq!((usage.input.0, usage.output.0), (61, 9));
}

#[test]
fn responses_tell_usage_at_the_end_and_failures_are_seen() {
    let (done, steps) = follow(
        Endpoint::Responses,
        false,
        &[
            r#"{"type":"response.output_text.delta","delta":"hi there"}"#,
            r#"{"type":"response.completed","response":{"usage":{"input_tokens":5,"output_tokens":2}}}"#,
        ],
    );
    let (failed, last) = follow(
        Endpoint::Responses,
        false,
        &[
            r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"boom"},"usage":null}}"#,
        ],
    );

    assert_eq!(steps, [Step::Relay, Step::Last]);
    assert_eq!(done.relayed(), TokenCount(3));
    assert_eq!(last, [Step::Failed]);
    assert!(!failed.complete());
}

#[test]
fn tool_arguments_and_reasoning_count_as_output() {
    let (follower, _) = follow(
        Endpoint::Chat,
        false,
        &[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
        ],
    );

    assert_eq!(follower.relayed(), TokenCount(4));
}

fn gemini(events: &[&'static str]) -> (Follower, Vec<Step>) {
    let mut follower = Follower::new(Dialect::Gemini, false);
    let data = events
        .iter()
        .map(|data| Bytes::from_static(data.as_bytes()));
    let steps = data.map(|data| follower.event(Some(&data))).collect();
    (follower, steps)
}

#[test]
fn a_gemini_stream_is_finished_by_its_reason_and_billed_by_its_last_counts() {
    let (follower, steps) = gemini(&[
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true}]}}],"usageMetadata":{"promptTokenCount":9,"thoughtsTokenCount":4}}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"x"}]}}]}"#,
        r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":8,"candidatesTokenCount":3,"thoughtsTokenCount":4}}"#,
    ]);

    assert_eq!(steps, [Step::Relay, Step::Relay, Step::Relay]);
    assert!(follower.finished() && !follower.complete());
    let Some(Told::Usage(usage)) = follower.told() else {
        unreachable!("usage was told")
    };
    assert_eq!(
        (usage.input.0, usage.cache_read.0, usage.output.0),
        (1, 8, 7)
    );
}

#[test]
fn a_cut_gemini_stream_has_no_final_counts_but_those_on_the_way() {
    let (follower, _) = gemini(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"abcdefghi"}]}}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1}}"#,
    ]);

    assert!(!follower.finished() && follower.told().is_none());
    let usage = follower.estimate(TokenCount(99));
    assert_eq!((usage.input.0, usage.output.0), (9, 3));
}

#[test]
fn a_gemini_prompt_that_was_blocked_is_an_answer_and_an_error_is_none() {
    let (blocked, _) = gemini(&[
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9}}"#,
    ]);
    let (_, failed) =
        gemini(&[r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#]);

    assert!(blocked.finished() && blocked.told().is_some());
    assert_eq!(failed, [Step::Failed]);
}

/// What a stream is followed to, read event by event.
fn followed(events: &[String]) -> (Vec<Step>, Vec<Option<String>>, TokenCount) {
    let mut follower = Follower::new(Dialect::Chat, false);
    let (mut steps, mut texts) = (Vec::new(), Vec::new());
    for event in events {
        let data = Bytes::copy_from_slice(event.as_bytes());
        let (step, place) = follower.seen(Some(&data));
        steps.push(step);
        texts.push(place.map(|place| event[place].to_owned()));
    }
    (steps, texts, follower.relayed())
}

#[test]
fn an_event_that_is_the_same_but_for_its_text_counts_as_if_it_were_read() {
    let chunk = |space: &str, text: &str| {
        format!(
            r#"{{"id":"c1","choices":[{{"index":0,{space}"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
        )
    };
    let texts = ["one", "two", "", r"three\n", r"\u00e9", "four"];
    let same: Vec<String> = texts.iter().map(|text| chunk("", text)).collect();
    // Each differs from the one before it by a blank: it must be read.
    let spaces = [" ", ""].iter().cycle();
    let other: Vec<String> = texts
        .iter()
        .zip(spaces)
        .map(|(text, space)| chunk(space, text))
        .collect();

    let (steps, found, relayed) = followed(&same);
    let (read_steps, none, read) = followed(&other);

    assert_eq!((steps, relayed), (read_steps, read));
    assert!(none.iter().all(Option::is_none));
    let known = [
        None,
        Some("\"two\""),
        Some("\"\""),
        Some(r#""three\n""#),
        None,
        Some("\"four\""),
    ];
    assert_eq!(found, known.map(|text| text.map(str::to_owned)));
}

#[test]
fn an_event_of_two_texts_or_of_a_list_is_never_taken_for_the_same() {
    let two = r#"{"choices":[{"delta":{"content":"a","reasoning":"b"}}]}"#.to_owned();
    let list = r#"{"choices":[{"delta":{"content":[{"text":"a"}]}}]}"#.to_owned();
    let plain = r#"{"choices":[{"delta":{"content":"a"}}]}"#.to_owned();

    let (_, texts, _) = followed(&[two.clone(), two, list, plain.clone(), plain]);

    let last = texts.len() - 1;
    assert!(texts[..last].iter().all(Option::is_none));
    assert_eq!(texts[last].as_deref(), Some("\"a\""));
}
