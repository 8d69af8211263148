//! The rules of mending, one by one.

use super::*;
use crate::protocol::translate::block::{Image, Input, Kind, Source, Thought, ToolReply, ToolUse};
use crate::protocol::translate::json::Json;
use crate::protocol::translate::sealed::{Form, Owner, Sealed};
use Speaker::{Assistant, Developer, Person, System, Tools};

fn call(id: &str) -> Block<'static> {
    Block::Use(ToolUse {
        id: id.to_owned().into(),
        name: "read".into(),
        space: None,
        kind: Kind::Function,
        input: Input::Json(Json::empty()),
        mark: None,
    })
}

fn reply(id: &str, text: &'static str) -> Block<'static> {
    Block::Reply(ToolReply {
        id: id.to_owned().into(),
        kind: Kind::Function,
        content: vec![Block::text(text)],
        failed: false,
        mark: None,
    })
}

fn thought(owner: Owner<'static>, form: Form) -> Block<'static> {
    Block::Thought(Thought {
        text: "hm".into(),
        sealed: Some(Sealed {
            owner,
            form,
            data: "s".into(),
        }),
        ..Thought::default()
    })
}

type Said = (Speaker, Vec<Block<'static>>);

fn said(speaker: Speaker, words: &'static str) -> Said {
    (speaker, vec![Block::text(words)])
}

/// A conversation in short, after it was mended.
fn brief(dialect: Dialect, manner: &Manner, said: Vec<Said>) -> Vec<String> {
    let mut asked = Asked::new(Dialect::Completions, "m".into());
    let passage = |(speaker, blocks)| Passage::new(speaker, blocks);
    asked.passages = said.into_iter().map(passage).collect();
    let mended = mend(&asked, dialect, manner, &mut Dropped::default());
    let all = mended.system.iter().chain(&mended.passages);
    all.map(|passage| {
        let blocks: Vec<String> = passage.blocks.iter().map(word).collect();
        format!("{:?}: {}", passage.speaker, blocks.join(", "))
    })
    .collect()
}

fn word(block: &Block<'_>) -> String {
    match block {
        Block::Text(text) => text.text.replace('\n', " "),
        Block::Thought(thought) => format!("thought {}", thought.text),
        Block::Use(call) => format!("call {}", call.id),
        Block::Reply(reply) => {
            let words: Vec<String> = reply.content.iter().map(word).collect();
            let failed = if reply.failed { "!" } else { "" };
            format!("reply {}{failed} {}", reply.id, words.join(" "))
        }
        other => format!("{other:?}"),
    }
}

fn messages(said: Vec<Said>) -> Vec<String> {
    let dialect = Dialect::Messages;
    brief(dialect, &Manner::of(dialect), said)
}

#[test]
fn a_good_conversation_stays_as_it_is() {
    let talk = vec![
        said(System, "s"),
        said(Person, "a"),
        (Assistant, vec![call("call_1"), call("call_2")]),
        (Tools, vec![reply("call_2", "y"), reply("call_1", "x")]),
        said(Assistant, "b"),
        said(Person, "c"),
    ];

    assert_eq!(
        messages(talk),
        [
            "System: s",
            "Person: a",
            "Assistant: call call_1, call call_2",
            "Tools: reply call_2 y, reply call_1 x",
            "Assistant: b",
            "Person: c"
        ]
    );
}

#[test]
fn what_another_has_sealed_is_left_out_and_ones_own_is_kept() {
    let of = |maker: &'static str| Owner {
        dialect: Dialect::Messages,
        maker: Some(maker.into()),
    };
    let manner = Manner {
        owner: of("claude"),
        ..Manner::of(Dialect::Messages)
    };
    let talk = vec![
        said(Person, "a"),
        (
            Assistant,
            vec![
                thought(of("claude"), Form::Signature),
                thought(of("other"), Form::Signature),
                thought(Owner::of(Dialect::Gemini), Form::ThoughtSignature),
                Block::text("b"),
            ],
        ),
        said(Person, "c"),
    ];

    assert_eq!(
        brief(Dialect::Messages, &manner, talk),
        ["Person: a", "Assistant: thought hm, b", "Person: c"]
    );
}

#[test]
fn a_picture_for_a_model_without_eyes_is_said_in_words() {
    let manner = Manner {
        images: false,
        ..Manner::of(Dialect::Chat)
    };
    let image = Block::Image(Image {
        source: Source::Url("u".into()),
        detail: None,
        mark: None,
    });

    let talk = vec![(Person, vec![image])];

    assert_eq!(
        brief(Dialect::Chat, &manner, talk),
        ["Person: [image: this model cannot be shown it]"]
    );
}

#[test]
fn empty_texts_are_left_out_and_a_person_is_still_heard() {
    let talk = vec![
        (Person, vec![Block::text(" \n"), Block::text("a")]),
        said(Assistant, ""),
        said(Person, " "),
    ];

    assert_eq!(messages(talk), ["Person: a, (empty)"]);
}

#[test]
fn instructions_in_the_middle_stay_there() {
    let talk = || {
        vec![
            said(System, "s"),
            said(Developer, "d"),
            said(Person, "a"),
            said(System, "later"),
            said(Assistant, "b"),
            said(Person, "c"),
        ]
    };

    let folded = messages(talk());
    let taken = brief(Dialect::Chat, &Manner::of(Dialect::Chat), talk());

    assert_eq!(
        folded,
        [
            "System: s",
            "Developer: d",
            "Person: a, <instructions> later </instructions>",
            "Assistant: b",
            "Person: c"
        ]
    );
    assert_eq!(taken[3], "System: later");
}

#[test]
fn a_late_result_is_moved_behind_its_call_and_a_lost_one_is_made() {
    let talk = vec![
        said(Person, "a"),
        (Assistant, vec![call("call_1"), call("call_2")]),
        said(Person, "wait"),
        (Tools, vec![reply("call_1", "x")]),
    ];

    assert_eq!(
        messages(talk),
        [
            "Person: a",
            "Assistant: call call_1, call call_2",
            "Tools: reply call_1 x, reply call_2! There is no result: the call was broken off.",
            "Person: wait"
        ]
    );
}

#[test]
fn a_result_without_its_call_becomes_words() {
    let talk = vec![
        (Tools, vec![reply("call_9", "x")]),
        said(Assistant, "b"),
        said(Person, "c"),
    ];

    assert_eq!(
        messages(talk),
        [
            "Person: A tool that was called earlier gave back:, x",
            "Assistant: b",
            "Person: c"
        ]
    );
}

#[test]
fn ids_are_legal_and_stand_for_one_call_each() {
    let turn = |id, text| [(Assistant, vec![call(id)]), (Tools, vec![reply(id, text)])];
    let mut talk = vec![said(Person, "a")];
    talk.extend(turn("call_0", "x"));
    talk.extend(turn("call_0", "y"));
    talk.extend(turn("functions.read:1", "z"));

    let once = messages(talk.clone());
    let again = messages(talk);

    assert_eq!(once, again);
    assert_eq!(
        once[1..3],
        ["Assistant: call call_0", "Tools: reply call_0 x"]
    );
    for (at, result) in [(3, "y"), (5, "z")] {
        let id = once[at].strip_prefix("Assistant: call ").expect("a call");
        assert!(id.starts_with("toolu_") && id.len() == 30, "{id}");
        assert_eq!(once[at + 1], format!("Tools: reply {id} {result}"));
    }
    assert_ne!(once[3], once[5]);
}

#[test]
fn the_person_speaks_first_and_last_where_it_must_be_so() {
    let talk = || vec![said(Assistant, "b")];
    let gemini = brief(Dialect::Gemini, &Manner::of(Dialect::Gemini), talk());
    let chat = brief(Dialect::Chat, &Manner::of(Dialect::Chat), talk());

    assert_eq!(
        gemini,
        [
            "Person: (The conversation begins here.)",
            "Assistant: b",
            "Person: Please go on."
        ]
    );
    assert_eq!(chat, ["Assistant: b"]);
    assert_eq!(
        messages(Vec::new()),
        ["Person: (The conversation begins here.)"]
    );
}

#[test]
fn a_billing_line_goes_to_its_own_provider_only() {
    let talk = || {
        vec![
            (
                System,
                vec![
                    Block::text("x-anthropic-billing-header: a"),
                    Block::text("s"),
                ],
            ),
            said(Person, "a"),
        ]
    };

    let chat = brief(Dialect::Chat, &Manner::of(Dialect::Chat), talk());

    assert_eq!(chat[0], "System: s");
    assert_eq!(
        messages(talk())[0],
        "System: x-anthropic-billing-header: a, s"
    );
}
