//! Calls that clients make by themselves, in the shapes that they were seen to send, and calls that only look like those.

use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;

fn shape(endpoint: Endpoint, body: &str, header: Option<(&'static str, &str)>) -> Option<Shape> {
    let call = Call::read(endpoint, Bytes::copy_from_slice(body.as_bytes()), 64);
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header {
        headers.insert(name, value.parse().expect("a value"));
    }
    Shape::of(&headers, &call.expect("a valid body"))
}

fn messages(more: &str, system: &str, words: &str) -> String {
    format!(
        r#"{{"model":"m"{more},"system":"{system}","messages":[{{"role":"user","content":"{words}"}}]}}"#
    )
}

fn chat(more: &str, system: &str, words: &str) -> String {
    format!(
        r#"{{"model":"m"{more},"messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{words}"}}]}}"#
    )
}

const TOOLS: &str = r#","max_tokens":32000,"tools":[{"name":"Read"}]"#;

fn form(key: &str, property: &str) -> String {
    format!(
        r#","max_tokens":9000,"{key}":{{"effort":"low","format":{{"type":"json_schema","schema":{{"properties":{{"{property}":{{"type":"string"}}}}}}}}}}"#
    )
}

#[test]
fn the_hints_of_claude_code_tell() {
    let of = |name, class, body: &str| shape(Endpoint::Messages, body, Some((name, class)));
    let work = messages(TOOLS, "s", "go on");
    let title = messages(&form("output_config", "title"), "s", "<session>x</session>");

    assert_eq!(of(CLASS, "compaction", &work), Some(Shape::Compaction));
    assert_eq!(of(CLASS, "auxiliary", &work), Some(Shape::Aside));
    assert_eq!(
        of(FIRST_PARTY, "summary-extraction", &title),
        Some(Shape::Title)
    );
    assert_eq!(
        of(FIRST_PARTY, "summary-extraction", &work),
        Some(Shape::Summary)
    );
    assert_eq!(
        of(FIRST_PARTY, "followup-generation", &work),
        Some(Shape::Suggestion)
    );
    assert_eq!(of(CLASS, "main", &work), None);
    assert_eq!(of(CLASS, "subagent", &work), None);
}

#[test]
fn claude_code_without_hints_is_known_by_its_requests() {
    let of = |body: &str| shape(Endpoint::Messages, body, None);
    let long = "Look at each step again. ".repeat(60);
    let compact = format!("Write a detailed summary of the conversation. {long}");

    assert_eq!(
        of(&messages(&form("output_config", "title"), "s", "x")),
        Some(Shape::Title)
    );
    assert_eq!(
        of(&messages(r#","max_tokens":1"#, "s", "quota")),
        Some(Shape::QuotaProbe)
    );
    assert_eq!(
        of(&messages(r#","max_tokens":0"#, "s", "x")),
        Some(Shape::WarmUp)
    );
    assert_eq!(of(&messages(TOOLS, "s", &compact)), Some(Shape::Compaction));
    assert_eq!(
        of(&messages(
            r#","max_tokens":512"#,
            "Say whether this is a new conversation topic as isNewTopic.",
            "x"
        )),
        Some(Shape::TopicCheck)
    );
    assert_eq!(
        of(&messages(
            r#","max_tokens":64,"stop_sequences":["x"]"#,
            "You are a security monitor.",
            "x"
        )),
        Some(Shape::SafetyCheck)
    );
    assert_eq!(
        shape(Endpoint::CountTokens, &messages("", "s", "foo"), None),
        Some(Shape::Count)
    );
}

#[test]
fn codex_says_what_it_asks_for() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"x"}]}"#;
    let of = |kind: &str| {
        let metadata = format!(r#"{{"turn_id":"t","request_kind":"{kind}","x":1}}"#);
        shape(Endpoint::Responses, body, Some((CODEX, &metadata)))
    };

    assert_eq!(of("prewarm"), Some(Shape::WarmUp));
    assert_eq!(of("compaction"), Some(Shape::Compaction));
    assert_eq!(of("turn"), None);
}

#[test]
fn other_clients_are_known_by_what_they_ask_for() {
    let of = |body: &str| shape(Endpoint::Chat, body, None);
    let title = "Given the talk below, reply with a title for the chat that is three or four words long, without quotes and without anything else.";

    assert_eq!(
        of(&chat("", "You are a title generator.", "x")),
        Some(Shape::Title),
        "opencode"
    );
    assert_eq!(of(&chat("", "s", title)), Some(Shape::Title), "Continue");
    assert_eq!(
        of(&chat("", "You write one-line Git commit messages.", "diff")),
        Some(Shape::CommitMessage),
        "aider"
    );
    assert_eq!(
        of(&chat(
            "",
            "*Briefly* summarize this partial conversation about programming.",
            "x"
        )),
        Some(Shape::Summary),
        "aider"
    );
    assert_eq!(
        of(&chat("", "Answer with a <state_snapshot>.", "x")),
        Some(Shape::Compaction),
        "Gemini CLI, Qwen Code"
    );
    assert_eq!(
        of(&chat(&form("response_format", "next_speaker"), "s", "x")),
        Some(Shape::TopicCheck)
    );
    assert_eq!(
        shape(
            Endpoint::Completions,
            r#"{"model":"m","prompt":"fn"}"#,
            None
        ),
        Some(Shape::FillIn)
    );
    assert_eq!(
        shape(Endpoint::Embeddings, r#"{"model":"m","input":"x"}"#, None),
        Some(Shape::Embedding)
    );
}

#[test]
fn work_that_speaks_of_titles_and_summaries_is_work() {
    let of = |body: &str| shape(Endpoint::Chat, body, None);

    for words in [
        "write a commit message for this",
        "add a title for this conversation to the page",
        "give me a detailed summary of the conversation in issue 4",
        "why is max_tokens 1 in this test?",
    ] {
        assert_eq!(
            of(&chat(
                TOOLS,
                "An agent that can commit: say a Git commit message.",
                words
            )),
            None,
            "{words}"
        );
        assert_eq!(of(&chat("", "An agent.", words)), None, "{words}");
    }
}

#[test]
fn recorded_work_has_no_shape() {
    #[derive(Deserialize)]
    struct Recorded {
        endpoint: Endpoint,
        body: Box<RawValue>,
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients");
    for file in std::fs::read_dir(folder).expect("the folder") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("read");
        let recorded: Recorded = serde_json::from_str(&text).expect("a request");

        let found = shape(recorded.endpoint, recorded.body.get(), None);

        let expected = (recorded.endpoint == Endpoint::Completions).then_some(Shape::FillIn);
        assert_eq!(found, expected, "{}", path.display());
    }
}

#[test]
fn what_a_shape_means_is_said_of_each() {
    for shape in Shape::ALL {
        let class = shape.class();
        assert!(
            class.output_low <= class.output && class.output <= class.output_high,
            "{shape}"
        );
        assert!(class.difficulty <= 0.0 && class.variance > 0.0, "{shape}");
    }
    assert!(Shape::Compaction.shares_prompt() && !Shape::Title.shares_prompt());
}
