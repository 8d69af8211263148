//! What is wrong is found; what is right is never refused, whatever its schema.

use proptest::prelude::*;

use super::schema::fits;
use super::{Inspector, Looks, Offer};
use crate::domain::dialect::Dialect;
use crate::domain::flaw::Flaw;
use crate::protocol::translate;
use crate::protocol::translate::stream::read::Reader;

const ALL: Looks = Looks {
    arguments: true,
    empty: true,
    repeats: true,
};

const TOOLS: &str = r#"[{"type":"function","function":{"name":"edit","parameters":{"type":"object",
    "properties":{"path":{"type":"string"},"line":{"type":"integer"},"mode":{"enum":["add","cut"]}},
    "required":["path"],"additionalProperties":false}}}]"#;

/// What is wrong with a call of `edit` with these arguments, in a whole answer and in a stream.
fn called(name: &str, arguments: &str) -> Option<Flaw> {
    let quoted = serde_json::to_string(arguments).expect("text is JSON");
    let call = format!(
        r#"{{"id":"call_1","type":"function","function":{{"name":"{name}","arguments":{quoted}}}}}"#
    );
    let body = format!(
        r#"{{"id":"c","model":"m","choices":[{{"message":{{"content":"I edit.","tool_calls":[{call}]}},"finish_reason":"tool_calls"}}]}}"#
    );
    let whole = whole(Dialect::Chat, &body);
    let (one, two) = arguments.split_at(arguments.len() / 2);
    let mut inspector = Inspector::new(ALL);
    let mut reader = Reader::new(Dialect::Chat).expect("a reader");
    let piece = |text: &str, head: &str| {
        let text = serde_json::to_string(text).expect("text is JSON");
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,{head}"function":{{"arguments":{text}}}}}]}}}}]}}"#
        )
    };
    let begins = format!(
        r#"{{"id":"c","choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"id":"call_1","function":{{"name":"{name}","arguments":""}}}}]}}}}]}}"#
    );
    let ends = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#.to_owned();
    for event in [begins, piece(one, ""), piece(two, ""), ends] {
        reader.event(Some(event.as_bytes()), &mut |step| inspector.step(&step));
    }
    let streamed = inspector.judge(|| Offer::read(Dialect::Chat, Some(TOOLS), false));
    assert_eq!(whole, streamed, "{arguments}");
    whole
}

fn whole(dialect: Dialect, body: &str) -> Option<Flaw> {
    let answer = translate::read_answer(dialect, body, "").expect(body);
    let mut inspector = Inspector::new(ALL);
    inspector.whole(&answer);
    inspector.judge(|| Offer::read(Dialect::Chat, Some(TOOLS), false))
}

fn said(words: &str, reason: &str) -> Option<Flaw> {
    let words = serde_json::to_string(words).expect("text is JSON");
    whole(
        Dialect::Chat,
        &format!(
            r#"{{"id":"c","choices":[{{"message":{{"content":{words},"reasoning_content":"hm"}},"finish_reason":"{reason}"}}]}}"#
        ),
    )
}

#[test]
fn calls_that_no_tool_can_take_are_seen() {
    let cases = [
        (r#"{"path":"a.rs","line":3}"#, None),
        (r#"{"path":"a.rs","mode":"cut"}"#, None),
        (r#"{"path":"a.rs","#, Some(Flaw::BadJson)),
        (r#"{"path": 'a.rs'}"#, Some(Flaw::BadJson)),
        (r#""a.rs""#, Some(Flaw::BadJson)),
        ("", Some(Flaw::BadSchema)),
        (r#"{"line":3}"#, Some(Flaw::BadSchema)),
        (r#"{"path":7}"#, Some(Flaw::BadSchema)),
        (r#"{"path":"a.rs","line":"3"}"#, Some(Flaw::BadSchema)),
        (r#"{"path":"a.rs","mode":"both"}"#, Some(Flaw::BadSchema)),
        (r#"{"path":"a.rs","file":"b"}"#, Some(Flaw::BadSchema)),
    ];
    for (arguments, flaw) in cases {
        assert_eq!(called("edit", arguments), flaw, "{arguments}");
    }
    assert_eq!(called("erase", r#"{"path":"a"}"#), Some(Flaw::UnknownTool));
}

#[test]
fn an_answer_without_a_word_is_empty_unless_a_limit_cut_it() {
    assert_eq!(said("", "stop"), Some(Flaw::Empty));
    assert_eq!(said(" \n", "stop"), Some(Flaw::Empty));
    assert_eq!(said("", "length"), None);
    assert_eq!(said("", "content_filter"), None);
    assert_eq!(said("Yes.", "stop"), None);
    let again = "I look at the file once more. ".repeat(50);
    assert_eq!(said(&again, "length"), Some(Flaw::Repeats));
}

#[test]
fn what_is_not_looked_for_is_not_seen() {
    let mut inspector = Inspector::new(Looks::default());
    let body = r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#;
    inspector.whole(&translate::read_answer(Dialect::Chat, body, "").expect("an answer"));

    let offer = || unreachable!("nobody looks at tools");
    assert_eq!(inspector.judge(offer), None);
}

#[test]
fn tools_are_known_by_the_names_that_a_translation_gives() {
    let tools = r#"[{"type":"namespace","name":"files","tools":[{"type":"function","name":"edit",
        "parameters":{"type":"object","required":["path"]}}]},{"type":"custom","name":"patch"}]"#;
    let told = Offer::read(Dialect::Responses, Some(tools), true);
    let own = Offer::read(Dialect::Responses, Some(tools), false);

    assert_eq!(told.flaw("files__edit", None, "{}"), Some(Flaw::BadSchema));
    assert_eq!(told.flaw("edit", None, "{}"), Some(Flaw::UnknownTool));
    assert_eq!(own.flaw("edit", Some("files"), r#"{"path":1}"#), None);
    assert_eq!(told.flaw("patch", None, "*** Begin"), None);
    // Nobody knows what else the provider has.
    let foreign = r#"[{"type":"local_shell"},{"type":"function","name":"edit"}]"#;
    let foreign = Offer::read(Dialect::Responses, Some(foreign), false);
    assert_eq!(foreign.flaw("shell", None, "{}"), None);
    assert_eq!(foreign.flaw("edit", None, "{"), Some(Flaw::BadJson));
}

#[test]
fn a_schema_is_kept_to_word_by_word() {
    let deep = r##"{"$defs":{"Node":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},
        "kids":{"type":"array","items":{"$ref":"#/$defs/Node"}}}}},"$ref":"#/$defs/Node"}"##;
    let cases = [
        (r#"{"type":["string","null"]}"#, "null", true),
        (r#"{"type":["string","null"]}"#, "3", false),
        (r#"{"type":"string","nullable":true}"#, "null", true),
        (r#"{"type":"integer"}"#, "3.0", true),
        (r#"{"type":"integer"}"#, "3.5", false),
        (r#"{"type":"number"}"#, "-1e9", true),
        (r#"{"const":"a"}"#, r#""\u0061""#, true),
        (r#"{"const":{"a":[1,2]}}"#, r#"{ "a" : [1.0, 2] }"#, true),
        (r#"{"const":{"a":[1,2]}}"#, r#"{"a":[2,1]}"#, false),
        (r#"{"enum":[1,"a",null]}"#, "null", true),
        (r#"{"enum":[1,"a",null]}"#, r#""b""#, false),
        (
            r#"{"anyOf":[{"type":"string"},{"type":"array"}]}"#,
            "[]",
            true,
        ),
        (
            r#"{"oneOf":[{"type":"string"},{"type":"array"}]}"#,
            "{}",
            false,
        ),
        (r#"{"items":{"type":"string"}}"#, r#"["a",1]"#, false),
        (r#"{"items":[{"type":"string"}]}"#, "[1]", true),
        (
            r#"{"prefixItems":[{"type":"string"}],"items":false}"#,
            r#"["a"]"#,
            true,
        ),
        (
            r#"{"additionalProperties":{"type":"string"}}"#,
            r#"{"a":1}"#,
            false,
        ),
        (
            r#"{"additionalProperties":false,"patternProperties":{"^x":{}}}"#,
            r#"{"x1":1}"#,
            true,
        ),
        (r#"{"properties":{"a":false}}"#, r#"{"a":1}"#, false),
        (r#"{"required":["a"]}"#, r#"{"a":null}"#, true),
        (
            r#"{"required":true,"type":"what","minLength":3}"#,
            r#""a""#,
            true,
        ),
        (deep, r#"{"name":"a","kids":[{"name":"b"}]}"#, true),
        (deep, r#"{"name":"a","kids":[{"name":1}]}"#, false),
        (r##"{"$ref":"#"}"##, "1", true),
        (r##"{"$ref":"#/nowhere"}"##, "1", true),
        (r##"{"$ref":"#name","type":"string"}"##, "1", true),
        ("true", "1", true),
        ("false", "1", false),
        ("7", "1", true),
    ];
    for (schema, value, right) in cases {
        assert_eq!(fits(schema, value), right, "{schema} {value}");
    }
}

#[test]
fn deep_and_large_things_pass_at_once() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
    let schema = deep(r#"{"items":"#, "}");
    assert!(fits(&schema, &deep("[", "]")));
    let wide = format!("[{}1]", "1,".repeat(100_000));
    assert!(fits(r##"{"items":{"anyOf":[{"$ref":"#/items"}]}}"##, &wide));
    let one: Vec<String> = (0..20_000).map(|at| format!("\"k{at}\":1")).collect();
    let object = format!("{{{}}}", one.join(","));
    let schema = format!(r#"{{"properties":{object},"additionalProperties":false}}"#);
    assert!(fits(&schema, &object));
    // Long schemas are not read again and again: what is wrong behind the bound passes.
    let long = format!(
        r##"{{"x":"{}","$defs":{{"s":{{"type":"string"}}}},"items":{{"$ref":"#/$defs/s"}}}}"##,
        "y".repeat(400 << 10)
    );
    let right = vec!["\"a\""; 1_000].join(",");
    assert!(fits(&long, &format!("[{right},1]")));
    assert!(!fits(&long, "[\"a\",1]"));
}

/// A schema, and something that keeps to it.
fn pair() -> impl Strategy<Value = (String, String)> {
    let text = |text: &str| serde_json::to_string(text).expect("text is JSON");
    let leaf = prop_oneof![
        "[a-z\\\\\"\u{e9} ]{0,6}"
            .prop_map(move |it| (r#"{"type":"string","maxLength":9}"#.to_owned(), text(&it))),
        any::<i32>().prop_map(|it| (r#"{"type":"integer"}"#.to_owned(), it.to_string())),
        any::<i16>().prop_map(|it| (
            r#"{"type":["number","null"]}"#.to_owned(),
            format!("{it}.5")
        )),
        any::<bool>().prop_map(|it| (format!(r#"{{"const":{it}}}"#), it.to_string())),
        Just((r#"{"type":"null"}"#.to_owned(), "null".to_owned())),
        "[a-z]{1,4}".prop_map(|it| (format!(r#"{{"enum":[1,"{it}",[]]}}"#), format!("\"{it}\""))),
        Just(("true".to_owned(), "[1,{}]".to_owned())),
        Just((r#"{"unheard":{"of":1}}"#.to_owned(), "{}".to_owned())),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0_usize..4).prop_map(|((schema, value), times)| {
                let all = vec![value; times].join(", ");
                (format!(r#"{{"type":"array","items":{schema}}}"#), format!("[{all}]"))
            }),
            (proptest::collection::btree_map("[a-f]", inner.clone(), 0..4), any::<bool>()).prop_map(
                |(members, strict)| {
                    let join = |part: &dyn Fn(&(String, String)) -> String| {
                        let all = members.iter().map(|(name, pair)| format!("\"{name}\": {}", part(pair)));
                        all.collect::<Vec<_>>().join(",")
                    };
                    let schemas = join(&|(schema, _)| schema.clone());
                    let values = join(&|(_, value)| value.clone());
                    let names: Vec<String> = members.keys().map(|name| format!("\"{name}\"")).collect();
                    let schema = format!(
                        r#"{{"type":"object","properties":{{{schemas}}},"required":[{}],"additionalProperties":{}}}"#,
                        names.join(","), !strict
                    );
                    (schema, format!("{{ {values} }}"))
                }
            ),
            (inner.clone(), inner.clone(), any::<bool>()).prop_map(|((one, value), (two, _), first)| {
                let both = if first { [one, two] } else { [two, one] };
                let word = if first { "anyOf" } else { "oneOf" };
                (format!(r#"{{"{word}":[{}]}}"#, both.join(",")), value)
            }),
            inner.prop_map(|(schema, value)| {
                (format!(r##"{{"allOf":[],"$comment":"x","type":"object","required":["a/b"],"properties":{{"a/b":{schema}}}}}"##), format!("{{\"a/b\":{value}}}"))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_keeps_to_its_schema_is_never_refused((schema, value) in pair()) {
        prop_assert!(fits(&schema, &value), "{} {}", schema, value);
        // The same behind a reference.
        let referred = format!(r##"{{"$defs":{{"it":{schema}}},"properties":{{"x":{{"$ref":"#/$defs/it"}}}}}}"##);
        let inside = format!("{{\"x\":{value}}}");
        prop_assert!(fits(&referred, &inside));
    }

    #[test]
    fn what_lacks_something_is_refused((schema, value) in pair(), name in "[g-z]{1,3}") {
        let schema = format!(r#"{{"type":"object","properties":{{"{name}":{schema}}},"required":["{name}"],"additionalProperties":false}}"#);
        let right = format!("{{\"{name}\":{value}}}");
        let other = format!("{{\"{name}\":{value},\"_\":1}}");
        prop_assert!(fits(&schema, &right));
        let none = fits(&schema, "{}");
        prop_assert!(!none);
        prop_assert!(!fits(&schema, &other));
    }

    #[test]
    fn no_text_is_too_odd(schema in ".{0,60}", value in ".{0,60}") {
        fits(&schema, &value);
        let mut repeats = super::Repeats::default();
        repeats.push(&schema.repeat(40));
        repeats.ended();
    }
}
