//! Money and prices: whole numbers in small units. A float never holds an amount.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tokens::TokenCount;

/// Exact, while the token classes of one attempt are added up: 10^-12 dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PicoUsd(pub u128);

impl PicoUsd {
    /// Rounds up: the ledger may be a billionth too strict, never too lax. `None` beyond what a ledger row holds.
    pub fn ceil(self) -> Option<NanoUsd> {
        i64::try_from(self.0.div_ceil(1_000)).ok().map(NanoUsd)
    }

    /// The sum, or `None` beyond 128 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// What the ledger holds: 10^-9 dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The difference; it may be negative.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// As a decimal number of dollars with nine places: `0.000012345`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        write!(
            f,
            "{sign}{}.{:09}",
            amount / 1_000_000_000,
            amount % 1_000_000_000
        )
    }
}

impl Serialize for NanoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for NanoUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

/// A price of one token, in pico-dollars. One dollar per million tokens is 1,000,000 of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenPrice(pub u64);

impl TokenPrice {
    /// Reads dollars per million tokens, written as a decimal with up to six places.
    pub fn per_million(text: &str) -> Result<Self, NotAnAmount> {
        decimal(text, 6).map(Self)
    }

    /// What `count` tokens cost at this price; `None` beyond 128 bits.
    pub fn of(self, count: TokenCount) -> Option<PicoUsd> {
        u128::from(self.0)
            .checked_mul(u128::from(count.0))
            .map(PicoUsd)
    }
}

/// A decimal factor in millionths: `0.5` is 500,000. Service tiers and regions multiply prices by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Factor(pub u64);

impl Factor {
    /// Leaves an amount as it is.
    pub const ONE: Self = Self(1_000_000);

    /// Reads a decimal with up to six places, above zero and at most 1,000.
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        match decimal(text, 6)? {
            millionths @ 1..=1_000_000_000 => Ok(Self(millionths)),
            0 => Err(NotAnAmount::Zero),
            _ => Err(NotAnAmount::TooLarge),
        }
    }

    /// The product, rounded up to a whole pico-dollar; `None` beyond 128 bits.
    pub fn times(self, amount: PicoUsd) -> Option<PicoUsd> {
        let product = amount.0.checked_mul(u128::from(self.0))?;
        Some(PicoUsd(product.div_ceil(u128::from(Self::ONE.0))))
    }
}

/// A rent: pico-dollars for one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HourPrice(pub u128);

impl HourPrice {
    /// Reads dollars per hour.
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        decimal(text, 9).map(|nano| Self(u128::from(nano) * 1_000))
    }

    /// What `nanos` of an hour cost on `units` rented machines, rounded up to a whole pico-dollar.
    pub fn of(self, nanos: u64, units: u32) -> Option<PicoUsd> {
        const HOUR: u128 = 3_600_000_000_000;
        let product = self
            .0
            .checked_mul(u128::from(nanos))?
            .checked_mul(u128::from(units))?;
        Some(PicoUsd(product.div_ceil(HOUR)))
    }
}

/// Reads a decimal number of dollars (`40.00`) as nano-dollars.
pub fn parse_usd(text: &str) -> Result<NanoUsd, NotAnAmount> {
    let nano = decimal(text, 9)?;
    i64::try_from(nano)
        .map(NanoUsd)
        .map_err(|_| NotAnAmount::TooLarge)
}

/// Reads plain decimal digits into whole units of `10^-places`.
pub(super) fn decimal(text: &str, places: usize) -> Result<u64, NotAnAmount> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if text.starts_with('-') {
        return Err(NotAnAmount::Negative);
    }
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || text.ends_with('.') {
        return Err(NotAnAmount::NotDecimal);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places {
        return Err(NotAnAmount::TooFine(places));
    }
    format!("{whole}{fraction:0<places$}")
        .parse()
        .map_err(|_| NotAnAmount::TooLarge)
}

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnAmount {
    /// Not digits with one point.
    NotDecimal,
    /// Below zero.
    Negative,
    /// Zero, where a factor is wanted.
    Zero,
    /// More places than the unit has.
    TooFine(usize),
    /// Beyond what fits.
    TooLarge,
}

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDecimal => {
                f.write_str("is not a decimal number; write digits and one point, like 2.50")
            }
            Self::Negative => f.write_str("is negative; an amount is zero or more"),
            Self::Zero => f.write_str("is zero; a factor is above zero"),
            Self::TooFine(places) => write!(f, "has more than {places} places after the point"),
            Self::TooLarge => f.write_str("is too large"),
        }
    }
}

impl std::error::Error for NotAnAmount {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_keep_their_digits() {
        assert_eq!(TokenPrice::per_million("0.0375"), Ok(TokenPrice(37_500)));
        assert_eq!(TokenPrice::per_million("3.50"), Ok(TokenPrice(3_500_000)));
        assert_eq!(
            TokenPrice::per_million("0.0000001"),
            Err(NotAnAmount::TooFine(6))
        );
        assert_eq!(TokenPrice::per_million("-1"), Err(NotAnAmount::Negative));
        for text in ["", ".5", "5.", "1e3", "NaN", "1,5", " 1"] {
            assert_eq!(
                TokenPrice::per_million(text),
                Err(NotAnAmount::NotDecimal),
                "{text}"
            );
        }
    }

    #[test]
    fn an_hour_of_rent_is_the_rent() {
        let rent = HourPrice::parse("3.50").expect("an amount");

        assert_eq!(
            rent.of(3_600_000_000_000, 2).and_then(PicoUsd::ceil),
            Some(NanoUsd(7_000_000_000))
        );
        assert_eq!(rent.of(1, 1), Some(PicoUsd(1)));
    }

    proptest! {
        #[test]
        fn splitting_never_gets_cheaper(price: u64, a: u32, b: u32) {
            let price = TokenPrice(price);
            let cost = |n: u64| price.of(TokenCount(n)).and_then(PicoUsd::ceil);
            if let (Some(whole), Some(left), Some(right)) =
                (cost(u64::from(a) + u64::from(b)), cost(a.into()), cost(b.into()))
            {
                prop_assert!(left + right >= whole);
            }
        }

        #[test]
        fn dollars_read_back_as_written(nano in 0i64..) {
            prop_assert_eq!(parse_usd(&NanoUsd(nano).to_string()), Ok(NanoUsd(nano)));
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}") {
            let _ = decimal(&text, 9);
        }
    }
}
