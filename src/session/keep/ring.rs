//! A table of a fixed size: what was not looked at for longest makes place, as a hand that goes round finds it.

use std::collections::HashMap;

#[derive(Debug)]
struct Slot<V> {
    id: u64,
    /// Looked at since the hand last passed.
    used: bool,
    value: V,
}

/// Values by id.
#[derive(Debug)]
pub(super) struct Ring<V> {
    places: HashMap<u64, usize>,
    slots: Vec<Slot<V>>,
    hand: usize,
    most: usize,
}

impl<V> Ring<V> {
    pub(super) fn of(most: usize) -> Self {
        Self {
            places: HashMap::new(),
            slots: Vec::new(),
            hand: 0,
            most: most.max(1),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= self.most
    }

    pub(super) fn get(&mut self, id: u64) -> Option<&V> {
        let slot = &mut self.slots[*self.places.get(&id)?];
        slot.used = true;
        Some(&slot.value)
    }

    /// Puts a value in; returns the id of the one that made place.
    pub(super) fn put(&mut self, id: u64, value: V) -> Option<u64> {
        if let Some(place) = self.places.get(&id) {
            let slot = &mut self.slots[*place];
            (slot.used, slot.value) = (true, value);
            return None;
        }
        // The hand has just passed, so that what is new has a whole round to be looked at.
        let slot = Slot {
            id,
            used: false,
            value,
        };
        if !self.is_full() {
            self.places.insert(id, self.slots.len());
            self.slots.push(slot);
            return None;
        }
        let place = self.free();
        self.places.insert(id, place);
        let gone = std::mem::replace(&mut self.slots[place], slot).id;
        self.places.remove(&gone);
        Some(gone)
    }

    /// Goes round to the first that was not looked at since the last time.
    fn free(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (place + 1) % self.slots.len();
            if !std::mem::take(&mut self.slots[place].used) {
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_bounded_and_what_is_looked_at_stays() {
        let mut ring = Ring::of(8);
        ring.put(0, "held");

        let gone: Vec<u64> = (1..100)
            .filter_map(|id| {
                assert!(ring.get(0).is_some(), "{id}");
                ring.put(id, "new")
            })
            .collect();

        assert_eq!((ring.len(), gone.len()), (8, 92));
        assert!(!gone.contains(&0) && ring.get(99).is_some());
        assert_eq!(ring.put(99, "other"), None);
        assert_eq!(ring.get(99), Some(&"other"));
    }
}
