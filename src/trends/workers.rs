//! Changes that many tests of one worker share: the worker is the cause, not the tests.

use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::robust::geometric_mean;
use std::collections::{BTreeMap, BTreeSet};

/// Minimum number of tests of a worker that changed in one direction.
const MIN_TESTS: usize = 3;

/// A judged metric with the worker that measured it.
#[derive(Debug)]
pub struct Measured<'a> {
    pub worker: u32,
    /// The series, so that several metrics of a test count once.
    pub series: u64,
    pub judgement: &'a mut Judgement,
}

/// A shift that the tests of a worker share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedShift {
    pub direction: Direction,
    /// Number of tests of the worker with enough values, and of those that changed.
    pub compared: usize,
    pub changed: usize,
    /// Geometric mean of their ratios.
    pub change: Option<f64>,
}

/// Finds the workers on which at least half of the tests, and at least `MIN_TESTS`, changed in the same
/// direction. The verdicts of these changes become [`Verdict::WorkerEvent`].
pub fn shared_shifts(measured: &mut [Measured<'_>]) -> BTreeMap<u32, SharedShift> {
    let workers: BTreeSet<u32> = measured.iter().map(|each| each.worker).collect();
    let mut shifts = BTreeMap::new();
    for worker in workers {
        for direction in [Direction::Worse, Direction::Better] {
            let of_worker = || measured.iter().filter(|each| each.worker == worker);
            let judged = |each: &&Measured<'_>| each.judgement.verdict != Verdict::InsufficientData;
            let compared: BTreeSet<u64> =
                of_worker().filter(judged).map(|each| each.series).collect();
            let shares = |each: &Measured<'_>| {
                each.judgement.is_change() && each.judgement.direction == direction
            };
            let changed: Vec<&Measured<'_>> = of_worker().filter(|each| shares(each)).collect();
            let tests: BTreeSet<u64> = changed.iter().map(|each| each.series).collect();
            if tests.len() < MIN_TESTS || 2 * tests.len() < compared.len() {
                continue;
            }
            let ratios: Vec<f64> =
                changed.iter().filter_map(|each| each.judgement.change).collect();
            let (compared, changed) = (compared.len(), tests.len());
            let change = geometric_mean(&ratios);
            shifts.insert(worker, SharedShift { direction, compared, changed, change });
            for each in measured.iter_mut() {
                if each.worker == worker && shares(each) {
                    each.judgement.verdict = Verdict::WorkerEvent;
                }
            }
        }
    }
    shifts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trends::limits::{Better, Kind, Limits};
    use crate::trends::online::newest;

    fn judged(last: f64) -> Judgement {
        let values = [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, last];
        newest(&values, &[], Some(Better::Lower), Limits::of(Kind::Measured))
    }

    fn shifts(lasts: &[(u32, f64)]) -> (BTreeMap<u32, SharedShift>, Vec<Verdict>) {
        let mut judgements: Vec<Judgement> = lasts.iter().map(|(_, last)| judged(*last)).collect();
        let tests = judgements.iter_mut().zip(lasts).zip(0..);
        let mut measured: Vec<Measured<'_>> = tests
            .map(|((judgement, (worker, _)), series)| Measured {
                worker: *worker,
                series,
                judgement,
            })
            .collect();
        let shifts = shared_shifts(&mut measured);
        (shifts, judgements.iter().map(|judgement| judgement.verdict).collect())
    }

    #[test]
    fn a_shift_of_most_tests_of_a_worker_is_one_event() {
        let (found, verdicts) =
            shifts(&[(1, 1.5), (1, 1.5), (1, 1.5), (1, 1.0), (2, 1.5), (2, 1.0), (2, 1.0)]);
        let shift = found.get(&1).expect("an event");
        assert_eq!((shift.compared, shift.changed), (4, 3));
        assert!((shift.change.expect("a ratio") - 1.5).abs() < 0.02);
        assert_eq!(found.len(), 1);
        assert_eq!(verdicts[0], Verdict::WorkerEvent);
        assert_eq!(verdicts[4], Verdict::Suspect, "one test of another worker");
    }

    #[test]
    fn a_few_of_many_tests_and_opposite_directions_are_no_event() {
        let few: Vec<(u32, f64)> = (0..9).map(|n| (1, if n < 3 { 1.5 } else { 1.0 })).collect();
        assert!(shifts(&few).0.is_empty());
        assert!(shifts(&[(1, 1.5), (1, 1.5), (1, 0.5), (1, 0.5)]).0.is_empty());
    }
}
