//! Names with stars in them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pattern: `*` stands for any letters, also none. Everything else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Glob(Box<str>);

impl Glob {
    /// Takes the pattern over.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.into())
    }

    /// The name itself, where the pattern has no star.
    pub fn plain(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether the whole of `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        // The earliest place for each part leaves the most for the ones behind it.
        for part in parts {
            let Some(found) = rest.find(part) else {
                return false;
            };
            rest = &rest[found + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, name, fits) in [
            ("auto", "auto", true),
            ("auto", "auto2", false),
            ("claude-*", "claude-opus-5-5", true),
            ("claude-*", "claude", false),
            ("*", "", true),
            ("*-mini", "gpt-5-mini", true),
            ("*-mini", "gpt-5-mini-x", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*a", "a", false),
            ("", "x", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), fits, "{pattern} {name}");
        }
    }
}
