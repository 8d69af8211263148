//! What holds of all requests.

use std::collections::HashSet;

use super::frames::{TONGUES, embedded};
use super::grammar::{Grammar, Part, Template};
use super::{Lengths, Request, generate};
use crate::domain::facts::{Language, Task};

fn many() -> Vec<Request> {
    generate(7, 20_000).collect()
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let one: Vec<Request> = generate(3, 300).collect();
    let two: Vec<Request> = generate(3, 300).collect();
    let other: Vec<Request> = generate(4, 300).collect();

    assert_eq!(one, two);
    assert_ne!(one, other);
}

#[test]
fn each_kind_and_language_is_there_and_hardly_a_text_twice() {
    let requests = many();
    let texts: HashSet<&str> = requests.iter().map(|one| one.text.as_str()).collect();

    for task in Task::ALL {
        let count = requests.iter().filter(|one| one.task == *task).count();
        assert!(count > 800, "{task}: {count}");
    }
    for language in Language::ALL {
        let count = requests.iter().filter(|one| one.language == *language);
        assert!(count.count() > 300, "{language}");
    }
    assert!(texts.len() > 19_600, "{} of 20,000 differ", texts.len());
}

#[test]
fn requests_say_something_and_keep_no_mark_of_their_making() {
    for request in generate(11, 20_000) {
        let text = &request.text;
        assert!(!text.trim().is_empty());
        assert!(!text.contains(['\u{e000}', '\u{e001}', '«', '»']), "{text}");
        assert!((4..=12_000).contains(&request.output));
        assert!((-2.0..=2.0).contains(&request.difficulty));
    }
}

#[test]
fn people_speak_in_every_tongue_about_every_kind() {
    let grammar = embedded();

    for task in Task::ALL {
        let english = grammar.section(task.as_str(), "", "en");
        let frames = english.map_or(0, |(section, _)| section.alternatives.len());
        assert!(frames >= 80, "{task}: {frames} frames");
        for tongue in TONGUES {
            let own = grammar
                .all()
                .find(|(name, variant, _)| *name == task.as_str() && *variant == tongue);
            let frames = own.map_or(0, |(_, _, section)| section.alternatives.len());
            assert!(frames >= 4, "{task}@{tongue}: {frames} frames");
        }
    }
}

#[test]
fn every_slot_is_answered() {
    let grammar = embedded();
    let languages = Language::ALL.iter().map(|language| language.as_str());
    let languages: Vec<&str> = languages.collect();

    let mut missing = Vec::new();
    for (name, variant, section) in grammar.all() {
        for alternative in &section.alternatives {
            for slot in slots(&alternative.template) {
                if !answered(&grammar, &slot, variant, &languages) {
                    missing.push(format!("{name}@{variant} asks for {slot}"));
                }
            }
            let marks = grammar.marks(alternative).expect("marks");
            for slot in &marks.with {
                if !answered(&grammar, slot, variant, &languages) {
                    missing.push(format!("{name}@{variant} goes with {slot}"));
                }
            }
        }
    }
    missing.sort();
    missing.dedup();

    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}

/// What the program makes up itself.
const MADE: [&str; 17] = [
    "snake", "kebab", "upper", "pascal", "camel", "digit", "num", "big", "row", "port", "pid",
    "hex", "addr", "ver", "frac", "date", "clock",
];

/// For the language of its section, or for all.
fn answered(grammar: &Grammar, slot: &str, variant: &str, languages: &[&str]) -> bool {
    if MADE.contains(&slot) {
        return true;
    }
    let own = languages.contains(&variant);
    let for_all = |one: &&str| grammar.section(slot, one, "en").is_some();
    if own {
        return for_all(&variant);
    }
    languages.iter().all(for_all)
}

fn slots(template: &Template) -> Vec<String> {
    template
        .iter()
        .flat_map(|part| match part {
            Part::Text(_) => Vec::new(),
            Part::Slot { name, .. } => vec![name.clone()],
            Part::Choice(choices) => choices.iter().flat_map(slots).collect(),
        })
        .collect()
}

#[test]
fn a_file_with_a_fault_is_refused_with_its_line() {
    let read = |text: &str| Grammar::default().read(text).map_err(|fault| fault.line);

    assert_eq!(read("words"), Err(1));
    assert_eq!(read("= a\nx {b"), Err(2));
    assert_eq!(read("= a loud\nx"), Err(1));
    assert_eq!(read("= a\n{B}"), Err(2));
    assert_eq!(read("== a\n{ «b» }\n---\n«c"), Err(4));
    assert_eq!(read("== a\n{ «b» }\n---\nc"), Ok(()));
}

#[test]
fn rows_survive_their_file() {
    for request in generate(5, 200) {
        let line = serde_json::to_string(&request).expect("a row is written");

        let back: Request = serde_json::from_str(&line).expect("a row is read");

        assert_eq!(back, request);
    }
}

#[test]
fn answers_to_other_texts_are_as_long_as_their_kind_tells() {
    let lengths = Lengths::new(5);
    let middle = |task| {
        let mut all: Vec<u32> = (0..201).map(|_| lengths.of(task, "as asked")).collect();
        all.sort_unstable();
        all[100]
    };

    assert!((40..140).contains(&middle(Task::Other)));
    assert!((400..1_600).contains(&middle(Task::Generate)));
    let [one, two] = [5, 5].map(|seed| Lengths::new(seed).of(Task::Fix, "mend it"));
    assert_eq!(one, two);
}
