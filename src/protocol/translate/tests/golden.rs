//! Each pair of dialects, as a person has read it and found it right: `tests/data/translate/`.
//!
//! A test that fails shows what is written now. To accept it, run the ignored test here, and read the difference before it is kept.

use std::fs;
use std::path::PathBuf;

use super::super::dropped::{Dropped, Loss};
use super::super::manner::Manner;
use super::super::{read, read_answer, write, write_answer};
use crate::domain::dialect::Dialect;

const CALLERS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Completions,
];

const TARGETS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Gemini,
];

fn place(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/data/translate").join(name)
}

fn file(name: &str) -> String {
    fs::read_to_string(place(name)).expect(name)
}

/// What each pair writes now, by the name of its file.
fn all() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for caller in CALLERS {
        let body = file(&format!("requests/{caller}.json"));
        let (asked, echo) = read(caller, &body).expect("a good request");
        for target in TARGETS {
            let written = write(target, &asked, "its-model", &Manner::of(target));
            let mut dropped = asked.dropped.clone();
            dropped.extend(&written.dropped);
            let name = format!("requests/{caller}.to.{target}.txt");
            all.push((name, page(&written.body, &dropped)));
        }
        for target in TARGETS {
            let body = file(&format!("answers/{target}.json"));
            let answer = read_answer(target, &body, "").expect("a good answer");
            let said = write_answer(&answer, &echo, 1_795_000_002);
            let mut dropped = answer.dropped.clone();
            dropped.extend(&said.dropped);
            let name = format!("answers/{target}.to.{caller}.txt");
            all.push((name, page(&said.body, &dropped)));
        }
    }
    all
}

/// JSON for people, and behind it what was left out.
fn page(json: &str, dropped: &Dropped) -> String {
    let mut page = pretty(json);
    page.push_str("\n\nleft out:\n");
    for Loss {
        field,
        why,
        name,
        times,
    } in dropped.iter()
    {
        let name = name
            .as_deref()
            .map(|name| format!(" {name}"))
            .unwrap_or_default();
        page.push_str(&format!("  {field}{name}: {why}, {times}\n"));
    }
    page
}

/// The same JSON on many lines, its order and its digits kept.
fn pretty(json: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    let (mut quoted, mut escaped) = (false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    for c in json.chars() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '{' | '[' => {
                depth += 1;
                out.push(c);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => {
                quoted = c == '"';
                out.push(c);
            }
        }
    }
    // What is empty stands on one line.
    let mut lines: Vec<String> = Vec::new();
    for text in out.lines().filter(|text| !text.trim().is_empty()) {
        match lines.last_mut() {
            Some(last)
                if last.ends_with(['{', '[']) && text.trim_start().starts_with(['}', ']']) =>
            {
                last.push_str(text.trim_start());
            }
            _ => lines.push(text.to_owned()),
        }
    }
    lines.join("\n")
}

#[test]
fn each_pair_says_what_was_found_right() {
    for (name, now) in all() {
        let then = fs::read_to_string(place(&name)).unwrap_or_default();

        assert_eq!(now, then, "{name}");
    }
}

#[test]
#[ignore = "writes the files that the test above reads"]
fn write_what_each_pair_says_now() {
    for (name, now) in all() {
        fs::write(place(&name), now).expect("the folder is there");
    }
}
