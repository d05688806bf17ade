//! Changes: status and metrics of tests against what was before, and the history of one series.
//!
//! `GET /api/v1/changes?from=&to=&since_ms=`, `GET /api/v1/series?test=&series=&metric=`.

use crate::api::schema;
use crate::api::v1::marks::QuarantineRef;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::StatusChange;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Maximum number of values of one series.
pub const MAX_POINTS: u32 = 10_000;
/// Maximum number of tests of one document.
pub const MAX_CHANGES: u32 = 100_000;
/// Maximum number of packages of one document.
pub const MAX_PACKAGES: u32 = 1_000;
/// Maximum number of metrics that are not measured any more.
pub const MAX_MISSING: usize = 1_000;

/// Changes between two sides. Tests are joined by their case, and their values by their series, over
/// runs and workers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangesView {
    pub schema: u32,
    /// The run before. Absent: everything before what is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::RunId>)]
    pub from: Option<RunId>,
    /// The run that is judged. Absent: the newest test of each case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::RunId>)]
    pub to: Option<RunId>,
    /// Earliest time of submission of the judged runs. Absent if they are not limited by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub since: Option<Timestamp>,
    /// Whether judged tests without an older one are compared with their first result in the period.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub within_period: bool,
    pub totals: ChangeTotals,
    /// The tests whose status changed or that did not pass, and those with a changed metric, in the order
    /// of their names. Steady tests are only counted.
    pub tests: Vec<TestChange>,
    /// Shifts that many tests of one worker share, and calibrations that drifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerEvent>,
    /// The geometric mean of the ratios `after / before` for each metric, over all compared series; the largest
    /// movement first.
    pub movers: Vec<MetricMovement>,
    /// Metrics that tests did not measure although they passed, and that the tests before or later ones measured on the
    /// same kind of hardware; at most 1,000, in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_measured: Vec<MissingMetric>,
    /// Packages whose versions differ between the two sides, at most 1,000, in the order of their names.
    /// Only for two named runs, such as those of an upgrade.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageChange>,
    /// Whether `tests` was cut at the limit.
    pub truncated: bool,
}

/// A metric that tests do not measure any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingMetric {
    /// Name of the metric, or `CHECK.FIGURE` for a figure of a check.
    pub metric: String,
    /// Number of tests, without those in quarantine.
    pub tests: u64,
    /// One of the tests.
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
}

/// A package with the versions that the tests of both sides reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageChange {
    /// Normalised name.
    pub package: String,
    /// Versions before. Several are separated by commas. Absent if no test reported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Versions after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Counts over all tests, including those that are not listed. Tests in quarantine count as `tests` and
/// `quarantined` alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeTotals {
    pub tests: u64,
    /// Tests by the change of their status: `newly_failing`, `fixed`, `still_failing`, `flaky`,
    /// `newly_not_run`, `still_not_run`, `new`, `steady`.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub status: BTreeMap<StatusChange, u64>,
    /// Metrics by their verdict.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Tests that newly fail, or have a confirmed regression.
    #[serde(default)]
    pub worse: u64,
    /// Tests with a confirmed change to the worse that many tests of their worker share: a worker event.
    #[serde(default)]
    pub worse_with_worker: u64,
    /// Tests in quarantine.
    #[serde(default)]
    pub quarantined: u64,
    /// Suspected and confirmed changes to the worse.
    pub regressions: u64,
    /// Suspected and confirmed changes to the better.
    pub improvements: u64,
    /// Tests without a counterpart on the other side.
    pub without_counterpart: u64,
    /// Ended tests of the judged runs that cannot be compared: an earlier version stored them without their
    /// case, which `dtf results rebuild` adds.
    #[serde(default)]
    pub without_case: u64,
}

/// One test with what changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestChange {
    #[schema(value_type = String, example = "00c0ffee12345678")]
    pub case: CaseId,
    /// Absent if the test had no attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub series: Option<SeriesId>,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    #[schema(value_type = String, example = "newly_failing")]
    pub status: StatusChange,
    /// The test that is judged. Absent if it is not part of that side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TestId>)]
    pub test: Option<TestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    /// The message of the test: why it failed or was not run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Name of the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The test of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TestId>)]
    pub test_before: Option<TestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Outcome>)]
    pub outcome_before: Option<Outcome>,
    /// The quarantine of the judged test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<QuarantineRef>,
    /// The changed metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricChange>,
}

impl TestChange {
    /// Whether the test newly fails, or has a confirmed regression. A test in quarantine is never worse.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        let is_confirmed = |metric: &MetricChange| {
            metric.direction == Direction::Worse && metric.verdict == Verdict::Confirmed
        };
        let is_bad = self.status == StatusChange::NewlyFailing;
        self.quarantined.is_none() && (is_bad || self.metrics.iter().any(is_confirmed))
    }
}

/// One metric with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricChange {
    /// Name of the metric, or `CHECK.VALUE` for the error of a numeric check.
    pub metric: String,
    pub unit: String,
    /// Name of the worker with the newest value. Absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// `insufficient_data`, `steady`, `suspect`, `confirmed`, `accepted` or `worker_event`.
    #[schema(value_type = String, example = "confirmed")]
    pub verdict: Verdict,
    /// `worse`, `better` or `none`.
    #[schema(value_type = String, example = "worse")]
    pub direction: Direction,
    /// Median of the earlier values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// Median of the new values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// `after / before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// Distance of the two in robust standard deviations. Absent if the earlier values do not vary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub z: Option<f64>,
    /// The limits that both must exceed: the change in proportion to `before`, and the distance. The label
    /// `change_limits` of a test sets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_change: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_z: Option<f64>,
    pub n_before: u64,
    pub n_after: u64,
    /// The first run with the new values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::RunId>)]
    pub since: Option<RunId>,
}

/// An event of a worker, which is the cause of changes of its tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerEvent {
    /// Name of the worker.
    pub worker: String,
    /// The event, in one sentence.
    pub reason: String,
    /// Tests on this worker that were compared, and those that changed together. Of a calibration: the numbers of
    /// earlier and of new calibrations.
    pub compared: u64,
    pub changed: u64,
    /// The geometric mean of their ratios, as those of metrics of which less is better, so that 1.25 is a quarter
    /// more time or a fifth less throughput; the ratio of the speeds of a calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
}

/// How one metric moved over all compared series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricMovement {
    pub metric: String,
    /// Number of series with values on both sides.
    pub series: u64,
    pub geometric_mean: f64,
}

/// The values of one metric of one series in the order of time, with their segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesView {
    pub schema: u32,
    #[schema(value_type = String)]
    pub case: CaseId,
    #[schema(value_type = String)]
    pub series: SeriesId,
    /// Name of the newest test.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Absent if the series has no metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// All metrics of the series.
    pub metrics: Vec<String>,
    pub unit: String,
    pub points: Vec<SeriesPoint>,
    pub segments: Vec<Segment>,
    /// The verdict about the newest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<MetricChange>,
}

/// One ended test of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesPoint {
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    #[schema(value_type = u64)]
    pub finished_at: Timestamp,
    #[schema(value_type = schema::Outcome)]
    pub outcome: Outcome,
    pub attempt: u16,
    /// Median of the values of the attempt. Absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Number of values of the attempt.
    pub n: u64,
    /// Interquartile range in proportion to the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    pub noisy: bool,
    /// Name of the worker.
    pub worker: String,
    /// Position of its segment. Absent for a point without a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
}

/// The part of a history between two shifts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// Position of the first point.
    pub from: u64,
    /// Position of the last point.
    pub to: u64,
    pub median: f64,
    /// Number of values.
    pub n: u64,
    /// Why the segment starts here: `start`, `shift` or `accepted`.
    #[schema(example = "shift")]
    pub reason: String,
}

/// Query of changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The run before. Absent: everything before what is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub from: Option<RunId>,
    /// The run that is judged. Absent: the newest test of each case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub to: Option<RunId>,
    /// Judges the runs that were submitted at this time or later, in milliseconds since 1970. Ignored if
    /// `to` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Maximum number of tests; 100,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100_000)]
    pub limit: Option<u32>,
}

/// Query of a series: by a test that belongs to it, or by its id.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SeriesQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::TestId>)]
    pub test: Option<TestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub series: Option<SeriesId>,
    /// Name of the metric. Absent: `latency_seconds`, otherwise the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}
