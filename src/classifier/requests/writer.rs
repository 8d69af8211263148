//! Fills the slots of a template.

use std::collections::HashMap;

use super::chance::Chance;
use super::grammar::{Alternative, Grammar, Marks, Part, Template};
use super::names;
use crate::domain::facts::Language;

/// Stand around what is pasted or named, which hasty fingers leave alone. Taken out at the end.
pub(super) const OPEN: char = '\u{e000}';
/// The other end.
pub(super) const CLOSE: char = '\u{e001}';

/// Slots within slots; deeper ones stay empty, so that a circle in the files does no harm.
const DEEPEST: u32 = 14;

/// One request in the making.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    grammar: &'a Grammar,
    chance: &'a Chance,
    language: Language,
    tongue: &'static str,
    kept: HashMap<String, String>,
    depth: u32,
    /// Something in the text tells the language.
    pub(super) told: bool,
    pub(super) hard: f32,
    pub(super) size: f32,
    /// Slots that no section answers.
    pub(super) missing: Vec<String>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        grammar: &'a Grammar,
        chance: &'a Chance,
        language: Language,
        tongue: &'static str,
    ) -> Self {
        Self {
            grammar,
            chance,
            language,
            tongue,
            kept: HashMap::new(),
            depth: 0,
            told: false,
            hard: 0.0,
            size: 0.0,
            missing: Vec::new(),
        }
    }

    pub(super) fn speaks(&self, tongue: &str) -> bool {
        self.tongue == tongue
    }

    /// An alternative of the section, with its marks.
    pub(super) fn choose(&self, name: &str) -> Option<(&'a Alternative, &'a Marks)> {
        let (section, _) = self
            .grammar
            .section(name, self.language.as_str(), self.tongue)?;
        let alternative = self.chance.pick(&section.alternatives)?;
        Some((alternative, self.grammar.marks(alternative)?))
    }

    /// The section's words, or nothing where there is none.
    pub(super) fn of(&mut self, name: &str) -> String {
        let mut out = String::new();
        if self
            .grammar
            .section(name, self.language.as_str(), self.tongue)
            .is_some()
        {
            self.slot(name, &mut out);
        }
        out
    }

    /// Writes a template.
    pub(super) fn fill(&mut self, template: &Template, out: &mut String) {
        for part in template {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Choice(choices) => {
                    if let Some(choice) = self.chance.pick(choices) {
                        self.fill(choice, out);
                    }
                }
                Part::Slot { name, kept: None } => self.slot(name, out),
                Part::Slot {
                    name,
                    kept: Some(key),
                } => self.kept(name, key, out),
            }
        }
    }

    /// Adds what an alternative's section says of it.
    pub(super) fn weigh(&mut self, marks: &Marks) {
        self.hard += marks.hard;
        self.size += marks.size;
    }

    fn kept(&mut self, name: &str, key: &str, out: &mut String) {
        if !self.kept.contains_key(key) {
            let mut text = String::new();
            self.slot(name, &mut text);
            self.kept.insert(key.to_owned(), text);
        }
        if let Some(text) = self.kept.get(key) {
            out.push_str(text);
        }
    }

    fn slot(&mut self, name: &str, out: &mut String) {
        if self.depth >= DEEPEST {
            return;
        }
        if let Some(made) = self.made(name) {
            out.push_str(&guarded(&made));
            return;
        }
        let found = self
            .grammar
            .section(name, self.language.as_str(), self.tongue);
        let Some((section, own)) = found else {
            self.missing.push(name.to_owned());
            return;
        };
        let Some(alternative) = self.chance.pick(&section.alternatives) else {
            return;
        };
        let Some(marks) = self.grammar.marks(alternative) else {
            return;
        };
        self.weigh(marks);
        self.told |= own && !marks.quiet;
        self.depth += 1;
        if own || marks.block {
            out.push(OPEN);
            self.fill(&alternative.template, out);
            out.push(CLOSE);
        } else {
            self.fill(&alternative.template, out);
        }
        self.depth -= 1;
    }

    /// A name or number that is not listed.
    fn made(&mut self, name: &str) -> Option<String> {
        if let Some(number) = names::number(name, self.chance) {
            return Some(number);
        }
        if !["snake", "kebab", "upper", "pascal", "camel"].contains(&name) {
            return None;
        }
        let shapes: [&[&str]; 5] = [
            &["verb", "noun"],
            &["verb", "noun", "noun"],
            &["noun", "noun"],
            &["verb", "manner", "noun"],
            &["noun"],
        ];
        let shape = self.chance.pick(&shapes).copied().unwrap_or(shapes[0]);
        let words: Vec<String> = shape.iter().map(|word| self.of(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        names::joined(name, &words)
    }
}

/// Text that stays as it is.
pub(super) fn guarded(text: &str) -> String {
    format!("{OPEN}{text}{CLOSE}")
}
