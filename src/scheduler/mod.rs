//! The brain: which test runs where and when, and what a report means.
//!
//! Pure. [`Scheduler::decide`] reads the state and returns facts and an answer,
//! [`Scheduler::apply`] is the only mutation, and a restart is a fold of `apply` over
//! the log. Time is an argument. A request is answered only after its events are
//! durable; that is the caller's part (`coordinator::runtime`).
//!
//! Promises, checked by `check_invariants` after every step in tests:
//! amounts held never exceed a worker's capability; at most one live lease per test;
//! epochs only grow; no test starts before its dependencies allow it; what is cancelled
//! stays cancelled; replay equals live.
//!
//! Words that the parts use:
//! - *class*: waiting tests with the same requirement, in one queue (`classes`);
//! - *head*: the best waiting test of a class; a claim compares heads, never all tests;
//! - *amounts*: what a worker has and a test takes: cores, memory, slots, devices (`amounts`);
//! - *seat*: the place of one running test on a worker with the amounts that it takes; short
//!   tests granted ahead wait in a seat and take it over one after the other (`grant`);
//! - *hungry*: a worker with an open claim that may have room, so that it is looked at next;
//! - *contested*: a class in which tests of several runs wait at the best priority.

mod amounts;
mod cancel;
mod classes;
mod core;
mod deps;
mod explain;
mod grant;
mod invariants;
mod report;
mod snapshot;
mod state;
mod submit;
mod templates;
#[cfg(test)]
mod tests;
mod view;
mod worker;

pub use snapshot::RestoreError;
pub use state::Scheduler;

use crate::domain::access::Subject;
use crate::domain::capability::{Capability, ImplausibleCapability};
use crate::domain::fact::{Fact, Idempotency};
use crate::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::requirement::Lacks;
use crate::domain::test::{Phase, TestSpec};
use crate::domain::time::{Millis, Timestamp};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// How long a silent worker keeps its leases.
pub const LEASE: Millis = Millis::from_secs(30);
/// How often workers are asked to send a heartbeat.
pub const HEARTBEAT: Millis = Millis::from_secs(10);

/// Who a worker's process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Stays with the work directory, and is copied with it.
    pub key: Uuid,
    /// New with every process.
    pub incarnation: Uuid,
    /// Names the work directory on its machine. Only one process uses it at a time, so another
    /// one in the same place means that the earlier one has ended. Empty: not known.
    pub place: Box<str>,
}

/// What is asked of the scheduler.
#[derive(Debug)]
pub enum Command {
    Register {
        identity: Identity,
        name: Box<str>,
        capability: Arc<Capability>,
        holding: Vec<LeaseId>,
    },
    Heartbeat {
        worker: WorkerId,
        incarnation: Uuid,
        received: Epoch,
        holding: Vec<LeaseId>,
    },
    /// The worker waits for news. Answered by [`Scheduler::delivery`] once there is any.
    OpenClaim {
        worker: WorkerId,
        incarnation: Uuid,
        received: Epoch,
    },
    CloseClaim {
        worker: WorkerId,
    },
    Drain {
        worker: WorkerId,
        by: Subject,
    },
    /// Takes a drain back.
    Resume {
        worker: WorkerId,
        by: Subject,
    },
    Leave {
        worker: WorkerId,
        incarnation: Uuid,
    },
    Submit {
        name: Box<str>,
        tests: Vec<Arc<TestSpec>>,
        more: bool,
        /// Skip what no present worker can run.
        closed_world: bool,
        idempotency: Option<Idempotency>,
        user: Subject,
    },
    AddTests {
        run: RunId,
        part: u32,
        tests: Vec<Arc<TestSpec>>,
        more: bool,
    },
    CancelRun {
        run: RunId,
        by: Subject,
    },
    Report {
        worker: WorkerId,
        incarnation: Uuid,
        finished: Vec<Finished>,
        returned: Vec<LeaseId>,
    },
    /// Texts whose files are stored: path and digest of each.
    AddTemplates {
        /// [`Scheduler::template_changes`] when they were checked.
        seen: u64,
        templates: Vec<(Box<str>, Box<str>)>,
        user: Subject,
    },
    /// Once a second: expires silent workers and tests that waited too long.
    Tick,
}

/// One ended attempt, as its worker tells it.
#[derive(Debug, Clone)]
pub struct Finished {
    pub lease: LeaseId,
    pub outcome: Outcome,
    pub class: Option<Class>,
    /// It passed, but only after some of it had failed.
    pub flaky: bool,
    pub duration: Millis,
    pub detail: Option<Box<RawValue>>,
}

/// Facts to store, then the answer to give.
#[derive(Debug)]
#[must_use = "store the events before giving the answer"]
pub struct Step {
    pub events: Vec<Fact>,
    pub answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Done,
    Registered {
        worker: WorkerId,
        /// Last epoch used so far.
        epoch: Epoch,
        kept: Vec<LeaseId>,
        stale: Vec<LeaseId>,
    },
    Heartbeat {
        stale: Vec<LeaseId>,
    },
    Submitted {
        run: RunId,
        tests: u32,
        repeated: bool,
        unschedulable: Vec<Unschedulable>,
    },
    Cancelled {
        run: RunId,
        ended: u32,
        stopping: u32,
    },
    Reported {
        conflicts: Vec<LeaseId>,
    },
    /// Path, version, and whether it is a new one.
    TemplatesAdded(Vec<(Box<str>, u32, bool)>),
}

/// A requirement of a submission that no active worker meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unschedulable {
    /// First test with it, and how many share it.
    pub test: Box<str>,
    pub tests: u32,
    /// Nearest misses first.
    pub nearest: Vec<(WorkerId, Box<str>, Lacks)>,
}

/// An expected refusal. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("no worker {0} is registered")]
    UnknownWorker(WorkerId),
    #[error("{0} has left")]
    WorkerGone(WorkerId),
    #[error("another process has registered as {0} since")]
    OtherIncarnation(WorkerId),
    /// The key belongs to a process that lives.
    #[error(
        "another worker with the identity of this work directory is active: {worker} {name:?}, \
         heard {} s ago", .silent.0 / 1000
    )]
    IdentityInUse { worker: WorkerId, name: Box<str>, silent: Millis },
    #[error("{0} may not change what it offers while it runs")]
    OtherCapability(WorkerId),
    #[error("the worker announces a size that no machine has: {0}")]
    Implausible(ImplausibleCapability),
    #[error("no run {0}")]
    UnknownRun(RunId),
    #[error("{0} takes no more tests")]
    RunClosed(RunId),
    #[error("{run} expects part {expected} next, not {got}")]
    PartOutOfOrder { run: RunId, expected: u32, got: u32 },
    #[error("part {part} of {run} came with other tests before")]
    PartReused { run: RunId, part: u32 },
    #[error("the same idempotency key came with another body before, as {0}")]
    KeyReused(RunId),
    #[error("the test name {0:?} is used twice")]
    DuplicateName(Box<str>),
    #[error("{0}")]
    BadName(String),
    #[error("test {test:?} depends on number {on}, which is not in the run")]
    UnknownDependency { test: Box<str>, on: u32 },
    #[error("tests depend on each other in a circle: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    #[error("{what}: {count}, at most {most} are allowed")]
    TooMany { what: &'static str, count: u64, most: u64 },
    #[error("the run has no tests")]
    Empty,
    #[error("somebody else added templates meanwhile")]
    TemplatesChanged,
}

/// What a worker must hear. See `api::v1::leases`.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    pub received: Epoch,
    pub leases: Vec<Lent>,
    pub stop: Vec<LeaseId>,
    pub recall: Vec<LeaseId>,
    pub drain: bool,
    /// A drain was taken back.
    pub resume: bool,
}

/// One lease with all that its worker needs.
#[derive(Debug, Clone)]
pub struct Lent {
    pub lease: LeaseId,
    pub seat: Epoch,
    pub devices: Vec<u16>,
    pub spec: Arc<TestSpec>,
}

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

/// Tests by where they stand; they add up to `total`.
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
    /// Where it runs, when leased.
    pub worker: Option<WorkerId>,
    pub lease: Option<LeaseId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    Active,
    Draining,
    Lost,
    Gone,
}

#[derive(Debug, Clone)]
pub struct WorkerStatus {
    pub worker: WorkerId,
    pub name: Box<str>,
    pub availability: Availability,
    pub capability: Arc<Capability>,
    pub running: u32,
    pub ahead: u32,
    pub last_seen: Timestamp,
    pub registered_at: Timestamp,
}

/// Why a test stands where it stands.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub status: TestStatus,
    /// Dependencies that are not done.
    pub blocked_by: Vec<TestId>,
    /// For a waiting test, per worker: `None` suits and is busy.
    pub workers: Vec<(WorkerId, Box<str>, Option<Lacks>)>,
    /// Waiting tests of the same class that come first: higher priority, or earlier in the run.
    pub before: u64,
    /// Since when a waiting test has been ready.
    pub since: Option<Timestamp>,
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
