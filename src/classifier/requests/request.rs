//! Puts a request together.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::chance::Chance;
use super::frames::{TONGUES, embedded};
use super::grammar::{Grammar, Marks, Part};
use super::noise::roughen;
use super::sizes;
use super::writer::{Writer, guarded};
use crate::domain::facts::{Language, Task};

/// A request and what it is: a row to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What the person wrote.
    pub text: String,
    /// Kind of work.
    pub task: Task,
    /// Language of the code; `other` where nothing tells it.
    pub language: Language,
    /// Tokens of the answer.
    pub output: u32,
    /// How hard, from -2 to 2: a weak hint.
    pub difficulty: f32,
}

/// Returns so many requests; the same ones for the same seed.
pub fn generate(seed: u64, count: usize) -> impl Iterator<Item = Request> {
    Requests::new(seed).take(count)
}

/// Requests without end.
#[derive(Debug)]
pub struct Requests {
    grammar: Grammar,
    chance: Chance,
    seen: HashSet<u64>,
    /// Words that name a language of code.
    tells: Vec<(String, Language)>,
}

/// How often another text is sought in place of one that was there before.
const TRIES: usize = 6;

/// How many in a hundred are in English.
const ENGLISH: f32 = 0.74;

impl Iterator for Requests {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let task = self.task();
        let mut request = self.make(task);
        for _ in 0..TRIES {
            if self.seen.insert(fingerprint(&request.text)) {
                break;
            }
            request = self.make(task);
        }
        Some(request)
    }
}

impl Requests {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        let grammar = embedded();
        Self {
            tells: tells(&grammar),
            grammar,
            chance: Chance::new(seed),
            seen: HashSet::new(),
        }
    }

    /// Kinds that people mix up more easily come a little more often.
    fn task(&self) -> Task {
        let more = [Task::Edit, Task::Generate, Task::Fix, Task::Explain];
        let at = self.chance.below(Task::ALL.len() + more.len());
        let both = Task::ALL.iter().chain(&more).nth(at);
        both.copied().unwrap_or(Task::Other)
    }

    fn make(&self, task: Task) -> Request {
        let language = self.language(task);
        let mut writer = Writer::new(&self.grammar, &self.chance, language, self.tongue());
        let text = compose(&mut writer, &self.chance, task);
        let text = roughen(&text, writer.speaks("en"), &self.chance);
        let language = if writer.told {
            language
        } else {
            self.told(&text)
        };
        Request {
            task,
            language,
            output: sizes::output(task, writer.size, text.len(), &self.chance),
            difficulty: sizes::difficulty(task, writer.hard, &self.chance),
            text,
        }
    }

    /// The language that the frame's own words name.
    fn told(&self, text: &str) -> Language {
        let text = format!(" {} ", text.to_lowercase());
        let found = self.tells.iter().filter_map(|(word, language)| {
            let at = text.match_indices(word.as_str());
            let mut whole = at.filter(|(at, word)| stands_alone(&text, *at, at + word.len()));
            whole.next().map(|(at, _)| (at, *language))
        });
        found
            .min_by_key(|(at, _)| *at)
            .map_or(Language::Other, |(_, language)| language)
    }

    fn tongue(&self) -> &'static str {
        if self.chance.happens(ENGLISH) {
            return "en";
        }
        self.chance.pick(&TONGUES).copied().unwrap_or("en")
    }

    fn language(&self, task: Task) -> Language {
        // Most commands and much talk are about no language.
        let none = match task {
            Task::Command => 0.55,
            Task::Other => 0.4,
            _ => 0.06,
        };
        if self.chance.happens(none) {
            return Language::Other;
        }
        self.chance
            .pick(Language::ALL)
            .copied()
            .unwrap_or(Language::Other)
    }
}

/// A frame with what stands around it.
fn compose(writer: &mut Writer, chance: &Chance, task: Task) -> String {
    let Some((frame, marks)) = writer.choose(task.as_str()) else {
        return String::new();
    };
    let mut text = String::new();
    writer.fill(&frame.template, &mut text);
    writer.weigh(marks);
    if marks.block {
        text = guarded(&text);
    }
    if !marks.bare {
        text = surrounded(writer, chance, task, text);
    }
    match pasted(writer, chance, task, marks) {
        Some(paste) => beside(writer, chance, &text, &paste),
        None => text,
    }
}

fn surrounded(writer: &mut Writer, chance: &Chance, task: Task, frame: String) -> String {
    let mut text = frame;
    // Small talk stands alone more often.
    let share = if task == Task::Other { 0.07 } else { 0.24 };
    if chance.happens(share) {
        let before = writer.of("before");
        text = joined(&before, &text);
    }
    // The tongues have words for all kinds, not for each.
    if writer.speaks("en") && chance.happens(0.2) {
        let own = format!("after_{task}");
        let after = writer.of(&own);
        text = joined(&text, &after);
    }
    if chance.happens(share) {
        let after = writer.of("after");
        text = joined(&text, &after);
    }
    text
}

/// Two sentences, one behind the other.
fn joined(one: &str, two: &str) -> String {
    if one.is_empty() || two.is_empty() {
        return format!("{one}{two}");
    }
    let ends = one.ends_with(|c: char| !c.is_alphanumeric() && c != ')' && c != '`');
    let begins = two.starts_with(['.', ',', ':', ')', ';', '\n', ' ']);
    match (ends, begins) {
        (_, true) => format!("{one}{two}"),
        (true, false) => format!("{one} {two}"),
        (false, false) => format!("{one}. {two}"),
    }
}

/// What is pasted: what the frame asks for, or at times what goes with the kind.
fn pasted(writer: &mut Writer, chance: &Chance, task: Task, marks: &Marks) -> Option<String> {
    if let Some(name) = chance.pick(&marks.with) {
        return Some(writer.of(name));
    }
    let share = match task {
        Task::Edit | Task::Refactor => 0.3,
        Task::Fix | Task::Explain | Task::Review => 0.25,
        Task::Test => 0.22,
        Task::Generate | Task::Plan | Task::Command => 0.06,
        Task::Complete | Task::Other => 0.0,
    };
    if marks.bare || !chance.happens(share) {
        return None;
    }
    Some(writer.of(&format!("paste_{task}"))).filter(|paste| !paste.is_empty())
}

/// Before or behind the words, in a fence or not.
fn beside(writer: &mut Writer, chance: &Chance, text: &str, paste: &str) -> String {
    let fence = writer.of("fence");
    let paste = match chance.below(5) {
        0 | 1 if writer.told => format!("\u{e000}```{fence}\n\u{e001}{paste}\u{e000}\n```\u{e001}"),
        0..3 => format!("\u{e000}```\n\u{e001}{paste}\u{e000}\n```\u{e001}"),
        _ => paste.to_owned(),
    };
    let gap = if chance.happens(0.7) { "\n\n" } else { "\n" };
    if chance.happens(0.25) {
        return format!("{paste}{gap}{text}");
    }
    let colon = if text.ends_with(char::is_alphanumeric) && chance.happens(0.4) {
        ":"
    } else {
        ""
    };
    format!("{text}{colon}{gap}{paste}")
}

fn tells(grammar: &Grammar) -> Vec<(String, Language)> {
    let mut words = Vec::new();
    for language in Language::ALL {
        let Some((section, true)) = grammar.section("tells", language.as_str(), "") else {
            continue;
        };
        for alternative in &section.alternatives {
            if let [Part::Text(word)] = alternative.template.as_slice() {
                words.push((word.clone(), *language));
            }
        }
    }
    words
}

/// No letter or digit touches it.
fn stands_alone(text: &str, from: usize, to: usize) -> bool {
    let before = text[..from].chars().next_back();
    let after = text[to..].chars().next();
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    !letter(before) && !letter(after)
}

fn fingerprint(text: &str) -> u64 {
    // Only told apart within one run, so the hash may change from one compiler to the next.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
