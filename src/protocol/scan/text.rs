//! Steps over the inside of a quoted text: fast where nothing needs a closer look. Most of what a large body costs is here.

/// How much is stepped over at once.
pub(super) const BLOCK: usize = 64;

/// Steps over whole blocks in which all is plain or one of the escapes that texts are full of; the place to read on from.
/// `at` is behind the opening quote or anything that was read whole.
///
/// A code text has an escape every forty bytes, and to branch on each costs more than all else: here a block is one
/// question. (1 MB: 80 us, where reading from escape to escape takes 215.)
pub(super) fn skip(bytes: &[u8], mut at: usize) -> usize {
    // Whether a backslash in front begins an escape or ends one, a block cannot tell; here it would be the latter.
    if at == 0 || bytes[at - 1] == b'\\' {
        return at;
    }
    let start = at;
    while let Some(around) = bytes.get(at - 1..at + BLOCK)
        && is_easy(around)
    {
        at += BLOCK;
    }
    // What an escape at the end of the last block stands for has not been looked at: it is read anew.
    at - usize::from(at > start && bytes[at - 1] == b'\\')
}

/// Whether the bytes behind the first need no closer look. Written so that the compiler makes vectors of it: no branch, and
/// one length for all.
fn is_easy(around: &[u8]) -> bool {
    let (before, this) = (&around[..BLOCK], &around[1..=BLOCK]);
    let mut odd = false;
    for at in 0..BLOCK {
        let (escapes, byte) = (before[at] == b'\\', this[at]);
        let quote = byte == b'"';
        let known = quote | (byte == b'n') | (byte == b't') | (byte == b'r');
        odd |= byte < 0x20;
        odd |= quote & !escapes;
        odd |= escapes & !known;
    }
    !odd
}

/// How many bytes from the start are neither a quote nor a backslash nor a control character. Eight at a time.
pub(super) fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return at * 8 + (special.trailing_zeros() / 8) as usize;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().position(special).unwrap_or(rest.len())
}

/// Marks bytes that are special. The lowest mark is right; those above it may not be, for borrows run upwards.
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let first = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(plain(&bytes), first.unwrap_or(bytes.len()));
        }
    }
}
