//! The requests that the scheduler decides, and the shape of its decisions.

use crate::domain::access::Subject;
use crate::domain::added::marks::{AcceptedSeries, Covered, Quarantine};
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::fact::{Fact, Idempotency};
use crate::domain::held_weights::HeldWeights;
use crate::domain::id::{AcceptanceId, Epoch, LeaseId, QuarantineId, RunId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::requirement::Lacks;
use crate::domain::test::TestSpec;
use crate::domain::time::{Millis, Timestamp};
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;

/// Identifies a worker and the process that runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Stays with the work directory, and is copied with it.
    pub key: Uuid,
    /// New with every process.
    pub incarnation: Uuid,
    /// Names the work directory on its machine. Only one process uses it at a time, so a second
    /// process in the same place proves that the first has ended. Empty when unknown.
    pub place: Box<str>,
}

/// A request to change the state.
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
    /// The worker offers something else from now on.
    ChangeCapability {
        worker: WorkerId,
        incarnation: Uuid,
        capability: Arc<Capability>,
    },
    /// The worker has measured its speed.
    ReportCalibration {
        worker: WorkerId,
        incarnation: Uuid,
        calibration: Arc<Calibration>,
    },
    /// The weights that the worker has, which are never stored.
    ReportWeights {
        worker: WorkerId,
        incarnation: Uuid,
        report: Arc<HeldWeights>,
    },
    /// The worker waits for notices; `Scheduler::delivery` returns them once there are any.
    OpenClaim {
        worker: WorkerId,
        incarnation: Uuid,
        received: Epoch,
        /// Whether the worker takes new tests.
        takes_tests: bool,
    },
    Drain {
        worker: WorkerId,
        by: Subject,
    },
    /// Cancels a drain.
    Resume {
        worker: WorkerId,
        by: Subject,
    },
    Leave {
        worker: WorkerId,
        incarnation: Uuid,
    },
    Submit(Submission),
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
    /// Adds templates whose texts are stored: path and digest of each.
    AddTemplates {
        /// `Scheduler::template_changes` at the time of the check.
        seen: u64,
        templates: Vec<(Box<str>, Box<str>)>,
        user: Subject,
    },
    AddQuarantine(NewQuarantine),
    RemoveQuarantine {
        id: QuarantineId,
        by: Subject,
    },
    /// Accepts the changes of series in a run.
    AcceptSeries {
        run: RunId,
        series: Vec<AcceptedSeries>,
        reason: Box<str>,
        by: Subject,
    },
    RemoveAcceptance {
        id: AcceptanceId,
        by: Subject,
    },
}

impl Command {
    /// Size of the texts that may be large, in bytes: launches and details.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let launches = |tests: &[Arc<TestSpec>]| {
            tests.iter().map(|test| test.name.len() + test.launch.get().len()).sum()
        };
        match self {
            Self::Submit(submission) => launches(&submission.tests),
            Self::AddTests { tests, .. } => launches(tests),
            Self::Report { finished, .. } => {
                let details = finished.iter().filter_map(|report| report.detail.as_ref());
                details.map(|detail| detail.get().len()).sum()
            }
            _ => 0,
        }
    }
}

/// The first part of a run, which may be the whole run.
#[derive(Debug, Clone)]
pub struct Submission {
    pub name: Box<str>,
    pub tests: Vec<Arc<TestSpec>>,
    /// More parts follow.
    pub more: bool,
    /// Skip tests that no present worker can run.
    pub closed_world: bool,
    pub idempotency: Option<Idempotency>,
    pub user: Subject,
}

/// A quarantine that a user wants.
#[derive(Debug, Clone)]
pub struct NewQuarantine {
    pub covered: Covered,
    pub reason: Box<str>,
    pub duration: Millis,
    pub by: Subject,
}

/// One ended attempt, as its worker reports it.
#[derive(Debug, Clone)]
pub struct Finished {
    pub lease: LeaseId,
    pub outcome: Outcome,
    pub class: Option<Class>,
    /// The test passed, but only after a part of it had failed.
    pub flaky: bool,
    pub duration: Millis,
    pub detail: Option<Box<RawValue>>,
}

/// Contact between coordinator and worker. It is noted and never stored: after a restart, every
/// worker gets a fresh lease time, every notice counts as sent, and the weights of workers are
/// unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A sign of life; the worker has received all notices up to `received`.
    WorkerSeen { worker: WorkerId, received: Epoch, at: Timestamp },
    /// A sign of life, and the worker waits for notices, also for new tests if it takes some.
    ClaimOpened { worker: WorkerId, received: Epoch, takes_tests: bool, at: Timestamp },
    /// The claim was answered with all notices up to `sent`, or ended without any.
    ClaimClosed { worker: WorkerId, sent: Epoch },
    /// The worker has these weights.
    WeightsReported { worker: WorkerId, report: Arc<HeldWeights> },
}

/// The consequences of a command.
#[derive(Debug)]
#[must_use = "store the facts before the answer is given"]
pub struct Step {
    pub signal: Option<Signal>,
    pub facts: Vec<Fact>,
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
        /// Revision of the weights that the worker reported last; `None` if it reported none.
        weights: Option<u64>,
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
    Quarantined(QuarantineId, Quarantine),
    Accepted(AcceptanceId),
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

/// The notices that a worker has not confirmed yet. See `api::v1::leases`.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// Epoch of the last notice in it; the worker confirms it with its next request.
    pub received: Epoch,
    pub leases: Vec<Lease>,
    /// Leases of cancelled runs, which the worker stops.
    pub stop: Vec<LeaseId>,
    /// Leases that the worker returns if it has not started them.
    pub recall: Vec<LeaseId>,
    pub drain: bool,
    /// A drain was cancelled.
    pub resume: bool,
}

/// A granted lease with everything that its worker needs.
#[derive(Debug, Clone)]
pub struct Lease {
    pub lease: LeaseId,
    pub seat: Epoch,
    /// Positions in the capability's list of accelerators.
    pub devices: Vec<u16>,
    /// The ids of these devices.
    pub device_ids: Vec<String>,
    pub spec: Arc<TestSpec>,
}
