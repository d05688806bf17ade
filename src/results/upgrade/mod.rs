//! The effect of an upgrade from stored runs, and its pure parts.

#[cfg(test)]
pub(super) mod fixture;
mod observed;
mod verdict;

pub use observed::Observed;
pub use verdict::{Side, Tested, verdict};

use crate::api::v1::test_views::{AttemptDetail, AttemptQuery, TestQuery, TestView};
use crate::api::v1::upgrades::UpgradeView;
use crate::domain::id::{RunId, TestId};
use crate::domain::launch::LEFT_OUT;
use crate::plan::packages::{PACKAGES, Pin, Pins};
use crate::results::reader::Reader;
use crate::store::StoreError;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Number of entries of one query. Details of attempts are large.
const PAGE: usize = 500;

impl Reader {
    /// The effect of an upgrade on the tests of these runs, which are joined by their names. The pins of a
    /// side are those that its tests have and the same tests of the other side do not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn upgrade(&self, runs: [&[RunId]; 2]) -> Result<UpgradeView, StoreError> {
        let mut tested: Vec<Tested> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut sides = [Side::default(), Side::default()];
        let mut pins: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
        let mut left_out = 0;
        // The order of the tests is that after the upgrade.
        for side in [1, 0] {
            sides[side].runs = runs[side].to_vec();
            for run in runs[side] {
                self.observe(*run, |observed| {
                    sides[side].add(&observed.packages);
                    let label = observed.labels.get(PACKAGES).cloned().unwrap_or_default();
                    pins.entry(observed.name.clone()).or_default()[side] = Some(label);
                    left_out = left_out.max(number_left_out(&observed.labels));
                    let at = *known.entry(observed.name.clone()).or_insert_with(|| {
                        tested.push(Tested::new(&observed.name, observed.labels.clone()));
                        tested.len() - 1
                    });
                    if let Some(tested) = tested.get_mut(at) {
                        tested.add(side, observed);
                    }
                })?;
            }
        }
        let [before, after] = own_pins(pins.values());
        for (side, pins) in sides.iter_mut().zip([before, after]) {
            side.pinned = pins.iter().map(|pin| pin.package().to_owned()).collect();
            let texts: BTreeSet<&str> = pins.iter().map(Pin::as_str).collect();
            side.pins = texts.into_iter().collect::<Vec<_>>().join(" ");
        }
        Ok(verdict(sides, &tested, left_out))
    }

    /// Visits every test of a run in its order, with the detail of its last attempt.
    fn observe(&self, run: RunId, mut visit: impl FnMut(Observed)) -> Result<(), StoreError> {
        let mut after: Option<TestId> = None;
        loop {
            let query = TestQuery { run: Some(run), ..TestQuery::default() };
            let tests = self.tests(&query, after, PAGE)?;
            let (Some(first), Some(last)) = (tests.first(), tests.last()) else { return Ok(()) };
            let (first, last) = (first.test, last.test);
            let mut details = self.last_details(first, last)?;
            after = Some(last);
            for test in tests {
                let TestView { test: id, .. } = test;
                visit(Observed::of(test, &details.remove(&id).unwrap_or_default()));
            }
        }
    }

    /// The details of the last attempts of the tests from `first` to `last`, which are of one run.
    fn last_details(
        &self,
        first: TestId,
        last: TestId,
    ) -> Result<HashMap<TestId, AttemptDetail>, StoreError> {
        let query = AttemptQuery { run: Some(first.run), ..AttemptQuery::default() };
        let mut details = HashMap::new();
        // Attempts count from 1.
        let mut after = Some(first.attempt(0));
        loop {
            let (attempts, cut) = self.attempts(&query, after, PAGE)?;
            let is_last = attempts.len() < PAGE && !cut;
            after = attempts.last().map(|attempt| attempt.attempt);
            let is_beyond = after.is_none_or(|attempt| attempt.test > last);
            for attempt in attempts {
                details.insert(attempt.attempt.test, attempt.detail);
            }
            if is_last || is_beyond {
                return Ok(details);
            }
        }
    }
}

/// A label that cannot be read is not taken for "none".
fn number_left_out(labels: &BTreeMap<String, String>) -> u64 {
    labels.get(LEFT_OUT).map_or(0, |number| number.parse().unwrap_or(1))
}

/// The pins before and after that the same test of the other side does not have, over all tests that are
/// on both sides. Labels that cannot be read count as none.
fn own_pins<'a>(tests: impl Iterator<Item = &'a [Option<String>; 2]>) -> [Vec<Pin>; 2] {
    let mut own: [Vec<Pin>; 2] = Default::default();
    let labels: BTreeSet<(&str, &str)> =
        tests.filter_map(|[before, after]| Some((before.as_deref()?, after.as_deref()?))).collect();
    for (before, after) in labels {
        let pins = [before, after].map(|label| Pins::of_label(label).unwrap_or_default());
        for side in [0, 1] {
            let other: Vec<&Pin> = pins[1 - side].iter().collect();
            for pin in pins[side].iter() {
                if !other.contains(&pin) && !own[side].contains(pin) {
                    own[side].push(pin.clone());
                }
            }
        }
    }
    own
}
