//! Finds any of a few dozen short texts, at the speed of memory where the processor has the means.
//!
//! The searcher for many texts at once slows down with their number, and suddenly: it puts them into eight buckets, and
//! texts that share one are taken for found where the letters of either stand. Eight are found at 12 to 16 GB/s, fifteen at
//! 10 to 14, about thirty at anything from 1.4 to 9. So texts are asked for in groups, each with its own pass, and short
//! ones by themselves. Whoever changes a group measures it: `cargo bench --bench gateway -- --micro`.

use std::fmt;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, Input};

/// A searcher for some texts. Where several begin at one place, the first of them is found.
pub(super) struct Anchors {
    search: Search,
    count: usize,
}

enum Search {
    /// Nothing is looked for.
    None,
    /// By vectors.
    Packed(Searcher),
    /// For processors without them.
    Automaton(AhoCorasick),
}

impl Anchors {
    /// Prepares the search for these.
    pub(super) fn new<T: AsRef<[u8]>>(texts: &[T]) -> Self {
        let mut config = Config::new();
        config.match_kind(MatchKind::LeftmostFirst);
        let packed = config.builder().extend(texts).build();
        let automaton = || {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(aho_corasick::MatchKind::LeftmostFirst);
            builder.build(texts).ok()
        };
        let search = match packed {
            _ if texts.is_empty() => Search::None,
            Some(packed) => Search::Packed(packed),
            None => automaton().map_or(Search::None, Search::Automaton),
        };
        Self {
            search,
            count: texts.len(),
        }
    }

    /// The first at or behind `from`: which one, and where it begins.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        match &self.search {
            Search::None => None,
            Search::Packed(packed) => {
                let found = packed.find_in(text, (from..text.len()).into())?;
                Some((found.pattern().as_usize(), found.start()))
            }
            Search::Automaton(automaton) => {
                let found = automaton.find(Input::new(text).range(from..))?;
                Some((found.pattern().as_usize(), found.start()))
            }
        }
    }

    /// Every place, in order. Texts may overlap.
    pub(super) fn all<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, usize)> + 't {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.next(text, from)?;
            from = found.1 + 1;
            Some(found)
        })
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchors({})", self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_place_is_found(text in "[abc]{0,100}") {
            let texts = ["abc", "bca", "ccc"];
            let anchors = Anchors::new(&texts);

            let found: Vec<_> = anchors.all(text.as_bytes()).collect();

            let places = (0..text.len()).filter_map(|at| {
                let which = texts.iter().position(|it| text[at..].starts_with(it))?;
                Some((which, at))
            });
            prop_assert_eq!(found, places.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_search_for_nothing_finds_nothing() {
        assert_eq!(Anchors::new::<&str>(&[]).next(b"abc", 0), None);
    }
}
