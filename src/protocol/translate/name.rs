//! Names of tools and ids of calls, as targets take them.
//!
//! Callers keep their own: a name or an id that a target would refuse is changed on the way to it, always in the same way, so that
//! a conversation reads the same at each turn. Names are told back by [`super::echo::Echo`]. Ids need no memory: the caller sends both a
//! call and its result by its own id, and both are changed alike.

use std::borrow::Cow;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::domain::dialect::Dialect;

/// The longest name that every provider takes.
const NAME: usize = 64;

/// Between the name of a group and that of a tool in it.
const JOINT: &str = "__";

/// The name that a target is told for a tool.
pub fn told<'a>(space: Option<&str>, name: &'a str) -> Cow<'a, str> {
    let full = match space {
        None => Cow::Borrowed(name),
        Some(space) => Cow::Owned(format!("{space}{JOINT}{name}")),
    };
    // Google wants a letter first.
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if full.starts_with(letter) && full.len() <= NAME && full.chars().all(is_plain) {
        return full;
    }
    let mark = digest(&[&full], 8);
    let plain: String = full.chars().filter(|c| is_plain(*c)).collect();
    let head = plain.trim_start_matches(|c| !letter(c));
    let head = &head[..head.len().min(NAME - mark.len() - 1)];
    Cow::Owned(match head {
        "" => format!("tool_{mark}"),
        head => format!("{head}_{mark}"),
    })
}

/// The id that a target of `dialect` is told for a call.
pub fn id(dialect: Dialect, id: &str) -> Cow<'_, str> {
    let longest = match dialect {
        Dialect::Chat | Dialect::Completions => 40,
        Dialect::Responses | Dialect::Messages | Dialect::Gemini => 64,
    };
    if !id.is_empty() && id.len() <= longest && id.chars().all(is_plain) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(fresh(dialect, &[id]))
}

/// An id for a call that has none, or whose own is taken: always the same for the same `seeds`.
pub fn fresh(dialect: Dialect, seeds: &[&str]) -> String {
    let prefix = match dialect {
        Dialect::Messages => "toolu_",
        _ => "call_",
    };
    format!("{prefix}{}", digest(seeds, 24))
}

/// An id of nine letters and digits: the only seed itself where it is one, else always the same for the same seeds.
pub fn nine(seeds: &[&str]) -> String {
    match seeds {
        [id] if id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()) => (*id).to_owned(),
        seeds => digest(seeds, 9),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// So many hexadecimal digits that tell texts apart.
pub(super) fn digest(texts: &[&str], digits: usize) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        // Keeps ("a", "bc") and ("ab", "c") apart.
        hash.update([0xff]);
    }
    let mut hex = String::with_capacity(64);
    for byte in hash.finalize() {
        write!(hex, "{byte:02x}").expect("writing to a text does not fail");
    }
    hex.truncate(digits);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_name_is_kept() {
        assert_eq!(told(None, "read_file"), "read_file");
        assert_eq!(told(Some("git"), "log"), "git__log");
    }

    #[test]
    fn a_bad_name_is_made_good_and_stays_its_own() {
        let names = ["a.b", "a/b", "7up", "日本", &"x".repeat(65), ""];

        let told: Vec<_> = names.iter().map(|name| told(None, name)).collect();

        for (at, name) in told.iter().enumerate() {
            assert!(name.len() <= 64 && name.chars().all(is_plain), "{name}");
            assert!(name.starts_with(|c: char| c.is_ascii_alphabetic()));
            assert!(!told[..at].contains(name));
        }
    }

    #[test]
    fn an_id_is_kept_where_it_is_legal_and_changed_alike_where_not() {
        let long = "toolu_".to_owned() + &"x".repeat(40);

        assert_eq!(id(Dialect::Messages, "call_1"), "call_1");
        assert_eq!(id(Dialect::Messages, &long), long);
        assert_eq!(id(Dialect::Messages, "functions.read:0").len(), 30);
        assert_eq!(
            id(Dialect::Chat, &long),
            id(Dialect::Chat, &long).into_owned()
        );
        assert_eq!(id(Dialect::Chat, &long).len(), 29);
        assert_ne!(id(Dialect::Chat, "a:1"), id(Dialect::Chat, "a:2"));
    }

    #[test]
    fn an_id_of_nine_is_kept_or_made() {
        assert_eq!(nine(&["abcDEF123"]), "abcDEF123");
        let made = nine(&["call_1"]);
        assert!(made.len() == 9 && made.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(nine(&["call_1"]), made);
        assert_ne!(nine(&["call_2"]), made);
    }
}
