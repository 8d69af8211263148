//! How what was learned is written down and read again: shortly, and what cannot be read costs no more than itself.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A number as it is written: more digits tell nothing.
pub fn short(number: f64) -> f64 {
    format!("{number:.4e}").parse().unwrap_or(number)
}

/// What was written, or nothing learned where it is of another kind than what is written now.
pub fn leniently<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    let written = Value::deserialize(deserializer)?;
    Ok(T::deserialize(written).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_five_digits() {
        for (number, written) in [
            (0.0, 0.0),
            (1.0 / 3.0, 0.333_33),
            (-1_234_567.0, -1_234_600.0),
            (2e-9 / 3.0, 6.6667e-10),
        ] {
            assert_eq!(short(number), written);
        }
        assert!(short(f64::NAN).is_nan());
    }
}
