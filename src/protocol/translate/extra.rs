//! Fields that one dialect has for itself: written back in the same dialect, noted as left out in another.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::asked::Extra;
use super::dropped::{Dropped, Field, Why};
use crate::domain::dialect::Dialect;

/// The extras that a target takes, as members of its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extras<'a>(&'a [Extra<'a>]);

impl<'a> Extras<'a> {
    /// All of them in their own dialect, none in another.
    pub(super) fn of(
        extras: &'a [Extra<'a>],
        from: Dialect,
        to: Dialect,
        dropped: &mut Dropped,
    ) -> Self {
        if from == to {
            return Self(extras);
        }
        for extra in extras {
            dropped.named(Field::of_extra(&extra.name), Why::NoPlace, &extra.name);
        }
        Self(&[])
    }
}

impl Serialize for Extras<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Extra { name, value } in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
