//! Turns a call into what the net reads: hashed words and a few sizes.

use crate::domain::dialect::Endpoint;
use crate::domain::tokens::TokenCount;
use crate::protocol::outline::Outline;

/// Changes whenever the same call would be read differently: weights belong to one version.
pub const VERSION: u32 = 0;

/// How many numbers stand beside the words.
pub const DENSE: usize = 4;

/// Words that are looked at.
const MOST: usize = 1_024;

/// What the net is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The door.
    pub endpoint: Endpoint,
    /// The newest text of the person, within the window.
    pub text: &'a str,
    /// What the call is made of.
    pub outline: &'a Outline,
    /// The most output tokens that the caller allows.
    pub max_output: Option<TokenCount>,
}

impl Input<'_> {
    /// The window and outline of a text that stands alone: a call of one message.
    pub fn bare(text: &str) -> (String, Outline) {
        let outline = Outline {
            person: text.len(),
            newest: text.len(),
            messages: 1,
            person_turns: 1,
            ..Outline::default()
        };
        let end = text.floor_char_boundary(4_096);
        (text[..end].to_owned(), outline)
    }
}

/// The rows of the words, one each.
pub fn pieces(text: &str, rows: usize) -> Vec<u32> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).take(MOST);
    words.map(|word| row(word, rows)).collect()
}

fn row(word: &str, rows: usize) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for c in word.chars().flat_map(char::to_lowercase) {
        hash = (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3);
    }
    u32::try_from(hash % (rows.max(1) as u64)).unwrap_or(0)
}

/// The numbers beside the words.
pub fn dense(input: &Input<'_>) -> [f32; DENSE] {
    let log = |size: u64| (1.0 + size as f32).ln() / 10.0;
    [
        log(input.outline.newest as u64),
        log(input.outline.messages.into()),
        log(input.max_output.map_or(0, |most| most.0)),
        log(input.outline.tools as u64),
    ]
}
