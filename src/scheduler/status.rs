//! The state as people and metrics read it.

use crate::domain::access::Subject;
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::id::{LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::priority::Priority;
use crate::domain::requirement::{Lacks, Requirement};
use crate::domain::test::{Phase, TestSpec};
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    pub run: RunId,
    pub name: Box<str>,
    pub user: Subject,
    pub submitted_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub cancelled: bool,
    pub counts: Counts,
}

/// Number of tests in each phase; they add up to `total`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub total: u32,
    pub blocked: u32,
    pub waiting: u32,
    pub leased: u32,
    pub done: BTreeMap<Outcome, u32>,
    pub flaky: u32,
}

#[derive(Debug, Clone)]
pub struct TestStatus {
    pub spec: Arc<TestSpec>,
    pub phase: Phase,
    pub outcome: Option<Outcome>,
    pub flaky: bool,
    pub attempts: u16,
    /// The worker that holds the lease, while there is one.
    pub worker: Option<WorkerId>,
    pub lease: Option<LeaseId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    Active,
    /// It takes no new tests.
    Draining,
    /// It was silent for longer than a lease lasts.
    Lost,
    /// It has left.
    Gone,
}

#[derive(Debug, Clone)]
pub struct WorkerStatus {
    pub worker: WorkerId,
    pub name: Box<str>,
    pub availability: Availability,
    /// Whether it takes no new tests until it is calibrated.
    pub is_held: bool,
    pub capability: Arc<Capability>,
    pub running: u32,
    /// Leases granted ahead, which wait for a running test to end.
    pub ahead: u32,
    pub last_seen: Timestamp,
    pub registered_at: Timestamp,
    /// Time of the last change of the capability, and the capability before it.
    pub change: Option<(Timestamp, Arc<Capability>)>,
    /// The latest calibrations, oldest first, each with the time of its report.
    pub calibrations: Vec<(Timestamp, Arc<Calibration>)>,
    /// `None` if the worker has not reported its weights.
    pub weights: Option<WeightsStatus>,
}

/// The weights of a worker in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightsStatus {
    /// Number of weights that it has reported.
    pub held: u32,
    /// Total size of the weights that fit; `None` if unknown.
    pub capacity_bytes: Option<u64>,
    /// Size of the weights that its running tests use, as far as it is known.
    pub used_bytes: u64,
}

/// Whether a worker can run a waiting test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerFit {
    pub worker: WorkerId,
    pub name: Box<str>,
    /// `None`: it can run the test, but is busy.
    pub lacks: Option<Lacks>,
    /// Whether it has the weights of the test; `None` if the test needs none.
    pub has_weights: Option<bool>,
    /// Whether the weights of its running tests leave no room for those of the test.
    pub is_cache_full: bool,
}

/// A test that runs on a worker, or for which its result is expected.
#[derive(Debug, Clone)]
pub struct RunningTest {
    pub test: TestId,
    pub spec: Arc<TestSpec>,
    pub attempt: u16,
    pub worker: WorkerId,
    pub worker_name: Box<str>,
    /// Time of its start, or a few seconds before it.
    pub since: Timestamp,
}

/// The waiting tests of one queue.
#[derive(Debug, Clone)]
pub struct WaitingTests {
    /// The test that is served next.
    pub first: TestId,
    pub name: Box<str>,
    pub waiting: u64,
    /// Time at which the first test became ready.
    pub since: Timestamp,
    /// Whether no active worker can run them.
    pub is_stuck: bool,
}

/// The tests with the same requirement that need a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub requirement: Arc<Requirement>,
    /// Tests that wait for a worker.
    pub waiting: u64,
    /// Blocked tests that become ready when tests that are running now end as expected.
    pub soon: u64,
    /// Time at which the test that has waited longest became ready; `None` when none waits.
    pub oldest: Option<Timestamp>,
    /// Highest priority among the waiting and the soon ready tests.
    pub priority: Priority,
}

/// The reasons why a test is in its phase.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub status: TestStatus,
    /// Dependencies that have not ended.
    pub blocked_by: Vec<TestId>,
    /// The workers, for a waiting test.
    pub workers: Vec<WorkerFit>,
    /// Waiting tests of the same class that precede it: of higher priority, or earlier in the run.
    pub before: u64,
    /// Time at which a waiting test became ready.
    pub since: Option<Timestamp>,
    /// Number of waiting tests with the requirement of a waiting test, including itself.
    pub alike: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    pub workers_active: u32,
    pub workers_draining: u32,
    pub workers_lost: u32,
    pub runs_open: u32,
    pub tests_blocked: u64,
    pub tests_waiting: u64,
    pub tests_leased: u64,
    pub classes: u32,
}
