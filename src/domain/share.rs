//! A part of a whole, in millionths, and who belongs to it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::money::{NotAnAmount, decimal};

/// A part of a whole: from nothing to all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    const WHOLE: u32 = 1_000_000;

    /// From millionths; more than all is all.
    pub const fn from_millionths(millionths: u32) -> Self {
        match millionths > Self::WHOLE {
            true => Self(Self::WHOLE),
            false => Self(millionths),
        }
    }

    /// Reads a decimal from 0 to 1, with up to six places.
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        match u32::try_from(decimal(text, 6)?) {
            Ok(millionths) if millionths <= Self::WHOLE => Ok(Self(millionths)),
            _ => Err(NotAnAmount::TooLarge),
        }
    }

    /// As a number from 0 to 1.
    pub fn part(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }

    /// Whether a number that is like chance falls into the share. What is in a share is in every larger one.
    pub fn takes(self, draw: u64) -> bool {
        let reach = (u128::from(self.0) << 64) / u128::from(Self::WHOLE);
        u128::from(draw) < reach
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / Self::WHOLE, self.0 % Self::WHOLE)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::mix;

    #[test]
    fn a_share_takes_its_part_and_a_larger_one_takes_the_same_too() {
        let (small, large) = ("0.05", "0.1");
        let [small, large] = [small, large].map(|text| Share::parse(text).expect("a share"));

        let draws: Vec<u64> = (0..10_000).map(mix).collect();
        let taken = draws.iter().filter(|draw| small.takes(**draw)).count();

        assert!((430..570).contains(&taken), "{taken} of 10,000");
        assert!(draws.iter().all(|d| !small.takes(*d) || large.takes(*d)));
        assert!(draws.iter().all(|d| !Share::NONE.takes(*d)));
        assert!(Share::parse("1").expect("all").takes(u64::MAX));
        assert_eq!(Share::parse("1.000001"), Err(NotAnAmount::TooLarge));
        assert_eq!(Share::parse("5%"), Err(NotAnAmount::NotDecimal));
    }
}
