//! A file as a tree that remembers where everything was written. Scalars keep their text: no digit passes through a float.

use std::fmt;

use super::fault::Place;

/// A value and where it stands.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Nothing was written behind the key.
    Empty,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value, in the file's order.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// The value of a key, where this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let entry = self.entries().iter().find(|entry| entry.key == key)?;
        Some(&entry.node)
    }

    /// The entries, where this is a map.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Empty | Kind::Text(_) | Kind::List(_) => &[],
        }
    }
}

/// Shows the shape only: a text may be a secret that stands in the wrong place.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Empty => f.write_str("empty"),
            Kind::Text(_) => f.write_str("text"),
            Kind::List(items) => f.debug_list().entries(items).finish(),
            Kind::Map(entries) => f.debug_list().entries(entries).finish(),
        }
    }
}
