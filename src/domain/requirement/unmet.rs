//! Requirements that no worker meets, with the workers that come nearest.

use crate::domain::capability::Capability;
use crate::domain::requirement::{Lacks, MAX_MISSES, Requirement};
use std::collections::HashMap;

/// A requirement that none of the offers meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet<K> {
    /// Position of the first test with this requirement.
    pub first: usize,
    /// Number of tests with this requirement.
    pub tests: u32,
    /// The nearest offers and what they lack, as [`nearest_misses`] returns them.
    pub nearest: Vec<(K, Lacks)>,
}

/// Returns each requirement of `needs` that no worker meets, in the order of its first test. `needs`
/// has the requirement of each test, and `misses` returns what the nearest workers lack, as
/// [`nearest_misses`] does.
pub fn unmet<'a, K>(
    needs: impl IntoIterator<Item = &'a Requirement>,
    misses: impl Fn(&Requirement) -> Option<Vec<(K, Lacks)>>,
) -> Vec<Unmet<K>> {
    let mut distinct: HashMap<&Requirement, (usize, u32)> = HashMap::new();
    for (position, need) in needs.into_iter().enumerate() {
        distinct.entry(need).or_insert((position, 0)).1 += 1;
    }
    let missed = distinct
        .into_iter()
        .filter_map(|(need, (first, tests))| Some(Unmet { first, tests, nearest: misses(need)? }));
    let mut missed: Vec<Unmet<K>> = missed.collect();
    missed.sort_unstable_by_key(|unmet| unmet.first);
    missed
}

/// Returns what the offers lack, the nearest first and at most [`MAX_MISSES`]; `None` when one of
/// them meets the requirement.
pub fn nearest_misses<K: Copy + Ord>(
    need: &Requirement,
    offers: &[(K, &Capability)],
) -> Option<Vec<(K, Lacks)>> {
    let misses = offers.iter().map(|(key, offer)| Some((*key, need.met_by(offer).err()?)));
    let mut misses: Vec<(K, Lacks)> = misses.collect::<Option<_>>()?;
    misses.sort_by(|a, b| a.1.nearest_first(&b.1).then(a.0.cmp(&b.0)));
    misses.truncate(MAX_MISSES);
    Some(misses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn offer(gib: u64, tags: &[&str]) -> Capability {
        let offer = json!({
            "os": "linux", "arch": "x86_64", "backends": ["cpu"], "cpu_milli": 4000,
            "memory_bytes": gib << 30, "accelerators": [], "tags": tags, "slots": 2,
        });
        from_value(offer).expect("a capability")
    }

    fn need(gib: u64, tags: &[&str]) -> Requirement {
        from_value(json!({"memory_bytes": gib << 30, "tags": tags})).expect("a requirement")
    }

    #[test]
    fn each_unmet_requirement_is_named_once_in_the_order_of_its_first_test() {
        let (small, large) = (offer(8, &[]), offer(64, &[]));
        let offers = [(1, &small), (2, &large)];
        let needs = [need(4, &[]), need(128, &[]), need(16, &["moon"]), need(128, &[])];
        let missed = unmet(&needs, |need| nearest_misses(need, &offers));
        let counts: Vec<_> = missed.iter().map(|unmet| (unmet.first, unmet.tests)).collect();
        assert_eq!(counts, [(1, 2), (2, 1)]);
        assert!(unmet(&needs[..1], |need| nearest_misses(need, &offers)).is_empty());
        let nobody = unmet::<u8>(&needs[..1], |need| nearest_misses(need, &[]));
        assert_eq!(nobody[0].nearest, [], "nobody is there");
    }

    #[test]
    fn the_nearest_offers_are_first_and_few() {
        let (far, near) = (offer(8, &[]), offer(8, &["moon"]));
        let offers: Vec<(usize, &Capability)> =
            (0..9).map(|key| (key, if key == 7 { &near } else { &far })).collect();
        let misses = nearest_misses(&need(16, &["moon"]), &offers).expect("nobody meets it");
        let keys: Vec<_> = misses.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [7, 0, 1, 2, 3], "the one with the tag, then in the order of the keys");
        assert_eq!(nearest_misses(&need(1, &["moon"]), &offers), None);
    }
}
