//! One pass over a JSON body: it must be valid, not too deep, and no field at the top may come twice.
//!
//! Borrowed raw values of `serde_json` accept any depth and any duplicate, so the pass is our own. It copies nothing:
//! what it returns are places in the body. Nesting is kept on a heap stack, so that no body can exhaust the thread's.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

pub(super) use self::turns::is_picture;
pub use self::values::{elements, members};
use super::canon::Marks;
use super::message::Message;
use super::outline::Outline;
use text::BLOCK;

mod text;
mod turns;
mod values;

/// A place in the body.
pub type Span = Range<usize>;

/// The fields of the object at the top, in order.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// The whole body.
    pub text: &'a str,
    /// A picture is in it: one of the words that announce one stands there as a text of its own.
    pub images: bool,
    /// Some of the tools on offer are not the caller's own: the provider runs them, or knows what they are.
    pub hosted: bool,
    /// What the call is made of, but for the newest words.
    pub outline: Outline,
    /// Where marks for caching may stand.
    pub marks: Marks,
    /// The elements of the conversation: of the arrays called `messages` and `input`, or the prompt as one.
    pub messages: Vec<Message>,
    list: Vec<(Cow<'a, str>, Span)>,
}

impl<'a> Fields<'a> {
    /// Where the value of `key` stands.
    pub fn get(&self, key: &str) -> Option<Span> {
        self.list
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, span)| span.clone())
    }

    /// Where the first of `keys` stands that is there.
    pub fn first(&self, keys: &[&str]) -> Option<Span> {
        keys.iter().find_map(|key| self.get(key))
    }
}

/// Why a body is not one that we pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// Not UTF-8, from this byte on.
    NotUtf8(usize),
    /// Not JSON at this byte.
    Invalid(usize),
    /// JSON, but not an object.
    NotAnObject,
    /// Deeper than allowed.
    TooDeep(usize),
    /// More messages than allowed.
    TooMany(usize),
    /// A field twice.
    Duplicate(String),
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8(at) => write!(f, "the body is not valid UTF-8 at byte {at}"),
            Self::Invalid(at) => write!(f, "the body is not valid JSON at byte {at}"),
            Self::NotAnObject => f.write_str("the body is not a JSON object"),
            Self::TooDeep(limit) => write!(f, "the body is nested deeper than {limit} levels"),
            Self::TooMany(limit) => write!(f, "the body has more than {limit} messages"),
            Self::Duplicate(key) => write!(f, "the field \"{key}\" stands twice in the body"),
        }
    }
}

impl std::error::Error for ScanError {}

/// Checks the whole body and returns its fields.
pub fn scan(body: &[u8], depth: usize) -> Result<Fields<'_>, ScanError> {
    let text =
        std::str::from_utf8(body).map_err(|error| ScanError::NotUtf8(error.valid_up_to()))?;
    let mut scanner = Scanner::new(text, depth);
    scanner.space();
    if scanner.peek() != Some(b'{') {
        scanner.value()?;
        return Err(ScanError::NotAnObject);
    }
    let fields = scanner.object()?;
    scanner.space();
    match scanner.at == body.len() {
        true => Ok(Fields {
            text,
            images: scanner.images,
            hosted: scanner.hosted,
            outline: scanner.outline.count(&scanner.messages),
            messages: scanner.messages,
            marks: scanner.marks,
            ..fields
        }),
        false => Err(scanner.invalid()),
    }
}

/// Calls `each` with the places of the texts in a message's content, in a body that has been scanned. They are the
/// strings called `text`, and those that stand alone.
pub fn parts(text: &str, content: Span, mut each: impl FnMut(Span)) {
    let mut scanner = Scanner::new(text, usize::MAX);
    scanner.at = content.start;
    let read = scanner.elements(|scanner| scanner.text_part(&mut each));
    debug_assert!(read.is_ok(), "the body has been scanned");
}

#[derive(Clone, Copy, PartialEq)]
enum Container {
    Object,
    Array,
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    limit: usize,
    open: Vec<Container>,
    images: bool,
    hosted: bool,
    /// Bytes of strings that look encoded, not written.
    encoded: usize,
    outline: Outline,
    marks: Marks,
    messages: Vec<Message>,
    scratch: String,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, limit: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            limit,
            open: Vec::with_capacity(16),
            images: false,
            hosted: false,
            encoded: 0,
            outline: Outline::default(),
            marks: Marks::default(),
            messages: Vec::new(),
            scratch: String::new(),
        }
    }

    fn invalid(&self) -> ScanError {
        ScanError::Invalid(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.peek() != Some(byte) {
            return Err(self.invalid());
        }
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self, container: Container) -> Result<(), ScanError> {
        if self.open.len() >= self.limit {
            return Err(ScanError::TooDeep(self.limit));
        }
        self.open.push(container);
        self.at += 1;
        self.space();
        Ok(())
    }

    /// The object at the top: its fields are kept, and each may come once.
    fn object(&mut self) -> Result<Fields<'a>, ScanError> {
        let mut fields = Fields::default();
        let mut seen = HashSet::new();
        self.members(|scanner, key| {
            let start = scanner.at;
            match (key.as_ref(), scanner.peek()) {
                ("messages" | "input", Some(b'[')) => scanner.elements(Self::message)?,
                ("input", Some(b'"')) | ("prompt", Some(b'"' | b'[')) => scanner.prompt()?,
                ("tools" | "functions", Some(b'[')) => scanner.tools()?,
                _ => scanner.value()?,
            }
            let value = &scanner.text[start..scanner.at];
            scanner.outline.add_field(&key, value);
            if !seen.insert(key.clone()) {
                return Err(ScanError::Duplicate(key.into_owned()));
            }
            fields.list.push((key, start..scanner.at));
            Ok(())
        })?;
        Ok(fields)
    }

    /// An object: `each` is called at the start of every value and has to read it.
    fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.enter(Container::Object)?;
        if self.peek() != Some(b'}') {
            loop {
                let key = self.key()?;
                each(self, key)?;
                if self.last(b'}')? {
                    break;
                }
            }
        }
        self.at += 1;
        self.open.pop();
        Ok(())
    }

    /// An array: `each` is called at the start of every element and has to read it.
    fn elements(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.enter(Container::Array)?;
        if self.peek() != Some(b']') {
            loop {
                each(self)?;
                if self.last(b']')? {
                    break;
                }
            }
        }
        self.at += 1;
        self.open.pop();
        Ok(())
    }

    /// Behind an element: `true` at the closing bracket, `false` behind a comma.
    fn last(&mut self, close: u8) -> Result<bool, ScanError> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(false)
            }
            Some(byte) if byte == close => Ok(true),
            _ => Err(self.invalid()),
        }
    }

    /// A key, the colon after it, and the space up to its value.
    fn key(&mut self) -> Result<Cow<'a, str>, ScanError> {
        let start = self.at;
        self.string()?;
        let quoted = &self.text[start..self.at];
        let key = match memchr::memchr(b'\\', quoted.as_bytes()) {
            None => Cow::Borrowed(&quoted[1..quoted.len() - 1]),
            Some(_) => {
                Cow::Owned(serde_json::from_str(quoted).map_err(|_| ScanError::Invalid(start))?)
            }
        };
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(key)
    }

    /// Any value, with all that is in it.
    fn value(&mut self) -> Result<(), ScanError> {
        let floor = self.open.len();
        loop {
            self.space();
            match self.peek().ok_or_else(|| self.invalid())? {
                b'{' => {
                    self.enter(Container::Object)?;
                    if self.peek() != Some(b'}') {
                        self.skip_key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.enter(Container::Array)?;
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => return Err(self.invalid()),
            }
            if self.leave(floor)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here. `true` when the value that was asked for is whole.
    fn leave(&mut self, floor: usize) -> Result<bool, ScanError> {
        while self.open.len() > floor {
            self.space();
            match (self.open.last(), self.peek()) {
                (Some(Container::Object), Some(b'}')) | (Some(Container::Array), Some(b']')) => {
                    self.open.pop();
                    self.at += 1;
                }
                (Some(Container::Object), Some(b',')) => {
                    self.at += 1;
                    self.space();
                    self.skip_key()?;
                    return Ok(false);
                }
                (Some(Container::Array), Some(b',')) => {
                    self.at += 1;
                    return Ok(false);
                }
                // An empty container: `enter` has eaten the opening, the closing comes now.
                _ => return Err(self.invalid()),
            }
        }
        Ok(true)
    }

    fn skip_key(&mut self) -> Result<(), ScanError> {
        self.string()?;
        self.space();
        self.expect(b':')
    }

    fn literal(&mut self, word: &str) -> Result<(), ScanError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.invalid());
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), ScanError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at == start {
            true => Err(self.invalid()),
            false => Ok(()),
        }
    }

    fn string(&mut self) -> Result<(), ScanError> {
        self.expect(b'"')?;
        let start = self.at;
        // Short texts are read at once.
        let mut block = start + BLOCK;
        loop {
            if self.at >= block {
                self.at = text::skip(self.bytes, self.at);
                block = self.at + BLOCK;
            }
            let end = block.min(self.bytes.len());
            self.at += text::plain(&self.bytes[self.at..end]);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                // The block has ended, not the text.
                Some(0x20..) => {}
                // A control character, or the end of the body.
                _ => return Err(self.invalid()),
            }
        }
        let inside = &self.bytes[start..self.at];
        self.at += 1;
        self.images |= announces_image(inside);
        self.marks.see(inside, start - 1);
        if is_encoded(inside) {
            self.encoded += inside.len();
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        let kind = self.peek().ok_or_else(|| self.invalid())?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => match self.unit()? {
                0xd800..=0xdbff => {
                    self.expect(b'\\')?;
                    self.expect(b'u')?;
                    match self.unit()? {
                        0xdc00..=0xdfff => Ok(()),
                        _ => Err(self.invalid()),
                    }
                }
                0xdc00..=0xdfff => Err(self.invalid()),
                _ => Ok(()),
            },
            _ => Err(self.invalid()),
        }
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, ScanError> {
        let digits = self
            .bytes
            .get(self.at..self.at + 4)
            .ok_or_else(|| self.invalid())?;
        let unit = digits.iter().try_fold(0, |unit, byte| {
            let digit = char::from(*byte).to_digit(16)?;
            Some(unit * 16 + digit)
        });
        let unit = unit.ok_or_else(|| self.invalid())?;
        self.at += 4;
        Ok(unit)
    }
}

/// The words by which the dialects announce a picture. Inside a text they would not stand alone.
fn announces_image(word: &[u8]) -> bool {
    match word.len() {
        5 => word == b"image",
        9 => word == b"image_url",
        11 => word == b"input_image",
        _ => false,
    }
}

/// A long text that is base64: a picture, a signature, sealed reasoning. Its size says nothing of the work.
fn is_encoded(text: &[u8]) -> bool {
    const LEAST: usize = 256;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    text.len() >= LEAST && (text.starts_with(b"data:") || text[..LEAST].iter().all(plain))
}

#[cfg(test)]
mod tests;
