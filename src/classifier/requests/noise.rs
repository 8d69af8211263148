//! What hasty fingers, phones and dictation leave in a text. What is pasted or named stays as it is.

use super::chance::Chance;
use super::writer::{CLOSE, OPEN};

/// Roughens the typed parts, and takes the guards out.
pub(super) fn roughen(text: &str, english: bool, chance: &Chance) -> String {
    let habit = Habit::of(english, chance);
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut typed = String::new();
    for sign in text.chars() {
        match sign {
            OPEN => {
                if depth == 0 {
                    out.push_str(&habit.apply(&typed, chance));
                    typed.clear();
                }
                depth += 1;
            }
            CLOSE => depth = depth.saturating_sub(1),
            _ if depth > 0 => out.push(sign),
            _ => typed.push(sign),
        }
    }
    out.push_str(&habit.apply(&typed, chance));
    let out = out.trim();
    // What begins with pasted text begins as it was pasted.
    if habit.capital && !text.trim_start().starts_with(OPEN) {
        return capitalised(out);
    }
    out.to_owned()
}

fn capitalised(text: &str) -> String {
    let mut signs = text.chars();
    match signs.next() {
        // A path or a name at the beginning keeps its case.
        Some(first) if text.split_whitespace().next().is_some_and(plain) => {
            first.to_uppercase().chain(signs).collect()
        }
        _ => text.to_owned(),
    }
}

fn plain(word: &str) -> bool {
    word.chars()
        .all(|c| c.is_lowercase() || ",'!:;?.".contains(c))
}

/// How one person types.
#[derive(Debug)]
struct Habit {
    capital: bool,
    lower: bool,
    upper: bool,
    bare: bool,
    short: bool,
    plain_letters: bool,
    filler: f32,
    slips: f32,
}

impl Habit {
    fn of(english: bool, chance: &Chance) -> Self {
        let lower = chance.happens(0.25);
        Self {
            capital: !lower && chance.happens(0.8),
            lower,
            upper: chance.happens(0.008),
            bare: chance.happens(if lower { 0.5 } else { 0.08 }),
            short: english && chance.happens(0.07),
            plain_letters: chance.happens(0.12),
            filler: if english && chance.happens(0.04) {
                0.12
            } else {
                0.0
            },
            slips: if chance.happens(0.14) { 0.05 } else { 0.0 },
        }
    }

    fn apply(&self, typed: &str, chance: &Chance) -> String {
        if typed.is_empty() {
            return String::new();
        }
        let mut text = typed.to_owned();
        if self.upper {
            text = text.to_uppercase();
        } else if self.lower {
            text = text.to_lowercase();
        }
        // A text of nothing but dots keeps them.
        if self.bare && text.contains(char::is_alphanumeric) {
            text.retain(|c| !matches!(c, '.' | ',' | '\'' | '’' | '!'));
        }
        if self.plain_letters {
            text = text.chars().map(letter).collect();
        }
        if self.short || self.filler > 0.0 || self.slips > 0.0 {
            text = words(&text, |word| self.word(word, chance));
        }
        text
    }

    fn word(&self, word: &str, chance: &Chance) -> String {
        if self.short
            && let Some(short) = shorter(word)
        {
            return short.to_owned();
        }
        if self.filler > 0.0 && chance.happens(self.filler) {
            let fillers = ["um", "like", "so", "you know", "basically", "uh", "okay so"];
            let filler = chance.pick(&fillers).copied().unwrap_or_default();
            return format!("{filler} {word}");
        }
        if self.slips > 0.0 && chance.happens(self.slips) {
            return slip(word, chance);
        }
        word.to_owned()
    }
}

/// Each word changed, all between them kept.
fn words(text: &str, mut change: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if !word.is_empty() {
            out.push_str(&change(word));
        }
        out.push_str(&piece[word.len()..]);
    }
    out
}

/// A letter lost, doubled, or swapped with its neighbour.
fn slip(word: &str, chance: &Chance) -> String {
    let mut signs: Vec<char> = word.chars().collect();
    if signs.len() < 4 || !signs.iter().all(|c| c.is_alphabetic()) {
        return word.to_owned();
    }
    let at = 1 + chance.below(signs.len() - 2);
    match chance.below(3) {
        0 => drop(signs.remove(at)),
        1 => signs.insert(at, signs[at]),
        _ => signs.swap(at, at + 1),
    }
    signs.into_iter().collect()
}

fn shorter(word: &str) -> Option<&'static str> {
    Some(match word {
        "please" | "Please" => "pls",
        "you" => "u",
        "your" => "ur",
        "because" => "bc",
        "with" => "w/",
        "without" => "w/o",
        "and" => "&",
        "function" => "func",
        "repository" => "repo",
        "configuration" => "config",
        "are" => "r",
        "for" => "4",
        "thanks" => "thx",
        "something" => "smth",
        "environment" => "env",
        "database" => "db",
        "production" => "prod",
        "message" => "msg",
        "messages" => "msgs",
        "should" => "shd",
        "instead" => "insted",
        _ => return None,
    })
}

/// Without its accent.
fn letter(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'ą' | 'ă' | 'ạ' | 'ả' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ế' | 'ệ' | 'ề' => 'e',
        'í' | 'ì' | 'î' | 'ï' | 'ı' | 'ị' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'ơ' | 'ộ' | 'ố' | 'ổ' => 'o',
        'ú' | 'ù' | 'û' | 'ü' | 'ư' | 'ử' | 'ụ' => 'u',
        'ç' | 'ć' => 'c',
        'ñ' | 'ń' => 'n',
        'ł' => 'l',
        'ś' | 'ş' => 's',
        'ż' | 'ź' => 'z',
        'ğ' => 'g',
        'đ' => 'd',
        _ => letter,
    }
}
