//! However the messages come in, the end is the same; and nothing panics.

use proptest::prelude::*;

use super::*;

fn piece() -> impl Strategy<Value = u8> {
    0u8..10
}

/// A conversation out of what happens in them.
fn conversation(pieces: &[u8]) -> Claude {
    let grow = |session: Claude, (at, piece): (usize, &u8)| match piece {
        0 => session.says("now the next thing"),
        1 => session.says("still broken"),
        2 => session.says("thanks"),
        3 => session.runs(
            "cargo test",
            true,
            "test a ... FAILED\ntest result: FAILED. 1 passed; 2 failed",
        ),
        4 => session.runs("cargo test", false, "test result: ok. 3 passed; 0 failed"),
        5 => session.edits("a.rs", &at.to_string()),
        6 => session.runs("cargo build", true, "error[E0425]: cannot find value `x`"),
        7 => session.uses(
            "Edit",
            json!({"file_path": "b"}),
            true,
            "String to replace not found in file.",
        ),
        8 => session.uses("Read", json!({"file_path": "b"}), false, "error: FAILED"),
        _ => session.answers(" "),
    };
    pieces.iter().enumerate().fold(Claude::default(), grow)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn messages_may_be_cut_anywhere(pieces in proptest::collection::vec(piece(), 0..30), cuts in proptest::collection::vec(any::<bool>(), 60)) {
        let call = call(Endpoint::Messages, &conversation(&pieces).body());
        let mut whole = State::default();
        let signs = Evidence::step(&mut whole, call.body(), &call.messages);

        let (mut state, mut sum, mut from) = (State::default(), Signs::default(), 0);
        for at in 1..=call.messages.len() {
            if at == call.messages.len() || cuts[at % cuts.len()] {
                sum.merge(&Evidence::step(&mut state, call.body(), &call.messages[from..at]));
                // It is kept as text in between.
                let kept = serde_json::to_string(&state).expect("JSON");
                state = serde_json::from_str(&kept).expect("a state");
                from = at;
            }
        }

        prop_assert_eq!(state, whole);
        prop_assert_eq!(sum, signs);
    }

    #[test]
    fn no_output_panics(text in "[\\PC\\n]{0,200}", command in "[ a-z|&;']{0,30}", error: bool) {
        let does = commands::read(&command).does;
        output::judge(&text, does, error);
        output::judge(&text, commands::Does::TEST, error);
    }

    #[test]
    fn no_result_panics(name in "[A-Za-z_]{0,12}", input in "[\\PC\\n]{0,60}", result in "[\\PC\\n]{0,200}", said in "[\\PC\\n]{0,80}", error: bool) {
        let session = Claude::default().uses(&name, json!({"command": input, "path": input}), error, &result);
        let session = session.answers(&said).says(&said).runs(&input, error, &result);
        session.signs();
    }
}

#[test]
fn a_state_stays_small() {
    let mut session = Claude::default();
    for n in 0..300 {
        session = session.runs(&format!("./{n}.sh"), true, "Exit code 1\nboom");
        session = session.uses(
            "Edit",
            json!({"file_path": n.to_string()}),
            false,
            "updated",
        );
    }

    let (_, state) = session.read();

    let kept = serde_json::to_string(&state).expect("JSON");
    assert!(kept.len() < 6_000, "{}", kept.len());
}
