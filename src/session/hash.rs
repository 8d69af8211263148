//! A keyed hash that a whole prompt can pass through at each turn: 64 bits, 64 bytes a step, several of them under way at once.
//!
//! It stands for texts where two that meet by chance would do harm, but not where somebody may try hashes out: the key is
//! secret, and hashes are not shown. It is the same for as long as the store is, so that conversations are known again after
//! a restart.

use std::fmt;

use crate::domain::clock::{Entropy, mix};

/// Bytes that are read in one step.
const STEP: usize = 64;

/// What makes the hashes ours.
#[derive(Clone)]
pub struct Key([u64; 8]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(secret)")
    }
}

impl Key {
    /// The key that these bytes stand for.
    pub fn new(secret: [u8; 16]) -> Self {
        let (words, _) = secret.as_chunks::<8>();
        let seeds = [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])];
        let mut at = 0;
        Self([(); 8].map(|()| {
            at += 1;
            mix(seeds[at % 2].wrapping_add(mix(at as u64))) ^ mix(seeds[(at + 1) % 2])
        }))
    }

    /// A new one, as the bytes that it is kept as.
    pub fn secret(entropy: &Entropy) -> [u8; 16] {
        let mut secret = [0; 16];
        entropy.fill(&mut secret);
        secret
    }

    /// Stands for these bytes.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let key = &self.0;
        let mut lanes = [key[1], key[3], key[5], key[7]];
        let (steps, rest) = bytes.as_chunks::<STEP>();
        for step in steps {
            self.step(&mut lanes, step);
        }
        let mut last = [0; STEP];
        last[..rest.len()].copy_from_slice(rest);
        self.step(&mut lanes, &last);
        let length = bytes.len() as u64;
        let halves = [
            fold(lanes[0] ^ key[0], lanes[1] ^ length),
            fold(lanes[2] ^ key[2], lanes[3] ^ key[4]),
        ];
        fold(halves[0] ^ key[6], halves[1] ^ length.rotate_left(32))
    }

    /// Stands for what `before` stands for, and `next` behind it.
    pub fn join(&self, before: u64, next: u64) -> u64 {
        fold(before ^ self.0[0], next ^ self.0[7]) ^ next.rotate_left(17)
    }

    /// Stands for all of these, one after the other.
    pub fn all<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
        let parts = parts.into_iter().map(|part| self.hash(part));
        parts.fold(self.0[2], |before, next| self.join(before, next))
    }

    #[inline]
    fn step(&self, lanes: &mut [u64; 4], bytes: &[u8; STEP]) {
        let key = &self.0;
        let word = |at: usize| {
            let word = bytes[8 * at..].first_chunk();
            u64::from_le_bytes(*word.unwrap_or(&[0; 8]))
        };
        let [one, two, three, four] = *lanes;
        *lanes = [
            lane(word(0) ^ key[0], word(1) ^ one),
            lane(word(2) ^ key[2], word(3) ^ two),
            lane(word(4) ^ key[4], word(5) ^ three),
            lane(word(6) ^ key[6], word(7) ^ four),
        ];
    }
}

/// One lane's next state. The sum keeps what a factor of zero would swallow.
#[inline]
fn lane(word: u64, state: u64) -> u64 {
    fold(word, state).wrapping_add(state)
}

/// Both halves of the product, one upon the other.
#[inline]
fn fold(one: u64, two: u64) -> u64 {
    let product = u128::from(one) * u128::from(two);
    let high = (product >> 64) as u64;
    (product as u64) ^ high
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key(seed: u8) -> Key {
        Key::new([seed; 16])
    }

    #[test]
    fn each_bit_of_a_text_counts_and_so_does_its_length() {
        let text: Vec<u8> = (1..=200).map(|at: u8| at.wrapping_mul(31)).collect();
        let mut seen = HashSet::new();

        for length in 0..=text.len() {
            assert!(seen.insert(key(1).hash(&text[..length])), "{length}");
        }
        for bit in 0..text.len() * 8 {
            let mut other = text.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(key(1).hash(&other)), "bit {bit}");
        }
        for zeros in 1..300 {
            assert!(seen.insert(key(1).hash(&vec![0; zeros])), "{zeros} zeros");
        }
    }

    #[test]
    fn keys_differ_and_a_kept_key_is_the_same() {
        assert_ne!(key(1).hash(b"text"), key(2).hash(b"text"));
        assert_eq!(key(1).hash(b"text"), key(1).hash(b"text"));
        assert_ne!(
            key(1).all([b"ab".as_slice(), b"c"]),
            key(1).all([b"a".as_slice(), b"bc"])
        );
        assert_eq!(format!("{:?}", key(1)), "Key(secret)");
    }
}
