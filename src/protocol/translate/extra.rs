//! Fields that one dialect has for itself: written back in the same dialect, noted as left out in another.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::asked::Extra;
use super::dropped::{Dropped, Field, Why};
use super::manner::Manner;
use crate::domain::dialect::Dialect;

/// The extras that a target takes, as members of its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extras<'a> {
    extras: &'a [Extra<'a>],
    known: Option<&'static [&'static str]>,
}

impl<'a> Extras<'a> {
    /// All of them in their own dialect, none in another.
    pub(super) fn of(
        extras: &'a [Extra<'a>],
        from: Dialect,
        to: Dialect,
        dropped: &mut Dropped,
    ) -> Self {
        if from == to {
            return Self {
                extras,
                known: None,
            };
        }
        for extra in extras {
            dropped.named(Field::of_extra(&extra.name), Why::NoPlace, &extra.name);
        }
        Self {
            extras: &[],
            known: None,
        }
    }

    /// Those that a strict target knows.
    pub(super) fn known_to(self, manner: &Manner, dropped: &mut Dropped) -> Self {
        let unknown = self.extras.iter().filter(|it| !manner.knows(&it.name));
        for extra in unknown {
            dropped.named(Field::of_extra(&extra.name), Why::NoPlace, &extra.name);
        }
        Self {
            known: manner.fields,
            ..self
        }
    }
}

impl Serialize for Extras<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let takes = |name: &str| self.known.is_none_or(|known| known.contains(&name));
        for Extra { name, value } in self.extras.iter().filter(|it| takes(&it.name)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
