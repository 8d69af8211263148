//! Names and numbers that nobody has to list.

use super::chance::Chance;

/// Puts words together as a language likes them.
pub(super) fn joined(style: &str, words: &[&str]) -> Option<String> {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_uppercase())
    };
    Some(match style {
        "snake" => words.join("_"),
        "kebab" => words.join("-"),
        "upper" => words.join("_").to_uppercase(),
        "pascal" => words.iter().map(|word| capital(word)).collect(),
        "camel" => {
            let mut words = words.iter();
            let first = words.next().copied().unwrap_or("x").to_owned();
            first + &words.map(|word| capital(word)).collect::<String>()
        }
        _ => return None,
    })
}

/// Numbers by name.
pub(super) fn number(name: &str, chance: &Chance) -> Option<String> {
    let between = |from: usize, to: usize| from + chance.below(to - from);
    Some(match name {
        "digit" => between(2, 10).to_string(),
        "num" => between(2, 100).to_string(),
        "big" => between(100, 90_000).to_string(),
        "row" => between(3, 900).to_string(),
        "port" => between(1_024, 9_999).to_string(),
        "pid" => between(200, 40_000).to_string(),
        "hex" => format!("{:07x}", between(0x10_0000, 0xfff_ffff)),
        "addr" => format!("0x{:08x}", between(0x1000, 0xffff_ffff)),
        "ver" => format!("{}.{}.{}", between(0, 9), between(0, 30), between(0, 12)),
        "frac" => format!("{}.{:02}", between(0, 90), between(0, 100)),
        "date" => format!(
            "20{}-{:02}-{:02}",
            between(19, 27),
            between(1, 13),
            between(1, 29)
        ),
        "clock" => format!(
            "{:02}:{:02}:{:02}",
            between(0, 24),
            between(0, 60),
            between(0, 60)
        ),
        _ => return None,
    })
}
