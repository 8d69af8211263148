//! The path that stands around a place in a text, as JSON wrote it: `src\/a`, `C:\\a`, `caf\u00e9/a`.
//!
//! `\\n` may be a line break in JSON within JSON, or a folder whose name begins with `n`. Both readings are tried.

use super::text::char_before;
use crate::domain::path_glob::PathGlob;

/// So much is read on either side. A list of files is one word to JSON, so what is longer is cut, not passed over.
const REACH: usize = 512;
/// Readings that are tried.
const CUTS: usize = 8;

/// A path, and where it may begin or end instead.
pub(super) struct Window {
    path: String,
    /// The letters that were looked for stand here.
    hit: usize,
    /// Where one path may end and where the next may begin.
    cuts: Vec<(usize, usize)>,
    /// It stands in quotes, or alone on its line, or behind a word that announces a file.
    named: bool,
}

/// What no path has in it, unless in quotes.
fn is_stop(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || b"\"'`<>|*?;:,(){}[]=".contains(&byte)
}

impl Window {
    /// Reads what stands around `at`; `None` where that is no path.
    pub(super) fn around(text: &[u8], at: usize) -> Option<Self> {
        let before = text[..at].iter().rev().take(REACH);
        let before = before.take_while(|byte| !is_stop(**byte)).count();
        let behind = text[at..].iter().take(REACH);
        let behind = behind.take_while(|byte| !is_stop(**byte)).count();
        let (start, end) = (at - before, at + behind);
        let named = is_named(text, start, end);
        // Most are `self.key` and the like: no folder, and nothing that says that it is a file.
        if !named && memchr::memchr2(b'/', b'\\', &text[start..end]).is_none() {
            return None;
        }
        let mut window = Self {
            path: String::new(),
            hit: 0,
            cuts: Vec::new(),
            named,
        };
        window.read(text, start, at, end);
        window.add_drive(text, start)?;
        Some(window)
    }

    /// Whether a pattern fits in one of the readings.
    pub(super) fn fits(&self, glob: &PathGlob) -> bool {
        let starts = self.cuts.iter().map(|(_, start)| *start);
        let starts = starts.filter(|start| *start <= self.hit);
        std::iter::once(0).chain(starts).any(|start| {
            let ends = self.cuts.iter().map(|(end, _)| *end);
            let ends = ends.filter(|end| *end > self.hit);
            let mut ends = std::iter::once(self.path.len()).chain(ends);
            ends.any(|end| self.reading_fits(glob, start, end))
        })
    }

    fn reading_fits(&self, glob: &PathGlob, start: usize, end: usize) -> bool {
        let Some(path) = self.path.get(start..end) else {
            return false;
        };
        let path = path.trim_end_matches('.');
        // A word by itself is a file only where something says so, and no folder.
        let is_path = path.contains('/');
        let of_file = || !glob.choices().any(|choice| choice.ends_with("**"));
        (is_path || (self.named && of_file())) && glob.matches(path)
    }

    /// Writes down what stands there, without what JSON adds.
    fn read(&mut self, text: &[u8], start: usize, hit: usize, end: usize) {
        let mut bytes = Vec::with_capacity(end - start);
        let mut at = start;
        let mut line = start == 0 || char_before(text, start) == b'\n';
        while at < end {
            if at <= hit {
                self.hit = bytes.len();
            }
            if text[at] != b'\\' {
                bytes.push(text[at]);
                at += 1;
                continue;
            }
            let run = text[at..end].iter().take_while(|it| **it == b'\\').count();
            at += run;
            let odd = run % 2 == 1;
            match text.get(at).filter(|_| at < end) {
                Some(b'/') => {
                    bytes.push(b'/');
                    at += 1;
                }
                Some(b'n' | b'r' | b't' | b'b' | b'f') if odd && at < hit => {
                    bytes.clear();
                    self.cuts.clear();
                    line = true;
                    at += 1;
                }
                Some(b'n' | b'r' | b't' | b'b' | b'f') if odd => {
                    self.named |= line;
                    break;
                }
                Some(c @ (b'n' | b'r' | b't')) => {
                    // Those next to the letters count.
                    if self.cuts.len() == CUTS / 2 && at < hit {
                        self.cuts.remove(0);
                    }
                    if self.cuts.len() < CUTS {
                        self.cuts.push((bytes.len(), bytes.len() + 2));
                    }
                    bytes.extend([b'/', *c]);
                    at += 1;
                }
                Some(b'u') if odd && let Some(c) = unit(&text[at..end]) => {
                    bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                    at += 5;
                }
                Some(_) => bytes.push(b'/'),
                // The escape of the quote that ends it.
                None => {}
            }
        }
        // A text that was cut amid a character has a path that no pattern is meant for.
        self.path = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// Puts the drive before a path that has one; `None` where the path is an address of the web.
    fn add_drive(&mut self, text: &[u8], start: usize) -> Option<()> {
        let before = text[..start].strip_suffix(b":");
        let Some(before) = before.filter(|_| self.path.starts_with('/')) else {
            return Some(());
        };
        if self.path.starts_with("//") && !before.ends_with(b"file") {
            return None;
        }
        let (drive, rest) = before.split_last()?;
        let alone = !rest.last().is_some_and(u8::is_ascii_alphanumeric) || rest.ends_with(b"\\n");
        if drive.is_ascii_alphabetic() && alone {
            self.path.insert_str(0, &format!("{}:", char::from(*drive)));
            self.hit += 2;
            self.cuts.iter_mut().for_each(|(end, start)| {
                *end += 2;
                *start += 2;
            });
        }
        Some(())
    }
}

/// Whether a word is quoted, or follows `File: ` as in patches.
fn is_named(text: &[u8], start: usize, end: usize) -> bool {
    let is_quote = |byte: &&u8| b"\"'`".contains(byte);
    let before = text[..start].last().filter(is_quote);
    let behind = text.get(end).filter(is_quote);
    (before.is_some() && before == behind) || text[..start].ends_with(b"File: ")
}

/// The character of `u00e9`.
fn unit(text: &[u8]) -> Option<char> {
    let digits = std::str::from_utf8(text.get(1..5)?).ok()?;
    let unit = u32::from_str_radix(digits, 16).ok()?;
    Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
}
