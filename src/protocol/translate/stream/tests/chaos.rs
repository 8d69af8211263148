//! Whatever a target sends: nothing panics, what comes out is whole events, and what was cut or refused never looks complete.

use proptest::prelude::*;

use super::super::limit;
use super::super::write::Writer;
use super::*;
use crate::protocol::translate::answer::{Failure, Stop};
use crate::protocol::translate::block::{Foreign, Kind};
use crate::protocol::translate::event::{Delta, Event, Opened, Start};
use crate::protocol::translate::json::Json;
use crate::protocol::translate::sealed::{Form, Owner, Sealed};

/// All that comes out is events whose data is JSON, and at most one end, which is the last.
fn check(told: &str) -> Result<(), TestCaseError> {
    prop_assert!(told.is_empty() || told.ends_with("\n\n"));
    let data = data(told);
    let ends = |data: &Bytes| {
        let text = String::from_utf8_lossy(data);
        text == "[DONE]"
            || [
                "message_stop",
                "error",
                "response.completed",
                "response.incomplete",
                "response.failed",
            ]
            .iter()
            .any(|end| text.starts_with(&format!("{{\"type\":\"{end}\"")))
            || text.starts_with("{\"error\"")
    };
    for (at, event) in data.iter().enumerate() {
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(event).is_ok();
        prop_assert!(json || event.as_ref() == b"[DONE]", "{:?}", event);
        // Responses say `error` and then that they have failed.
        let last = at + 1 == data.len() || event.starts_with(b"{\"type\":\"error\",\"sequence");
        prop_assert_eq!(ends(event), last || at + 1 == data.len(), "{:?}", event);
    }
    Ok(())
}

fn all_data(target: Dialect) -> Vec<Bytes> {
    let scenes = SCENES.iter().map(|scene| said(target, scene));
    let text = scenes.map(|scene| String::from_utf8(scene.to_vec()).expect("text"));
    text.flat_map(|text| data(&text)).collect()
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let index = 0u32..4;
    let text = prop::sample::select(vec!["", "a", "{", "\"}", "ü\n"]);
    let sealed = prop::sample::select(vec![Form::Signature, Form::Redacted, Form::Encrypted]);
    let block = prop_oneof![
        Just(Opened::Text),
        Just(Opened::Refusal),
        Just(Opened::Thought {
            summary: true,
            item: None
        }),
        (
            prop::sample::select(vec!["f", "apply_patch"]),
            any::<bool>()
        )
            .prop_map(|(name, custom)| {
                Opened::Use {
                    id: "i".into(),
                    name: name.into(),
                    space: None,
                    kind: if custom { Kind::Custom } else { Kind::Function },
                }
            }),
        Just(Opened::Foreign(Foreign {
            from: Dialect::Messages,
            kind: "k".into(),
            json: Json::parse("{\n}").expect("JSON"),
        })),
    ];
    prop_oneof![
        1 => Just(Event::Start(Start::default())),
        4 => (index.clone(), block).prop_map(|(index, block)| Event::Open { index, block }),
        4 => (index.clone(), text.clone()).prop_map(|(index, text)| {
            Event::Delta { index, delta: Delta::Text(text.into()) }
        }),
        4 => (index.clone(), text).prop_map(|(index, text)| {
            Event::Delta { index, delta: Delta::Input(text.into()) }
        }),
        1 => (index.clone(), sealed).prop_map(|(index, form)| {
            let owner = Owner::of(Dialect::Messages);
            let sealed = Sealed { owner, form, data: "s".into() };
            Event::Delta { index, delta: Delta::Sealed(sealed) }
        }),
        4 => index.prop_map(|index| Event::Close { index }),
        1 => Just(Event::Ping),
        1 => Just(Event::Stop(Stop::Tools)),
        1 => Just(Event::End),
        1 => Just(Event::Fault(Failure::default())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_are_survived(
        target in prop::sample::select(&TARGETS[..]),
        caller in prop::sample::select(&CALLERS[..]),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
    ) {
        let mut translator = translator(target, &asked(caller));
        let mut out = BytesMut::new();
        for frame in frames {
            translator.feed(Some(&frame), &mut out);
        }
        finish(&mut translator, &mut out);

        check(&String::from_utf8_lossy(&out))?;
    }

    #[test]
    fn events_in_any_order_are_survived(
        target in prop::sample::select(&TARGETS[..]),
        caller in prop::sample::select(&CALLERS[..]),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        cut in prop::option::of((any::<prop::sample::Index>(), 0usize..300)),
    ) {
        let known = all_data(target);
        let mut events: Vec<Bytes> = order.iter().map(|at| at.get(&known).clone()).collect();
        if let (Some((at, length)), false) = (cut, events.is_empty()) {
            let at = at.index(events.len());
            let length = length.min(events[at].len());
            events[at].truncate(length);
        }
        let mut translator = translator(target, &asked(caller));
        let mut out = BytesMut::new();
        for event in &events {
            translator.feed(Some(event), &mut out);
        }
        finish(&mut translator, &mut out);

        check(&String::from_utf8_lossy(&out))?;
    }

    #[test]
    fn steps_in_any_order_are_survived(
        caller in prop::sample::select(&CALLERS[..]),
        events in prop::collection::vec(event(), 0..40),
    ) {
        let echo = Echo::of(&asked(caller));
        let mut writer = Writer::new(echo, shown()).expect("a caller");
        let mut out = BytesMut::new();
        for event in &events {
            writer.event(event, &mut out);
        }
        writer.fail(&Fault::new(502, "upstream_error", "cut"), &mut out);

        check(&String::from_utf8_lossy(&out))?;
    }
}

/// What the last event says to a caller when a chat target says `data`.
fn last(caller: Dialect, data: impl Iterator<Item = String>) -> String {
    let mut translator = translator(Dialect::Chat, &asked(caller));
    let mut out = BytesMut::new();
    for data in data {
        out.clear();
        translator.feed(Some(data.as_bytes()), &mut out);
        if translator.ended() {
            return String::from_utf8_lossy(&out).into_owned();
        }
    }
    unreachable!("the stream is ended by a limit")
}

#[test]
fn calls_without_end_end_the_stream() {
    let call = |number| {
        format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{number},"id":"c{number}","function":{{"name":"f","arguments":"{{}}"}}}}]}}}}]}}"#
        )
    };

    let told = last(Dialect::Chat, (0..).map(call));

    assert!(told.contains("too many parts"), "{told}");
}

#[test]
fn an_answer_without_end_ends_the_stream_of_who_is_told_it_again() {
    let text = "x".repeat(limit::KEPT / 8);
    let chunk = format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);

    let told = last(Dialect::Responses, std::iter::repeat(chunk));

    assert!(told.contains("response.failed") && told.len() < limit::KEPT);
}

#[test]
fn what_waits_for_an_earlier_call_may_not_grow_without_end() {
    let piece = "x".repeat(limit::HELD / 8);
    let call = |number, piece: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{number},"function":{{"name":"f","arguments":"{piece}"}}}}]}}}}]}}"#
        )
    };
    let pieces = std::iter::once(call(0, "{")).chain((0..).map(|_| call(1, &piece)));

    let told = last(Dialect::Messages, pieces);

    assert!(told.starts_with("event: error\n"), "{told}");
}
