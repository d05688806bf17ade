//! The cells of a matrix, from the results of its tests. It reads nothing itself.
//!
//! A cell shows the newest result of each case, preferring verdicts over other ends. The values of all tests are kept
//! until the cells are made, because a change compares the newest one with the median of the others.

use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::trends::robust::median;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The outcomes, the worst first. `passed` is the last one, after tests that have not ended.
const WORST_FIRST: [Outcome; 8] = [
    Outcome::Failed,
    Outcome::ReducedPrecision,
    Outcome::Error,
    Outcome::TimedOut,
    Outcome::WorkerLost,
    Outcome::Expired,
    Outcome::Cancelled,
    Outcome::Skipped,
];
/// Logarithms of the smallest and the largest mean that can be expressed.
const MIN_LOG: f64 = -708.0;
const MAX_LOG: f64 = 709.0;

/// A cell: the newest result of each case of a group on a kind of hardware.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRow {
    pub row: String,
    pub column: String,
    pub tests: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    pub pending: u64,
    pub flaky: u64,
    /// Cases in quarantine. `outcomes` counts them, too.
    pub quarantined: BTreeMap<Outcome, u64>,
    pub outcome: Option<Outcome>,
    /// The median of the metric; the geometric mean of those of several cases, `None` if one is not positive.
    pub value: Option<f64>,
    pub unit: String,
    /// `lower` or `higher`.
    pub better: Option<String>,
    /// Geometric mean of the ratios of the newest value to the median of the others, of cases where both are positive.
    pub change: Option<f64>,
    /// The test with the worst outcome.
    pub test: TestId,
    pub message: String,
    /// Whether a script that dtf generated ran that test.
    pub is_generated: bool,
}

/// A test of a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub row: &'a str,
    pub column: &'a str,
    /// Tests of one case have the same key.
    pub key: u64,
    pub result: TestResult,
}

/// How a test ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct TestResult {
    pub test: TestId,
    /// `None`: it has not ended.
    pub outcome: Option<Outcome>,
    pub flaky: bool,
    /// The median of the metric, which is finite, and the set of metrics that it belongs to.
    pub value: Option<(f64, u64)>,
}

/// Unit and direction of the metric in a set of metrics.
pub(super) type Words = HashMap<u64, (String, String)>;

/// The results of cases so far.
#[derive(Default)]
pub(super) struct Cells {
    rows: Names,
    columns: Names,
    /// By row, column and key.
    cases: foldhash::HashMap<(u32, u32, u64), Case>,
}

/// Names, numbered in the order in which they were added.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

struct Case {
    newest: TestResult,
    /// The values of the other tests.
    others: Vec<f64>,
}

impl Cells {
    pub fn add(&mut self, Of { row, column, key, result }: Of<'_>) {
        let place = (self.rows.number(row), self.columns.number(column), key);
        match self.cases.entry(place) {
            Entry::Vacant(new) => {
                new.insert(Case { newest: result, others: Vec::new() });
            }
            Entry::Occupied(mut known) => known.get_mut().add(result),
        }
    }

    /// The newest test of each case.
    pub fn newest(&self) -> HashSet<TestId> {
        self.cases.values().map(|case| case.newest.test).collect()
    }

    /// The cells in the order of their rows and columns, at most `limit`. `quarantined`: whether a test of
    /// [`Self::newest`] is in quarantine.
    pub fn finish(
        self,
        words: &Words,
        quarantined: impl Fn(TestId) -> bool,
        limit: usize,
    ) -> Vec<CellRow> {
        let mut cases: Vec<((u32, u32, u64), Case)> = self.cases.into_iter().collect();
        // Sums of logarithms depend on the order.
        cases.sort_unstable_by_key(|(place, _)| *place);
        let of_cell = |one: &((u32, u32, u64), Case), other: &((u32, u32, u64), Case)| {
            (one.0.0, one.0.1) == (other.0.0, other.0.1)
        };
        let cell = |cases: &[((u32, u32, u64), Case)]| {
            let (row, column, _) = cases[0].0;
            let mut cell = Cell::default();
            for (_, case) in cases {
                cell.add(case, words, quarantined(case.newest.test));
            }
            cell.finish(self.rows.name(row), self.columns.name(column))
        };
        let mut cells: Vec<CellRow> = cases.chunk_by(of_cell).filter_map(cell).collect();
        cells.sort_unstable_by(|one, other| {
            (&one.row, &one.column).cmp(&(&other.row, &other.column))
        });
        cells.truncate(limit);
        cells
    }
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // There are fewer names than tests, whose numbers have 32 bits.
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    fn name(&self, number: u32) -> String {
        self.names[number as usize].clone()
    }
}

impl Case {
    fn add(&mut self, result: TestResult) {
        let other = if result.place() > self.newest.place() {
            std::mem::replace(&mut self.newest, result)
        } else {
            result
        };
        self.others.extend(other.value.map(|(value, _)| value));
    }
}

impl TestResult {
    /// The place among the results of the case: those with a verdict follow other ends.
    fn place(&self) -> (bool, TestId) {
        use Outcome::{Cancelled, Expired, Skipped};
        (!matches!(self.outcome, None | Some(Cancelled | Skipped | Expired)), self.test)
    }
}

/// A cell so far.
#[derive(Default)]
struct Cell<'w> {
    tests: u64,
    pending: u64,
    flaky: u64,
    outcomes: BTreeMap<Outcome, u64>,
    quarantined: BTreeMap<Outcome, u64>,
    values: Vec<f64>,
    /// Logarithms of the ratios of the newest value to the median of the others.
    ratios: Vec<f64>,
    unit: &'w str,
    better: Option<&'w str>,
    /// How bad the worst test is, and this test: the newest one of several.
    worst: Option<(usize, TestId)>,
}

impl<'w> Cell<'w> {
    fn add(&mut self, Case { newest, others }: &Case, words: &'w Words, is_quarantined: bool) {
        let TestResult { test, outcome, flaky, value } = *newest;
        self.tests += 1;
        match outcome {
            Some(outcome) => {
                *self.outcomes.entry(outcome).or_default() += 1;
                if is_quarantined {
                    *self.quarantined.entry(outcome).or_default() += 1;
                }
            }
            None => self.pending += 1,
        }
        self.flaky += u64::from(flaky && outcome == Some(Outcome::Passed));
        if let Some((value, set)) = value {
            self.values.push(value);
            let others = median(others).filter(|others| value > 0.0 && *others > 0.0);
            self.ratios.extend(others.map(|others| value.ln() - others.ln()));
            if let Some((unit, better)) = words.get(&set) {
                self.unit = self.unit.max(unit);
                self.better = self.better.max(Some(better));
            }
        }
        self.worst = self.worst.max(Some((badness(outcome), test)));
    }

    /// `None` without a test.
    fn finish(self, row: String, column: String) -> Option<CellRow> {
        let (_, test) = self.worst?;
        let outcomes = self.outcomes;
        let mut worst = WORST_FIRST.into_iter().chain([Outcome::Passed]);
        let logs: Vec<f64> = self.values.iter().map(|value| value.ln()).collect();
        let are_positive = self.values.iter().all(|value| *value > 0.0);
        Some(CellRow {
            row,
            column,
            tests: self.tests,
            outcome: worst.find(|outcome| outcomes.contains_key(outcome)),
            outcomes,
            pending: self.pending,
            flaky: self.flaky,
            quarantined: self.quarantined,
            value: match self.values[..] {
                [value] => Some(value),
                _ => geometric(&logs).filter(|_| are_positive),
            },
            unit: self.unit.to_owned(),
            better: self.better.map(str::to_owned),
            change: geometric(&self.ratios),
            test,
            message: String::new(),
            is_generated: false,
        })
    }
}

/// The place of an outcome among all, the worst last.
fn badness(outcome: Option<Outcome>) -> usize {
    let Some(outcome) = outcome else { return 1 };
    // Only `passed` is not one of them.
    let place = WORST_FIRST.iter().rev().position(|other| *other == outcome);
    place.map_or(0, |place| place + 2)
}

/// The geometric mean of values with these logarithms. `None` without values, or if it cannot be expressed.
fn geometric(logs: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "numbers of cases are small")]
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    (MIN_LOG..=MAX_LOG).contains(&mean).then(|| mean.exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;

    fn result(run: u32, outcome: Option<Outcome>, value: Option<f64>) -> TestResult {
        let test = TestId { run: RunId(run), index: 0 };
        TestResult { test, outcome, flaky: false, value: value.map(|value| (value, 7)) }
    }

    fn cells(results: &[(u64, TestResult)]) -> Vec<CellRow> {
        let mut cells = Cells::default();
        for (key, result) in results {
            cells.add(Of { row: "m", column: "cpu", key: *key, result: *result });
        }
        let words = Words::from([(7, ("seconds".to_owned(), "lower".to_owned()))]);
        cells.finish(&words, |test| test.run == RunId(9), 100)
    }

    #[test]
    fn a_change_compares_the_newest_value_with_the_median_of_the_others() {
        let passed = Some(Outcome::Passed);
        // In any order: the value of run 4 is the newest.
        let results = [(1, 3.0), (4, 8.0), (2, 5.0), (3, 4.0)]
            .map(|(run, value)| (1, result(run, passed, Some(value))));
        let [cell] = &cells(&results)[..] else { panic!("one cell") };
        assert_eq!(cell.value, Some(8.0));
        assert!(cell.change.is_some_and(|change| (change - 2.0).abs() < 1e-12), "{cell:?}");
        assert_eq!(
            (&*cell.unit, cell.better.as_deref(), cell.tests),
            ("seconds", Some("lower"), 1)
        );
        // The newest result has no value, and the older ones do not replace it.
        let failed = [results.to_vec(), vec![(1, result(5, Some(Outcome::Failed), None))]].concat();
        let [cell] = &cells(&failed)[..] else { panic!("one cell") };
        assert_eq!((cell.value, cell.change, &*cell.unit), (None, None, ""));
        assert_eq!((cell.outcome, cell.test.run), (Some(Outcome::Failed), RunId(5)));
    }

    #[test]
    fn a_value_that_is_not_positive_is_shown_and_has_no_ratio() {
        let passed = Some(Outcome::Passed);
        let of = |values: [f64; 3]| {
            let results =
                [1, 2, 3].map(|run| (1, result(run, passed, Some(values[run as usize - 1]))));
            let [cell] = &cells(&results)[..] else { panic!("one cell") };
            (cell.value, cell.change)
        };
        assert_eq!(of([1.0, 1.0, 0.0]), (Some(0.0), None));
        assert_eq!(of([0.0, 0.0, 3.0]), (Some(3.0), None), "the others are no basis");
        assert_eq!(of([-1.0, -1.0, -2.0]), (Some(-2.0), None));
        let two = [(1, result(1, passed, Some(2.0))), (2, result(1, passed, Some(0.0)))];
        let [cell] = &cells(&two)[..] else { panic!("one cell") };
        assert_eq!((cell.value, cell.tests), (None, 2), "there is no geometric mean");
    }

    #[test]
    fn a_result_without_a_verdict_does_not_replace_one() {
        let results = [
            (1, result(1, Some(Outcome::Failed), None)),
            (1, result(2, Some(Outcome::Cancelled), None)),
            (1, result(3, None, None)),
        ];
        let [cell] = &cells(&results)[..] else { panic!("one cell") };
        assert_eq!((cell.test.run, cell.pending), (RunId(1), 0));
        let [cell] = &cells(&results[1..])[..] else { panic!("one cell") };
        assert_eq!((cell.test.run, cell.pending, cell.outcome), (RunId(3), 1, None));
    }

    #[test]
    fn a_cell_counts_its_cases_and_names_the_worst_test() {
        let passed = Some(Outcome::Passed);
        let flaky = TestResult { flaky: true, ..result(9, passed, Some(2.0)) };
        let results = [
            (1, flaky),
            (2, result(2, passed, Some(8.0))),
            (3, result(3, Some(Outcome::Skipped), None)),
            (4, result(4, Some(Outcome::Error), None)),
            (5, result(5, None, None)),
        ];
        let [cell] = &cells(&results)[..] else { panic!("one cell") };
        assert_eq!((cell.tests, cell.pending, cell.flaky), (5, 1, 1));
        assert_eq!(cell.outcomes[&Outcome::Passed], 2);
        assert_eq!(cell.quarantined, BTreeMap::from([(Outcome::Passed, 1)]));
        assert_eq!((cell.outcome, cell.test.run), (Some(Outcome::Error), RunId(4)));
        assert!(cell.value.is_some_and(|mean| (mean - 4.0).abs() < 1e-12), "{cell:?}");
        assert_eq!(cell.change, None, "there are no other values");
    }
}
