//! Names and ids as types of their own, so that a tenant is never passed where a model is meant.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::clock::{Entropy, Timestamp, ascii};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that has been checked at the edge.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

name!(
    /// Who pays: a team, a customer, a department.
    TenantId
);
name!(
    /// The public part of a virtual key; safe to log.
    KeyId
);
name!(
    /// A model's name as policies and callers use it.
    ModelId
);
name!(
    /// A server that answers.
    TargetId
);
name!(
    /// A policy's name: its file's stem.
    PolicyId
);
name!(
    /// A conversation.
    SessionId
);
name!(
    /// Which dated price an attempt was billed by: `model@from`.
    PriceId
);

/// Bytes of what tells one kind of id from another.
const PREFIX: usize = 4;

/// The digits of an id. By hand: a call writes a dozen of them, and the formatter takes ten times as long for each.
fn hex(id: u128) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (at, byte) in id.to_be_bytes().into_iter().enumerate() {
        text[2 * at] = DIGITS[usize::from(byte >> 4)];
        text[2 * at + 1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// How many ids this process has made, to sort those of one millisecond by.
static MADE: AtomicU16 = AtomicU16::new(0);

macro_rules! ordered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u128);

        impl $name {
            /// Makes a new id: 48 bits of milliseconds, 16 that count on, 64 bits of chance. So ids sort by time, and
            /// those of one millisecond in the order in which they were made.
            pub fn new(now: Timestamp, entropy: &Entropy) -> Self {
                let millis = u128::from(now.millis().unsigned_abs()) & 0xffff_ffff_ffff;
                let count = u128::from(MADE.fetch_add(1, Ordering::Relaxed));
                Self((millis << 80) | (count << 64) | u128::from(entropy.u64()))
            }

            /// The bytes that stores sort by.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            fn text(self) -> [u8; PREFIX + 32] {
                let mut text = [0; PREFIX + 32];
                text[..PREFIX].copy_from_slice($prefix);
                text[PREFIX..].copy_from_slice(&hex(self.0));
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(ascii(&self.text()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let hex = text.strip_prefix(ascii($prefix)).ok_or(NotAnId)?;
                let plain = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
                plain
                    .then(|| u128::from_str_radix(hex, 16).ok().map(Self))
                    .flatten()
                    .ok_or(NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(ascii(&self.text()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

ordered_id!(
    /// One client request.
    RequestId,
    b"req_"
);
ordered_id!(
    /// One try of a call at a target.
    AttemptId,
    b"att_"
);

/// The text is not an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of this gateway")
    }
}

impl std::error::Error for NotAnId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_written_and_sorts_by_time() {
        let entropy = Entropy::seeded(7);
        let early = RequestId::new(Timestamp::from_millis(1_000), &entropy);
        let late = RequestId::new(Timestamp::from_millis(1_001), &entropy);

        assert_eq!(early.to_string().parse::<RequestId>(), Ok(early));
        assert!(early < late);
        assert_eq!("att_00".parse::<AttemptId>(), Err(NotAnId));
        assert_eq!(early.to_string().parse::<AttemptId>(), Err(NotAnId));
    }
}
