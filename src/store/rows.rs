//! What the database answers with, and what it is asked.

use crate::domain::id::{AttemptId, Epoch, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Most rows of one answer; what is asked for beyond it is cut.
pub const MAX_ROWS: usize = 100_000;

/// Where a test stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TestRow {
    pub test: TestId,
    pub name: String,
    /// Absent: not done.
    pub outcome: Option<Outcome>,
    pub class: Option<Class>,
    pub flaky: bool,
    /// Ended so far.
    pub attempts: u16,
    /// Of the last attempt, or why there was none; empty when nothing was said.
    pub message: String,
    pub finished_at: Option<Timestamp>,
    pub labels: BTreeMap<String, String>,
}

/// One version of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRow {
    pub path: String,
    pub version: u32,
    /// Of the text.
    pub sha256: String,
    pub user: String,
    pub added_at: Timestamp,
}

/// An ended attempt.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    pub attempt: AttemptId,
    pub epoch: Epoch,
    /// Of the test.
    pub name: String,
    pub worker: WorkerId,
    pub worker_name: String,
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub duration: Millis,
    pub finished_at: Timestamp,
    /// JSON as the worker sent it.
    pub detail: Option<Box<RawValue>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    pub run: RunId,
    pub name: String,
    pub user: String,
    pub submitted_at: Timestamp,
    /// All parts are there and all tests have ended.
    pub finished_at: Option<Timestamp>,
    pub cancelled: bool,
    pub total: u32,
    pub done: BTreeMap<Outcome, u32>,
    /// Counted in `done` too.
    pub flaky: u32,
}

/// Filters are joined by "and".
#[derive(Debug, Clone, Default)]
pub struct TestFilter {
    pub run: Option<RunId>,
    pub outcome: Option<Outcome>,
    /// Part of the name, in any case.
    pub name: Option<String>,
    /// Whether it has ended.
    pub done: Option<bool>,
    /// Only what comes after it, in order of the ids.
    pub after: Option<TestId>,
    /// Rows, at most [`MAX_ROWS`].
    pub limit: usize,
}

/// Filters are joined by "and".
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    pub run: Option<RunId>,
    pub test: Option<TestId>,
    pub worker: Option<WorkerId>,
    pub outcome: Option<Outcome>,
    /// Only what comes after it, in order of the ids.
    pub after: Option<AttemptId>,
    /// Rows, at most [`MAX_ROWS`].
    pub limit: usize,
}

/// What became of some tests before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastRows {
    /// In order of their names.
    pub tests: Vec<PastRow>,
    /// Newest first.
    pub exhausted: Vec<ExhaustedRow>,
}

/// The latest ended tests of one name. What was cancelled, skipped or lost does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRow {
    pub name: String,
    pub ended: u64,
    /// Did not pass.
    pub failed: u64,
    /// Passed after a failed attempt.
    pub flaky: u64,
    /// Of those that passed.
    pub median: Option<Millis>,
    /// Highest of those that passed.
    pub peak_memory_bytes: Option<u64>,
    pub peak_device_memory_bytes: Option<u64>,
}

/// An attempt that ran out of memory, and how much there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExhaustedRow {
    pub labels: BTreeMap<String, String>,
    /// For tests on the worker.
    pub memory_bytes: Option<u64>,
    /// Of the smallest device that was held.
    pub device_memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct ReportQuery {
    /// Runs submitted at this time or later; not used when `run` is given.
    pub since: Option<Timestamp>,
    pub run: Option<RunId>,
    /// Rows, at most [`MAX_ROWS`]. Totals count everything in any case.
    pub limit: usize,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportRows {
    /// As asked; absent when the report is about one run.
    pub since: Option<Timestamp>,
    /// In order of their ids.
    pub runs: Vec<RunId>,
    pub totals: TotalRows,
    /// In order of the ids. When there are more than the limit, those that did not pass
    /// come first in.
    pub rows: Vec<ReportRow>,
    pub truncated: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalRows {
    pub tests: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Of those that ended in `error`.
    pub errors: BTreeMap<Class, u64>,
    pub flaky: u64,
    pub pending: u64,
    pub attempts: u64,
    pub late_results: u64,
    /// Tests of which every case was skipped; counted as skipped in `outcomes` too.
    pub all_skipped: u64,
    /// Of the last attempts of tests that have ended.
    pub cases: CaseRows,
    /// Tests that have cases.
    pub tests_with_cases: u64,
}

/// Cases of JUnit files, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaseRows {
    pub total: u64,
    pub failed: u64,
    pub errors: u64,
    pub skipped: u64,
    /// Of those that passed: only at a rerun.
    pub flaky: u64,
}

/// An attempt that was not the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRow {
    pub outcome: Outcome,
    pub message: String,
    pub worker: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    pub test: TestRow,
    /// Name of the last attempt's worker.
    pub worker: Option<String>,
    /// Of the last attempt.
    pub duration: Option<Millis>,
    /// Highest memory of the last attempt's processes.
    pub peak_memory_bytes: Option<u64>,
    /// Where the weights of the last attempt came from, as it reported.
    pub weights: Option<String>,
    /// What became of the first attempt, when it was not the last.
    pub first_attempt: Option<FirstRow>,
    /// Of the last attempt: `warm` or `cold`, empty for plain commands.
    pub isolation: String,
    /// Of the last attempt: JSON with versions, threads and memory, and with the devices held.
    pub environment: Option<String>,
    pub devices: Option<String>,
    /// Of the last attempt's JUnit file.
    pub cases: Option<CaseRows>,
    /// Of the last attempt, in order of their names.
    pub metrics: Vec<MetricRow>,
}

/// Percentiles by nearest rank over the raw values.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    pub name: String,
    pub unit: String,
    pub count: u64,
    pub min: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}
