//! Refusals of commands, and facts that do not fit.

use crate::domain::added::marks::MarkError;
use crate::domain::capability::CapabilityError;
use crate::domain::held_weights::HeldWeightsError;
use crate::domain::id::{AcceptanceId, LeaseId, QuarantineId, RunId, TestId, WorkerId};
use crate::domain::time::Millis;

/// An expected refusal. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("worker {0} is not registered")]
    UnknownWorker(WorkerId),
    #[error("worker {0} has left")]
    WorkerGone(WorkerId),
    #[error("another process has registered as {0} since")]
    OtherIncarnation(WorkerId),
    /// The key belongs to a process that is still active.
    #[error(
        "another worker with the identity of this work directory is active: {worker} {name:?}, \
         last seen {} s ago", .silent.0 / 1000
    )]
    IdentityInUse { worker: WorkerId, name: Box<str>, silent: Millis },
    #[error("implausible worker capability: {0}")]
    Implausible(CapabilityError),
    #[error("implausible calibration of worker {0}")]
    ImplausibleCalibration(WorkerId),
    #[error("implausible weights of a worker: {0}")]
    ImplausibleWeights(HeldWeightsError),
    #[error("run {0} not found")]
    UnknownRun(RunId),
    #[error("run {0} is complete and accepts no more tests")]
    RunClosed(RunId),
    #[error("{run} expects part {expected} next, not part {got}")]
    PartOutOfOrder { run: RunId, expected: u32, got: u32 },
    #[error("part {part} of {run} was already sent with other tests")]
    PartReused { run: RunId, part: u32 },
    #[error("the idempotency key was already used with another body, for run {0}")]
    KeyReused(RunId),
    #[error("the test name {0:?} is used twice")]
    DuplicateName(Box<str>),
    #[error("{0}")]
    BadName(String),
    #[error("test {test:?} depends on test number {on}, which is not in the run")]
    UnknownDependency { test: Box<str>, on: u32 },
    #[error("tests depend on each other in a cycle: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    #[error("too many {what}: {count} (maximum {maximum})")]
    TooMany { what: &'static str, count: u64, maximum: u64 },
    #[error("the run has no tests")]
    Empty,
    #[error("another user has added templates in the meantime")]
    TemplatesChanged,
    #[error("{0}")]
    BadMark(MarkError),
    #[error("quarantine {0} covers the same tests")]
    Quarantined(QuarantineId),
    #[error("there is no quarantine {0} in force")]
    UnknownQuarantine(QuarantineId),
    #[error("there is no change to accept")]
    NothingAccepted,
    #[error("there is no acceptance {0}")]
    UnknownAcceptance(AcceptanceId),
}

/// A fact that contradicts the state: a record of the log is missing, or is from another log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    #[error("worker {0} is not registered")]
    UnknownWorker(WorkerId),
    #[error("run {0} was not submitted")]
    UnknownRun(RunId),
    #[error("run {0} was submitted before")]
    KnownRun(RunId),
    #[error("test {0} does not exist")]
    UnknownTest(TestId),
    #[error("test {0} has already ended")]
    TestEnded(TestId),
    #[error("test {0} is not waiting")]
    NotWaiting(TestId),
    #[error("{worker} does not hold a lease of {} with epoch {}", .lease.attempt, .lease.epoch.0)]
    NotHeld { lease: LeaseId, worker: WorkerId },
    #[error("part {part} of {run} is not the part that follows ({expected})")]
    PartOutOfOrder { run: RunId, part: u32, expected: u32 },
    #[error("version {version} of the template {path:?} does not follow version {before}")]
    VersionOutOfOrder { path: Box<str>, version: u32, before: u32 },
    #[error("{worker} changed although a lease holds its device {device}")]
    LostDevice { worker: WorkerId, device: String },
    #[error("quarantine {0} is not known")]
    UnknownQuarantine(QuarantineId),
    #[error("the state is contradictory: {0}")]
    Invariant(String),
}
