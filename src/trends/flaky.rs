//! Flaky tests: rates of failed attempts, and the judgement about the attempts of a test.
//!
//! Recent attempts weigh more: the weight of an attempt is 2^(−age / [`HALF_LIFE`]), and its age is the
//! number of later attempts of the same test, as in Kowalczyk et al., "Modeling and Ranking Flaky Tests
//! at Apple" (ICSE-SEIP 2020), who weigh the changes of results over versions. The limits of a rate are
//! those of the score interval of Wilson (1927) for the effective number of attempts by Kish (1965),
//! (Σw)² / Σw². Whether the failures belong to one worker is decided by Fisher's exact test.
//!
//! Failures of the infrastructure do not count as attempts, because the test is not their cause. Limit:
//! [`MAX_ATTEMPTS`] attempts of a test, the newest.

use std::collections::BTreeMap;

/// Number of attempts after which an attempt weighs half.
pub const HALF_LIFE: u32 = 10;
/// Minimum number of attempts for a judgement. A test that passed only after a failed attempt is
/// evidence without it.
pub const MIN_ATTEMPTS: u32 = 5;
/// Maximum number of attempts of a test that count.
pub const MAX_ATTEMPTS: usize = 64;
/// Number of passed attempts after which earlier failures are over. A test that fails in one of seven
/// attempts passes this often in a row with a probability of 5 %.
const OVER: usize = 20;
/// Maximum probability of chance, after the correction for the number of workers.
const SIGNIFICANCE: f64 = 0.05;
/// Quantile of the normal distribution for a confidence of 95 %.
const Z: f64 = 1.959_964;

/// One ended attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the worker.
    pub worker: u32,
    pub passed: bool,
    /// It passed, but an earlier attempt of the same test, or a part of this one, had failed.
    pub recovered: bool,
}

/// The judgement about the attempts of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It fails and passes in turn.
    Flaky,
    /// It fails on one worker only, and passes on others.
    WorkerTrouble(Trouble),
    /// It failed until now, and did not fail and pass in turn.
    Failing,
    /// It passes, and earlier failures are over.
    Steady,
    /// There are too few attempts.
    InsufficientData,
}

/// The failures of a test on one worker.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    pub worker: u32,
    /// Probability that one of the workers has all failures by chance.
    pub p: f64,
}

impl PartialEq for Trouble {
    fn eq(&self, other: &Self) -> bool {
        self.worker == other.worker && self.p.total_cmp(&other.p).is_eq()
    }
}

impl Eq for Trouble {}

/// A sum of weighted attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    pub attempts: u64,
    pub failed: u64,
    weight: f64,
    failed_weight: f64,
    squares: f64,
}

/// A proportion of failed attempts with its 95 % confidence interval. All are between 0 and 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    pub rate: f64,
    pub low: f64,
    pub high: f64,
}

/// The facts about the attempts of one test.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub judgement: Judgement,
    pub tally: Tally,
    /// By the number of the worker.
    pub workers: BTreeMap<u32, Tally>,
    /// Number of changes between passed and failed.
    pub transitions: u32,
    /// Number of attempts that recovered.
    pub recovered: u32,
}

impl Tally {
    /// Adds an attempt with this number of later attempts of its test.
    pub fn add(&mut self, age: usize, passed: bool) {
        let weight = (-(age as f64) / f64::from(HALF_LIFE)).exp2();
        self.attempts += 1;
        self.weight += weight;
        self.squares += weight * weight;
        if !passed {
            self.failed += 1;
            self.failed_weight += weight;
        }
    }

    pub fn merge(&mut self, more: &Self) {
        self.attempts += more.attempts;
        self.failed += more.failed;
        self.weight += more.weight;
        self.failed_weight += more.failed_weight;
        self.squares += more.squares;
    }

    /// The weighted rate. Without attempts, nothing is known: 0 to 1.
    #[must_use]
    pub fn rate(&self) -> Rate {
        if self.squares <= 0.0 {
            return Rate { rate: 0.0, low: 0.0, high: 1.0 };
        }
        let rate = (self.failed_weight / self.weight).clamp(0.0, 1.0);
        let n = self.weight * self.weight / self.squares;
        let square = Z * Z;
        let centre = (rate + square / (2.0 * n)) / (1.0 + square / n);
        let half =
            Z * (rate * (1.0 - rate) / n + square / (4.0 * n * n)).sqrt() / (1.0 + square / n);
        let (low, high) = ((centre - half).max(0.0).min(rate), (centre + half).min(1.0).max(rate));
        Rate { rate, low, high }
    }
}

impl History {
    /// The facts about attempts, the oldest first.
    #[must_use]
    pub fn of(attempts: &[Attempt]) -> Self {
        let newest =
            attempts.get(attempts.len().saturating_sub(MAX_ATTEMPTS)..).unwrap_or_default();
        let (mut tally, mut workers) = (Tally::default(), BTreeMap::<u32, Tally>::new());
        for (age, attempt) in newest.iter().rev().enumerate() {
            tally.add(age, attempt.passed);
            workers.entry(attempt.worker).or_default().add(age, attempt.passed);
        }
        let changes = newest.windows(2).filter(|pair| pair[0].passed != pair[1].passed).count();
        let recovered = newest.iter().filter(|attempt| attempt.recovered).count();
        let (transitions, recovered) = (small(changes), small(recovered));
        let judgement = judge(newest, &tally, &workers, transitions, recovered);
        Self { judgement, tally, workers, transitions, recovered }
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn judge(
    attempts: &[Attempt],
    tally: &Tally,
    workers: &BTreeMap<u32, Tally>,
    transitions: u32,
    recovered: u32,
) -> Judgement {
    if recovered == 0 && tally.attempts < u64::from(MIN_ATTEMPTS) {
        return Judgement::InsufficientData;
    }
    let is_good = |attempt: &&Attempt| attempt.passed && !attempt.recovered;
    let passed_since = attempts.iter().rev().take_while(is_good).count();
    if passed_since >= OVER || passed_since == attempts.len() {
        return Judgement::Steady;
    }
    if let Some(trouble) = trouble(tally, workers) {
        return Judgement::WorkerTrouble(trouble);
    }
    // One change is a test that broke, or that was mended.
    if recovered > 0 || transitions >= 2 {
        return Judgement::Flaky;
    }
    if passed_since == 0 { Judgement::Failing } else { Judgement::Steady }
}

/// The worker that has all failures, unless that may be chance.
fn trouble(all: &Tally, workers: &BTreeMap<u32, Tally>) -> Option<Trouble> {
    let (worker, own) = workers.iter().find(|(_, tally)| tally.failed > 0)?;
    if own.failed < all.failed || all.attempts == own.attempts {
        return None;
    }
    let chance = all_by_chance(own.attempts, all.attempts, own.failed);
    let p = (chance * workers.len() as f64).min(1.0);
    (p <= SIGNIFICANCE).then_some(Trouble { worker: *worker, p })
}

/// Fisher's exact test, one-sided: the probability that all of `failed` failures among `all` attempts
/// are among `own` of them, when each attempt fails equally often.
fn all_by_chance(own: u64, all: u64, failed: u64) -> f64 {
    (0..failed).map(|taken| (own - taken) as f64 / (all - taken) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Attempts of one test, each in another run: `P` passed, `F` failed, `R` recovered. The digits
    /// name the worker of the attempts after them.
    fn attempts(text: &str) -> Vec<Attempt> {
        let mut worker = 0;
        let mut attempts = Vec::new();
        for letter in text.chars() {
            match letter.to_digit(10) {
                Some(digit) => worker = digit,
                None => attempts.push(Attempt {
                    worker,
                    passed: letter != 'F',
                    recovered: letter == 'R',
                }),
            }
        }
        attempts
    }

    fn judged(text: &str) -> Judgement {
        History::of(&attempts(text)).judgement
    }

    #[test]
    fn a_test_that_broke_or_was_mended_is_not_flaky() {
        assert_eq!(judged("PPPPPPFFF"), Judgement::Failing);
        assert_eq!(judged("FFFFFF"), Judgement::Failing);
        assert_eq!(judged("FFFFPPPP"), Judgement::Steady);
        assert_eq!(judged("PPPPP"), Judgement::Steady);
        assert_eq!(judged("PPFPPFP"), Judgement::Flaky);
        assert_eq!(judged("FPF"), Judgement::InsufficientData);
        assert_eq!(judged(""), Judgement::InsufficientData);
    }

    #[test]
    fn a_recovery_is_evidence_in_a_single_run() {
        assert_eq!(judged("FR"), Judgement::Flaky);
        assert_eq!(judged("R"), Judgement::Flaky, "a part of the attempt was repeated");
        // Twenty passes later it is over.
        assert_eq!(judged(&format!("FR{}", "P".repeat(19))), Judgement::Flaky);
        assert_eq!(judged(&format!("FR{}", "P".repeat(20))), Judgement::Steady);
    }

    #[test]
    fn failures_on_one_worker_are_its_trouble_if_that_is_no_chance() {
        let Judgement::WorkerTrouble(Trouble { worker, p }) = judged("1PFPFFF2PPPPPPP3PPPP") else {
            panic!("no trouble");
        };
        // 4 of 17 attempts failed, all of them among the 6 of worker 1.
        let chance = 6.0 / 17.0 * 5.0 / 16.0 * 4.0 / 15.0 * 3.0 / 14.0;
        assert_eq!(worker, 1);
        assert!((p - 3.0 * chance).abs() < 1e-12, "{p}");
        assert_eq!(judged("1PFP2PPP"), Judgement::Flaky, "one failure may be chance");
        assert_eq!(judged("1PFPFFF2PPPPPFP3PPPP"), Judgement::Flaky, "two workers");
        assert_eq!(judged("1PFPFFFPPF"), Judgement::Flaky, "no other worker ran it");
    }

    #[test]
    fn recent_attempts_weigh_more() {
        let early = History::of(&attempts("FFFFFPPPPPPPPPPPPPPP")).tally.rate();
        let late = History::of(&attempts("PPPPPPPPPPPPPPPFFFFF")).tally.rate();
        assert!(early.rate < 0.2 && late.rate > 0.3, "{early:?} {late:?}");
        let ten = attempts("FPPPPPPPPPP");
        let weight = |age: usize| (-(age as f64) / 10.0).exp2();
        let all: f64 = (0..11).map(weight).sum();
        let rate = History::of(&ten).tally.rate().rate;
        assert!((rate - 0.5 / all).abs() < 1e-12, "half after ten attempts: {rate}");
    }

    #[test]
    fn a_rate_of_few_attempts_is_uncertain() {
        let unknown = Tally::default().rate();
        assert_eq!((unknown.low, unknown.high), (0.0, 1.0));
        let one = History::of(&attempts("P")).tally.rate();
        // Wilson's interval of 0 in 1 reaches to z² / (1 + z²).
        assert!((one.high - Z * Z / (1.0 + Z * Z)).abs() < 1e-12, "{one:?}");
    }

    proptest! {
        #[test]
        fn rates_lie_within_their_limits(text in "[123PFR]{0,120}") {
            let history = History::of(&attempts(&text));
            for tally in history.workers.values().chain([&history.tally]) {
                let Rate { rate, low, high } = tally.rate();
                prop_assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0);
            }
            let mut sum = Tally::default();
            history.workers.values().for_each(|tally| sum.merge(tally));
            prop_assert_eq!((sum.attempts, sum.failed), (history.tally.attempts, history.tally.failed));
            prop_assert!(history.tally.attempts <= MAX_ATTEMPTS as u64);
        }

        /// A test that fails in one of five attempts is found in its first 40 attempts, and a broken test
        /// is never called flaky.
        #[test]
        fn a_flaky_test_is_told_from_a_broken_one(seed: u64, broken in 5usize..40) {
            let mut state = seed | 1;
            let mut random = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % 5 == 0
            };
            let flaky: String = (0..40).map(|_| if random() { 'F' } else { 'P' }).collect();
            // In 1 of 200 sequences, it fails at most once, or not within the last 20.
            let ends_quietly = flaky.matches('F').count() < 2 || !flaky[20..].contains('F');
            prop_assert!(ends_quietly || judged(&flaky) == Judgement::Flaky, "{}", flaky);
            let broken = "P".repeat(broken) + &"F".repeat(40 - broken);
            prop_assert_ne!(judged(&broken), Judgement::Flaky);
        }
    }
}
