//! What the person says in words, apart from the code that stands around it: the kind of work is asked for there.
//!
//! Beside the words and pairs of the prose stand its first and last words, and the letters within words, by which forms
//! and compounds of a word are known that were never seen whole.

use super::words::{Bag, Kind, SEED, Word, lower_hash, mixed, stands_alone};

/// What keeps pieces of the same letters apart.
const WORD: u64 = 0xa076_1d64_78bd_642f;
const PAIR: u64 = 0xe703_7ed1_a0b4_28db;
const FIRST: u64 = 0x8ebc_6af0_9c88_c6e3;
const LAST: u64 = 0x5899_65cc_7537_4cc3;
const IN_PROSE: u64 = 0x1d8e_4e27_c47d_124f;
const IN_CODE: u64 = 0xeb44_acca_b455_d165;
const TOGETHER: u64 = 0x9c6e_6877_736c_46e3;

/// So many words at the beginning of the prose and at its end have a say of their own.
const ENDS: usize = 2;
/// Letters of words are taken together by so many.
const LETTERS: usize = 4;
/// Scripts beyond the Latin ones say more with a letter.
const LETTERS_BEYOND: usize = 3;
/// The last letter that is Latin.
const LATIN: char = '\u{24f}';

/// Signs that code has more of than prose: looked up, as every byte is asked.
const SIGNS: [bool; 256] = {
    let (marks, mut table, mut at) = (b"{}()[];=<>*/\\|&^%$#@_`+~", [false; 256], 0);
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// Words of one line.
struct Line<'a> {
    words: &'a [Word],
    code: bool,
}

/// Counts the pieces of the prose of a text whose words these are.
pub(super) fn read(text: &str, words: &[Word], rows: usize) -> Bag {
    let mut lines = lines(text, words);
    // A text that is nothing but code is all that the person says.
    if lines.iter().all(|line| line.code) {
        lines.iter_mut().for_each(|line| line.code = false);
    }
    let mut bag = Bag::new(rows);
    for line in &lines {
        if !line.code {
            pairs(&mut bag, line.words);
        }
        letters(&mut bag, text, line);
    }
    let mut prose = lines.iter().filter(|line| !line.code);
    if let Some(first) = prose.next() {
        let last = prose.next_back().unwrap_or(first);
        let ends = first.words.iter().take(ENDS).map(|word| (word, FIRST));
        for (word, end) in ends.chain(last.words.iter().rev().take(ENDS).map(|it| (it, LAST))) {
            bag.count(mixed(word.hash ^ end));
        }
    }
    bag
}

/// The lines that say something; fences only tell what stands between them.
fn lines<'a>(text: &str, words: &'a [Word]) -> Vec<Line<'a>> {
    let (mut lines, mut from, mut at, mut fenced) = (Vec::new(), 0, 0, false);
    for line in text.split('\n') {
        at += line.len() + 1;
        let count = words[from..]
            .iter()
            .take_while(|word| word.at.0 < at)
            .count();
        let own = &words[from..from + count];
        from += count;
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !own.is_empty() {
            let code = fenced || is_code(text, line, own);
            lines.push(Line { words: own, code });
        }
    }
    lines
}

/// Whether a line is code, as far as its signs tell. A remark is prose if it reads so.
fn is_code(text: &str, line: &str, words: &[Word]) -> bool {
    let plain =
        |word: &&Word| word.kind == Kind::Letters && !text[word.at.0..word.at.1].contains('_');
    let spoken = words.iter().filter(plain).count();
    let signs = line
        .bytes()
        .filter(|byte| SIGNS[usize::from(*byte)])
        .count();
    let inner = line.trim();
    if line.starts_with("    ") || line.starts_with('\t') {
        return true;
    }
    let remark = ["//", "#", "--", "*", "/*"]
        .iter()
        .any(|mark| inner.starts_with(mark));
    if remark && spoken >= 3 {
        return signs > 2 + spoken / 2;
    }
    inner.ends_with([';', '{', '}']) || signs * 2 >= spoken
}

/// Words and pairs; a line's beginning and end are words, too.
fn pairs(bag: &mut Bag, words: &[Word]) {
    let mut before = SEED;
    let pair = |before: u64, hash: u64| mixed(before.rotate_left(23) ^ hash ^ PAIR);
    for word in words {
        bag.count(mixed(word.hash ^ WORD));
        bag.count(pair(before, word.hash));
        before = word.hash;
    }
    bag.count(pair(before, SEED));
}

fn letters(bag: &mut Bag, text: &str, line: &Line<'_>) {
    let of = if line.code { IN_CODE } else { IN_PROSE };
    let mut alone = [None; 2];
    for word in line.words {
        let letters = &text[word.at.0..word.at.1];
        let single = letters.chars().next().filter(|c| stands_alone(*c));
        if single.is_some() && !line.code {
            if let [Some(two), Some(one)] = alone {
                bag.count(mixed(of_letters([two, one, word.hash, 0]) ^ TOGETHER));
            }
        } else if word.kind == Kind::Letters {
            within(bag, letters, of);
        }
        alone = [alone[1], single.map(|_| word.hash)];
    }
}

/// What follows each other in a word, its beginning and end included.
fn within(bag: &mut Bag, word: &str, of: u64) {
    let count = word.chars().take(LETTERS).count();
    let beyond = of == IN_PROSE && word.chars().next().is_some_and(|c| c > LATIN);
    let long = count >= LETTERS;
    let shorter = beyond && count >= LETTERS_BEYOND;
    if !(long || shorter) {
        return;
    }
    let mut seen = [0, 0, 0, u64::from(b'<')];
    let inner = word.chars().map(lower_hash);
    for (at, letter) in inner.chain([u64::from(b'>')]).enumerate() {
        seen = [seen[1], seen[2], seen[3], letter];
        if long && at + 2 >= LETTERS {
            bag.count(mixed(of_letters(seen) ^ of));
        }
        if shorter && at + 2 >= LETTERS_BEYOND {
            bag.count(mixed(of_letters([0, seen[1], seen[2], seen[3]]) ^ of));
        }
    }
}

fn of_letters(letters: [u64; LETTERS]) -> u64 {
    let step = |hash: u64, letter: &u64| {
        (hash ^ letter)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    };
    letters.iter().fold(SEED, step)
}
