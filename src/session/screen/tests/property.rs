//! For any text.

use proptest::prelude::*;

use super::*;

/// Lines as they stand in the results of tools.
fn code() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "    let [a-z_]{1,12} = [a-z_]{1,12}\\([a-z, ]{0,20}\\);",
        "  \"[a-z]{1,8}\": [0-9]{1,9},",
        "[a-f0-9]{40} [a-z ]{0,30}",
        "(token|password|secret|api_key)[ =:\"']{0,4}[a-z._()]{0,20}",
        "[ -~]{0,60}",
        "\\PC{0,30}",
    ];
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn a_secret_is_found_at_any_place(before in code(), after in code(), which in any::<prop::sample::Index>(), seed in 1u64..30, deep in 0..3) {
        let samples = samples(seed * 100);
        let (kind, sample) = &samples[which.index(samples.len())];
        // One that looks like an example by chance is no matter of its place.
        prop_assume!(all(sample).iter().any(|found| found.kind == *kind));

        let mut text = format!("{before}\n{sample}\n{after}");
        for _ in 0..deep {
            text = quoted(&text);
        }

        prop_assert!(all(&text).iter().any(|found| found.kind == *kind), "{kind}: {text}");
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        secrets::find(&bytes, |found| assert!(found.at.start < found.at.end && found.at.end <= bytes.len()));
    }

    /// Anchors with all kinds of things around them.
    #[test]
    fn no_beginning_is_too_odd(parts in prop::collection::vec(part(), 0..12)) {
        let text = parts.concat();
        let bytes = text.as_bytes();
        secrets::find(bytes, |found| assert!(found.at.start < found.at.end && found.at.end <= bytes.len()));
    }
}

fn part() -> impl Strategy<Value = String> {
    let anchors: Vec<String> = super::super::rules::GROUPS
        .iter()
        .flat_map(|rules| rules.iter())
        .flat_map(|rule| rule.anchors.iter().map(|anchor| (*anchor).to_owned()))
        .collect();
    prop_oneof![
        prop::sample::select(anchors),
        "[A-Za-z0-9]{0,40}",
        "[\\\\nu0-9\"'=: /.@-]{0,10}",
        "-----BEGIN PRIVATE KEY-----",
        "https?://[a-z]{0,3}:[a-zA-Z0-9]{0,12}@",
    ]
}
