//! Patterns for the paths of files, as policies write them, made to protect: letter case does not count, neither does which
//! slash, and a pattern holds at any depth unless it begins at a root.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most patterns that braces may stand for.
const MOST: usize = 64;
/// The longest pattern.
const LONGEST: usize = 512;

/// A pattern: `*` stands for any letters of one name, `?` for one of them, `**` for any number of folders, `{a,b}` for one
/// of those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathGlob {
    text: Box<str>,
    /// One of these fits: what the braces stand for.
    choices: Vec<Box<str>>,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathGlobFault {
    /// It names nothing: every path fits, or none.
    Empty,
    /// Longer than 512 bytes, or more than 64 patterns by its braces.
    TooLarge,
    /// A brace has no other, or stands in another.
    Brace,
    /// `**` beside letters.
    Stars,
    /// Square brackets, which other tools read as a choice of letters.
    Bracket,
    /// A letter at which the reading of a path in a text ends, so that it would never be found.
    Unseen,
    /// It begins with `!`, which other tools read as "not".
    Not,
}

impl fmt::Display for PathGlobFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "names no path; write one, like **/payments/**",
            Self::TooLarge => "is too long, or its braces stand for too many; write a list",
            Self::Brace => "has a brace without its other, or one in another; write a list",
            Self::Stars => "has ** beside letters; it stands for whole folders: write **/ or /**",
            Self::Bracket => "has square brackets, which are not read; write * or ? in their place",
            Self::Unseen => "has a blank, a quote or one of <>|;()=, at which a path in a text ends; write ? in its place",
            Self::Not => "begins with a !; put it under `not`",
        })
    }
}

impl std::error::Error for PathGlobFault {}

impl PathGlob {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PathGlobFault> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(PathGlobFault::TooLarge);
        }
        // What other tools read into these would be taken for plain letters here, and then protect nothing.
        if text.starts_with('!') {
            return Err(PathGlobFault::Not);
        }
        if text.contains(['[', ']']) {
            return Err(PathGlobFault::Bracket);
        }
        if text.contains(|c: char| c.is_whitespace() || "\"'`<>|;()=".contains(c)) {
            return Err(PathGlobFault::Unseen);
        }
        let choices = expand(text)?;
        if choices.iter().any(|it| parts(it).all(|part| part == "**")) {
            return Err(PathGlobFault::Empty);
        }
        let odd = |part: &str| part != "**" && part.contains("**");
        if choices.iter().any(|it| parts(it).any(odd)) {
            return Err(PathGlobFault::Stars);
        }
        Ok(Self {
            text: text.into(),
            choices,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The patterns without braces that this one stands for.
    pub fn choices(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().map(|choice| &**choice)
    }

    /// Whether a path fits. `a/**` fits the folder `a` as well as all that is in it, and so does `a/`.
    pub fn matches(&self, path: &str) -> bool {
        self.choices.iter().any(|choice| chosen(choice, path))
    }
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Writes out the braces.
fn expand(text: &str) -> Result<Vec<Box<str>>, PathGlobFault> {
    let mut all = vec![String::new()];
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (plain, group) = rest.split_at(at);
        let inside = group.strip_prefix('{').ok_or(PathGlobFault::Brace)?;
        let (words, behind) = inside.split_once('}').ok_or(PathGlobFault::Brace)?;
        if words.contains('{') {
            return Err(PathGlobFault::Brace);
        }
        let longer = words
            .split(',')
            .flat_map(|word| all.iter().map(move |front| format!("{front}{plain}{word}")));
        all = longer.take(MOST + 1).collect();
        if all.len() > MOST {
            return Err(PathGlobFault::TooLarge);
        }
        rest = behind;
    }
    let whole = all.into_iter().map(|front| (front + rest).into());
    Ok(whole.collect())
}

fn chosen(glob: &str, path: &str) -> bool {
    const SLASHES: [char; 2] = ['/', '\\'];
    let slashed = glob.starts_with(SLASHES);
    if slashed && !path.starts_with(SLASHES) {
        return false;
    }
    let drive = glob.as_bytes().get(1) == Some(&b':');
    let folders = glob.ends_with(SLASHES).then_some("**").into_iter();
    fits(parts(glob).chain(folders), parts(path), slashed || drive)
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
            ("**/payments/**", "/srv/shop/payments", true),
            ("**/payments/**", "payments/a/b/c.rs", true),
            ("**/payments/**", r"C:\shop\Payments\Card.cs", true),
            ("**/payments/**", "src/payments2/card.rs", false),
            ("**/payments/**", "src/my-payments.rs", false),
            ("src/payments/*.rs", "/srv/shop/src/payments/card.rs", true),
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
            ("**/{keys,certs}/*.p?m", "a/certs/x.pem", true),
            ("**/{keys,certs}/*.p?m", "a/certificates/x.pem", false),
            ("C:/app/**", r"c:\app\x", true),
            ("C:/app/**", "/mnt/C:/app/x", false),
        ] {
            let glob = PathGlob::parse(pattern).expect("a pattern");
            assert_eq!(glob.matches(path), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn what_would_protect_nothing_is_refused() {
        for (text, fault) in [
            ("", PathGlobFault::Empty),
            ("**", PathGlobFault::Empty),
            ("/", PathGlobFault::Empty),
            ("{,b}", PathGlobFault::Empty),
            ("!a/b", PathGlobFault::Not),
            ("[ab].rs", PathGlobFault::Bracket),
            ("a{b", PathGlobFault::Brace),
            ("a}b", PathGlobFault::Brace),
            ("{a,{b}}", PathGlobFault::Brace),
            ("src/**.rs", PathGlobFault::Stars),
            (&"{a,b}".repeat(7), PathGlobFault::TooLarge),
            (&"a".repeat(600), PathGlobFault::TooLarge),
        ] {
            assert_eq!(PathGlob::parse(text), Err(fault), "{text}");
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
            let Ok(glob) = PathGlob::parse(&format!("/{}", pattern.join("/"))) else { return Ok(()) };
            let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            prop_assert_eq!(glob.matches(&format!("/{}", path.join("/"))), plain(&pattern, &names));
        }

        #[test]
        fn no_text_makes_it_panic(pattern in "\\PC{0,20}|[a*?/.{},]{0,20}", path in "\\PC{0,40}|[a/.]{0,30}") {
            if let Ok(glob) = PathGlob::parse(&pattern) {
                let _ = glob.matches(&path);
            }
        }
    }
}
