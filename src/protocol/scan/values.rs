//! The values of a piece of JSON, one level at a time, for those who read more of a message than its outline.
//!
//! Pieces of a scanned body are valid; what a model wrote as arguments may not be. Then reading stops where it goes wrong.

use super::{ScanError, Scanner};

/// Deeper than any body may be that was let in.
const DEPTH: usize = 1_024;

/// Calls `each` with the key and the value of every member of an object. `false` if it is none, or not to its end.
pub fn members<'a>(json: &'a str, mut each: impl FnMut(&str, &'a str)) -> bool {
    whole(json, |scanner| {
        scanner.members(|scanner, key| {
            let start = scanner.at;
            scanner.value()?;
            each(&key, &scanner.text[start..scanner.at]);
            Ok(())
        })
    })
}

/// Calls `each` with every element of an array. `false` if it is none, or not to its end.
pub fn elements<'a>(json: &'a str, mut each: impl FnMut(&'a str)) -> bool {
    whole(json, |scanner| {
        scanner.elements(|scanner| {
            scanner.space();
            let start = scanner.at;
            scanner.value()?;
            each(&scanner.text[start..scanner.at]);
            Ok(())
        })
    })
}

fn whole<'a>(json: &'a str, read: impl FnOnce(&mut Scanner<'a>) -> Result<(), ScanError>) -> bool {
    let mut scanner = Scanner::new(json, DEPTH);
    scanner.space();
    let opens = matches!(scanner.peek(), Some(b'{' | b'['));
    opens && read(&mut scanner).is_ok() && {
        scanner.space();
        scanner.at == json.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_level_is_read() {
        let mut seen = Vec::new();
        let read = members(r#" {"a" : [1, {"b":2}], "c\n":"d" } "#, |key, value| {
            seen.push(format!("{key}={value}"));
        });
        let mut list = Vec::new();
        let listed = elements("[ 1 ,\n[2], \"]\"]", |value| list.push(value));

        assert!(read && listed);
        assert_eq!(seen, [r#"a=[1, {"b":2}]"#, "c\n=\"d\""]);
        assert_eq!(list, ["1", "[2]", "\"]\""]);
    }

    #[test]
    fn what_is_broken_says_so() {
        for json in ["", "{", "{\"a\":1", "{\"a\":1} x", "[1]", "1", "\"{}\""] {
            assert!(!members(json, |_, _| {}), "{json}");
        }
        for json in ["", "[", "[1,", "{}", "[1]]"] {
            assert!(!elements(json, |_| {}), "{json}");
        }
    }
}
