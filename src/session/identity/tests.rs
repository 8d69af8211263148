//! The conversations of each client, by requests in the shapes that they were seen to send.

use std::path::Path;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::*;
use crate::domain::dialect::Endpoint;

fn key() -> Key {
    Key::new([5; 16])
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| {
            let value = value.parse().expect("a value");
            (http::HeaderName::from_static(name), value)
        })
        .collect()
}

fn under(caller: &str, headers: &HeaderMap, call: &Call) -> Identity {
    let prompt = Prompt::read(call, &key());
    Identity::read(headers, call, &prompt, &KeyId::from(caller), &key())
}

fn read(endpoint: Endpoint, body: &str, pairs: &[(&'static str, &str)]) -> Identity {
    let call = Call::read(endpoint, Bytes::copy_from_slice(body.as_bytes()), 64);
    let call = call.expect("a valid body");
    under("k", &headers(pairs), &call)
}

fn chat(system: &str, words: &str, more: &str) -> String {
    format!(
        r#"{{"model":"m"{more},"messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{words}"}}]}}"#
    )
}

fn claude(build: &str, system: &str, words: &str) -> String {
    let billing = format!("x-anthropic-billing-header: cc_version={build}; cc_entrypoint=cli;");
    format!(
        r#"{{"model":"m","max_tokens":32000,"tools":[{{"name":"Read"}}],"system":[{{"type":"text","text":"{billing}"}},{{"type":"text","text":"{system}","cache_control":{{"type":"ephemeral"}}}}],"messages":[{{"role":"user","content":"{words}"}}]}}"#
    )
}

fn id(identity: &Identity, root: Option<u64>) -> ConversationId {
    identity.settle(root, &key()).id
}

#[test]
fn each_client_names_its_session_in_its_own_place() {
    let body = chat("s", "x", "");
    let named = |pairs| {
        let identity = read(Endpoint::Chat, &body, pairs);
        assert_eq!(identity.told, Told::Name);
        identity.name.to_string()
    };
    let told = |more: &str| {
        let identity = read(Endpoint::Chat, &chat("s", "x", more), &[]);
        (identity.told, identity.name.to_string())
    };

    assert_eq!(named(&[("x-claude-code-session-id", "c1")]), "c1");
    assert_eq!(
        named(&[("session-id", "x1"), ("thread-id", "x1")]),
        "x1",
        "Codex"
    );
    assert_eq!(named(&[("x-session-id", "ses_1")]), "ses_1", "opencode");
    assert_eq!(
        named(&[("x-session-id", "s"), ("x-tollgate-session", "ours")]),
        "ours"
    );
    let json = r#","metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s1\"}"}"#;
    assert_eq!(told(json), (Told::Name, "s1".into()));
    let old = r#","metadata":{"user_id":"user_ab_account_cd_session_s2"}"#;
    assert_eq!(told(old), (Told::Name, "s2".into()));
    assert_eq!(
        told(r#","conversation":{"id":"conv_1"}"#),
        (Told::Name, "conv_1".into())
    );
    assert_eq!(
        told(r#","prompt_cache_key":"app"}"#.trim_end_matches('}')),
        (Told::Hint, "app".into())
    );
    assert_eq!(told(r#","user":"jo""#), (Told::Hint, "jo".into()));
    let (by, name) = told("");
    assert!(by == Told::Beginning && name.starts_with("auto-"), "{name}");
}

#[test]
fn what_is_no_name_is_not_taken_for_one() {
    let long = "x".repeat(LONGEST + 1);
    for name in ["", "two words", &long] {
        let identity = read(
            Endpoint::Chat,
            &chat("s", "x", ""),
            &[("x-session-id", name)],
        );
        assert_eq!(identity.told, Told::Beginning, "{name:?}");
    }
}

#[test]
fn without_a_name_the_beginning_tells() {
    let of = |system: &str, words: &str| read(Endpoint::Chat, &chat(system, words, ""), &[]).base;
    let later = chat("s", "x", "").replace("}]}", r#"},{"role":"assistant","content":"y"}]}"#);
    let later = read(Endpoint::Chat, &later, &[]).base;
    let body = chat("s", "x", "");
    let call = Call::read(Endpoint::Chat, Bytes::from(body), 64).expect("valid");
    let other = under("k2", &HeaderMap::new(), &call);

    assert_eq!(of("s", "x"), later);
    assert_ne!(of("s", "x"), of("s", "y"));
    assert_ne!(of("s", "x"), of("t", "x"));
    assert_ne!(of("s", "x"), other.base, "another key");
}

#[test]
fn a_hint_alone_does_not_join_conversations() {
    let of = |words: &str| {
        let body = chat("s", words, r#","prompt_cache_key":"app""#);
        read(Endpoint::Chat, &body, &[]).base
    };

    assert_eq!(of("x"), of("x"));
    assert_ne!(of("x"), of("y"));
}

#[test]
fn the_examples_of_aider_are_not_the_beginning() {
    let of = |words: &str| {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"system","content":"s"}},{{"role":"user","content":"Change the sum."}},{{"role":"assistant","content":"ok"}},
              {{"role":"user","content":"I switched to a new code base. Please don't consider the above files or try to edit them any longer."}},{{"role":"assistant","content":"Ok."}},{{"role":"user","content":"{words}"}}]}}"#
        );
        read(Endpoint::Chat, &body, &[]).base
    };

    assert_ne!(of("add a test"), of("remove a test"));
    assert_eq!(of("add a test"), of("add a test"));
}

#[test]
fn an_agent_within_a_session_is_a_conversation_of_its_own() {
    let session = ("x-claude-code-session-id", "c1");
    let main = read(Endpoint::Messages, &claude("1.a", "main", "x"), &[session]);
    let again = read(
        Endpoint::Messages,
        &claude("1.b", "main", "told in short"),
        &[session],
    );
    let agent = read(
        Endpoint::Messages,
        &claude("1.a", "agent", "look"),
        &[session],
    );
    let other = read(
        Endpoint::Messages,
        &claude("1.a", "agent", "search"),
        &[session],
    );
    let root = Some(main.system);

    let parent = |identity: &Identity| identity.settle(root, &key()).parent;
    assert_eq!(id(&again, root), id(&main, None), "billing and words aside");
    assert_ne!(id(&agent, root), id(&main, root));
    assert_ne!(id(&agent, root), id(&other, root), "two at once");
    assert_eq!((parent(&main), parent(&agent)), (None, Some("c1".into())));
    assert_eq!(id(&agent, root), id(&agent, root));
}

#[test]
fn a_session_does_not_begin_with_what_is_asked_beside_it() {
    for header in ["x-claude-code-session-id", "x-session-id"] {
        let session = (header, "c1");
        let aside = messages_without_tools("small", "x");
        let aside = read(Endpoint::Messages, &aside, &[session]);
        let main = read(Endpoint::Messages, &claude("1", "main", "x"), &[session]);

        assert_eq!(id(&main, None), main.base);
        assert_ne!(id(&aside, None), main.base);
        assert_eq!(id(&aside, None), id(&aside, Some(main.system)));
    }
    let ours = [("x-tollgate-session", "c1")];
    let talk = read(Endpoint::Chat, &chat("s", "x", ""), &ours);
    assert_eq!(
        id(&talk, None),
        talk.base,
        "a talk without tools may have a name"
    );
}

fn messages_without_tools(system: &str, words: &str) -> String {
    let tools = r#""tools":[{"name":"Read"}],"#;
    claude("1", system, words).replace(tools, "")
}

#[test]
fn an_agent_that_has_a_name_is_known_by_it() {
    let body = claude("1", "main", "x");
    let of = |pairs: &[(&'static str, &str)]| read(Endpoint::Messages, &body, pairs);
    let session = ("x-claude-code-session-id", "c1");
    let main = of(&[session]);
    let one = of(&[session, ("x-claude-code-agent-id", "a1")]);
    let two = of(&[session, ("x-claude-code-agent-id", "a2")]);
    let thread = of(&[("session-id", "c1"), ("thread-id", "t2")]);

    let all = [&main, &one, &two, &thread].map(|it| id(it, None));
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), 4);
    assert_eq!(thread.settle(None, &key()).parent, Some("c1".into()));
}

#[test]
fn the_number_of_a_window_is_read() {
    let of = |value: &str| {
        let pairs = [("session-id", "s"), ("x-codex-window-id", value)];
        read(Endpoint::Chat, &chat("s", "x", ""), &pairs).window
    };

    assert_eq!(
        (of("s:0"), of("a:b:12"), of("s")),
        (Some(0), Some(12), None)
    );
}

#[test]
fn each_recorded_shape_has_a_beginning_of_its_own() {
    #[derive(Deserialize)]
    struct Recorded {
        endpoint: Endpoint,
        body: Box<RawValue>,
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients");
    let mut seen = std::collections::BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("the folder") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("read");
        let recorded: Recorded = serde_json::from_str(&text).expect("a request");
        let identity = read(recorded.endpoint, recorded.body.get(), &[]);
        let twin = read(recorded.endpoint, recorded.body.get(), &[]);
        assert_eq!(identity, twin, "{}", path.display());
        let before = seen.insert(identity.base, path.clone());
        assert_eq!(before, None, "{}", path.display());
    }

    assert!(seen.len() >= 18, "{}", seen.len());
}
