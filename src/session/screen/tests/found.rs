//! Each kind, in all the ways in which JSON writes it.

use std::collections::BTreeSet;

use super::*;

#[test]
fn each_kind_is_found_wherever_it_stands() {
    let mut missed = Vec::new();
    for seed in 1..40 {
        for (kind, sample) in samples(seed * 100) {
            for (front, back) in [
                ("", ""),
                ("see ", " there"),
                ("a\n", "\nb"),
                ("(", ")."),
                ("+", "\n"),
                ("x: ", ", y"),
            ] {
                let text = format!("{front}{sample}{back}");
                for text in [
                    text.clone(),
                    quoted(&text),
                    quoted(&quoted(&text)),
                    escaped(&quoted(&text)),
                ] {
                    if !all(&text).iter().any(|found| found.kind == kind) {
                        missed.push((kind, text));
                    }
                }
            }
        }
    }
    let asked = 39 * samples(1).len() * 24;

    // What was drawn may by chance look like an example.
    let kinds: BTreeSet<Kind> = missed.iter().map(|(kind, _)| *kind).collect();
    let first = missed.iter().map(|(_, text)| text).step_by(20);
    let first: Vec<&String> = first.collect();
    assert!(
        missed.len() * 200 < asked,
        "{} of {asked}: {kinds:?} {first:#?}",
        missed.len()
    );
}

/// As some libraries write JSON: `\/`, `\u003d` and `\u0026`.
fn escaped(text: &str) -> String {
    text.replace('/', "\\/")
        .replace('=', "\\u003d")
        .replace('&', "\\u0026")
}

#[test]
fn the_place_is_that_of_the_secret() {
    let secret = format!("ghp_{}", checked(9));
    let text = format!("before {secret} after");

    let found = all(&text);

    assert_eq!(
        found,
        [Found {
            kind: Kind::GitHub,
            at: 7..7 + secret.len()
        }]
    );
}

#[test]
fn each_kind_has_an_example() {
    let had: Vec<Kind> = samples(1).into_iter().map(|(kind, _)| kind).collect();

    let missing: Vec<&Kind> = Kind::ALL
        .iter()
        .filter(|kind| !had.contains(kind))
        .collect();

    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn nothing_that_is_shown_has_the_value_in_it() {
    for (_, sample) in samples(700) {
        let shown = format!("{:?} {:?}", all(&sample), secrets::kinds(sample.as_bytes()));

        let longest = sample
            .split(|c: char| !c.is_ascii_alphanumeric())
            .max_by_key(|part| part.len());
        assert!(!shown.contains(longest.expect("a part")), "{shown}");
    }
}
