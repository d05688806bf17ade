//! Facts, in the order in which they became true. The only thing that the log stores;
//! the scheduler's state is the fold over them.

use crate::domain::access::Subject;
use crate::domain::capability::Capability;
use crate::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::{SkipCause, TestSpec};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    WorkerRegistered {
        worker: WorkerId,
        /// Stays with the worker's directory.
        key: Uuid,
        /// New with every process.
        incarnation: Uuid,
        /// Names the work directory on its machine; empty: not known.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        place: Box<str>,
        name: Box<str>,
        capability: Arc<Capability>,
        at: Timestamp,
    },
    /// Sign of life. Applied, never stored: after a restart every worker gets a fresh lease time.
    WorkerSeen {
        worker: WorkerId,
        received: Epoch,
        at: Timestamp,
    },
    /// A claim is open. Applied, never stored.
    ClaimOpened {
        worker: WorkerId,
    },
    /// The worker is sent its notices up to this one. Applied, never stored: after a restart,
    /// every notice may have been sent.
    NoticesSent {
        worker: WorkerId,
        epoch: Epoch,
    },
    /// The claim was answered or given up. Applied, never stored.
    ClaimClosed {
        worker: WorkerId,
    },
    /// Takes no new tests. The epoch numbers the notice to the worker.
    WorkerDraining {
        worker: WorkerId,
        epoch: Epoch,
        #[serde(default, skip_serializing_if = "Subject::is_unknown")]
        by: Subject,
        at: Timestamp,
    },
    /// A drain was taken back. The epoch numbers the notice to the worker.
    WorkerResumed {
        worker: WorkerId,
        epoch: Epoch,
        #[serde(default, skip_serializing_if = "Subject::is_unknown")]
        by: Subject,
        at: Timestamp,
    },
    /// Silent for too long, or gone for good.
    WorkerLost {
        worker: WorkerId,
        at: Timestamp,
        clean: bool,
    },
    /// Gone for so long that it is no longer listed.
    WorkerForgotten {
        worker: WorkerId,
        at: Timestamp,
    },
    RunSubmitted {
        run: RunId,
        name: Box<str>,
        /// What the client sent to make repeats harmless, with the digest of the body.
        idempotency: Option<Idempotency>,
        user: Subject,
        /// Tests that no present worker can run are skipped, not kept waiting.
        #[serde(default)]
        closed_world: bool,
        at: Timestamp,
    },
    TestsAdded {
        run: RunId,
        first: u32,
        tests: Vec<Arc<TestSpec>>,
        /// No more tests follow.
        last: bool,
        /// Repeats of the same part are harmless.
        part: u32,
        at: Timestamp,
    },
    LeasesGranted {
        worker: WorkerId,
        grants: Vec<Grant>,
        at: Timestamp,
    },
    /// The worker is asked to give back what it has not started.
    LeasesRecalled {
        worker: WorkerId,
        notices: Vec<Notice>,
        at: Timestamp,
    },
    /// Given back unstarted: no attempt was made.
    LeaseReturned {
        lease: LeaseId,
        worker: WorkerId,
        at: Timestamp,
    },
    AttemptFinished {
        lease: LeaseId,
        worker: WorkerId,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<Class>,
        duration_ms: Millis,
        /// JSON text of `api::v1::AttemptDetail`, as the worker sent it.
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
    TestExpired {
        test: TestId,
        at: Timestamp,
    },
    /// Waiting tests end at once; held ones carry a notice to their worker.
    RunCancelled {
        run: RunId,
        by: Subject,
        notices: Vec<Notice>,
        at: Timestamp,
    },
    /// A text was added at a path; its content is a file.
    TemplateAdded {
        path: Box<str>,
        /// Of the text, lower-case hexadecimal.
        sha256: Box<str>,
        /// Of this path, counts from 1.
        version: u32,
        user: Subject,
        at: Timestamp,
    },
    /// A report without the right to it. Changes nothing.
    LateResult {
        lease: LeaseId,
        worker: WorkerId,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Box<RawValue>>,
        at: Timestamp,
    },
}

/// What the client sent to make a repeated submission harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    pub key: Box<str>,
    /// SHA-256 of the body, hexadecimal.
    pub digest: Box<str>,
}

/// One lease, with the place that it runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub lease: LeaseId,
    /// Amounts and devices are held under this number. Leases with the same number
    /// run one after the other; the first one's epoch is the number.
    pub seat: Epoch,
    /// Positions in the capability's list of accelerators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<u16>,
}

/// Something a worker must hear about a lease that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub lease: LeaseId,
    pub worker: WorkerId,
    pub epoch: Epoch,
}

/// What an ended attempt means for its test. Decided once and stored, so that
/// replay never depends on the rules of a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// The test is over with the attempt's outcome.
    Done { flaky: bool },
    /// It is tried again, elsewhere when the infrastructure was to blame.
    Retry { elsewhere: bool },
}

impl Fact {
    /// Whether the log stores it.
    #[must_use]
    pub fn durable(&self) -> bool {
        !matches!(
            self,
            Fact::WorkerSeen { .. }
                | Fact::NoticesSent { .. }
                | Fact::ClaimOpened { .. }
                | Fact::ClaimClosed { .. }
        )
    }
}
