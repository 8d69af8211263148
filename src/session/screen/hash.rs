//! A keyed hash for long texts, faster than they can be looked through.
//!
//! Blocks of a kilobyte are summed by products of key and text (NH, as in UMAC): for a key that nobody knows, two texts meet
//! with a chance of 2^-64, whatever they are. What is left of each block goes to SipHash, by two keys.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use crate::domain::clock::Entropy;

/// Pairs of words in a block.
const PAIRS: usize = 64;
const BLOCK: usize = PAIRS * 16;

/// The key. It is drawn once and never shown.
#[derive(Clone)]
pub(super) struct Key {
    words: Box<[(u64, u64); PAIRS]>,
    ends: [u64; 2],
}

impl Key {
    /// Draws a key.
    pub(super) fn new(entropy: &Entropy) -> Self {
        let mut words = Box::new([(0, 0); PAIRS]);
        for pair in words.iter_mut() {
            *pair = (entropy.u64(), entropy.u64());
        }
        Self {
            words,
            ends: [entropy.u64(), entropy.u64()],
        }
    }

    /// The hash of a text that stands under a number.
    pub(super) fn hash(&self, number: u64, text: &[u8]) -> u128 {
        let mut hashers = self.ends.map(|end| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(end);
            hasher.write_u64(number);
            hasher.write_usize(text.len());
            hasher
        });
        let mut add = |sum: u128| hashers.iter_mut().for_each(|it| it.write_u128(sum));
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| add(self.sum(block)));
        if !rest.is_empty() {
            let mut last = [0; BLOCK];
            last[..rest.len()].copy_from_slice(rest);
            // The zeros behind are of no weight: the length has been told.
            add(self.sum(&last[..rest.len().next_multiple_of(16)]));
        }
        let [high, low] = hashers.map(|it| u128::from(it.finish()));
        high << 64 | low
    }

    fn sum(&self, block: &[u8]) -> u128 {
        let (pairs, _) = block.as_chunks::<16>();
        let products = pairs.iter().zip(self.words.iter()).map(|(pair, key)| {
            let pair = u128::from_le_bytes(*pair);
            let (one, two) = (pair as u64, (pair >> 64) as u64);
            u128::from(one.wrapping_add(key.0)) * u128::from(two.wrapping_add(key.1))
        });
        products.fold(0, u128::wrapping_add)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_length_and_every_bit_counts() {
        let key = Key::new(&Entropy::seeded(1));
        let text = [0u8; 3_000];
        let mut seen = HashSet::new();

        for length in 0..text.len() {
            assert!(seen.insert(key.hash(0, &text[..length])), "{length}");
        }
        for at in 0..text.len() {
            let mut text = text;
            text[at] = 1;
            assert!(seen.insert(key.hash(0, &text)), "{at}");
        }
        assert!(seen.insert(key.hash(1, &text)));
    }

    #[test]
    fn keys_differ_and_are_not_shown() {
        let (one, two) = (Key::new(&Entropy::seeded(1)), Key::new(&Entropy::seeded(2)));

        assert_ne!(one.hash(0, b"a"), two.hash(0, b"a"));
        assert_eq!(one.hash(0, b"a"), one.clone().hash(0, b"a"));
        assert_eq!(format!("{one:?}"), "[secret]");
    }

    proptest! {
        #[test]
        fn texts_that_differ_do_not_meet(one in prop::collection::vec(any::<u8>(), 0..2_100), two in prop::collection::vec(any::<u8>(), 0..2_100)) {
            let key = Key::new(&Entropy::seeded(3));

            prop_assert_eq!(one == two, key.hash(0, &one) == key.hash(0, &two));
        }
    }
}
