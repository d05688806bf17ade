//! Summaries of the state for people and metrics.

use super::state::{Run, Scheduler, State, Worker};
use super::status::{
    Availability, Counts, Overview, RunSummary, RunningTest, TestStatus, WaitingTests, WorkerStatus,
};
use crate::domain::id::{LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::test::Phase;
use crate::domain::time::Timestamp;
use std::ops::Bound;
use std::sync::Arc;

impl Scheduler {
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<RunSummary> {
        self.runs.get(&id).map(|run| run.summary(id))
    }

    /// Whether all tests of a run have ended.
    #[must_use]
    pub fn has_ended(&self, id: RunId) -> bool {
        self.runs.get(&id).is_some_and(|run| run.finished_at.is_some())
    }

    /// The runs that ended at this time or later and were not cancelled, in the order of their ids.
    #[must_use]
    pub fn ended_since(&self, since: Timestamp) -> Vec<RunId> {
        let ended = self.runs.iter().filter(|(_, run)| {
            !run.cancelled && run.finished_at.is_some_and(|finished| finished >= since)
        });
        ended.map(|(id, _)| *id).collect()
    }

    /// All runs that are not forgotten, the oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = RunSummary> + '_ {
        self.runs.iter().map(|(id, run)| run.summary(*id))
    }

    /// `None` also for tests of finished runs, which only the results database has.
    #[must_use]
    pub fn test(&self, id: TestId) -> Option<TestStatus> {
        let test = self.find(id)?;
        let (phase, outcome, flaky, worker) = match test.state {
            State::Blocked => (Phase::Blocked, None, false, None),
            State::Waiting { .. } => (Phase::Waiting, None, false, None),
            State::Leased { worker, .. } => (Phase::Leased, None, false, Some(worker)),
            State::Done { outcome, flaky } => (Phase::Done, Some(outcome), flaky, None),
        };
        let lease = match test.state {
            State::Leased { epoch, .. } => {
                Some(LeaseId { attempt: id.attempt(test.attempts), epoch })
            }
            _ => None,
        };
        Some(TestStatus {
            spec: Arc::clone(&test.spec),
            phase,
            outcome,
            flaky,
            attempts: test.attempts,
            worker,
            lease,
        })
    }

    /// The workers with an id greater than `after`, in the order of their ids.
    pub fn workers(&self, after: Option<WorkerId>) -> impl Iterator<Item = WorkerStatus> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.workers.range((from, Bound::Unbounded)).map(|(id, worker)| worker.status(*id))
    }

    #[must_use]
    pub fn worker(&self, id: WorkerId) -> Option<WorkerStatus> {
        self.workers.get(&id).map(|worker| worker.status(id))
    }

    /// The tests that run now, in the order of their workers. Leases granted ahead are not among them.
    pub fn running(&self) -> impl Iterator<Item = RunningTest> + '_ {
        self.workers.iter().flat_map(move |(id, worker)| {
            worker.seats.values().filter_map(move |seat| {
                let (test, _) = *seat.queue.front()?;
                let running = self.find(test)?;
                Some(RunningTest {
                    test,
                    spec: Arc::clone(&running.spec),
                    attempt: running.attempts,
                    worker: *id,
                    worker_name: worker.name.clone(),
                    since: seat.since,
                })
            })
        })
    }

    /// The queues with waiting tests. Costs as much as there are queues and workers.
    pub fn waiting(&self) -> impl Iterator<Item = WaitingTests> + '_ {
        self.classes.iter().filter_map(move |(_, class)| {
            let index = class.front().next()?;
            let first = TestId { run: class.head?.run, index };
            let test = self.find(first)?;
            let State::Waiting { since, .. } = test.state else { return None };
            Some(WaitingTests {
                first,
                name: (*test.spec.name).into(),
                waiting: class.waiting,
                since,
                is_stuck: self.active_for(class).next().is_none(),
            })
        })
    }

    /// Whether a test waits and no active worker meets its requirement.
    #[must_use]
    pub fn is_stuck(&self, id: TestId) -> bool {
        let Some(State::Waiting { class, .. }) = self.find(id).map(|test| test.state) else {
            return false;
        };
        self.classes.get(class).is_some_and(|class| self.active_for(class).next().is_none())
    }

    /// Number of waiting tests of a run whose requirement no active worker meets.
    #[must_use]
    pub fn unschedulable(&self, id: RunId) -> u32 {
        // Costs as much as there are classes, not as there are tests.
        let unmet =
            self.classes.iter().filter(|(_, class)| self.active_for(class).next().is_none());
        let waiting: usize = unmet.map(|(_, class)| class.waiting_of(id)).sum();
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    #[must_use]
    pub fn overview(&self) -> Overview {
        let mut overview = Overview {
            classes: u32::try_from(self.classes.len()).unwrap_or(u32::MAX),
            ..Overview::default()
        };
        for worker in self.workers.values() {
            match worker.availability {
                Availability::Active => overview.workers_active += 1,
                Availability::Draining => overview.workers_draining += 1,
                Availability::Lost => overview.workers_lost += 1,
                Availability::Gone => {}
            }
        }
        for run in self.runs.values().filter(|run| run.finished_at.is_none()) {
            overview.runs_open += 1;
            overview.tests_blocked += u64::from(run.tally.blocked);
            overview.tests_waiting += u64::from(run.tally.waiting);
            overview.tests_leased += u64::from(run.tally.leased);
        }
        overview
    }
}

impl Run {
    fn summary(&self, id: RunId) -> RunSummary {
        let done = Outcome::ALL
            .into_iter()
            .map(|outcome| (outcome, self.tally.done[outcome as usize]))
            .filter(|(_, count)| *count > 0)
            .collect();
        RunSummary {
            run: id,
            name: self.name.clone(),
            user: self.user.clone(),
            submitted_at: self.submitted_at,
            finished_at: self.finished_at,
            cancelled: self.cancelled,
            counts: Counts {
                total: self.tally.total,
                blocked: self.tally.blocked,
                waiting: self.tally.waiting,
                leased: self.tally.leased,
                done,
                flaky: self.tally.flaky,
            },
        }
    }
}

impl Worker {
    fn status(&self, id: WorkerId) -> WorkerStatus {
        WorkerStatus {
            worker: id,
            name: self.name.clone(),
            availability: self.availability,
            is_held: self.is_held,
            capability: Arc::clone(&self.capability),
            running: u32::try_from(self.seats.len()).unwrap_or(u32::MAX),
            ahead: self.ahead,
            last_seen: self.last_seen,
            registered_at: self.registered_at,
            change: self.change.as_ref().map(|change| (change.at, Arc::clone(&change.before))),
            calibrations: self.calibrations.iter().cloned().collect(),
            weights: self.weights_status(),
        }
    }
}
