//! Spoils a text in a small way, the same for the same seed: bytes flipped, cut, doubled, grafted from another, and tokens of JSON
//! put where others stood.

use tollgate::domain::clock::mix;

/// The largest input that is made.
const LARGEST: usize = 48 << 10;

/// Values that are worth a try anywhere.
const VALUES: [&[u8]; 28] = [
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"0.5",
    b"\"\"",
    b"[]",
    b"{}",
    b"[[]]",
    b"[null]",
    b"\"text\"",
    b"\"role\"",
    b"\"tool_use\"",
    b"\"tool\"",
    b"\"function\"",
    b"\"assistant\"",
    b"\"system\"",
    b"\"user\"",
    b"\"thinking\"",
    b"\"\\ud83d\"",
    b"\"\\ud83d\\ude00\"",
    b"\"\\u0000\"",
    b"\"\xc3\xbc\xf0\x9f\x98\x80\"",
    b"\"{\\\"a\\\":1}\"",
    b"\"data:image/png;base64,AAAA\"",
    b"{\"type\":\"text\",\"text\":\"x\"}",
    b"{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}",
];

/// Pieces that break or end something.
const PIECES: [&[u8]; 8] = [
    b"\n\n",
    b"\r",
    b"\r\n",
    b"data: ",
    b"data: [DONE]\n\n",
    b"event: error\n",
    b": ping\n\n",
    b",",
];

/// A stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = mix(self.0);
        self.0
    }

    /// A number below `most`; 0 where that is 0.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        match most {
            0 => 0,
            most => (self.roll() % most as u64) as usize,
        }
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A stretch of a text of this length, mostly a short one.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        let most = match self.below(4) {
            0 => length - from,
            _ => (length - from).min(32),
        };
        from..from + self.below(most + 1)
    }
}

/// A spoilt copy; `others` are what pieces may be taken from. Mostly it reads as JSON still, so that what reads it gets far.
pub(crate) fn mutate(text: &[u8], others: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut text = text.to_vec();
    let rough = dice.below(3) == 0;
    for _ in 0..=dice.below(4) {
        match rough && dice.below(2) == 0 {
            true => bytes(&mut text, others, dice),
            false => token(&mut text, others, dice),
        }
        text.truncate(LARGEST);
    }
    text
}

fn bytes(text: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice) {
    match dice.below(7) {
        0 if !text.is_empty() => {
            let at = dice.below(text.len());
            text[at] ^= 1 << dice.below(8);
        }
        1 if !text.is_empty() => {
            let at = dice.below(text.len());
            text[at] = *dice.pick(b"\"\\{}[],:0-e \n\r\x00\xff\xc3");
        }
        2 => {
            let cut = dice.stretch(text.len());
            text.drain(cut);
        }
        3 => {
            let again = dice.stretch(text.len());
            let piece = text[again.clone()].to_vec();
            let times = 1 + dice.below(3);
            text.splice(again.end..again.end, piece.repeat(times));
        }
        4 => {
            let other = dice.pick(others);
            let piece = other[dice.stretch(other.len())].to_vec();
            let place = dice.stretch(text.len());
            text.splice(place, piece);
        }
        5 => {
            let at = dice.below(text.len() + 1);
            text.splice(at..at, dice.pick(&PIECES).to_vec());
        }
        _ => {
            let at = dice.below(text.len() + 1);
            text.truncate(at);
        }
    }
}

/// Puts a value in place of another, takes one away, or says one twice.
fn token(text: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice) {
    let tokens = values(text);
    if tokens.is_empty() {
        return;
    }
    let place = dice.pick(&tokens).clone();
    let is_key = text.get(place.end) == Some(&b':') || text[place.end..].starts_with(b" :");
    let one = text[place.clone()].to_vec();
    match dice.below(8) {
        0 if !is_key => {
            let twice = [&one, &b","[..], &one].concat();
            let in_list =
                text[..place.start].ends_with(b"[") || text[..place.start].ends_with(b",");
            text.splice(place, if in_list { twice } else { one });
        }
        1 if !is_key && text.get(place.end) == Some(&b',') => {
            // The name before it goes along, if there is one.
            let name = tokens
                .iter()
                .find(|it| it.end + 1 == place.start && text[it.end] == b':');
            let from = name.map_or(place.start, |name| name.start);
            text.drain(from..place.end + 1);
        }
        _ => {
            let with = value(text, &tokens, others, dice);
            // Names are texts.
            if !is_key || with.starts_with(b"\"") {
                text.splice(place, with);
            }
        }
    }
}

/// A value from anywhere.
fn value(
    text: &[u8],
    tokens: &[std::ops::Range<usize>],
    others: &[Vec<u8>],
    dice: &mut Dice,
) -> Vec<u8> {
    match dice.below(3) {
        0 => dice.pick(&VALUES).to_vec(),
        1 => text[dice.pick(tokens).clone()].to_vec(),
        _ => {
            let other = dice.pick(others);
            let tokens = values(other);
            match tokens.is_empty() {
                true => b"null".to_vec(),
                false => other[dice.pick(&tokens).clone()].to_vec(),
            }
        }
    }
}

/// Where strings, numbers, words, objects and arrays stand: whatever begins like one, to where it seems to end.
fn values(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        match text[at] {
            b'"' => {
                at += 1;
                while at < text.len() && text[at] != b'"' {
                    at += 1 + usize::from(text[at] == b'\\');
                }
                at = (at + 1).min(text.len());
                found.push(start..at);
            }
            b'{' | b'[' => {
                open.push(at);
                at += 1;
            }
            b'}' | b']' => {
                at += 1;
                found.extend(open.pop().map(|start| start..at));
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-+._".contains(byte);
                while at < text.len() && is_word(&text[at]) {
                    at += 1;
                }
                found.push(start..at);
            }
            _ => at += 1,
        }
    }
    found
}

#[test]
fn the_same_seed_spoils_alike_and_every_text_can_be_spoilt() {
    let others = [b"{\"a\":[1,\"b\"]}".to_vec(), Vec::new()];
    for seed in 0..2_000 {
        for text in [&b""[..], b"{", b"{\"model\":\"x\",\"n\":[1,2]}"] {
            let spoil = || mutate(text, &others, &mut Dice::new(seed));
            assert_eq!(spoil(), spoil());
        }
    }
}
