//! Cuts a text into words and counts what they hash to: each word, each pair, and the beginning of a long word.

use super::{MARKS, MOST};

/// A word of a text: letters, digits, or one other sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Where it begins and ends.
    pub(super) at: (usize, usize),
    /// Of its lower case; digits count by their number alone.
    pub(super) hash: u64,
    /// Of its beginning, where it is longer than that.
    pub(super) stem: Option<u64>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Letters,
    Digits,
    Sign,
}

/// Bytes that the beginning of a word has at least: five Latin letters, three Cyrillic, two syllables of Hangul.
const STEM: usize = 5;

pub(super) const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(PRIME)
}

/// What a word in lower case hashes to.
pub(super) const fn hash(word: &str) -> u64 {
    let bytes = word.as_bytes();
    let (mut hash, mut at) = (SEED, 0);
    while at < bytes.len() {
        hash = step(hash, bytes[at]);
        at += 1;
    }
    hash
}

/// Spreads a hash over all its bits.
pub(super) fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Calls `found` with each word of the text.
pub(super) fn each(text: &str, mut found: impl FnMut(Word)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let word = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Some(letters(text, &mut at)),
            b'0'..=b'9' => Some(digits(bytes, &mut at)),
            0x80.. => wide(text, &mut at),
            _ => {
                at += 1;
                (!byte.is_ascii_whitespace()).then(|| sign(step(SEED, byte)))
            }
        };
        if let Some((kind, hash, stem)) = word {
            let at = (start, at);
            found(Word {
                at,
                hash,
                stem,
                kind,
            });
        }
    }
}

type Read = (Kind, u64, Option<u64>);

fn sign(hash: u64) -> Read {
    (Kind::Sign, hash, None)
}

fn digits(bytes: &[u8], at: &mut usize) -> Read {
    let start = *at;
    while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
        *at += 1;
    }
    let count = u8::try_from((*at - start).min(5)).unwrap_or(5);
    (Kind::Digits, step(step(SEED, b'#'), count), None)
}

/// A letter beyond ASCII begins a word; of scripts that write without spaces, and of signs, each stands alone.
fn wide(text: &str, at: &mut usize) -> Option<Read> {
    let c = text[*at..].chars().next()?;
    if c.is_alphabetic() && !stands_alone(c) {
        return Some(letters(text, at));
    }
    *at += c.len_utf8();
    let hash = lower(SEED, c);
    match (c.is_whitespace() || c.is_control(), c.is_alphabetic()) {
        (true, _) => None,
        (false, true) => Some((Kind::Letters, hash, None)),
        (false, false) => Some(sign(hash)),
    }
}

fn letters(text: &str, at: &mut usize) -> Read {
    let bytes = text.as_bytes();
    let (start, mut hash, mut stem) = (*at, SEED, None);
    while let Some(&byte) = bytes.get(*at) {
        let long = stem.is_none() && *at - start >= STEM;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                stem = if long { Some(hash) } else { stem };
                hash = step(hash, byte.to_ascii_lowercase());
                *at += 1;
            }
            0x80.. => {
                let Some(c) = text[*at..].chars().next().filter(|c| joins(*c)) else {
                    break;
                };
                stem = if long { Some(hash) } else { stem };
                hash = lower(hash, c);
                *at += c.len_utf8();
            }
            _ => break,
        }
    }
    (Kind::Letters, hash, stem)
}

fn lower(hash: u64, c: char) -> u64 {
    let mut utf8 = [0; 4];
    c.to_lowercase().fold(hash, |hash, c| {
        c.encode_utf8(&mut utf8).bytes().fold(hash, step)
    })
}

/// What a letter in lower case hashes to; those of ASCII are themselves.
pub(super) fn lower_hash(c: char) -> u64 {
    match c.is_ascii() {
        true => u64::from(c.to_ascii_lowercase()),
        false => lower(SEED, c),
    }
}

/// Goes on with a word: letters, and the marks that some scripts put on them.
fn joins(c: char) -> bool {
    let mark = matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{610}'..='\u{6ed}');
    (c.is_alphabetic() || mark) && !stands_alone(c)
}

/// Of a script that writes without spaces: Thai to Khmer, kana, Han.
pub(super) fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Counts pieces by row.
pub(super) struct Bag {
    counts: Vec<u8>,
    rows: Vec<u32>,
    pairs: Vec<u32>,
    before: u64,
    pub(super) words: u32,
    pub(super) different_words: u32,
}

/// What keeps a word, a pair and a beginning of the same letters apart.
const WORD: u64 = 0x9e37_79b9_7f4a_7c15;
const PAIR: u64 = 0xc2b2_ae3d_27d4_eb4f;
const BEGINNING: u64 = 0x1656_67b1_9e37_79f9;

impl Bag {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            counts: vec![0; rows],
            rows: Vec::with_capacity(MOST),
            pairs: Vec::with_capacity(MOST / 2),
            before: SEED,
            words: 0,
            different_words: 0,
        }
    }

    pub(super) fn add(&mut self, word: &Word) {
        let new = self.count(mixed(word.hash ^ WORD));
        if word.kind == Kind::Letters {
            self.words += 1;
            self.different_words += u32::from(new);
        }
        let pair = mixed(self.before.rotate_left(23) ^ word.hash ^ PAIR);
        if self.count(pair) {
            // Other bits than those that chose the row.
            self.pairs.push((pair as u32) & (MARKS as u32 - 1));
        }
        if let Some(stem) = word.stem {
            self.count(mixed(stem ^ BEGINNING));
        }
        self.before = word.hash;
    }

    /// Counts a piece; says whether its row is new. When there is no room, only what is known counts on.
    pub(super) fn count(&mut self, hash: u64) -> bool {
        let row = (hash >> 32) as usize & (self.counts.len().wrapping_sub(1));
        let Some(count) = self.counts.get_mut(row) else {
            return false;
        };
        let new = *count == 0;
        if new {
            if self.rows.len() == MOST {
                return false;
            }
            self.rows.push(row as u32);
        }
        *count = count.saturating_add(1);
        new
    }

    /// The rows, how much each counts, and the pairs: a piece that comes again counts more, but less each time.
    pub(super) fn weighed(self) -> (Vec<u32>, Vec<f32>, Vec<u32>) {
        let count = |row: &u32| f32::from(self.counts[*row as usize]);
        let mut weights: Vec<f32> = self.rows.iter().map(|row| 1.0 + count(row).ln()).collect();
        let squares: f32 = weights.iter().map(|it| it * it).sum();
        let length = squares.sqrt().max(1.0);
        for weight in &mut weights {
            *weight /= length;
        }
        (self.rows, weights, self.pairs)
    }
}
