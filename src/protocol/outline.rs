//! What a call is made of, by size and count. There is no text in it.

/// Sizes in bytes of JSON text by part, and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// System prompts.
    pub system: usize,
    /// Tools on offer.
    pub tools: usize,
    /// What the person wrote.
    pub person: usize,
    /// What the model wrote.
    pub assistant: usize,
    /// Tool results.
    pub results: usize,
    /// The newest text of the person, stripped, before the window.
    pub newest: usize,
    /// Messages of all kinds.
    pub messages: u32,
    /// Messages of the person.
    pub person_turns: u32,
    /// Messages that carry tool results.
    pub tool_turns: u32,
    /// Tools on offer.
    pub tool_count: u32,
    /// Pictures.
    pub images: u32,
    /// The last message carries tool results: the person has said nothing new.
    pub tool_turn: bool,
}
