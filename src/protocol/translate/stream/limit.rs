//! How much of a stream is kept at most.

/// Bytes of later blocks that wait for an earlier one to be whole.
pub const HELD: usize = 4 << 20;

/// Bytes of an answer whose caller is told all of it again at the end.
pub const KEPT: usize = 8 << 20;

/// Blocks of one answer.
pub const BLOCKS: u32 = 4_096;

/// Bytes of an id that a target gives to a call; a longer one is replaced.
pub const ID: usize = 512;

/// More would have to be kept than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;
