//! Facts: everything that has happened, in the order in which it happened.
//!
//! The event log stores facts and nothing else; the scheduler's state is the fold over them. The
//! JSON form is the format of the log: a field that is added later has a default, and no field
//! changes its meaning.

use crate::domain::access::Subject;
use crate::domain::added::marks::{AcceptedSeries, Quarantine};
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::id::{AcceptanceId, Epoch, LeaseId, QuarantineId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::{SkipCause, TestSpec, parse_sharing};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;

/// One thing that has happened. `at` is the time of the coordinator's clock.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A process has registered as a worker.
    WorkerRegistered {
        worker: WorkerId,
        /// Identifies the worker's directory; the same for every process that uses it.
        key: Uuid,
        /// Identifies the process.
        incarnation: Uuid,
        /// Names the work directory on its machine; empty when unknown.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        place: Box<str>,
        name: Box<str>,
        capability: Arc<Capability>,
        at: Timestamp,
    },
    /// The worker offers something else since then, while its process runs. Leases that no longer fit
    /// have ended in facts before this one.
    WorkerChanged {
        worker: WorkerId,
        capability: Arc<Capability>,
        at: Timestamp,
    },
    /// The worker has measured its speed.
    WorkerCalibrated {
        worker: WorkerId,
        calibration: Arc<Calibration>,
        at: Timestamp,
    },
    /// The worker takes no new tests. The epoch numbers the notice to the worker.
    WorkerDraining {
        worker: WorkerId,
        epoch: Epoch,
        #[serde(default, skip_serializing_if = "Subject::is_unknown")]
        by: Subject,
        at: Timestamp,
    },
    /// A drain was cancelled. The epoch numbers the notice to the worker.
    WorkerResumed {
        worker: WorkerId,
        epoch: Epoch,
        #[serde(default, skip_serializing_if = "Subject::is_unknown")]
        by: Subject,
        at: Timestamp,
    },
    /// The worker has left (`clean`), or was silent for longer than a lease lasts.
    WorkerLost {
        worker: WorkerId,
        at: Timestamp,
        clean: bool,
    },
    /// A worker that left long ago is no longer listed.
    WorkerForgotten {
        worker: WorkerId,
        at: Timestamp,
    },
    RunSubmitted {
        run: RunId,
        name: Box<str>,
        /// Makes a repeat of the submission harmless.
        idempotency: Option<Idempotency>,
        user: Subject,
        /// Tests that no present worker can run are skipped instead of waiting.
        #[serde(default)]
        closed_world: bool,
        at: Timestamp,
    },
    /// One part of a run, with the tests from index `first` on.
    TestsAdded {
        run: RunId,
        first: u32,
        #[serde(deserialize_with = "parse_sharing")]
        tests: Vec<Arc<TestSpec>>,
        /// No more tests follow.
        last: bool,
        /// Number of the part, counted from 0. A repeat of a stored part is harmless.
        part: u32,
        at: Timestamp,
    },
    LeasesGranted {
        worker: WorkerId,
        grants: Vec<Grant>,
        at: Timestamp,
    },
    /// The worker is asked to return leases that it has not started.
    LeasesRecalled {
        worker: WorkerId,
        notices: Vec<Notice>,
        at: Timestamp,
    },
    /// The lease was returned before it was started: no attempt was made.
    LeaseReturned {
        lease: LeaseId,
        worker: WorkerId,
        /// The coordinator took the lease back without the worker, which may have started it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lost: bool,
        at: Timestamp,
    },
    AttemptFinished {
        lease: LeaseId,
        worker: WorkerId,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<Class>,
        duration_ms: Millis,
        /// JSON of `api::v1::AttemptDetail`, as the worker sent it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Box<RawValue>>,
        next: Next,
        at: Timestamp,
    },
    TestSkipped {
        test: TestId,
        because: SkipCause,
        at: Timestamp,
    },
    /// The test waited for longer than its submission allows.
    TestExpired {
        test: TestId,
        at: Timestamp,
    },
    /// Waiting tests end at once; for each leased test there is a notice to its worker.
    RunCancelled {
        run: RunId,
        by: Subject,
        notices: Vec<Notice>,
        at: Timestamp,
    },
    /// A template was added at a path. Its text is stored as a blob.
    TemplateAdded {
        path: Box<str>,
        /// SHA-256 of the text, in lower-case hexadecimal.
        sha256: Box<str>,
        /// Version of the template at this path, counted from 1.
        version: u32,
        user: Subject,
        at: Timestamp,
    },
    /// The tests that it covers do not count in the verdict of their runs until it expires.
    QuarantineAdded {
        id: QuarantineId,
        quarantine: Quarantine,
    },
    /// A quarantine ends before it expires.
    QuarantineRemoved {
        id: QuarantineId,
        by: Subject,
        at: Timestamp,
    },
    /// Changes of series are known and intended: results from this run on are compared among each
    /// other.
    SeriesAccepted {
        id: AcceptanceId,
        run: RunId,
        series: Vec<AcceptedSeries>,
        reason: Box<str>,
        by: Subject,
        at: Timestamp,
    },
    /// An acceptance was a mistake, and has no effect any more.
    AcceptanceRemoved {
        id: AcceptanceId,
        by: Subject,
        at: Timestamp,
    },
    /// Records of the log were lost, and an administrator accepted that. The numbers are greater
    /// than all that the lost records may have used.
    RecordsLost {
        /// Last record of the log that was left.
        last: u64,
        /// Greatest number of a record of which there was evidence; 0 if there was none.
        seen: u64,
        /// Number of the next run.
        next_run: u32,
        /// Number of the next worker.
        next_worker: u32,
        epoch: Epoch,
        at: Timestamp,
    },
    /// The clock of the coordinator was set: it showed `from`, and shows `at` from then on. Times of
    /// earlier facts may be later than those of later facts.
    ClockChanged {
        from: Timestamp,
        at: Timestamp,
    },
    /// The first report for a lease that the worker has lost. It does not change the test.
    LateResult {
        lease: LeaseId,
        worker: WorkerId,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Box<RawValue>>,
        at: Timestamp,
    },
}

/// The key and digest that make a repeated submission harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The key that the client chose.
    pub key: Box<str>,
    /// SHA-256 of the body of the request, in hexadecimal.
    pub digest: Box<str>,
}

/// One granted lease and the seat in which it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub lease: LeaseId,
    /// Number of the seat, which holds the amounts and devices: the epoch of the first lease in
    /// it. Leases with the same seat run one after the other.
    pub seat: Epoch,
    /// Positions in the capability's list of accelerators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<u16>,
}

/// A message to a worker about a lease that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub lease: LeaseId,
    pub worker: WorkerId,
    pub epoch: Epoch,
}

/// The consequence of an ended attempt for its test. It is decided once and stored, so that a
/// replay does not depend on the rules of a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// The test has ended with the outcome of the attempt.
    Done { flaky: bool },
    /// The test is tried again; on another worker when the infrastructure was to blame.
    Retry { elsewhere: bool },
}

impl Fact {
    /// The time at which it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Fact::WorkerRegistered { at, .. }
            | Fact::WorkerChanged { at, .. }
            | Fact::WorkerCalibrated { at, .. }
            | Fact::WorkerDraining { at, .. }
            | Fact::WorkerResumed { at, .. }
            | Fact::WorkerLost { at, .. }
            | Fact::WorkerForgotten { at, .. }
            | Fact::RunSubmitted { at, .. }
            | Fact::TestsAdded { at, .. }
            | Fact::LeasesGranted { at, .. }
            | Fact::LeasesRecalled { at, .. }
            | Fact::LeaseReturned { at, .. }
            | Fact::AttemptFinished { at, .. }
            | Fact::TestSkipped { at, .. }
            | Fact::TestExpired { at, .. }
            | Fact::RunCancelled { at, .. }
            | Fact::TemplateAdded { at, .. }
            | Fact::QuarantineRemoved { at, .. }
            | Fact::SeriesAccepted { at, .. }
            | Fact::AcceptanceRemoved { at, .. }
            | Fact::RecordsLost { at, .. }
            | Fact::ClockChanged { at, .. }
            | Fact::LateResult { at, .. } => *at,
            Fact::QuarantineAdded { quarantine, .. } => quarantine.added,
        }
    }

    /// The number of tests or leases that it is about, and 1 for other facts.
    #[must_use]
    pub fn weight(&self) -> u64 {
        match self {
            Fact::TestsAdded { tests, .. } => tests.len() as u64,
            Fact::LeasesGranted { grants, .. } => grants.len() as u64,
            Fact::SeriesAccepted { series, .. } => series.len() as u64,
            _ => 1,
        }
    }
}
