//! The same parts from every dialect, and no panic from anything.

use proptest::prelude::*;

use super::*;

/// The parts in short.
fn brief(json: &str) -> Vec<String> {
    let mut parts = Vec::new();
    read(json, |part| {
        let mut plain = String::new();
        parts.push(match part {
            Part::Text(text) => {
                text.read(1_000, &mut plain);
                format!("text {plain}")
            }
            Part::Thinking(text) => {
                text.read(1_000, &mut plain);
                format!("thinks {plain}")
            }
            Part::Call(call) => {
                call.arguments.read(1_000, &mut plain);
                format!("calls {} {} {plain}", call.id.raw(), call.name.raw())
            }
            Part::Result(result) => {
                result.content.read(1_000, &mut plain);
                let error = if result.error { " error" } else { "" };
                format!("result {}{error} {plain}", result.id.raw())
            }
            Part::Image => "image".to_owned(),
        });
    });
    parts
}

#[test]
fn chat_is_read() {
    assert_eq!(
        brief(r#"{"role":"user","content":"a \"b\""}"#),
        ["text a \"b\""]
    );
    assert_eq!(
        brief(
            r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}},{"type":"new"}]}"#
        ),
        ["text a", "image"]
    );
    assert_eq!(
        brief(
            r#"{"tool_calls":[{"id":"c1","type":"function","function":{"name":"bash","arguments":"{\"command\":\"ls\"}"}}],"content":null,"role":"assistant","reasoning_content":"hm"}"#
        ),
        ["thinks hm", r#"calls c1 bash {"command":"ls"}"#]
    );
    assert_eq!(
        brief(r#"{"role":"assistant","function_call":{"name":"f","arguments":"{}"}}"#),
        ["calls  f {}"]
    );
    assert_eq!(
        brief(
            r#"{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}"#
        ),
        ["result c1 x\ny"]
    );
}

#[test]
fn responses_are_read() {
    assert_eq!(
        brief(
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"}]}"#
        ),
        ["text a", "text no"]
    );
    assert_eq!(
        brief(
            r#"{"type":"function_call","id":"fc","call_id":"c","name":"exec_command","arguments":"{}"}"#
        ),
        ["calls c exec_command {}"]
    );
    assert_eq!(
        brief(
            r#"{"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"*** Begin Patch\n"}"#
        ),
        ["calls c apply_patch *** Begin Patch\n"]
    );
    assert_eq!(
        brief(r#"{"type":"local_shell_call","call_id":"c","action":{"command":["ls"]}}"#),
        [r#"calls c local_shell {"command":["ls"]}"#]
    );
    assert_eq!(
        brief(r#"{"type":"function_call_output","call_id":"c","output":"o"}"#),
        ["result c o"]
    );
    assert_eq!(
        brief(
            r#"{"type":"custom_tool_call_output","call_id":"c","output":[{"type":"input_text","text":"o"}]}"#
        ),
        ["result c o"]
    );
    assert_eq!(
        brief(
            r#"{"type":"shell_call_output","call_id":"c","output":[{"stdout":"o","stderr":"e","outcome":{"type":"exit","exit_code":1}}]}"#
        ),
        ["result c error o\ne"]
    );
    assert_eq!(
        brief(r#"{"type":"apply_patch_call_output","call_id":"c","status":"failed","output":"o"}"#),
        ["result c error o"]
    );
    assert_eq!(
        brief(
            r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"x"}"#
        ),
        ["thinks hm"]
    );
    assert_eq!(
        brief(
            r#"{"type":"mcp_call","id":"m","name":"f","arguments":"{}","output":"o","error":null}"#
        ),
        ["calls m f {}", "result m o"]
    );
}

#[test]
fn messages_are_read() {
    assert_eq!(
        brief(
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"Bash","input":{"command":"ls \"x\""}}]}"#
        ),
        [
            "thinks hm",
            "text a",
            r#"calls t Bash {"command":"ls \"x\""}"#
        ]
    );
    assert_eq!(
        brief(
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"Exit code 1"},{"type":"text","text":"a"},{"type":"image","source":{}}]}"#
        ),
        ["result t error Exit code 1", "text a", "image"]
    );
}

#[test]
fn completions_and_texts_alone_are_read() {
    assert_eq!(brief(r#""fn main""#), ["text fn main"]);
    assert_eq!(brief(r#"["a","b"]"#), ["text a", "text b"]);
    assert_eq!(brief("[1,2]"), Vec::<String>::new());
}

#[test]
fn long_results_are_read_at_their_ends() {
    let long = format!("begin {} end", "x ".repeat(200_000));
    let one = format!(r#"{{"role":"tool","content":"{long}"}}"#);
    let many = format!(
        r#"{{"role":"tool","content":[{{"text":"begin"}}{},{{"text":"end"}}]}}"#,
        r#",{"text":"middle"}"#.repeat(10_000)
    );

    for json in [one, many] {
        let mut plain = String::new();
        read(&json, |part| {
            if let Part::Result(result) = part {
                result.content.read(1_000, &mut plain);
            }
        });

        assert!(plain.starts_with("begin") && plain.ends_with("end"));
        assert!(plain.len() < 5_000, "{}", plain.len());
    }
}

#[test]
fn blank_is_known_with_escapes() {
    for (text, blank) in [
        ("", true),
        (r" \n\t \r\n", true),
        (r"\na", false),
        (r"\\n", false),
    ] {
        assert_eq!(Text(text).is_blank(), blank, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_panics(pieces in proptest::collection::vec(prop_oneof![
        Just(r#"{"role":"assistant","#), Just(r#""content":"#), Just(r#"[{"type":"tool_use","#), Just(r#""type":"x_call_output","#),
        Just(r#""tool_calls":[{"function":"#), Just(r#""name":"#), Just(r#""output":"#), Just(r#""outcome":{"exit_code":"#),
        Just("\"é\\u00\""), Just("\""), Just("\\"), Just("}"), Just("]"), Just(","), Just("null"), Just("1"), Just("{"), Just("["),
    ], 0..14)) {
        brief(&pieces.concat());
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        brief(&text);
    }
}
