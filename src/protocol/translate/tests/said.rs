//! Single facts that no pair of files shows.

use super::super::asked::Effort;
use super::super::dropped::{Field, Why};
use super::super::manner::{Manner, Thoughts};
use super::super::need::Need;
use super::super::{read, read_answer, write, write_answer};
use crate::domain::dialect::Dialect;
use crate::domain::dialect::Dialect::{Chat, Gemini, Messages, Responses};

fn written(from: Dialect, to: Dialect, manner: &Manner, body: &str) -> String {
    let (asked, _) = read(from, body).expect("a good request");
    write(to, &asked, "m", manner).body
}

/// What the caller is told of a target's answer, whose request was `asked`.
fn told(caller: Dialect, asked: &str, target: Dialect, answer: &str) -> String {
    let (_, echo) = read(caller, asked).expect("a good request");
    let answer = read_answer(target, answer, "unnamed").expect("a good answer");
    write_answer(&answer, &echo, 1).body
}

#[test]
fn state_that_another_caller_carried_comes_back_to_its_owner() {
    let asks = r#"{"model":"m","max_tokens":1,"thinking":{"type":"adaptive"},"messages":[]}"#;
    let answer = r#"{"responseId":"r","candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"c2ln"}]}}]}"#;
    let said = told(Messages, asks, Gemini, answer);
    let content = said.split_once("\"content\":").expect("a content").1;
    let content = content.split_once(",\"stop_reason\"").expect("an end").0;
    let next = format!(
        r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":"a"}},{{"role":"assistant","content":{content}}}]}}"#
    );

    let own = written(Messages, Gemini, &Manner::of(Gemini), &next);
    let other = written(Messages, Messages, &Manner::of(Messages), &next);

    assert!(own.contains(r#""thoughtSignature":"c2ln""#), "{own}");
    assert!(
        !other.contains("c2ln") && !other.contains("thinking"),
        "{other}"
    );
}

#[test]
fn an_open_thought_goes_back_to_a_target_that_wants_it() {
    let asks = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"hm"},{"role":"user","content":"c"}]}"#;
    let wants = Manner {
        thoughts: Thoughts::ReasoningContent,
        ..Manner::of(Chat)
    };

    assert!(written(Chat, Chat, &wants, asks).contains(r#""reasoning_content":"hm""#));
    assert!(!written(Chat, Chat, &Manner::of(Chat), asks).contains("hm"));
    assert!(!written(Chat, Messages, &Manner::of(Messages), asks).contains("hm"));
}

#[test]
fn a_call_that_was_cut_stays_broken_and_is_not_run_by_mistake() {
    let answer = r#"{"id":"x","choices":[{"message":{"role":"assistant","tool_calls":[{"id":"call_123456","type":"function","function":{"name":"rm","arguments":"{\"path\": \"/"}}]},"finish_reason":"length"}]}"#;

    let chat = told(Chat, r#"{"model":"m","messages":[]}"#, Chat, answer);
    let messages = told(Messages, r#"{"model":"m","messages":[]}"#, Chat, answer);

    assert!(chat.contains(r#""arguments":"{\"path\": \"/""#) && chat.contains(r#""length""#));
    assert!(
        messages.contains(r#""input":{"input":"{\"path\": \"/"}"#),
        "{messages}"
    );
    assert!(messages.contains(r#""stop_reason":"max_tokens""#));
}

#[test]
fn thoughts_are_told_to_those_who_asked_for_them() {
    let answer = r#"{"id":"x","choices":[{"message":{"role":"assistant","content":"b","reasoning_content":"hm"},"finish_reason":"stop"}]}"#;
    let plain = told(Messages, r#"{"model":"m","messages":[]}"#, Chat, answer);
    let asks = r#"{"model":"m","messages":[],"thinking":{"type":"enabled","budget_tokens":1024}}"#;

    assert!(!plain.contains("thinking\""), "{plain}");
    assert!(told(Messages, asks, Chat, answer).contains(r#""thinking":"hm""#));
}

#[test]
fn a_refusal_without_a_word_is_no_empty_answer() {
    let silent = r#"{"id":"msg_1","content":[],"stop_reason":"refusal","stop_details":{"category":"cyber","explanation":"Not this."}}"#;
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#;
    let asks = r#"{"model":"m","messages":[]}"#;

    let chat = told(Chat, asks, Messages, silent);
    assert!(chat.contains(r#""refusal":"Not this.""#));
    // What is explained is an answer; SDKs raise an error for the other.
    assert!(chat.contains(r#""finish_reason":"stop""#));
    assert!(told(Chat, asks, Gemini, blocked).contains(r#""finish_reason":"content_filter""#));
    let responses = told(Responses, r#"{"model":"m","input":"a"}"#, Messages, silent);
    assert!(
        responses.contains(r#"{"type":"refusal","refusal":"Not this."}"#),
        "{responses}"
    );
    let messages = told(Messages, asks, Gemini, blocked);
    assert!(
        messages.contains(r#""stop_reason":"refusal""#),
        "{messages}"
    );
}

#[test]
fn a_body_of_responses_at_the_door_of_chat_is_answered_in_chat() {
    let asks = r#"{"model":"m","input":[{"role":"user","content":"a"}],"stream":false}"#;
    let answer = r#"{"id":"resp_1","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]}]}"#;

    assert!(told(Chat, asks, Responses, answer).contains(r#""object":"chat.completion""#));
}

#[test]
fn what_a_server_says_in_its_own_way_is_understood() {
    let asks = r#"{"model":"m","messages":[]}"#;
    // Thoughts among the words, a call without an id and with its arguments as an object, no word on why it stopped.
    let odd = r#"{"choices":[{"message":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"b"}],"tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1}}}]}}]}"#;

    let said = told(Chat, asks, Chat, odd);

    assert!(said.contains(r#""reasoning_content":"hm""#) && said.contains(r#""content":"b""#));
    assert!(said.contains(r#""arguments":"{\"x\":1}""#), "{said}");
    assert!(said.contains(r#""id":"call_"#) && said.contains(r#""finish_reason":"tool_calls""#));
}

#[test]
fn what_is_new_in_a_dialect_is_no_mistake() {
    let body = r#"{"model":"m","max_tokens":1,"thinking":{"type":"dreaming"},"messages":[{"role":"user","content":[{"type":"image","source":{"type":"crystal"}},{"type":"smell"},{"type":"text","text":"a"}]}]}"#;

    let own = written(Messages, Messages, &Manner::of(Messages), body);
    let other = written(Messages, Chat, &Manner::of(Chat), body);

    assert!(
        own.contains(r#"{"type":"crystal"}"#) && own.contains(r#"{"type":"smell"}"#),
        "{own}"
    );
    assert_eq!(
        other,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":1}"#
    );
}

#[test]
fn thinking_gives_way_to_what_it_cannot_stand_beside() {
    let forced = r#"{"model":"m","messages":[{"role":"user","content":"a"}],"reasoning_effort":"high","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","max_tokens":9000}"#;
    let always = Manner {
        always_thinks: true,
        ..Manner::of(Messages)
    };
    let numbers = Manner {
        budgets: true,
        ..Manner::of(Messages)
    };
    let warm = r#"{"model":"m","messages":[{"role":"user","content":"a"}],"reasoning_effort":"low","temperature":0.5,"max_tokens":1500}"#;

    let first = written(Chat, Messages, &Manner::of(Messages), forced);
    assert!(
        first.contains(r#""type":"any""#) && !first.contains("adaptive"),
        "{first}"
    );
    let second = written(Chat, Messages, &always, forced);
    assert!(
        second.contains(r#""tool_choice":{"type":"auto"}"#),
        "{second}"
    );
    let third = written(Chat, Messages, &numbers, warm);
    assert!(
        third.contains(r#"{"type":"enabled","budget_tokens":1499}"#),
        "{third}"
    );
    assert!(!third.contains("temperature"), "{third}");
}

#[test]
fn more_output_than_a_model_has_is_not_asked_for() {
    let small = |dialect| Manner {
        most_output: Some(4_096),
        ..Manner::of(dialect)
    };
    let asks = |most| format!(r#"{{"model":"m","max_tokens":{most},"messages":[]}}"#);

    let much = written(Messages, Chat, &small(Chat), &asks(128_000));
    let none = written(Messages, Chat, &small(Chat), &asks(0));
    let unsaid = written(
        Chat,
        Messages,
        &small(Messages),
        r#"{"model":"m","messages":[]}"#,
    );

    assert!(much.contains(r#""max_tokens":4096"#), "{much}");
    // At Anthropic zero only warms a cache; elsewhere one word must be asked for.
    assert!(none.contains(r#""max_tokens":1}"#), "{none}");
    assert!(unsaid.contains(r#""max_tokens":4096"#), "{unsaid}");
}

#[test]
fn effort_is_said_in_the_nearest_word_that_is_known() {
    let manner = Manner::of(Messages);

    assert_eq!(manner.effort(Effort::Minimal), Some(Effort::Low));
    assert_eq!(Manner::of(Gemini).effort(Effort::Max), Some(Effort::High));
    assert_eq!(Effort::of_budget(1), Effort::Minimal);
    assert_eq!(Effort::of_budget(16_000), Effort::High);
    assert_eq!(Effort::of_budget(u64::MAX), Effort::Max);
}

#[test]
fn what_a_target_cannot_do_truly_is_found_before_it_is_asked() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"u"}]}],"n":2,"stop":"x","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","response_format":{"type":"json_object"}}"#;
    let (asked, _) = read(Chat, body).expect("a good request");
    let unmet = |to| Need::unmet(&asked, to, &Manner::of(to));
    let blind = Manner {
        images: false,
        forced_tools: false,
        ..Manner::of(Chat)
    };

    assert_eq!(
        Need::of(&asked),
        [
            Need::Tools,
            Need::ForcedTool,
            Need::Images,
            Need::StructuredOutput,
            Need::Stop,
            Need::Choices
        ]
    );
    assert_eq!(unmet(Chat), []);
    assert_eq!(unmet(Responses), [Need::Stop, Need::Choices]);
    assert_eq!(unmet(Messages), [Need::StructuredOutput, Need::Choices]);
    assert_eq!(unmet(Gemini), [Need::Choices]);
    assert_eq!(
        Need::unmet(&asked, Chat, &blind),
        [Need::ForcedTool, Need::Images]
    );
}

#[test]
fn a_wrong_field_is_named_by_its_place() {
    let wrong = |dialect, body| read(dialect, body).expect_err("a bad request").to_string();

    assert_eq!(
        wrong(
            Chat,
            r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"king"}]}"#
        ),
        "the field \"messages[1].role\" is no role that is known"
    );
    assert_eq!(
        wrong(
            Messages,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#
        ),
        "the field \"messages[0].content[0].text\" is missing"
    );
    assert_eq!(
        wrong(Responses, r#"{"model":"m","input":7}"#),
        "the field \"input\" is neither a text nor a list"
    );
    assert_eq!(wrong(Chat, "[]"), "not an object");
}

#[test]
fn texts_that_are_cut_in_a_surrogate_pair_are_read() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a\ud83e"}]}"#;

    let out = written(Chat, Chat, &Manner::of(Chat), body);

    assert!(out.contains("a\u{fffd}"), "{out}");
}

#[test]
fn too_many_marks_are_fewer_and_missing_ones_are_made() {
    let block = |text: &str| {
        format!(r#"{{"type":"text","text":"{text}","cache_control":{{"type":"ephemeral"}}}}"#)
    };
    let five: Vec<String> = ["a", "b", "c", "d"].map(block).into();
    let body = format!(
        r#"{{"model":"m","max_tokens":9,"system":[{}],"messages":[{{"role":"user","content":[{}]}}]}}"#,
        block("s"),
        five.join(",")
    );
    let (asked, _) = read(Messages, &body).expect("a good request");
    let plain = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#;

    let many = write(Messages, &asked, "m", &Manner::of(Messages));
    let made = written(Chat, Messages, &Manner::of(Messages), plain);

    assert_eq!(many.body.matches("cache_control").count(), 4);
    assert!(
        many.body.contains(r#"{"type":"text","text":"a"}"#),
        "{}",
        many.body
    );
    let lost = many
        .dropped
        .iter()
        .next()
        .map(|loss| (loss.field, loss.why));
    assert_eq!(lost, Some((Field::CacheMark, Why::Limit)));
    assert_eq!(made.matches("cache_control").count(), 2);
}

/// What the caller is told of the same answer as that of the call `unnamed`.
fn unnamed(caller: Dialect, target: Dialect, answer: &str, unnamed: &str) -> String {
    let asked = r#"{"model":"m","max_tokens":9,"messages":[],"input":"x","prompt":"x"}"#;
    let (_, echo) = read(caller, asked).expect("a good request");
    let answer = read_answer(target, answer, unnamed).expect("a good answer");
    write_answer(&answer, &echo, 1).body
}

#[test]
fn no_two_answers_share_a_name_and_no_two_calls() {
    let answers = [
        (
            Chat,
            r#"{"choices":[{"message":{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
        ),
        (
            Gemini,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]}"#,
        ),
    ];
    for caller in [Chat, Responses, Messages] {
        for (target, answer) in answers {
            let one = unnamed(caller, target, answer, "call-1");
            let other = unnamed(caller, target, answer, "call-2");

            let ids = |text: &str| -> Vec<String> {
                let parts = text.split("\"id\":\"").skip(1);
                let call = text.split("\"call_id\":\"").skip(1);
                let ends = parts.chain(call).filter_map(|it| it.split_once('"'));
                ends.map(|(id, _)| id.to_owned()).collect()
            };
            let (one, other) = (ids(&one), ids(&other));
            assert!(one.len() >= 2, "{one:?}");
            assert!(
                one.iter().all(|id| !other.contains(id)),
                "{caller} {target}"
            );
        }
    }
}
