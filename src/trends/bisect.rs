//! Search for the first bad candidate among ordered ones: versions of a package, or commits.
//!
//! The first candidate is good and the last one is bad. Each step tries one candidate between the
//! last good and the first bad one. A candidate that cannot be tried is skipped, and the search
//! continues around it. [`Trial`] decides from repeated runs what one candidate is.
//!
//! Promises: the result is a bad candidate, and a good one below it, between which nothing else can be
//! tried. If every bad candidate is above every good one and none is skipped, it is the first bad one,
//! found in at most `log2(n)` steps, rounded up. The search ends for any sequence of answers.

use crate::trends::robust::median;

/// The result of trying a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Good,
    Bad,
    /// It cannot be tried.
    Skipped,
}

/// The answers so far.
#[derive(Debug, Clone)]
pub struct Search {
    answers: Vec<Option<Answer>>,
}

/// Result of a search, as positions of candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub last_good: usize,
    pub first_bad: usize,
    /// Skipped candidates between the two, any of which may be the first bad one.
    pub skipped: Vec<usize>,
    /// Good candidates above the first bad one.
    pub good_again: Vec<usize>,
}

impl Search {
    /// A search among `count` candidates, whose ends are known. `None` for fewer than two.
    #[must_use]
    pub fn new(count: usize) -> Option<Self> {
        let mut answers = vec![None; count];
        *answers.first_mut()? = Some(Answer::Good);
        let search = Self { answers };
        (count >= 2).then(|| search.with(count - 1, Answer::Bad))
    }

    fn with(mut self, at: usize, answer: Answer) -> Self {
        self.record(at, answer);
        self
    }

    /// Records an answer. A later one for the same candidate replaces it. Positions that do not exist
    /// are ignored.
    pub fn record(&mut self, at: usize, answer: Answer) {
        if let Some(known) = self.answers.get_mut(at) {
            *known = Some(answer);
        }
    }

    fn position(&self, mut range: impl Iterator<Item = usize>, answer: Answer) -> Option<usize> {
        range.find(|at| self.answers.get(*at) == Some(&Some(answer)))
    }

    /// The first bad candidate, and the last good one below it.
    fn bounds(&self) -> Option<(usize, usize)> {
        let bad = self.position(0..self.answers.len(), Answer::Bad)?;
        Some((self.position((0..bad).rev(), Answer::Good)?, bad))
    }

    /// The next candidate to try. `None` if there is no other one between the bounds, or if the bounds
    /// were revised until there is no good candidate below a bad one.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        let (good, bad) = self.bounds()?;
        let open: Vec<usize> = (good + 1..bad).filter(|at| self.answers[*at].is_none()).collect();
        // Neighbours of a candidate that cannot be tried often cannot be tried either: further away
        // after each of them.
        let skipped = bad - good - 1 - open.len();
        let at = (fraction(skipped) * open.len() as f64) as usize;
        open.get(at.min(open.len().saturating_sub(1))).copied()
    }

    /// Number of candidates that may still be tried.
    #[must_use]
    pub fn open(&self) -> usize {
        let between = self.bounds().map_or(0..0, |(good, bad)| good + 1..bad);
        between.filter(|at| self.answers[*at].is_none()).count()
    }

    /// The result so far. `None` if there is no good candidate below a bad one.
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        let (last_good, first_bad) = self.bounds()?;
        let with = |range: std::ops::Range<usize>, answer| {
            range.filter(|at| self.answers[*at] == Some(answer)).collect()
        };
        Some(Found {
            last_good,
            first_bad,
            skipped: with(last_good + 1..first_bad, Answer::Skipped),
            good_again: with(first_bad + 1..self.answers.len(), Answer::Good),
        })
    }
}

/// The term `n` of the sequence 1/2, 1/4, 3/4, 1/8, 5/8, … (van der Corput, base 2), which spreads
/// over the interval from 0 to 1.
fn fraction(n: usize) -> f64 {
    let (mut rest, mut part, mut sum) = (n + 1, 0.5, 0.0);
    while rest > 0 {
        sum += part * (rest & 1) as f64;
        rest >>= 1;
        part /= 2.0;
    }
    sum
}

/// Maximum number of runs of one candidate.
pub const MAX_RUNS: u32 = 20;
/// Number of runs that decide about a candidate with different results, if the bad end always failed.
const MAJORITY: u32 = 5;
/// A candidate is good if a bad one would pass as often with at most this probability.
const CHANCE: f64 = 0.02;

/// Runs of one candidate: how many passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trial {
    pub passed: u32,
    pub failed: u32,
}

impl Trial {
    pub fn add(&mut self, failed: bool) {
        if failed {
            self.failed += 1;
        } else {
            self.passed += 1;
        }
    }

    #[must_use]
    pub fn runs(&self) -> u32 {
        self.passed + self.failed
    }

    /// Whether some runs passed and others failed.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.passed > 0 && self.failed > 0
    }

    /// Share of the runs that failed.
    #[must_use]
    pub fn rate(&self) -> f64 {
        f64::from(self.failed) / f64::from(self.runs().max(1))
    }

    /// Decides about the candidate, if the bad end fails with the probability `rate`. `None` if another run
    /// is needed. At most [`MAX_RUNS`] runs are asked for.
    ///
    /// Without failures, a candidate is good when a bad one would rarely pass as often:
    /// `(1 - rate)^runs` is at most 2 %. With failures, it is bad if they are at least half as frequent
    /// as those of the bad end.
    #[must_use]
    pub fn answer(&self, rate: f64) -> Option<Answer> {
        let runs = self.runs();
        if runs == 0 {
            return None;
        }
        let is_bad = self.rate() >= rate / 2.0 && self.failed > 0;
        let decided = if is_bad { Answer::Bad } else { Answer::Good };
        let is_enough = match (self.failed, self.passed) {
            (0, passed) => (1.0 - rate).powf(f64::from(passed)) <= CHANCE,
            (_, 0) => true,
            _ if rate >= 1.0 => runs >= MAJORITY,
            _ => is_bad,
        };
        (is_enough || runs >= MAX_RUNS).then_some(decided)
    }
}

/// Part of the distance between the medians of the ends, around their middle, in which a value decides
/// nothing alone.
const UNDECIDED: f64 = 0.5;

/// Whether the values of a metric of one candidate are those of the bad end. `None` if another run is
/// needed: the median of the values is near the middle of the ends, and there are fewer than five.
#[must_use]
pub fn nearer(values: &[f64], good: f64, bad: f64) -> Option<Answer> {
    let position = (median(values)? - good) / (bad - good);
    let is_clear = (position - 0.5).abs() > UNDECIDED / 2.0;
    let decided = if position > 0.5 { Answer::Bad } else { Answer::Good };
    (is_clear || values.len() >= MAJORITY as usize).then_some(decided)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Searches with answers of a function. Returns the result and the number of steps.
    fn search(count: usize, answer: impl Fn(usize) -> Answer) -> (Option<Found>, usize) {
        let mut search = Search::new(count).expect("two candidates");
        let mut steps = 0;
        while let Some(at) = search.next() {
            search.record(at, answer(at));
            steps += 1;
            assert!(steps <= count, "the search ends");
        }
        (search.found(), steps)
    }

    #[test]
    fn every_position_is_found_in_few_steps() {
        for count in 2..70 {
            for first in 1..count {
                let is = |at| if at < first { Answer::Good } else { Answer::Bad };
                let (found, steps) = search(count, is);
                let expected = Found {
                    last_good: first - 1,
                    first_bad: first,
                    skipped: Vec::new(),
                    good_again: Vec::new(),
                };
                assert_eq!(found, Some(expected), "{first} of {count}");
                let most = (count as f64 - 1.0).log2().ceil() as usize;
                assert!(steps <= most, "{steps} steps for {first} of {count}");
            }
        }
    }

    #[test]
    fn fewer_than_two_candidates_are_refused() {
        assert!(Search::new(0).is_none() && Search::new(1).is_none());
    }

    #[test]
    fn a_long_gap_of_skipped_candidates_is_left_soon() {
        let is = |at: usize| match at {
            10..90 => Answer::Skipped,
            0..10 => Answer::Good,
            _ => Answer::Bad,
        };
        let mut search = Search::new(100).expect("candidates");
        let mut skips = 0;
        while let Some(at) = search.next() {
            match is(at) {
                Answer::Skipped => skips += 1,
                _ => break,
            }
            search.record(at, is(at));
        }
        assert!(skips <= 8, "{skips} candidates were tried in the gap");
    }

    #[test]
    fn a_revised_answer_moves_the_bounds() {
        let mut search = Search::new(9).expect("candidates");
        search.record(4, Answer::Bad);
        search.record(3, Answer::Good);
        assert_eq!(search.found().map(|found| found.first_bad), Some(4));
        search.record(4, Answer::Good);
        assert_eq!(search.next(), Some(6));
        assert_eq!(search.found().map(|found| (found.last_good, found.first_bad)), Some((4, 8)));
    }

    proptest! {
        #[test]
        fn skipped_candidates_leave_a_range_with_the_first_bad_one(
            count in 2usize..60, first in 1usize..60, skipped in prop::collection::vec(any::<bool>(), 60)
        ) {
            let first = 1 + (first - 1) % (count - 1);
            let (found, _) = search(count, |at| match at {
                _ if skipped[at] => Answer::Skipped,
                _ if at < first => Answer::Good,
                _ => Answer::Bad,
            });
            let found = found.expect("the ends are known");
            prop_assert!(found.last_good < first && first <= found.first_bad);
            let between: Vec<usize> = (found.last_good + 1..found.first_bad).collect();
            prop_assert_eq!(&found.skipped, &between, "nothing else between them can be tried");
        }

        #[test]
        fn any_answers_end_at_a_change_from_good_to_bad(
            count in 2usize..60, answers in prop::collection::vec(0u8..3, 60)
        ) {
            let answer = |at: usize| match answers[at] {
                0 => Answer::Good,
                1 => Answer::Bad,
                _ => Answer::Skipped,
            };
            let (found, _) = search(count, answer);
            let found = found.expect("the ends are known");
            prop_assert!(found.last_good < found.first_bad);
            prop_assert!((found.last_good + 1..found.first_bad).all(|at| answer(at) == Answer::Skipped));
        }

        #[test]
        fn a_trial_ends_whatever_the_runs_give(
            results in prop::collection::vec(any::<bool>(), 20), rate in 0.0f64..1.0
        ) {
            let mut trial = Trial::default();
            let ended = results.iter().any(|failed| {
                trial.add(*failed);
                trial.answer(rate).is_some()
            });
            prop_assert!(ended && trial.runs() <= MAX_RUNS);
        }

        /// A candidate that fails as often as the bad end is rarely taken for a good one, and one that
        /// never fails is always good.
        #[test]
        fn a_failure_that_comes_and_goes_is_noticed(seed in any::<u64>(), rate in 0.25f64..0.9) {
            let mut state = seed | 1;
            let mut chance = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1u64 << 53) as f64
            };
            let mut taken_for_good = 0;
            for _ in 0..300 {
                let mut trial = Trial::default();
                while trial.answer(rate).is_none() {
                    trial.add(chance() < rate);
                }
                taken_for_good += u32::from(trial.answer(rate) == Some(Answer::Good));
            }
            prop_assert!(taken_for_good <= 24, "{} of 300", taken_for_good);
            let mut trial = Trial::default();
            while trial.answer(rate).is_none() {
                trial.add(false);
            }
            prop_assert_eq!(trial.answer(rate), Some(Answer::Good));
        }
    }

    #[test]
    fn values_near_the_middle_of_the_ends_are_measured_again() {
        assert_eq!(nearer(&[1.1], 1.0, 2.0), Some(Answer::Good));
        assert_eq!(nearer(&[1.9], 1.0, 2.0), Some(Answer::Bad));
        assert_eq!(nearer(&[0.5], 1.0, 2.0), Some(Answer::Good));
        // Higher values are better.
        assert_eq!(nearer(&[110.0], 200.0, 100.0), Some(Answer::Bad));
        assert_eq!(nearer(&[1.6], 1.0, 2.0), None);
        assert_eq!(nearer(&[1.6; 5], 1.0, 2.0), Some(Answer::Bad));
        assert_eq!(nearer(&[], 1.0, 2.0), None);
    }

    #[test]
    fn one_run_decides_while_the_bad_end_always_fails_and_five_if_they_differ() {
        let trial = |passed, failed| Trial { passed, failed };
        assert_eq!(trial(0, 0).answer(1.0), None);
        assert_eq!(trial(1, 0).answer(1.0), Some(Answer::Good));
        assert_eq!(trial(0, 1).answer(1.0), Some(Answer::Bad));
        assert_eq!(trial(1, 1).answer(1.0), None);
        assert_eq!(trial(3, 2).answer(1.0), Some(Answer::Good));
        assert_eq!(trial(2, 3).answer(1.0), Some(Answer::Bad));
    }
}
