//! Patterns for the paths of files, made to protect: letter case does not count, neither does which slash, and a pattern
//! holds at any depth unless it begins with a slash.

use std::fmt;

/// A pattern: `*` stands for any letters of one name, `?` for one of them, `**` for any number of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGlob {
    text: Box<str>,
    rooted: bool,
}

/// Why a text is no pattern; the second half is the mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAGlob(pub &'static str, pub &'static str);

impl PathGlob {
    /// Takes the pattern over.
    pub fn new(text: &str) -> Result<Self, NotAGlob> {
        let trimmed = text.trim();
        if parts(trimmed).all(|part| part == "**") {
            return Err(NotAGlob("names no path", "write one, like **/payments/**"));
        }
        if trimmed.starts_with('!') {
            return Err(NotAGlob("begins with a !", "put it under `not`"));
        }
        // What other tools read into these would be taken for plain letters here, and then protect nothing.
        if trimmed.contains(['[', ']', '{', '}']) {
            let mend = "write a list of patterns, or * in their place";
            return Err(NotAGlob("has brackets, which are not read", mend));
        }
        Ok(Self {
            text: trimmed.into(),
            rooted: trimmed.starts_with(['/', '\\']),
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a path fits. `a/**` fits the folder `a` as well as all that is in it.
    pub fn matches(&self, path: &str) -> bool {
        if self.rooted && !path.starts_with(['/', '\\']) {
            return false;
        }
        let below = self.text.ends_with(['/', '\\']);
        let folders = below.then_some("**").into_iter();
        fits(parts(&self.text).chain(folders), parts(path), self.rooted)
    }
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The names that a path is made of.
fn parts(path: &str) -> impl Iterator<Item = &str> + Clone {
    let parts = path.split(['/', '\\']);
    parts.filter(|part| !part.is_empty() && *part != ".")
}

/// Names against names. Where it fails, the last `**` takes one name more: what came before it was matched as early as
/// can be, which leaves the most for what follows.
fn fits<'a>(
    mut pattern: impl Iterator<Item = &'a str> + Clone,
    mut names: impl Iterator<Item = &'a str> + Clone,
    rooted: bool,
) -> bool {
    let mut back = (!rooted).then(|| (pattern.clone(), names.clone()));
    loop {
        match pattern.next() {
            Some("**") => {
                back = Some((pattern.clone(), names.clone()));
                continue;
            }
            Some(part) if names.next().is_some_and(|name| name_fits(part, name)) => continue,
            None if names.next().is_none() => return true,
            Some(_) | None => {}
        }
        let Some((at, from)) = &mut back else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (pattern, names) = (at.clone(), from.clone());
    }
}

/// Letters against letters, by the same way.
fn name_fits(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut letters) = (pattern.chars(), name.chars());
    let mut back = None;
    loop {
        match pattern.next() {
            Some('*') => {
                back = Some((pattern.clone(), letters.clone()));
                continue;
            }
            Some('?') if letters.next().is_some() => continue,
            Some(wanted) if letters.next().is_some_and(|it| same(wanted, it)) => continue,
            None if letters.next().is_none() => return true,
            Some(_) | None => {}
        }
        let Some((at, from)) = &mut back else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (pattern, letters) = (at.clone(), from.clone());
    }
}

fn same(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_fit_as_people_mean_them() {
        for (pattern, path, wanted) in [
            ("**/payments/**", "src/payments/card.rs", true),
            ("**/payments/**", "/home/me/shop/payments", true),
            ("**/payments/**", "payments/a/b/c.rs", true),
            ("**/payments/**", r"C:\shop\Payments\Card.cs", true),
            ("**/payments/**", "src/payments2/card.rs", false),
            ("**/payments/**", "src/my-payments.rs", false),
            ("src/payments/*.rs", "/work/shop/src/payments/card.rs", true),
            ("src/payments/*.rs", "src/payments/sub/card.rs", false),
            ("payments/", "src/payments/sub/card.rs", true),
            ("/etc/**", "/etc/passwd", true),
            ("/etc/**", "a/etc/passwd", false),
            ("/etc/**", "/a/etc/passwd", false),
            ("*.pem", "deploy/keys/server.PEM", true),
            ("*.pem", "server.pem.md", false),
            (".env*", "app/.env.local", true),
            ("a/**/b/**/c", "a/x/b/b/y/c", true),
            ("a/**/b/**/c", "a/x/c", false),
            ("src/?.rs", "src/ä.rs", true),
            ("kürzel/", "src/KÜRZEL/a.rs", true),
            ("./src//a.rs", "src/./a.rs", true),
            ("**/a*b*c", "x/aXbXbc", true),
        ] {
            let glob = PathGlob::new(pattern).expect("a pattern");
            assert_eq!(glob.matches(path), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn what_would_protect_nothing_is_refused() {
        for text in ["", "**", "/", "!a/b", "src/{a,b}/**", "[ab].rs"] {
            assert!(PathGlob::new(text).is_err(), "{text}");
        }
    }

    /// The plain definition, exponential in the worst case.
    fn plain(pattern: &[&str], names: &[&str]) -> bool {
        match (pattern.split_first(), names.split_first()) {
            (None, left) => left.is_none(),
            (Some((&"**", rest)), left) => {
                plain(rest, names) || left.is_some_and(|(_, left)| plain(pattern, left))
            }
            (Some((part, rest)), Some((name, left))) => part == name && plain(rest, left),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn folders_are_matched_as_they_are_defined(
            pattern in proptest::collection::vec("a|b|\\*\\*", 1..7),
            path in proptest::collection::vec("a|b|c", 0..8),
        ) {
            let Ok(glob) = PathGlob::new(&format!("/{}", pattern.join("/"))) else { return Ok(()) };
            let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            prop_assert_eq!(glob.matches(&format!("/{}", path.join("/"))), plain(&pattern, &names));
        }

        #[test]
        fn no_text_makes_it_panic(pattern in "\\PC{0,20}|[a*?/.]{0,20}", path in "\\PC{0,40}|[a/.]{0,30}") {
            if let Ok(glob) = PathGlob::new(&pattern) {
                let _ = glob.matches(&path);
            }
        }
    }
}
