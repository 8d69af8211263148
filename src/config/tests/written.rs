//! Policies that are written down read back as they were meant; and no text makes the reading panic.

use std::fmt::Write;

use proptest::prelude::*;

use super::super::node::Node;
use super::super::policies::{self, Known};
use super::super::reader::{Cursor, Sink};
use super::super::yaml;
use crate::domain::money::NanoUsd;
use crate::policy::{
    Bounds, Condition, Hours, Objective, Otherwise, Pick, Rule, Selector, Terms, random,
};

fn known() -> Known {
    Known {
        models: random::MODELS.into_iter().map(Into::into).collect(),
        targets: random::TARGETS.into_iter().map(Into::into).collect(),
    }
}

fn tree(text: &str) -> Node {
    yaml::parse("x.yaml", text).expect("YAML")
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    let items: Vec<_> = items.iter().map(write).collect();
    match items.as_slice() {
        // One may stand without brackets.
        [one] => one.clone(),
        _ => format!("[{}]", items.join(", ")),
    }
}

fn quoted<T: ToString>(item: &T) -> String {
    format!("{:?}", item.to_string())
}

fn bounds<T: ToString>(bounds: &Bounds<T>) -> String {
    let bound = |name: &str, value: &Option<T>| {
        value
            .as_ref()
            .map(|value| format!("{name}: {}", value.to_string()))
    };
    let both = [bound("above", &bounds.above), bound("below", &bounds.below)];
    format!(
        "{{ {} }}",
        both.into_iter().flatten().collect::<Vec<_>>().join(", ")
    )
}

fn hours(hours: &Hours) -> String {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let days = (0..7).filter(|day| hours.days >> day & 1 == 1);
    let days: Vec<_> = days.map(|day| DAYS[day]).collect();
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let sign = if hours.ahead < 0 { '-' } else { '+' };
    format!(
        "{{ days: [{}], at: '{}-{}', zone: {sign}{} }}",
        days.join(", "),
        clock(hours.from),
        clock(hours.to),
        clock(hours.ahead.unsigned_abs()),
    )
}

fn condition(it: &Condition) -> String {
    let several = |parts: &Vec<Condition>| list(parts, condition);
    let text = match it {
        Condition::All(parts) => format!("all: {}", several(parts)),
        Condition::Any(parts) => format!("any: {}", several(parts)),
        Condition::Not(part) => format!("not: {}", condition(part)),
        Condition::Tenant(globs) => format!("tenant: {}", list(globs, quoted)),
        Condition::Key(globs) => format!("key: {}", list(globs, quoted)),
        Condition::Tag(name, globs) => format!("tag: {{ {name}: {} }}", list(globs, quoted)),
        Condition::Dialect(all) => format!("dialect: {}", list(all, ToString::to_string)),
        Condition::Requested(globs) => format!("requested: {}", list(globs, quoted)),
        Condition::Task(all) => format!("task: {}", list(all, ToString::to_string)),
        Condition::Difficulty(it) => format!("difficulty: {}", bounds(it)),
        Condition::Language(all) => format!("language: {}", list(all, ToString::to_string)),
        Condition::Path(globs) => format!("path: {}", list(globs, quoted)),
        Condition::PromptTokens(it) => format!("prompt_tokens: {}", bounds(it)),
        Condition::Tools(flag) => format!("tools: {flag}"),
        Condition::Images(flag) => format!("images: {flag}"),
        Condition::DataClass(class) => format!("data_class: {class}"),
        Condition::Secrets(found) => format!("secrets: {}", if *found { "found" } else { "none" }),
        Condition::Turn(all) => format!("turn: {}", list(all, ToString::to_string)),
        Condition::Turns(it) => format!("turn: {}", bounds(it)),
        Condition::Share(portion) => format!("share: {}", portion.share),
        Condition::Hours(all) => format!("hours: {}", list(all, hours)),
    };
    format!("{{ {text} }}")
}

fn pick(it: &Pick) -> String {
    let Pick::Kind {
        hosting,
        targets,
        can,
    } = it
    else {
        let Pick::Named(glob) = it else {
            unreachable!()
        };
        return quoted(glob);
    };
    let mut keys: Vec<String> = hosting.iter().map(|it| format!("hosting: {it}")).collect();
    if !targets.is_empty() {
        keys.push(format!("target: {}", list(targets, quoted)));
    }
    if !can.is_empty() {
        keys.push(format!("can: {}", list(can, ToString::to_string)));
    }
    format!("{{ {} }}", keys.join(", "))
}

fn terms(text: &mut String, terms: &Terms) {
    let usd = [
        ("failure_usd", terms.failure),
        ("minute_usd", terms.minute),
        ("switch_usd", terms.switch),
    ];
    for (key, amount) in usd {
        if let Some(amount) = amount {
            let _ = writeln!(text, "    {key}: {amount}");
        }
    }
    if let Some(time) = terms.first_byte {
        let _ = writeln!(text, "    first_byte_ms: {}", time.as_millis());
    }
}

fn rule(text: &mut String, rule: &Rule) {
    let _ = writeln!(text, "  - name: {}", rule.name);
    if let Some(when) = &rule.when {
        let _ = writeln!(text, "    when: {}", condition(when));
    }
    let choices: [(&str, &Option<Selector>); 4] = [
        ("only", &rule.only),
        ("never", &rule.never),
        ("prefer", &rule.prefer),
        ("pin", &rule.pin),
    ];
    for (key, selector) in choices {
        if let Some(selector) = selector {
            let _ = writeln!(text, "    {key}: {}", list(&selector.0, pick));
        }
    }
    terms(text, &rule.terms);
    if rule.last {
        text.push_str("    final: true\n");
    }
    match rule.otherwise {
        Otherwise::Fail => {}
        Otherwise::Refuse => text.push_str("    otherwise: refuse\n"),
        Otherwise::Anyway => text.push_str("    otherwise: anyway\n"),
    }
    if let Some(shadow) = &rule.shadow {
        let _ = writeln!(text, "    shadow: {shadow}");
    }
}

/// What is read has its own lines and its own drawings of shares.
fn bare(mut rule: Rule) -> Rule {
    fn unsalted(it: &mut Condition) {
        match it {
            Condition::All(parts) | Condition::Any(parts) => parts.iter_mut().for_each(unsalted),
            Condition::Not(part) => unsalted(part),
            Condition::Share(portion) => portion.salt = 0,
            _ => {}
        }
    }
    rule.line = 0;
    rule.when.iter_mut().for_each(unsalted);
    rule
}

proptest! {
    #[test]
    fn a_policy_that_is_written_reads_back_as_it_was(rules in random::rules(), dollars in 0_i64..1 << 50) {
        let mut text = format!("version: 1\nobjective: {{ failure_usd: {} }}\nrules:\n", NanoUsd(dollars));
        rules.iter().for_each(|it| rule(&mut text, it));
        let (node, sink) = (tree(&text), Sink::default());

        let read = policies::read("default", &Cursor::new(&node, &sink), &known());
        let read = sink.finish(read).map_err(|faults| TestCaseError::fail(format!("{faults}\n{text}")))?;

        prop_assert_eq!(read.objective, Objective { failure: NanoUsd(dollars), ..Objective::default() });
        let wanted: Vec<_> = rules.into_iter().map(bare).collect();
        prop_assert_eq!(read.rules.into_iter().map(bare).collect::<Vec<_>>(), wanted, "{}", text);
    }

    #[test]
    fn no_policy_makes_the_reading_panic(lines in proptest::collection::vec(
        "( {0,6})(- )?((rules|tasks|when|any|all|not|only|pin|never|prefer|hours|share|path|difficulty|turn|tag|name|final|\
         otherwise|objective|explore|failure_usd|models|fix|at|zone|days|above|hosting|can): ?)?(\\{|\\[|refuse|'22:00-06:00'|0\\.5|\
         base|own|found|\\*\\*/a|\\}|\\]|[a-z0-9:,.+ -]{0,6}){0,3}",
        0..14,
    )) {
        let text = format!("version: 1\n{}", lines.join("\n"));
        if let Ok(node) = yaml::parse("x.yaml", &text) {
            let sink = Sink::default();
            let _ = policies::read("default", &Cursor::new(&node, &sink), &known());
        }
    }

    #[test]
    fn a_policy_of_one_line_changed_never_panics(rules in random::rules(), at in 0_usize..2_000, letter in "[ -~\n]") {
        let mut text = "version: 1\nrules:\n".to_owned();
        rules.iter().for_each(|it| rule(&mut text, it));
        let at = at % text.len();
        text.replace_range(at..=at, &letter);
        if let Ok(node) = yaml::parse("x.yaml", &text) {
            let sink = Sink::default();
            let _ = policies::read("default", &Cursor::new(&node, &sink), &known());
        }
    }
}
