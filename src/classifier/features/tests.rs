//! What texts are read as.

use super::*;

fn read(text: &str) -> Features {
    Features::of_text(text, 32_768)
}

fn named(features: &Features, name: &str) -> f32 {
    let at = NAMES.iter().position(|it| *it == name).expect("a name");
    features.dense[at]
}

#[test]
fn the_same_text_is_read_the_same_on_every_machine() {
    let features = read("Fix the bug in parser.rs, größer 12345");

    // Written down once: another hash would make all weights worthless.
    assert_eq!(&features.rows[..6], ROWS_OF_OLD);
    assert_eq!(features.pairs.len(), 10);
    assert_eq!(&features.prose.0[..6], ROWS_OF_PROSE);
}

const ROWS_OF_PROSE: &[u32] = &[26878, 8612, 52995, 59325, 27743, 41582];
const ROWS_OF_OLD: &[u32] = &[25032, 16448, 23661, 29060, 30128, 17465];

#[test]
fn case_spaces_and_digits_make_no_difference() {
    let one = read("Fix  THIS in 1234");
    let two = read("fix this\nin 9876");

    assert_eq!(one.rows, two.rows);
    assert_eq!(one.pairs, two.pairs);
}

/// How much of what is read in the words of one text is read in those of the other.
fn shared(one: &str, other: &str) -> f32 {
    let (one, other) = (read(one).prose.0, read(other).prose.0);
    let both = one.iter().filter(|row| other.contains(row)).count();
    both as f32 / one.len() as f32
}

#[test]
fn what_is_said_in_words_is_read_apart_from_the_code_beside_it() {
    let said = "tidy this up please, same behaviour";
    let code = "fn add(a: u32, b: u32) -> u32 {\n    return a + b;\n}";

    let beside = shared(said, &format!("{said}\n\n{code}"));
    let fenced = shared(said, &format!("```\ntidy up please\n```\n{said}"));
    let in_code = shared(said, &format!("why?\n```\n{said}\n```"));

    assert!(beside > 0.99, "{beside}");
    assert!(fenced > 0.99, "{fenced}");
    assert!(in_code < 0.1, "{in_code}");
}

#[test]
fn a_remark_is_prose_and_a_text_of_code_alone_is_all_that_is_said() {
    let remark = "// who frees this buffer in the end";
    let code = "let t = s.trim();";

    let beside = shared(remark, &format!("{code}\n{remark}"));
    assert!(beside > 0.9, "{beside}");
    let alone = read(code).prose.0.len();
    let beside = read(&format!("{code}\nwhy")).prose.0.len();
    assert!(alone > beside - 8, "{alone} {beside}");
}

#[test]
fn forms_of_one_word_have_letters_in_common() {
    for (one, other) in [
        ("refaktorisieren", "refaktorisierung"),
        ("переименуй", "переименовать"),
        ("重命名函数", "把函数重命名"),
        ("리팩터링을", "리팩터링은"),
    ] {
        let common = shared(one, other);
        assert!(common > 0.2, "{one} {other} {common}");
    }
    assert!(shared("deploy", "banana") < 0.01);
}

#[test]
fn weights_have_the_length_of_one() {
    let features = read("a b c a b a, the quick brown fox");

    let squares: f32 = features.weights.iter().map(|it| it * it).sum();
    assert!((squares - 1.0).abs() < 1e-5);
    assert_eq!(features.rows.len(), features.weights.len());
    assert_eq!(read("").rows, Vec::<u32>::new());
}

#[test]
fn numbers_are_named_after_what_they_count() {
    let text = "Traceback (most recent call last):\n  File \"app/main.py\", line 3\nValueError: wrong\n\nwhy?";
    let features = read(text);

    assert!(named(&features, "stack traces") > 0.0);
    assert!(named(&features, "error words") > 0.0);
    assert!(named(&features, "files named") > 0.0);
    assert!(named(&features, "questions") > 0.0);
    assert_eq!(named(&features, "share beyond ascii"), 0.0);
    assert!(named(&read("почему падает тест"), "share beyond ascii") > 0.05);
    assert!(
        named(
            &read("--- a\n+let x = 1;\n-let x = 2;\n@@ -1 +1 @@"),
            "changed lines"
        ) > 0.0
    );
}

#[test]
fn a_text_alone_says_nothing_of_its_call() {
    let first = NAMES
        .iter()
        .position(|it| *it == "cut off")
        .expect("a name")
        + 1;

    for text in ["a", "\"quoted\" \\ and\nlines \u{1}", &"x\"y ".repeat(500)] {
        let features = read(text);
        assert_eq!(features.dense[first..], [0.0; DENSE][first..], "{text:?}");
    }
}

#[test]
fn odd_texts_are_read_within_bounds() {
    let every: String = ('\u{0}'..='\u{2ffff}').step_by(7).collect();
    let texts = [
        String::new(),
        "\u{0}".repeat(10_000),
        "a".repeat(10 << 20),
        "a ".repeat(100_000),
        "9".repeat(5_000),
        "\u{301}\u{1f600}\u{feff}".repeat(3_000),
        every.clone(),
        every.chars().rev().collect(),
        (0..50_000)
            .map(|it| format!("w{it} q{} ", it * 7))
            .collect(),
    ];
    for text in texts {
        let features = read(&text);
        assert!(features.rows.len() <= MOST);
        assert!(features.pairs.iter().all(|it| (*it as usize) < MARKS));
        let (prose, weights) = &features.prose;
        assert!(prose.len() <= MOST && prose.len() == weights.len());
        assert!(features.rows.iter().all(|it| *it < 32_768));
        assert!(prose.iter().all(|it| *it < PROSE as u32 * 32_768));
        let numbers = features
            .dense
            .iter()
            .chain(&features.weights)
            .chain(weights);
        assert!(numbers.clone().all(|it| it.is_finite() && it.abs() < 20.0));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it(text in "\\PC{0,300}", rows in 1_usize..9) {
        let features = Features::of_text(&text, 1 << rows);
        proptest::prop_assert!(features.rows.iter().all(|it| (*it as usize) < 1 << rows));
        proptest::prop_assert!(features.prose.0.iter().all(|it| (*it as usize) < PROSE << rows));
        proptest::prop_assert!(features.dense.iter().all(|it| it.is_finite()));
    }
}
