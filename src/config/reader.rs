//! Walks a tree of values and gathers everything that is wrong with it; it never stops at the first mistake.

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::fault::{Fault, Faults, Place};
use super::node::{Kind, Node};
use crate::catalog::nearest;
use crate::domain::money::NotAnAmount;

/// Everything that was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Fault>>);

impl Sink {
    pub(crate) fn push(&self, fault: Fault) {
        self.0.borrow_mut().push(fault);
    }

    /// Reports something about no key in particular.
    pub(crate) fn say(&self, place: Place, what: impl Display, mend: impl Display) {
        self.push(Fault {
            place,
            path: String::new(),
            what: what.to_string(),
            mend: mend.to_string(),
        });
    }

    /// Ends the reading: `value`, if nothing was wrong.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Faults> {
        let faults = self.0.into_inner();
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ => Err(Faults::sorted(faults)),
        }
    }
}

/// One value under the reader's eye.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: String,
    pub(crate) sink: &'a Sink,
}

/// A word of a list.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) path: String,
}

/// A map with known keys.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(pub(crate) Cursor<'a>);

impl<'a> Fields<'a> {
    pub(crate) fn get(&self, key: &str) -> Option<Cursor<'a>> {
        let node = self.0.node.get(key)?;
        Some(self.0.below(key, node))
    }

    pub(crate) fn need(&self, key: &str) -> Option<Cursor<'a>> {
        let found = self.get(key);
        if found.is_none() {
            let what = format!("the key {key:?} is missing");
            self.0.fault(what, format!("add `{key}: …`"));
        }
        found
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(node: &'a Node, sink: &'a Sink) -> Self {
        let path = String::new();
        Self { node, path, sink }
    }

    fn below(&self, key: &str, node: &'a Node) -> Self {
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        Self {
            node,
            path,
            sink: self.sink,
        }
    }

    pub(crate) fn fault(&self, what: impl Display, mend: impl Display) {
        self.fault_at(&self.node.place, &self.path, what, mend);
    }

    pub(crate) fn fault_at(
        &self,
        place: &Place,
        path: &str,
        what: impl Display,
        mend: impl Display,
    ) {
        self.sink.push(Fault {
            place: place.clone(),
            path: path.to_owned(),
            what: what.to_string(),
            mend: mend.to_string(),
        });
    }

    fn wrong_kind(&self, wanted: &str, mend: impl Display) {
        let what = match &self.node.kind {
            Kind::Empty => "has no value".to_owned(),
            Kind::Text(text) => format!("{} is not {wanted}", quoted(text)),
            Kind::List(_) => format!("a list is not {wanted}"),
            Kind::Map(_) => format!("a map is not {wanted}"),
        };
        self.fault(what, mend);
    }

    /// Takes a map and refuses keys that are not `known`.
    pub(crate) fn fields(&self, known: &[&str]) -> Option<Fields<'a>> {
        self.fields_but(known, &[])
    }

    /// The same, where `later` keys belong to a coming version: one that was taken and then ignored would be a lie.
    pub(crate) fn fields_but(&self, known: &[&str], later: &[&str]) -> Option<Fields<'a>> {
        for (entry, cursor) in self.entries()? {
            let key = entry.key.as_str();
            if known.contains(&key) {
                continue;
            }
            if later.contains(&key) {
                let what = "is not supported by this version";
                self.fault_at(&entry.place, &cursor.path, what, "leave it out");
                continue;
            }
            let what = format!("the key {} is not known here", quoted(key));
            let mend = mean(key, known.iter().copied());
            self.fault_at(&entry.place, &self.path, what, mend);
        }
        Some(Fields(self.clone()))
    }

    /// Takes a map whose keys are names.
    pub(crate) fn entries(&self) -> Option<Vec<(&'a super::node::Entry, Self)>> {
        match &self.node.kind {
            Kind::Map(entries) => {
                let below = entries.iter();
                Some(
                    below
                        .map(|entry| (entry, self.below(&entry.key, &entry.node)))
                        .collect(),
                )
            }
            Kind::Empty => Some(Vec::new()),
            Kind::Text(_) | Kind::List(_) => {
                // A text is not shown: where a map is wanted it may well be a key.
                self.fault("this is not a map", "write keys below it");
                None
            }
        }
    }

    /// Takes a list, or one item in place of a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        match &self.node.kind {
            Kind::List(items) => {
                let item = |(index, node): (usize, &'a Node)| Self {
                    node,
                    path: format!("{}[{index}]", self.path),
                    sink: self.sink,
                };
                items.iter().enumerate().map(item).collect()
            }
            Kind::Empty | Kind::Text(_) | Kind::Map(_) => vec![self.clone()],
        }
    }

    /// Takes a list or one item, at least one.
    pub(crate) fn some(&self) -> Option<Vec<Self>> {
        let items = self.items();
        if items.is_empty() {
            self.fault("the list is empty", "write a value, or leave the key out");
        }
        (!items.is_empty()).then_some(items)
    }

    /// Reads one or some of a closed set of words, each once.
    pub(crate) fn some_of<T: Copy + PartialEq>(
        &self,
        words: &[(&'static str, T)],
    ) -> Option<Vec<T>> {
        let mut found = Vec::new();
        let mut whole = true;
        for item in self.some()? {
            let Some(text) = item.text() else {
                whole = false;
                continue;
            };
            match words.iter().find(|(word, _)| *word == text) {
                Some((_, value)) if found.contains(value) => {
                    item.fault(format!("{} stands here twice", quoted(text)), "keep one");
                }
                Some((_, value)) => found.push(*value),
                None => {
                    let what = format!("{} is not one of the choices", quoted(text));
                    item.fault(what, mean(text, words.iter().map(|(word, _)| *word)));
                    whole = false;
                }
            }
        }
        whole.then_some(found)
    }

    /// Takes a list of words; in a variable or flag they are divided by commas.
    pub(crate) fn words(&self) -> Option<Vec<Word>> {
        let word = |text: &str, path: &str| Word {
            text: text.to_owned(),
            place: self.node.place.clone(),
            path: path.to_owned(),
        };
        match &self.node.kind {
            Kind::Text(text) if !self.node.place.is_file() => {
                let parts = text.split(',').map(str::trim);
                Some(
                    parts
                        .filter(|part| !part.is_empty())
                        .map(|part| word(part, &self.path))
                        .collect(),
                )
            }
            Kind::List(_) => {
                let words = self.items().into_iter().map(|item| {
                    item.text().map(|text| Word {
                        place: item.node.place.clone(),
                        ..word(text, &item.path)
                    })
                });
                words.collect()
            }
            Kind::Empty | Kind::Text(_) | Kind::Map(_) => {
                self.wrong_kind("a list", "write it as [one, two]");
                None
            }
        }
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::Text(text) if !text.trim().is_empty() => Some(text),
            Kind::Text(_) => {
                self.fault("is empty", "write a value, or leave the key out");
                None
            }
            Kind::Empty | Kind::List(_) | Kind::Map(_) => {
                self.wrong_kind("a text", "write one value");
                None
            }
        }
    }

    /// Reads the value by `FromStr`; `wanted` says what it should have been ("a count").
    pub(crate) fn parsed<T: FromStr>(&self, wanted: &str, mend: impl Display) -> Option<T> {
        let Kind::Text(text) = &self.node.kind else {
            self.wrong_kind(wanted, mend);
            return None;
        };
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong_kind(wanted, mend);
        }
        parsed
    }

    /// Reads a whole number from `least` to `most`; `example` stands in the mend.
    pub(crate) fn count(&self, least: u64, most: u64, example: u64) -> Option<u64> {
        let mend = format!("write {example}");
        let number = match &self.node.kind {
            Kind::Text(text) if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() => {
                // More digits than fit are merely too many, not another kind of thing.
                text.parse::<u64>().unwrap_or(u64::MAX)
            }
            _ => {
                self.wrong_kind("a count", mend);
                return None;
            }
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let (size, bound) = if number < least {
            ("small", format!("write {least} or more"))
        } else {
            ("large", format!("write {most} or less"))
        };
        let text = self.text().unwrap_or_default();
        self.fault(format!("{} is too {size}", quoted(text)), bound);
        None
    }

    pub(crate) fn millis(&self, example: u64) -> Option<Duration> {
        const YEAR: u64 = 365 * 86_400_000;
        self.count(1, YEAR, example).map(Duration::from_millis)
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        self.parsed("true or false", "write true or false")
    }

    /// Reads one of a closed set of words.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("{} is not one of the choices", quoted(text));
            self.fault(what, format!("write {}", names.join(" or ")));
        }
        found.map(|(_, value)| *value)
    }

    /// Reads an amount; its digits go straight into whole units.
    pub(crate) fn amount<T>(&self, read: impl FnOnce(&str) -> Result<T, NotAnAmount>) -> Option<T> {
        let text = self.text()?;
        read(text)
            .map_err(|error| {
                let error = error.to_string();
                let (what, mend) = error.split_once("; ").unwrap_or((&error, ""));
                self.fault(format!("{} {what}", quoted(text)), mend);
            })
            .ok()
    }

    /// Reads the list as words of a closed set.
    pub(crate) fn set<T: FromStr + PartialEq>(&self, all: &[&str]) -> Option<Vec<T>> {
        let mut found = Vec::new();
        for word in self.words()? {
            match word.text.parse() {
                Ok(value) if found.contains(&value) => {
                    let what = format!("{} stands here twice", quoted(&word.text));
                    self.fault_at(&word.place, &word.path, what, "keep one");
                }
                Ok(value) => found.push(value),
                Err(_) => {
                    let what = format!("{} is not one of the choices", quoted(&word.text));
                    let mend = mean(&word.text, all.iter().copied());
                    self.fault_at(&word.place, &word.path, what, mend);
                }
            }
        }
        Some(found)
    }
}

/// A text as it is quoted in a fault: not longer than a line can bear.
pub(crate) fn quoted(text: &str) -> String {
    if text.chars().count() <= 60 {
        return format!("{text:?}");
    }
    let short: String = text.chars().take(57).collect();
    format!("{:?}", short + "...")
}

/// The mend for a name that is not there: the one that was probably meant, else all of them.
pub(crate) fn mean<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(name, names.clone()).first() {
        Some(close) => format!("did you mean {close:?}?"),
        None => {
            let all: Vec<_> = names.take(20).collect();
            if all.is_empty() {
                return String::new();
            }
            format!("known are {}", all.join(", "))
        }
    }
}

/// Whether a text may name a model, target or policy: it goes into headers, labels and records.
pub fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/@+-".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-')
}
