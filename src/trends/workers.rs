//! Changes that many tests of one worker share: the worker is the cause, not the tests.

use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::robust::geometric_mean;
use std::collections::{BTreeMap, BTreeSet};

/// Minimum number of tests of a worker that changed in one direction.
const MIN_TESTS: usize = 3;

/// A judged metric with the worker that measured it.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub worker: u32,
    /// The series, so that several metrics of a test count once.
    pub series: u64,
    pub judgement: Judgement,
}

/// A shift that the tests of a worker share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedShift {
    pub worker: u32,
    pub direction: Direction,
    /// Number of tests of the worker with enough values, and of those that changed.
    pub compared: usize,
    pub changed: usize,
    /// Geometric mean of their ratios, as those of metrics of which less is better: 1.25 is a quarter more time, or
    /// a fifth less throughput.
    pub change: Option<f64>,
}

impl SharedShift {
    /// Whether a metric that this worker measured is a part of the shift.
    #[must_use]
    pub fn explains(&self, worker: u32, judgement: &Judgement) -> bool {
        (worker, judgement.direction) == (self.worker, self.direction) && judgement.is_change()
    }
}

/// The judged metrics of one worker.
#[derive(Default)]
struct OfWorker {
    compared: BTreeSet<u64>,
    /// Those that became worse, and better.
    changed: [Changed; 2],
}

/// The changes in one direction.
#[derive(Default)]
struct Changed {
    tests: BTreeSet<u64>,
    ratios: Vec<f64>,
}

/// The ratio of a metric that got worse, or better, as that of one of which less is better.
fn cost(ratio: f64, direction: Direction) -> f64 {
    match direction {
        Direction::Better => ratio.min(ratio.recip()),
        Direction::Worse | Direction::None => ratio.max(ratio.recip()),
    }
}

const DIRECTIONS: [Direction; 2] = [Direction::Worse, Direction::Better];

/// Finds the workers on which at least half of the tests, and at least `MIN_TESTS`, changed in the same
/// direction, in the order of their numbers.
pub fn shared_shifts(measured: impl Iterator<Item = Measured>) -> Vec<SharedShift> {
    let mut workers: BTreeMap<u32, OfWorker> = BTreeMap::new();
    for Measured { worker, series, judgement } in measured {
        let of_worker = workers.entry(worker).or_default();
        if judgement.verdict != Verdict::InsufficientData {
            of_worker.compared.insert(series);
        }
        for (changed, direction) in of_worker.changed.iter_mut().zip(DIRECTIONS) {
            if judgement.is_change() && judgement.direction == direction {
                changed.tests.insert(series);
                // A value that fell to zero has no ratio that counts.
                let ratio = judgement.change.filter(|ratio| *ratio > 0.0);
                changed.ratios.extend(ratio.map(|ratio| cost(ratio, direction)));
            }
        }
    }
    let mut shifts = Vec::new();
    for (worker, OfWorker { compared, changed }) in workers {
        let compared = compared.len();
        for (Changed { tests, ratios }, direction) in changed.into_iter().zip(DIRECTIONS) {
            let changed = tests.len();
            if changed >= MIN_TESTS && 2 * changed >= compared {
                let change = geometric_mean(&ratios);
                shifts.push(SharedShift { worker, direction, compared, changed, change });
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

    fn measured(lasts: &[(u32, f64)]) -> Vec<Measured> {
        let tests = lasts.iter().zip(0..);
        tests
            .map(|(&(worker, last), series)| Measured { worker, series, judgement: judged(last) })
            .collect()
    }

    fn shifts(lasts: &[(u32, f64)]) -> Vec<SharedShift> {
        shared_shifts(measured(lasts).into_iter())
    }

    #[test]
    fn a_shift_of_most_tests_of_a_worker_is_one_event() {
        let lasts = [(1, 1.5), (1, 1.5), (1, 1.5), (1, 1.0), (2, 1.5), (2, 1.0), (2, 1.0)];
        let found = shifts(&lasts);
        let [shift] = found.as_slice() else { panic!("one event: {found:?}") };
        assert_eq!((shift.worker, shift.compared, shift.changed), (1, 4, 3));
        assert!((shift.change.expect("a ratio") - 1.5).abs() < 0.02);
        let explained =
            measured(&lasts).into_iter().map(|of| shift.explains(of.worker, &of.judgement));
        let expected = [true, true, true, false, false, false, false];
        assert_eq!(explained.collect::<Vec<_>>(), expected, "not a test of another worker");
    }

    #[test]
    fn metrics_of_which_more_is_better_do_not_cancel_the_others() {
        let values = [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 1.0 / 1.5];
        let more = newest(&values, &[], Some(Better::Higher), Limits::of(Kind::Measured));
        let slower = measured(&[1.5; 3].map(|last| (1, last)));
        let less = (0..).zip([more; 3]);
        let less = less.map(|(series, judgement)| Measured { worker: 1, series, judgement });
        let found = shared_shifts(slower.into_iter().chain(less));
        let [shift] = found.as_slice() else { panic!("one event: {found:?}") };
        assert_eq!((shift.direction, shift.changed), (Direction::Worse, 3));
        assert!(shift.change.is_some_and(|change| (change - 1.5).abs() < 0.02), "{shift:?}");
        let mut stopped = measured(&[1.5; 4].map(|last| (1, last)));
        (stopped[0].judgement.change, stopped[0].judgement.after) = (Some(0.0), Some(0.0));
        let found = shared_shifts(stopped.into_iter());
        assert!(found[0].change.is_some_and(|change| (change - 1.5).abs() < 0.02), "{found:?}");
    }

    #[test]
    fn opposite_shifts_of_a_worker_are_two_events() {
        let found = shifts(&[1.5, 1.5, 1.5, 0.5, 0.5, 0.5].map(|last| (1, last)));
        let directions: Vec<Direction> = found.iter().map(|shift| shift.direction).collect();
        assert_eq!(directions, [Direction::Worse, Direction::Better]);
    }

    #[test]
    fn a_few_of_many_tests_and_opposite_directions_are_no_event() {
        let few: Vec<(u32, f64)> = (0..9).map(|n| (1, if n < 3 { 1.5 } else { 1.0 })).collect();
        assert!(shifts(&few).is_empty());
        assert!(shifts(&[(1, 1.5), (1, 1.5), (1, 0.5), (1, 0.5)]).is_empty());
    }
}
