//! What the scan finds, and what it refuses.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

#[test]
fn fields_and_turns_are_found_in_place() {
    let body = br#" {"model" : "m", "messages":[{"role":"user", "content" : [1,{"text":"hi"}]}, "x" ,[]], "n":-1.5e3,"e":{},"l":[[],{}]} "#;

    let fields = scan(body, 64).expect("a valid body");

    let text = |span: Span| std::str::from_utf8(&body[span]).expect("text").to_owned();
    assert_eq!(fields.get("model").map(text).as_deref(), Some("\"m\""));
    assert_eq!(fields.get("n").map(text).as_deref(), Some("-1.5e3"));
    let [first, second] = &fields.messages[..] else {
        unreachable!("two messages: what is nobody's is none")
    };
    assert!(first.is_person_turn());
    assert_eq!(second.content.clone().map(text).as_deref(), Some("\"x\""));
    assert_eq!(text(second.bytes.clone()), "\"x\"");
    let content = first.content.clone().expect("a content");
    let mut texts = Vec::new();
    parts(fields.text, content, |place| texts.push(text(place)));
    assert_eq!(texts, ["\"hi\""]);
}

#[test]
fn depth_is_bounded_without_recursion() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));

    assert!(scan(deep(63).as_bytes(), 64).is_ok());
    assert_eq!(
        scan(deep(64).as_bytes(), 64).err(),
        Some(ScanError::TooDeep(64))
    );
    assert_eq!(
        scan(deep(1_000_000).as_bytes(), 64).err(),
        Some(ScanError::TooDeep(64))
    );
}

#[test]
fn a_field_comes_once_however_it_is_spelled() {
    let twice = br#"{"model":"a","mod\u0065l":"b"}"#;

    assert_eq!(
        scan(twice, 64).err(),
        Some(ScanError::Duplicate("model".into()))
    );
}

#[test]
fn what_is_no_object_is_refused() {
    for body in ["null", "[]", "\"x\"", "1"] {
        assert_eq!(
            scan(body.as_bytes(), 64).err(),
            Some(ScanError::NotAnObject),
            "{body}"
        );
    }
    assert_eq!(scan(b"", 64).err(), Some(ScanError::Invalid(0)));
    assert_eq!(
        scan(b"{\"a\":\"\xff\"}", 64).err(),
        Some(ScanError::NotUtf8(6))
    );
    assert_eq!(
        scan(b"\xef\xbb\xbf{}", 64).err(),
        Some(ScanError::Invalid(0))
    );
    assert!(scan(br#"{"a":"\ud800"}"#, 64).is_err());
    assert!(scan(br#"{"a":1}{"b":2}"#, 64).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_agrees_with_serde_json(text in r#"\{("[a-c\\u0-9]{0,3}":([0-9.eE+\-]{1,4}|"[ -~é\\n]{0,6}"|true|nul|null|\[[0-9,\[\]{}"]{0,6}\]|\{\}),?){0,3}\}"#) {
        let ours = scan(text.as_bytes(), 64);
        // Numbers beyond a float's range are serde_json's limit, not JSON's.
        let theirs = serde_json::from_str::<std::collections::HashMap<String, IgnoredAny>>(&text);
        match ours {
            Ok(_) => prop_assert!(theirs.is_ok(), "{text}"),
            Err(ScanError::Duplicate(_)) => {}
            Err(_) => prop_assert!(theirs.is_err(), "{text}"),
        }
    }

    #[test]
    fn it_never_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = scan(&body, 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn long_texts_are_read_as_serde_json_reads_them(pieces in proptest::collection::vec(
        // Mostly what texts are full of, so that whole blocks are stepped over; seldom what ends or breaks one.
        prop_oneof![
            30 => "[a-z é]{1,30}",
            12 => Just(r"\n".to_owned()),
            8 => Just(r#"\""#.to_owned()),
            4 => r"(\\\\){1,3}",
            2 => r"\\[/bfrtu]([0-9a-f]{4})?",
            1 => "[\"\\\\\n]",
        ],
        0..60,
    )) {
        let text = format!("\"{}\"", pieces.concat());
        let body = format!("{{\"a\":{text}}}");
        let theirs = serde_json::from_str::<String>(&text);
        match scan(body.as_bytes(), 64) {
            Ok(fields) => {
                prop_assert!(theirs.is_ok(), "{text}");
                prop_assert_eq!(fields.get("a").map(|place| body[place].to_owned()), Some(text));
            }
            Err(_) => prop_assert!(theirs.is_err(), "{text}"),
        }
    }
}
