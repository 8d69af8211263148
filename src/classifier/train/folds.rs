//! Which rows are kept out of a training: whole groups, the same share of each source.

use std::collections::BTreeMap;

use super::chance::Chance;
use super::set::Set;

/// The fold of each example.
pub(super) fn folds(set: &Set, count: usize, chance: &Chance) -> Vec<usize> {
    let mut keys: BTreeMap<usize, BTreeMap<&str, usize>> = BTreeMap::new();
    for example in &set.examples {
        keys.entry(example.source)
            .or_default()
            .insert(&example.key, 0);
    }
    for of_source in keys.values_mut() {
        let mut order: Vec<usize> = (0..of_source.len()).collect();
        chance.shuffle(&mut order);
        for (fold, place) in of_source.values_mut().zip(order) {
            *fold = place % count.max(1);
        }
    }
    let fold = |source: usize, key: &str| keys.get(&source).and_then(|of| of.get(key).copied());
    let all = set.examples.iter();
    all.map(|it| fold(it.source, &it.key).unwrap_or(0))
        .collect()
}

/// Divides places into those to train on and those to watch: a tenth, by whole groups.
pub(super) fn watched(set: &Set, places: &[usize], chance: &Chance) -> (Vec<usize>, Vec<usize>) {
    let folds = folds(set, 10, chance);
    places.iter().partition(|at| folds[**at] != 0)
}
