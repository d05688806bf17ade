//! The priority of generated tests, as a sum of terms that people can read.
//!
//! ```text
//! priority = weight + risk + awaited + cheap          limited to −100..100
//!   weight   priority: of the plan, 0 by default
//!   risk     0..8   8 · (failed + flaky / 2) / ended, over the latest 20 ends of the test
//!   awaited  0..4   half of log₂(n + 1) rounded down; n tests wait for it
//!   cheap   −2..2   2 below 10 s, 1 below 1 min, 0 below 10 min, −1 below 1 h, else −2
//! ```
//! Tests that are likely to fail, that others wait for, or that are short run first, because their
//! results are the most useful. The other terms together are smaller than the usual steps of
//! `weight` (25), so that the plan has the most influence. A dependency has at least the priority
//! of its dependants.

use crate::domain::priority::Priority;
use crate::plan::history::Past;
use serde::Serialize;

/// The terms of the priority of a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    pub weight: i32,
    pub risk: i32,
    pub awaited: i32,
    pub cheap: i32,
    /// Amount by which a dependant raised the priority.
    pub raised: i32,
}

impl Terms {
    /// Terms of a test without its dependants. `behind` is the number of tests that wait for it,
    /// directly or indirectly, and `milliseconds` is its expected time.
    #[must_use]
    pub fn new(
        weight: Priority,
        past: Option<&Past>,
        behind: usize,
        milliseconds: Option<u64>,
    ) -> Self {
        Self {
            weight: i32::from(weight.get()),
            risk: past.map_or(0, risk),
            awaited: awaited(behind),
            cheap: milliseconds.map_or(0, cheap),
            raised: 0,
        }
    }

    fn sum(&self) -> i32 {
        self.weight + self.risk + self.awaited + self.cheap + self.raised
    }

    /// The sum, limited to the range of priorities.
    #[must_use]
    pub fn priority(&self) -> Priority {
        Priority::try_from(i64::from(self.sum().clamp(-100, 100))).unwrap_or_default()
    }
}

fn risk(past: &Past) -> i32 {
    let weighted = past.failed.saturating_mul(2).saturating_add(past.flaky);
    let share = weighted.saturating_mul(4).checked_div(past.ended).unwrap_or(0);
    i32::try_from(share.min(8)).unwrap_or(8)
}

fn awaited(behind: usize) -> i32 {
    let half = behind.saturating_add(1).ilog2() / 2;
    i32::try_from(half.min(4)).unwrap_or(4)
}

fn cheap(milliseconds: u64) -> i32 {
    match milliseconds / 1000 {
        0..10 => 2,
        10..60 => 1,
        60..600 => 0,
        600..3600 => -1,
        _ => -2,
    }
}

/// The number of tests that wait for each test, directly or indirectly. `before[test]` lists the
/// dependencies of a test, which precede it. The result is exact for trees and an upper bound for
/// other graphs, which is enough for its logarithm.
#[must_use]
pub fn waiting_behind(before: &[Vec<usize>]) -> Vec<usize> {
    let mut behind = vec![0usize; before.len()];
    for at in (0..before.len()).rev() {
        for dependency in &before[at] {
            if let Some(count) = behind.get(at).map(|count| count.saturating_add(1)) {
                behind[*dependency] = behind[*dependency].saturating_add(count);
            }
        }
    }
    behind
}

/// Raises the priority of dependencies to that of their dependants. As for [`waiting_behind`],
/// dependencies precede their dependants.
pub fn raise(terms: &mut [Terms], before: &[Vec<usize>]) {
    for at in (0..before.len()).rev() {
        let needed = i32::from(terms[at].priority().get());
        for dependency in &before[at] {
            let missing = needed - terms[*dependency].sum();
            terms[*dependency].raised += missing.max(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn terms_follow_the_formula() {
        let past = Past { ended: 20, failed: 5, flaky: 10, ..Past::default() };
        let terms =
            Terms::new(Priority::try_from(25).expect("allowed"), Some(&past), 15, Some(9_999));
        assert_eq!(terms, Terms { weight: 25, risk: 4, awaited: 2, cheap: 2, raised: 0 });
        assert_eq!(terms.priority().get(), 33);
        let always = Past { ended: 3, failed: 3, ..Past::default() };
        let terms = Terms::new(Priority::default(), Some(&always), 0, Some(7_200_000));
        assert_eq!((terms.risk, terms.awaited, terms.cheap), (8, 0, -2));
        let nothing = Terms::new(Priority::default(), None, 0, None);
        assert_eq!(nothing.priority(), Priority::default());
        let most = Terms::new(
            Priority::try_from(100).expect("allowed"),
            Some(&always),
            usize::MAX,
            Some(0),
        );
        assert_eq!((most.awaited, most.priority()), (4, Priority::try_from(100).expect("allowed")));
    }

    /// For each test what it waits for, all of it before it.
    fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
        let picks = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
        prop::collection::vec(picks, 1..40).prop_map(|lists| {
            let before = |(at, list): (usize, Vec<prop::sample::Index>)| {
                let some = list.iter().filter(|_| at > 0).map(|pick| pick.index(at));
                some.collect::<BTreeSet<usize>>().into_iter().collect()
            };
            lists.into_iter().enumerate().map(before).collect()
        })
    }

    proptest! {
        #[test]
        fn a_dependency_never_ranks_behind_its_dependant(
            before in graphs(),
            weights in prop::collection::vec((-100i8..=100, 0u64..5_000_000, 0u64..20), 40),
        ) {
            let behind = waiting_behind(&before);
            let mut terms: Vec<Terms> = before.iter().zip(&weights).zip(&behind)
                .map(|((_, (weight, time, failed)), behind)| {
                    let past = Past { ended: 20, failed: *failed, ..Past::default() };
                    let weight = Priority::try_from(i64::from(*weight)).expect("allowed");
                    Terms::new(weight, Some(&past), *behind, Some(*time))
                })
                .collect();
            raise(&mut terms, &before);
            for (at, list) in before.iter().enumerate() {
                for dependency in list {
                    prop_assert!(terms[*dependency].priority() >= terms[at].priority());
                    prop_assert!(behind[*dependency] > behind[at]);
                }
            }
        }
    }
}
