//! What a rule asks of a call (`when`), as it is written.

use super::node::Kind;
use super::prices::{minute, part_of_day, week};
use super::reader::{Cursor, quoted};
use super::rules::share;
use crate::domain::dialect::Dialect;
use crate::domain::facts::{DataClass, Language, Task, Turn};
use crate::domain::path_glob::PathGlob;
use crate::policy::{Bounds, Condition, Glob, Hours, Portion};

const KEYS: [&str; 20] = [
    "all",
    "any",
    "not",
    "tenant",
    "key",
    "tag",
    "dialect",
    "requested",
    "task",
    "difficulty",
    "language",
    "path",
    "prompt_tokens",
    "tools",
    "images",
    "data_class",
    "secrets",
    "turn",
    "share",
    "hours",
];

/// The words of a closed set with what they stand for.
macro_rules! words {
    ($set:ty) => {
        &<$set>::ALL
            .iter()
            .map(|it| (it.as_str(), *it))
            .collect::<Vec<_>>()
    };
}
pub(super) use words;

/// Reads conditions that all have to hold. `salt` tells the rule's drawing of shares from others.
pub(super) fn read(cursor: &Cursor<'_>, salt: u64) -> Option<Condition> {
    cursor.fields(&KEYS)?;
    let entries = cursor.entries()?;
    if entries.is_empty() {
        let mend = "name something that a call has, or leave `when` out";
        cursor.fault("it asks nothing", mend);
        return None;
    }
    let known = entries
        .iter()
        .filter(|(entry, _)| KEYS.contains(&entry.key.as_str()));
    // All are read before one that is wrong ends it.
    let parts: Vec<_> = known
        .map(|(entry, value)| read_one(&entry.key, value, salt))
        .collect();
    let whole = parts.len() == entries.len();
    let mut parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
    match parts.len() {
        _ if !whole => None,
        1 => parts.pop(),
        _ => Some(Condition::All(parts)),
    }
}

fn read_one(key: &str, cursor: &Cursor<'_>, salt: u64) -> Option<Condition> {
    match key {
        "all" => several(cursor, salt).map(Condition::All),
        "any" => several(cursor, salt).map(Condition::Any),
        "not" => {
            let mut parts = several(cursor, salt)?;
            let part = match parts.len() {
                1 => parts.pop()?,
                _ => Condition::Any(parts),
            };
            Some(Condition::Not(Box::new(part)))
        }
        "tenant" => globs(cursor).map(Condition::Tenant),
        "key" => globs(cursor).map(Condition::Key),
        "requested" => globs(cursor).map(Condition::Requested),
        "tag" => tags(cursor),
        "dialect" => cursor.some_of(&callers()).map(Condition::Dialect),
        "task" => cursor.some_of(words!(Task)).map(Condition::Task),
        "language" => cursor.some_of(words!(Language)).map(Condition::Language),
        "difficulty" => bounds(cursor, level).map(Condition::Difficulty),
        "prompt_tokens" => bounds(cursor, count).map(Condition::PromptTokens),
        "path" => paths(cursor).map(Condition::Path),
        "tools" => cursor.flag().map(Condition::Tools),
        "images" => cursor.flag().map(Condition::Images),
        "data_class" => {
            let classes = cursor.some_of(words!(DataClass))?;
            classes.into_iter().min().map(Condition::DataClass)
        }
        "secrets" => {
            let words = [("found", true), ("none", false)];
            cursor.one_of(&words).map(Condition::Secrets)
        }
        "turn" => turn(cursor),
        "share" => {
            let share = share(cursor)?;
            Some(Condition::Share(Portion { share, salt }))
        }
        "hours" => hours(cursor),
        _ => None,
    }
}

/// Dialects that callers speak.
fn callers() -> Vec<(&'static str, Dialect)> {
    let all = Dialect::ALL.iter().filter(|it| **it != Dialect::Gemini);
    all.map(|it| (it.as_str(), *it)).collect()
}

/// Reads each item; all of them, before one that is wrong ends it.
fn each<T>(cursor: &Cursor<'_>, read: impl Fn(&Cursor<'_>) -> Option<T>) -> Option<Vec<T>> {
    let items: Vec<_> = cursor.some()?.iter().map(read).collect();
    items.into_iter().collect()
}

fn several(cursor: &Cursor<'_>, salt: u64) -> Option<Vec<Condition>> {
    each(cursor, |item| read(item, salt))
}

fn globs(cursor: &Cursor<'_>) -> Option<Vec<Glob>> {
    each(cursor, |item| item.text().map(Glob::new))
}

fn tags(cursor: &Cursor<'_>) -> Option<Condition> {
    let entries = cursor.entries()?;
    if entries.is_empty() {
        cursor.fault("it asks nothing", "write it like { team: payments }");
    }
    let tags: Vec<_> = entries
        .iter()
        .map(|(entry, value)| Some(Condition::Tag(entry.key.as_str().into(), globs(value)?)))
        .collect();
    let mut tags = tags.into_iter().collect::<Option<Vec<_>>>()?;
    match tags.len() {
        0 | 1 => tags.pop(),
        _ => Some(Condition::All(tags)),
    }
}

fn paths(cursor: &Cursor<'_>) -> Option<Vec<PathGlob>> {
    each(cursor, |item| {
        let text = item.text()?;
        PathGlob::parse(text)
            .map_err(|fault| {
                let fault = fault.to_string();
                let (what, mend) = fault.split_once("; ").unwrap_or((&fault, ""));
                item.fault(format!("{} {what}", quoted(text)), mend);
            })
            .ok()
    })
}

fn bounds<T: PartialOrd>(
    cursor: &Cursor<'_>,
    read: impl Fn(&Cursor<'_>) -> Option<T>,
) -> Option<Bounds<T>> {
    let fields = cursor.fields(&["above", "below"])?;
    let (above, below) = (fields.get("above"), fields.get("below"));
    if above.is_none() && below.is_none() {
        cursor.fault("it asks nothing", "add `above: …` or `below: …`");
        return None;
    }
    let bound = |value: Option<Cursor<'_>>| match value {
        Some(value) => read(&value).map(Some),
        None => Some(None),
    };
    let (above, below) = (bound(above), bound(below));
    let bounds = Bounds {
        above: above?,
        below: below?,
    };
    if let (Some(above), Some(below)) = (&bounds.above, &bounds.below)
        && above >= below
    {
        cursor.fault(
            "nothing lies between these two",
            "make `above` the smaller one",
        );
        return None;
    }
    Some(bounds)
}

fn count(cursor: &Cursor<'_>) -> Option<u64> {
    cursor.count(0, 1 << 40, 32_000)
}

/// Reads a level of difficulty; 0 is about the middle.
fn level(cursor: &Cursor<'_>) -> Option<f32> {
    let text = cursor.text()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let read = plain.then(|| text.parse::<f32>().ok()).flatten();
    let read = read.filter(|level| level.abs() <= 100.0);
    if read.is_none() {
        let what = format!("{} is not a level of difficulty", quoted(text));
        cursor.fault(what, "write a number like 1.5 or -0.5; 0 is the middle");
    }
    read
}

fn turn(cursor: &Cursor<'_>) -> Option<Condition> {
    match &cursor.node.kind {
        Kind::Map(_) => bounds(cursor, count).map(Condition::Turns),
        _ => cursor.some_of(words!(Turn)).map(Condition::Turn),
    }
}

fn hours(cursor: &Cursor<'_>) -> Option<Condition> {
    const WEEK: u8 = 0x7f;
    let items = each(cursor, |item| {
        let Kind::Map(_) = &item.node.kind else {
            return window(item, WEEK, 0).map(|hours| vec![hours]);
        };
        let fields = item.fields(&["at", "days", "zone"])?;
        let days = fields.get("days").map_or(Some(WEEK), |days| week(&days));
        let ahead = fields.get("zone").map_or(Some(0), |it| zone(&it));
        let at = fields.need("at");
        let (days, ahead) = (days?, ahead?);
        each(&at?, |window_at| window(window_at, days, ahead))
    })?;
    Some(Condition::Hours(items.into_iter().flatten().collect()))
}

fn window(cursor: &Cursor<'_>, days: u8, ahead: i16) -> Option<Hours> {
    let text = cursor.text()?;
    let read = part_of_day(text).filter(|(from, to)| from != to && *from < 1_440);
    let Some((from, to)) = read else {
        let what = format!("{} is not a part of a day", quoted(text));
        cursor.fault(what, "write it like \"22:00-06:00\"");
        return None;
    };
    Some(Hours {
        days,
        from,
        to,
        ahead,
    })
}

/// Minutes that a zone is ahead of UTC.
fn zone(cursor: &Cursor<'_>) -> Option<i16> {
    const FARTHEST: i16 = 14 * 60;
    let text = cursor.text()?;
    let ahead = |text: &str| minute(text).and_then(|it| i16::try_from(it).ok());
    let read = match text.split_at_checked(1) {
        _ if text.eq_ignore_ascii_case("utc") => Some(0),
        Some(("+", rest)) => ahead(rest),
        Some(("-", rest)) => ahead(rest).map(|minutes| -minutes),
        _ => None,
    };
    let read = read.filter(|minutes| minutes.abs() <= FARTHEST);
    if read.is_none() {
        let what = format!("{} is not an offset from UTC", quoted(text));
        cursor.fault(what, "write it like +01:00, -05:00 or utc");
    }
    read
}
