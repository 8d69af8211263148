//! Patterns for the paths of files, as policies write them: `**/payments/**`, `src/*.rs`, `**/{keys,certs}/*.pem`.
//!
//! `*` stands for any letters of one name, `?` for one of them, `**` for any number of folders, also none; `{a,b}` for one of
//! those. Case counts. A pattern that begins with `/` or a drive is meant from the root; any other fits at any folder, for
//! nobody who writes a policy knows where the tree lies. `payments/**` also fits the folder itself.

use std::fmt;

/// The most patterns that braces may stand for.
const MOST: usize = 64;
/// The longest pattern.
const LONGEST: usize = 512;

/// A pattern for paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGlob {
    text: Box<str>,
    /// One of these fits: what the braces stand for.
    choices: Vec<Box<str>>,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathGlobFault {
    /// Nothing is in it.
    Empty,
    /// Longer than 512 bytes, or more than 64 patterns by its braces.
    TooLarge,
    /// A brace has no other, or stands in another.
    Brace,
    /// `**` beside letters: it stands for whole folders.
    Stars,
}

impl fmt::Display for PathGlobFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a path pattern is empty",
            Self::TooLarge => "a path pattern is too long, or its braces stand for too many",
            Self::Brace => "a brace has no other, or stands in another",
            Self::Stars => "`**` stands for whole folders: write `**/` or `/**`",
        })
    }
}

impl std::error::Error for PathGlobFault {}

impl PathGlob {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PathGlobFault> {
        if text.is_empty() {
            return Err(PathGlobFault::Empty);
        }
        if text.len() > LONGEST {
            return Err(PathGlobFault::TooLarge);
        }
        let choices = expand(text)?;
        let odd = |part: &str| part != "**" && part.contains("**");
        match choices.iter().any(|choice| choice.split('/').any(odd)) {
            true => Err(PathGlobFault::Stars),
            false => Ok(Self {
                text: text.into(),
                choices,
            }),
        }
    }

    /// Whether a path fits; folders are parted by `/`.
    pub fn matches(&self, path: &str) -> bool {
        self.choices.iter().any(|choice| fits(choice, path))
    }

    /// The patterns without braces that this one stands for.
    pub fn choices(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().map(|choice| &**choice)
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
    while let Some(open) = rest.find(['{', '}']) {
        let (plain, group) = rest.split_at(open);
        let inside = group.strip_prefix('{').ok_or(PathGlobFault::Brace)?;
        let (inside, behind) = inside.split_once('}').ok_or(PathGlobFault::Brace)?;
        if inside.contains('{') {
            return Err(PathGlobFault::Brace);
        }
        let words = inside.split(',');
        all = words
            .flat_map(|word| all.iter().map(move |front| format!("{front}{plain}{word}")))
            .take(MOST + 1)
            .collect();
        if all.len() > MOST {
            return Err(PathGlobFault::TooLarge);
        }
        rest = behind;
    }
    Ok(all.into_iter().map(|it| (it + rest).into()).collect())
}

/// Whether a pattern is meant from the root.
fn is_rooted(glob: &str) -> bool {
    glob.starts_with('/') || glob.as_bytes().get(1) == Some(&b':')
}

fn fits(glob: &str, path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    if is_rooted(glob) {
        return fits_here(glob, path);
    }
    let folders = path.match_indices('/').map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(folders)
        .any(|at| fits_here(glob, &path[at..]))
}

/// Whether all of a path fits, name by name. Only the last `**` before a name that does not fit has to be tried again, so
/// the time is at most the product of the lengths.
fn fits_here(glob: &str, path: &str) -> bool {
    let (mut glob, mut path) = (Some(glob), Some(path));
    let mut again: Option<(Option<&str>, &str)> = None;
    loop {
        let head = glob.map(first);
        match (head, path.map(first)) {
            (Some(("**", rest)), _) => {
                again = path.map(|path| (rest, path));
                glob = rest;
                if rest.is_none() {
                    return true;
                }
                continue;
            }
            (Some((part, rest)), Some((name, behind)))
                if is_name(part.as_bytes(), name.as_bytes()) =>
            {
                (glob, path) = (rest, behind);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((rest, from)) = again else {
            return false;
        };
        let Some(behind) = first(from).1 else {
            return false;
        };
        (glob, path) = (rest, Some(behind));
        again = Some((rest, behind));
    }
}

/// The first name of a path, and the rest.
fn first(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    }
}

/// Whether one name fits a pattern of `*`, `?` and letters.
fn is_name(glob: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at + 1, from));
                at += 1;
            }
            Some(b'?') => {
                // A character of several bytes is one letter.
                at += 1;
                from += 1;
                while name.get(from).is_some_and(|byte| byte & 0xc0 == 0x80) {
                    from += 1;
                }
            }
            Some(byte) if *byte == name[from] => {
                at += 1;
                from += 1;
            }
            _ => match &mut star {
                Some((behind, taken)) => {
                    *taken += 1;
                    (at, from) = (*behind, *taken);
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        PathGlob::parse(glob).expect("a pattern").matches(path)
    }

    #[test]
    fn patterns_fit_paths() {
        for (glob, path, fits) in [
            ("**/payments/**", "src/payments/pay.rs", true),
            ("**/payments/**", "payments/pay.rs", true),
            ("**/payments/**", "/srv/app/payments", true),
            ("**/payments/**", "src/payments2/pay.rs", false),
            ("**/payments/**", "src/repayments/pay.rs", false),
            ("payments/**", "/srv/app/payments/a/b.rs", true),
            ("src/*.rs", "/srv/src/a.rs", true),
            ("src/*.rs", "src/a/b.rs", false),
            ("/srv/*/x", "/srv/a/x", true),
            ("/srv/*/x", "/old/srv/a/x", false),
            ("C:/app/**", "C:/app/x", true),
            ("**/*.pem", "server.pem", true),
            ("**/{keys,certs}/*.p?m", "a/certs/x.pem", true),
            ("**/{keys,certs}/*.p?m", "a/certificates/x.pem", false),
            (".env*", "app/.env.local", true),
            ("a/**/b/**/c", "a/x/b/y/b/z/c", true),
            ("a/**/b/**/c", "a/x/b/y/z/d", false),
            ("a?c", "a€c", true),
            ("*a*b", "xaxbxab", true),
        ] {
            assert_eq!(matches(glob, path), fits, "{glob} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        let fault = |text: &str| PathGlob::parse(text).expect_err("a fault");

        assert_eq!(fault(""), PathGlobFault::Empty);
        assert_eq!(fault(&"a".repeat(600)), PathGlobFault::TooLarge);
        assert_eq!(
            fault("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"),
            PathGlobFault::TooLarge
        );
        assert_eq!(fault("a{b"), PathGlobFault::Brace);
        assert_eq!(fault("a}b"), PathGlobFault::Brace);
        assert_eq!(fault("{a{b}}"), PathGlobFault::Brace);
        assert_eq!(fault("src/**.rs"), PathGlobFault::Stars);
    }

    proptest! {
        #[test]
        fn a_path_fits_itself_and_what_is_left_out_of_it(path in "[a-c]{1,3}(/[a-c.]{1,3}){0,4}", which in any::<prop::sample::Index>()) {
            let mut names: Vec<&str> = path.split('/').collect();
            prop_assert!(matches(&path, &path));
            let at = which.index(names.len());
            names[at] = "**";
            let starred = names.join("/");
            prop_assert!(matches(&starred, &path), "{} {}", starred, path);
        }

        #[test]
        fn nothing_is_too_odd(glob in "[a{},*?/é]{0,24}", path in "[a/é*]{0,24}") {
            if let Ok(glob) = PathGlob::parse(&glob) {
                let _ = glob.matches(&path);
            }
        }
    }
}
