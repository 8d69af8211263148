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
}

const ROWS_OF_OLD: &[u32] = &[25032, 16448, 23661, 29060, 30128, 17465];

#[test]
fn case_spaces_and_digits_make_no_difference() {
    let one = read("Fix  THIS in 1234");
    let two = read("fix this\nin 9876");

    assert_eq!(one.rows, two.rows);
    assert_eq!(one.pairs, two.pairs);
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
        assert!(features.rows.iter().all(|it| *it < 32_768));
        let numbers = features.dense.iter().chain(&features.weights);
        assert!(numbers.clone().all(|it| it.is_finite() && it.abs() < 20.0));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it(text in "\\PC{0,300}", rows in 1_usize..9) {
        let features = Features::of_text(&text, 1 << rows);
        proptest::prop_assert!(features.rows.iter().all(|it| (*it as usize) < 1 << rows));
        proptest::prop_assert!(features.dense.iter().all(|it| it.is_finite()));
    }
}
