//! Flaky tests, and the rates of workers and back-ends, as a document of the API.

use crate::api::SCHEMA;
use crate::api::v1::flaky::{
    BackendRate, FlakyJudgement, FlakyQuery, FlakyTest, FlakyView, Rate, WorkerRate, WorkerTrouble,
};
use crate::domain::id::WorkerId;
use crate::domain::outcome::{Blame, Outcome};
use crate::domain::time::{Millis, Timestamp};
use crate::results::quarantined::reference;
use crate::results::reader::Reader;
use crate::store::StoreError;
use crate::store::reports::flaky::{CaseRow, PastAttempt, PastRows};
use crate::trends::flaky::{
    Attempt, HALF_LIFE, History, Judgement, MAX_ATTEMPTS, MIN_ATTEMPTS, Tally,
};
use std::collections::BTreeMap;

/// Period that is judged unless a query gives another one.
const DEFAULT_PERIOD: Millis = Millis::from_secs(30 * 86_400);
/// Maximum number of tests unless a query gives another one.
const DEFAULT_LIMIT: u32 = 1_000;
/// Maximum number of attempts in `recent`.
const MAX_RECENT: usize = 30;

/// The rates of a worker over all tests.
#[derive(Default)]
struct OfWorker {
    tally: Tally,
    trouble: u64,
    infrastructure: u64,
}

/// The rates of a back-end over all tests.
#[derive(Default)]
struct OfBackend {
    tally: Tally,
    flaky: u64,
}

impl Reader {
    /// Judges the tests with failed attempts since the time of the query.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn flaky(&self, query: &FlakyQuery, now: Timestamp) -> Result<FlakyView, StoreError> {
        let since = query.since_ms.unwrap_or(now.0.saturating_sub(DEFAULT_PERIOD.0));
        let store = self.store();
        let past = store.past_attempts(Timestamp(since), query.run, MAX_ATTEMPTS)?;
        let names = store.worker_names()?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT) as usize;
        Ok(view(Timestamp(since), past, &names, limit))
    }
}

fn view(
    since: Timestamp,
    past: PastRows,
    names: &BTreeMap<WorkerId, String>,
    limit: usize,
) -> FlakyView {
    let mut workers: BTreeMap<WorkerId, OfWorker> = BTreeMap::new();
    let mut backends: BTreeMap<String, OfBackend> = BTreeMap::new();
    let mut tests = Vec::new();
    for case in past.cases {
        for attempt in &case.attempts {
            let is_workers = attempt.outcome.blame(attempt.class) == Blame::Infrastructure;
            workers.entry(attempt.worker).or_default().infrastructure += u64::from(is_workers);
        }
        let observed: Vec<(Attempt, Timestamp)> =
            case.attempts.iter().filter_map(observation).collect();
        let attempts: Vec<Attempt> = observed.iter().map(|(attempt, _)| *attempt).collect();
        let history = History::of(&attempts);
        for (worker, tally) in &history.workers {
            workers.entry(WorkerId(*worker)).or_default().tally.merge(tally);
        }
        let backend = backends.entry(case.backend.clone().unwrap_or_default()).or_default();
        backend.tally.merge(&history.tally);
        match history.judgement {
            Judgement::Flaky => backend.flaky += 1,
            Judgement::WorkerTrouble(trouble) => {
                workers.entry(WorkerId(trouble.worker)).or_default().trouble += 1;
            }
            _ => {}
        }
        let is_bad = |(attempt, _): &&(Attempt, Timestamp)| !attempt.passed || attempt.recovered;
        if let Some((_, last)) = observed.iter().rev().find(is_bad) {
            tests.push(test(case, &history, &attempts, *last, names));
        }
    }
    let order = |test: &FlakyTest| (rank(test.judgement), -test.rate.rate);
    tests.sort_by(|one, two| {
        let ((rank, rate), (other_rank, other_rate)) = (order(one), order(two));
        rank.cmp(&other_rank).then(rate.total_cmp(&other_rate)).then(one.name.cmp(&two.name))
    });
    let truncated = tests.len() > limit;
    tests.truncate(limit);
    FlakyView {
        schema: SCHEMA,
        since,
        half_life: HALF_LIFE,
        min_attempts: MIN_ATTEMPTS,
        tests,
        truncated,
        workers: worker_rates(workers, names),
        backends: backend_rates(backends),
        unknown: past.unknown,
    }
}

/// The attempt as evidence about its test. `None` if it proves nothing: the infrastructure failed, or
/// nothing was tested.
fn observation(past: &PastAttempt) -> Option<(Attempt, Timestamp)> {
    let passed = match (past.outcome, past.outcome.blame(past.class)) {
        (Outcome::Passed, _) => true,
        (_, Blame::Test) => false,
        (_, Blame::Nobody | Blame::Infrastructure) => return None,
    };
    let attempt = Attempt { worker: past.worker.0, passed, recovered: past.recovered };
    Some((attempt, past.at))
}

fn test(
    case: CaseRow,
    history: &History,
    attempts: &[Attempt],
    last_failed_at: Timestamp,
    names: &BTreeMap<WorkerId, String>,
) -> FlakyTest {
    let name_of = |worker: WorkerId| names.get(&worker).cloned().unwrap_or_default();
    let trouble_of = match history.judgement {
        Judgement::WorkerTrouble(trouble) => {
            let worker = WorkerId(trouble.worker);
            Some(WorkerTrouble { worker, name: name_of(worker), p: trouble.p })
        }
        _ => None,
    };
    let own = history.workers.iter().map(|(worker, tally)| {
        (WorkerId(*worker), OfWorker { tally: *tally, ..OfWorker::default() })
    });
    let recent = attempts.get(attempts.len().saturating_sub(MAX_RECENT)..).unwrap_or_default();
    FlakyTest {
        case: case.case,
        test: case.test,
        name: case.name,
        backend: case.backend,
        judgement: judgement(history.judgement),
        rate: rate(&history.tally),
        transitions: history.transitions,
        recovered: history.recovered,
        trouble_of,
        workers: worker_rates(own.collect(), names),
        recent: recent.iter().map(|attempt| attempt.passed).collect(),
        last_failed_at,
        quarantined: case.quarantined.map(reference),
    }
}

fn judgement(judgement: Judgement) -> FlakyJudgement {
    match judgement {
        Judgement::Flaky => FlakyJudgement::Flaky,
        Judgement::WorkerTrouble(_) => FlakyJudgement::WorkerTrouble,
        Judgement::Failing => FlakyJudgement::Failing,
        Judgement::Steady => FlakyJudgement::Steady,
        Judgement::InsufficientData => FlakyJudgement::InsufficientData,
    }
}

/// Position of a judgement in the list.
fn rank(judgement: FlakyJudgement) -> u8 {
    match judgement {
        FlakyJudgement::Flaky => 0,
        FlakyJudgement::WorkerTrouble => 1,
        FlakyJudgement::Failing => 2,
        FlakyJudgement::InsufficientData => 3,
        FlakyJudgement::Steady => 4,
    }
}

fn rate(tally: &Tally) -> Rate {
    let crate::trends::flaky::Rate { rate, low, high } = tally.rate();
    Rate { attempts: tally.attempts, failed: tally.failed, rate, low, high }
}

fn worker_rates(
    workers: BTreeMap<WorkerId, OfWorker>,
    names: &BTreeMap<WorkerId, String>,
) -> Vec<WorkerRate> {
    let rates = workers.into_iter().map(|(worker, of)| WorkerRate {
        worker,
        name: names.get(&worker).cloned().unwrap_or_default(),
        rate: rate(&of.tally),
        trouble: of.trouble,
        infrastructure: of.infrastructure,
    });
    let mut rates: Vec<WorkerRate> = rates.collect();
    rates.sort_by(|one, two| two.rate.rate.total_cmp(&one.rate.rate));
    rates
}

fn backend_rates(backends: BTreeMap<String, OfBackend>) -> Vec<BackendRate> {
    let rates = backends.into_iter().map(|(backend, of)| BackendRate {
        backend,
        rate: rate(&of.tally),
        flaky: of.flaky,
    });
    let mut rates: Vec<BackendRate> = rates.collect();
    rates.sort_by(|one, two| two.rate.rate.total_cmp(&one.rate.rate));
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RunId, TestId};
    use crate::domain::outcome::Class;
    use crate::domain::series::CaseId;

    /// A case whose attempts are letters: `P` passed, `F` failed, `L` lost with its worker. A digit is the
    /// worker of the attempts after it.
    fn case(number: u64, backend: Option<&str>, text: &str) -> CaseRow {
        let (mut worker, mut attempts) = (1, Vec::new());
        for (at, letter) in (0..).zip(text.chars()) {
            let outcome = match letter {
                'P' => Outcome::Passed,
                'F' => Outcome::Failed,
                'S' => Outcome::Error,
                'L' => Outcome::WorkerLost,
                digit => {
                    worker = digit.to_digit(10).expect("a worker");
                    continue;
                }
            };
            let class = (outcome == Outcome::Error).then_some(Class::SetUp);
            let (worker, at) = (WorkerId(worker), Timestamp(at));
            attempts.push(PastAttempt { worker, outcome, class, recovered: false, at });
        }
        CaseRow {
            case: CaseId(number),
            test: TestId { run: RunId(1), index: 0 },
            name: format!("test {number}"),
            backend: backend.map(str::to_owned),
            attempts,
            quarantined: None,
        }
    }

    fn of(cases: Vec<CaseRow>) -> FlakyView {
        let names = [(WorkerId(1), "rig".to_owned()), (WorkerId(2), "lab".to_owned())].into();
        view(Timestamp(0), PastRows { cases, unknown: 3 }, &names, 3)
    }

    #[test]
    fn flaky_tests_come_first_and_passed_ones_not_at_all() {
        let found = of(vec![
            case(1, Some("cuda"), "PPPPPPPP"),
            case(2, Some("cuda"), "PPPPFFFF"),
            case(3, Some("cuda"), "PFPPFPP"),
            case(4, None, "FP"),
            case(5, None, "PPPFPFPFPF"),
        ]);
        let listed: Vec<_> = found.tests.iter().map(|test| (&*test.name, test.judgement)).collect();
        let expected = [
            ("test 5", FlakyJudgement::Flaky),
            ("test 3", FlakyJudgement::Flaky),
            ("test 2", FlakyJudgement::Failing),
        ];
        assert_eq!(listed, expected);
        assert!(found.truncated, "test 4 has insufficient data");
        assert_eq!(found.unknown, 3);
        let backends: Vec<_> = found.backends.iter().map(|of| (&*of.backend, of.flaky)).collect();
        assert_eq!(backends, [("", 1), ("cuda", 1)]);
        assert_eq!(found.tests[0].last_failed_at, Timestamp(9));
    }

    #[test]
    fn failures_of_the_infrastructure_are_those_of_the_worker_alone() {
        let found = of(vec![case(1, None, "1PLSPP2PP")]);
        assert_eq!(found.tests, []);
        let rig = found.workers.iter().find(|worker| worker.name == "rig").expect("a worker");
        assert_eq!((rig.rate.attempts, rig.rate.failed, rig.infrastructure), (3, 0, 2));
    }

    #[test]
    fn a_worker_with_all_failures_is_named() {
        let found = of(vec![case(1, None, "1PFFPFF2PPPPPPPPPPPPPPPPPP")]);
        let test = &found.tests[0];
        assert_eq!(test.judgement, FlakyJudgement::WorkerTrouble);
        let trouble = test.trouble_of.clone().expect("a worker");
        assert_eq!((&*trouble.name, trouble.p < 0.05), ("rig", true));
        assert_eq!(found.workers[0].trouble, 1);
        assert_eq!(test.workers.len(), 2);
    }
}
