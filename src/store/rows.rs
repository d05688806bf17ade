//! Rows of runs, tests, attempts and templates, and the filters of their lists.

use crate::domain::id::{AttemptId, Epoch, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use crate::store::reports::quarantined::QuarantineRefRow;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Maximum number of rows of one answer. A higher limit is reduced to it.
pub const MAX_ROWS: usize = 100_000;

/// A test and its latest state.
#[derive(Debug, Clone, PartialEq)]
pub struct TestRow {
    pub test: TestId,
    pub name: String,
    /// Absent if the test has not ended.
    pub outcome: Option<Outcome>,
    pub class: Option<Class>,
    pub flaky: bool,
    /// Number of attempts that have ended.
    pub attempts: u16,
    /// Message of the last attempt, or the reason why there was no attempt. May be empty.
    pub message: String,
    pub finished_at: Option<Timestamp>,
    pub labels: BTreeMap<String, String>,
    /// The quarantine that covers the test.
    pub quarantined: Option<QuarantineRefRow>,
}

/// One version of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRow {
    pub path: String,
    pub version: u32,
    /// SHA-256 of the text.
    pub sha256: String,
    pub user: String,
    pub added_at: Timestamp,
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    pub attempt: AttemptId,
    pub epoch: Epoch,
    /// Name of the test.
    pub name: String,
    pub worker: WorkerId,
    pub worker_name: String,
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub duration: Millis,
    pub finished_at: Timestamp,
    /// Message of the detail.
    pub message: String,
    /// The detail in JSON, as the worker sent it.
    pub detail: Option<Box<RawValue>>,
    /// The part of this attempt that could not be stored, and the reason.
    pub note: Option<String>,
}

/// A page of attempts.
#[derive(Debug, Clone, Default)]
pub struct AttemptRows {
    pub rows: Vec<AttemptRow>,
    /// Whether further rows were left out because of the size of the details, before the limit of
    /// the filter was reached.
    pub cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    pub run: RunId,
    pub name: String,
    pub user: String,
    pub submitted_at: Timestamp,
    /// Set when all parts were submitted and all tests have ended.
    pub finished_at: Option<Timestamp>,
    pub cancelled: bool,
    pub total: u32,
    pub done: BTreeMap<Outcome, u32>,
    /// Tests that passed after a failed attempt. `done` counts them as passed.
    pub flaky: u32,
    /// Tests in quarantine. `done` counts them, too.
    pub quarantined: BTreeMap<Outcome, u32>,
}

/// Filter of a list. Conditions are joined by "and".
#[derive(Debug, Clone, Default)]
pub struct TestFilter {
    pub run: Option<RunId>,
    pub outcome: Option<Outcome>,
    /// Part of the name. Case is ignored.
    pub name: Option<String>,
    /// Whether the test has ended.
    pub done: Option<bool>,
    /// Only entries whose ids are greater than this one.
    pub after: Option<TestId>,
    /// Maximum number of rows, at most [`MAX_ROWS`].
    pub limit: usize,
}

/// Filter of a list. Conditions are joined by "and".
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    pub run: Option<RunId>,
    pub test: Option<TestId>,
    pub worker: Option<WorkerId>,
    pub outcome: Option<Outcome>,
    /// Only entries whose ids are greater than this one.
    pub after: Option<AttemptId>,
    /// Maximum number of rows, at most [`MAX_ROWS`].
    pub limit: usize,
}
