//! The text of a key: `tg_<public id>_<secret>_<checksum>`, so that a mistyped or foreign one is told at sight, by us and by
//! scanners for leaked secrets.

use sha2::{Digest, Sha256};

use crate::domain::clock::Entropy;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 12;
/// 62^43 is just above 2^256.
const SECRET: usize = 43;
const CHECK: usize = 6;

/// What is kept of a secret.
pub(super) type Hash = [u8; 32];

/// A key's text, taken apart; its checksum holds.
#[derive(Clone, Copy)]
pub(super) struct Parts<'t> {
    pub(super) id: &'t str,
    pub(super) secret: &'t str,
}

/// Reads a key's text; `None` where its form or checksum is wrong.
pub(super) fn parse(text: &str) -> Option<Parts<'_>> {
    let (body, check) = text.rsplit_once('_')?;
    let (id, secret) = body.strip_prefix("tg_")?.split_once('_')?;
    let of =
        |part: &str, size| part.len() == size && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let sound = of(id, ID) && of(secret, SECRET) && of(check, CHECK);
    (sound && checksum(body) == check).then_some(Parts { id, secret })
}

/// Makes a key: its public id, its whole text, and the hash to keep.
pub(super) fn make(entropy: &Entropy) -> (String, String, Hash) {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    // 72 bits are enough for twelve digits; what is above them is cut off.
    let id = digits(&bytes[..16], ID);
    entropy.fill(&mut bytes);
    let secret = digits(&bytes, SECRET);
    let body = format!("tg_{id}_{secret}");
    let text = format!("{body}_{}", checksum(&body));
    (id, text, hash(&secret))
}

pub(super) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Told apart from chance by anyone: it guards against typing, not against forging.
fn checksum(body: &str) -> String {
    digits(&Sha256::digest(body.as_bytes())[..4], CHECK)
}

/// The lowest `width` digits of a big-endian number, base 62.
fn digits(number: &[u8], width: usize) -> String {
    let mut number = number.to_vec();
    let mut text = vec![0u8; width];
    for digit in text.iter_mut().rev() {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = (rest << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("rest is below 62");
            rest = value % 62;
        }
        *digit = DIGITS[usize::try_from(rest).expect("below 62")];
    }
    text.into_iter().map(char::from).collect()
}

/// A key's text for an id that is known.
#[cfg(test)]
pub(super) fn with_id(id: &str, entropy: &Entropy) -> String {
    let (_, other, _) = make(entropy);
    let body = format!("tg_{id}{}", &other[3 + ID..4 + ID + SECRET]);
    format!("{body}_{}", checksum(&body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_keeps_its_digits() {
        assert_eq!(digits(&[0, 61], 2), "0z");
        assert_eq!(digits(&[1, 0], 3), "048");
        // 2^256 - 1 needs all 43 digits.
        assert_ne!(digits(&[0xff; 32], SECRET).as_bytes()[0], b'0');
    }

    proptest! {
        #[test]
        fn a_key_that_was_made_is_read(seed: u64) {
            let (id, text, kept) = make(&Entropy::seeded(seed));
            let parts = parse(&text).expect("sound");

            prop_assert_eq!(parts.id, id);
            prop_assert_eq!(hash(parts.secret), kept);
        }

        #[test]
        fn a_key_with_one_wrong_character_is_not_read(seed: u64, at in 0usize..66, with in "[0-9A-Za-z_]") {
            let (_, text, _) = make(&Entropy::seeded(seed));
            let mut wrong = text.clone();
            wrong.replace_range(at..=at, &with);

            prop_assert_eq!(parse(&wrong).is_some(), wrong == text);
        }

        #[test]
        fn reading_never_panics(text in ".{0,80}") {
            let _ = parse(&text);
        }
    }
}
