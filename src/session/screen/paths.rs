//! Which path patterns fit a file that a text names: in the arguments of tools, in patches, in quotes, in prose.
//!
//! Paths are not looked for: they have no mark that is rare. What is looked for is the longest letters of each pattern, and
//! only where these stand is the path around them read. Case counts. An address of the web is no path.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use memchr::memmem;

use super::anchors::Anchors;
use super::text::{Set, char_before};
use super::window::Window;
use crate::domain::path_glob::PathGlob;

/// The most patterns that a set has room for.
pub const MOST: usize = 128;

/// Patterns that are looked for in one pass: ten are found at 11 GB/s, twenty at 0.6.
/// As many of a pattern's letters are looked for: all mixtures of small and large ones are eight.
const ANCHOR: usize = 3;
const GROUP: usize = 8;

/// The patterns of a set that fit, by their place in it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Matched(u128);

impl Matched {
    /// Whether the pattern at `index` fits something.
    pub fn has(self, index: usize) -> bool {
        index < MOST && self.0 >> index & 1 == 1
    }

    /// No pattern fits.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The places of those that fit.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MOST).filter(move |index| self.has(*index))
    }

    fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }
}

impl fmt::Debug for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Path patterns, ready to be asked.
pub struct PathSet {
    globs: Vec<PathGlob>,
    anchors: Vec<Anchor>,
    /// Letters that are looked for together, and whose they are.
    groups: Vec<(Anchors, Vec<usize>)>,
    /// Those of one or two letters, each by itself.
    short: Vec<(memmem::Finder<'static>, usize)>,
    id: u64,
}

/// Of no patterns.
impl Default for PathSet {
    fn default() -> Self {
        Self {
            globs: Vec::new(),
            anchors: Vec::new(),
            groups: Vec::new(),
            short: Vec::new(),
            id: 0,
        }
    }
}

/// Letters that are looked for, and the patterns that have them.
struct Anchor {
    text: Vec<u8>,
    uses: Vec<Use>,
}

/// A pattern that has such letters in it.
#[derive(Clone)]
struct Use {
    glob: usize,
    /// All the letters: the anchor may be a beginning of them.
    letters: Vec<u8>,
    /// A name begins with them.
    begins: bool,
    /// A name ends with them.
    ends: bool,
}

impl PathSet {
    /// Prepares the patterns; `None` where they are more than [`MOST`].
    pub fn new(globs: Vec<PathGlob>) -> Option<Self> {
        if globs.len() > MOST {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        globs
            .iter()
            .for_each(|glob| glob.to_string().hash(&mut hasher));
        let anchors = anchors(&globs);
        let written = |(place, anchor): (usize, &Anchor)| {
            let writings = writings(&anchor.text).into_iter();
            writings.map(|text| (text, place)).collect::<Vec<_>>()
        };
        let written = anchors.iter().enumerate().flat_map(written);
        let (long, short): (Vec<_>, Vec<_>) = written.partition(|(text, _)| text.len() >= ANCHOR);
        let group = |some: &[(Vec<u8>, usize)]| {
            let texts: Vec<&[u8]> = some.iter().map(|(text, _)| &**text).collect();
            let owners = some.iter().map(|(_, place)| *place).collect();
            (Anchors::new(&texts), owners)
        };
        let finder =
            |(text, place): (Vec<u8>, usize)| (memmem::Finder::new(&text).into_owned(), place);
        Some(Self {
            groups: long.chunks(GROUP).map(group).collect(),
            short: short.into_iter().map(finder).collect(),
            anchors,
            id: hasher.finish(),
            globs,
        })
    }

    /// The patterns, in their order.
    pub fn globs(&self) -> &[PathGlob] {
        &self.globs
    }

    /// Tells this set from others: the same patterns, the same number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The patterns that fit a path named in a text of JSON, or any other.
    pub fn matched(&self, text: &[u8]) -> Matched {
        let mut matched = Matched::default();
        for (anchors, owners) in &self.groups {
            for (which, at) in anchors.all(text) {
                self.judge(text, at, &self.anchors[owners[which]], &mut matched);
            }
        }
        for (finder, place) in &self.short {
            let anchor = &self.anchors[*place];
            for at in finder.find_iter(text) {
                self.judge(text, at, anchor, &mut matched);
                if anchor.uses.iter().all(|it| matched.has(it.glob)) {
                    break;
                }
            }
        }
        matched
    }

    fn judge(&self, text: &[u8], at: usize, anchor: &Anchor, matched: &mut Matched) {
        let mut window: Option<Option<Window>> = None;
        for it in &anchor.uses {
            if matched.has(it.glob) || !it.may_fit(text, at) {
                continue;
            }
            let glob = &self.globs[it.glob];
            let window = window.get_or_insert_with(|| Window::around(text, at));
            let fits = window.as_ref().is_some_and(|window| window.fits(glob));
            if fits {
                matched.add(it.glob);
            }
        }
    }
}

impl fmt::Debug for PathSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathSet({})", self.globs.len())
    }
}

impl Use {
    /// The longest letters of a pattern that JSON always writes as they are. Where a pattern has none, what parts folders.
    fn of(glob: usize, choice: &str) -> Self {
        let plain = |c: &u8| Set::Dotted.has(*c);
        let bytes = choice.as_bytes();
        let mut best = 0..0;
        let mut start = 0;
        while start < bytes.len() {
            let length = bytes[start..].iter().take_while(|c| plain(c)).count();
            if length > best.len() {
                best = start..start + length;
            }
            start += length + 1;
        }
        if best.is_empty() {
            return Self {
                glob,
                letters: b"/".to_vec(),
                begins: false,
                ends: false,
            };
        }
        Self {
            glob,
            letters: bytes[best.clone()].to_ascii_lowercase(),
            begins: best.start == 0 || bytes[best.start - 1] == b'/',
            ends: matches!(bytes.get(best.end), None | Some(b'/')),
        }
    }

    /// A quick look at the letters and their neighbours, before the path is read.
    fn may_fit(&self, text: &[u8], at: usize) -> bool {
        let end = at + self.letters.len();
        let letters = text.get(at..end);
        if !letters.is_some_and(|it| it.eq_ignore_ascii_case(&self.letters)) {
            return false;
        }
        let behind = text.get(end).is_some_and(|c| Set::Url.has(*c));
        let before = self.begins && Set::Dotted.has(char_before(text, at));
        !(before || self.ends && behind)
    }
}

/// Small and large letters, in every mixture: neither protects a file from a pattern.
fn writings(text: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for byte in text {
        let both = [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
        let forms = if both[0] == both[1] {
            &both[..1]
        } else {
            &both
        };
        let longer = forms.iter().flat_map(|form| {
            let add = move |front: &Vec<u8>| [front, std::slice::from_ref(form)].concat();
            all.iter().map(add)
        });
        all = longer.collect();
    }
    all
}

/// The first letters of all patterns. Where those of one begin with those of another, the shorter are looked for.
fn anchors(globs: &[PathGlob]) -> Vec<Anchor> {
    let each = |(at, glob): (usize, &PathGlob)| -> Vec<Use> {
        glob.choices().map(|choice| Use::of(at, choice)).collect()
    };
    let mut uses: Vec<Use> = globs.iter().enumerate().flat_map(each).collect();
    uses.sort_by_key(|it| it.letters.len());
    let mut anchors: Vec<Anchor> = Vec::new();
    for it in uses {
        match anchors
            .iter_mut()
            .find(|anchor| it.letters.starts_with(&anchor.text))
        {
            Some(anchor) => anchor.uses.push(it),
            None => anchors.push(Anchor {
                text: it.letters[..it.letters.len().min(ANCHOR)].to_vec(),
                uses: vec![it],
            }),
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(globs: &[&str]) -> PathSet {
        let globs = globs
            .iter()
            .map(|it| PathGlob::parse(it).expect("a pattern"));
        PathSet::new(globs.collect()).expect("few patterns")
    }

    fn fits(glob: &str, text: &str) -> bool {
        set(&[glob]).matched(text.as_bytes()).has(0)
    }

    #[test]
    fn files_are_found_where_clients_name_them() {
        for text in [
            r#"{"name":"Read","input":{"file_path":"/srv/app/src/payments/pay.rs"}}"#,
            r#"{"arguments":"{\"path\":\"src/payments/pay.rs\"}"}"#,
            r#"{"arguments":"{\"path\":\"src\/payments\/pay.rs\"}"}"#,
            r#"--- a/src/payments/pay.rs\n+++ b/src/payments/pay.rs\n@@ -1 +1 @@"#,
            r#"*** Begin Patch\n*** Update File: src/payments/pay.rs\n@@"#,
            r#"text\npayments/pay.rs\n```rust\n<<<<<<< SEARCH"#,
            r#"look at `src/payments/pay.rs`, please"#,
            r#"it is in src/payments/pay.rs."#,
            r#"error in (src/payments/pay.rs:12:5)"#,
            r#"   --> src/payments/pay.rs:12:5"#,
            r#"open C:\\repo\\payments\\new.cs now"#,
            r#"{\"file\":\"C:\\\\repo\\\\payments\\\\pay.cs\"}"#,
            r#"src/lib.rs\\nsrc/payments/pay.rs\\nsrc/main.rs"#,
            r#"file:///srv/payments/pay.rs"#,
            r#"ls -la src/payments"#,
            r#"cd ./payments/ && ls"#,
            r#"src/caf\u00e9/payments/pay.rs"#,
        ] {
            assert!(fits("**/payments/**", text), "{text}");
        }
    }

    #[test]
    fn words_and_addresses_are_no_files() {
        for text in [
            "we accept payments here",
            r#"{"tag":"payments"}"#,
            "payments.",
            "src/repayments/a.rs",
            "src/payments2/a.rs",
            "https://example.com/docs/payments/intro",
            r#"https:\/\/example.com\/payments\/intro"#,
            "app.payments.models",
        ] {
            assert!(!fits("**/payments/**", text), "{text}");
        }
    }

    #[test]
    fn each_pattern_is_told_from_the_others() {
        let set = set(&[
            "**/pay/**",
            "**/payments/**",
            "**/*.pem",
            "src/*.rs",
            "**/{x,yy}/*.c",
            "Dockerfile",
            "/etc/**",
        ]);
        let of = |text: &str| set.matched(text.as_bytes()).iter().collect::<Vec<_>>();

        assert_eq!(of("a/payments/x"), [1]);
        assert_eq!(of("a/pay/server.pem src/pay.rs"), [0, 2, 3]);
        assert_eq!(of("see `server.pem`"), [2]);
        assert_eq!(of(r"$ ls\na.txt\nserver.pem\nb"), [2]);
        assert_eq!(of("return self.pem; server.pem"), [0; 0]);
        assert_eq!(of("see a/yy/b.c and a/x/b.cc"), [4]);
        assert_eq!(of(r#"{"path":"Dockerfile"}"#), [5]);
        assert_eq!(of("*** Add File: Dockerfile\\n"), [5]);
        assert_eq!(of("a Dockerfile says"), [0; 0]);
        assert_eq!(of("cat /etc/passwd"), [6]);
        assert_eq!(of("cat old/etc/passwd"), [0; 0]);
    }

    #[test]
    fn drives_count_where_a_pattern_has_one() {
        assert!(fits("C:/repo/**", r"C:\\repo\\a.cs"));
        assert!(!fits("C:/repo/**", r"D:\\repo\\a.cs"));
        assert!(fits("**/*/**", "any/path"));
        assert!(!fits("**/*/**", "no path"));
    }

    #[test]
    fn a_path_is_found_in_a_long_list_of_files() {
        for line in [r"\n", r"\\n", r"\\\\n"] {
            let others = format!("src/some/other_file.rs{line}").repeat(80);
            let list =
                format!("\"{others}src/payments/pay.rs{line}certs/server.pem{line}{others}\"");
            let found =
                set(&["**/payments/**", "**/*.pem", "**/absent/**"]).matched(list.as_bytes());

            assert_eq!(found.iter().collect::<Vec<_>>(), [0, 1], "{line}");
        }
    }

    #[test]
    fn small_and_large_letters_are_the_same() {
        assert!(fits("**/Payments/**", "src/payMENTS/card.rs"));
        assert!(fits("**/payments/**", r"SRC\\PAYMENTS\\card.rs"));
    }

    #[test]
    fn too_many_patterns_are_refused() {
        let glob = PathGlob::parse("a").expect("a pattern");

        assert!(PathSet::new(vec![glob.clone(); MOST]).is_some());
        assert!(PathSet::new(vec![glob; MOST + 1]).is_none());
    }

    proptest! {
        #[test]
        fn a_path_is_found_at_any_place(front in "[ -~\n]{0,80}", back in "[ -~\n]{0,80}", path in "[a-z]{1,5}(/[a-z_]{1,8}){1,3}\\.[a-z]{2}", deep in 0..3) {
            let mut text = format!("{front}\n\"{path}\"\n{back}");
            for _ in 0..deep {
                let json = serde_json::to_string(&text).expect("JSON");
                text = json[1..json.len() - 1].to_owned();
            }

            prop_assert!(fits(&path, &text), "{} {}", path, text);
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\\\nu0-9a/.\" :é]{0,60}") {
            let set = set(&["a", "**/*", "**/a/**", "*.a", "a/*"]);
            set.matched(&bytes);
            set.matched(text.as_bytes());
        }
    }
}
