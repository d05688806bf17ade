//! Reports over the results database.
//!
//! `GET /api/v1/report?since_ms=&until_ms=&run=&from_run=&to_run=&model=&hw=&worker=&family=&status=&details=&limit=`.
//! Every output format shows the same rows.

use crate::api::schema;
use crate::api::v1::marks::{QuarantineRef, QuarantinedTotals};
use crate::domain::findings::FirstDifference;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::Phase;
use crate::domain::time::{Millis, Timestamp};
use crate::text::selection::{Patterns, Statuses};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Time within which the copy of a results database begins to arrive.
pub const SNAPSHOT_TIME: Duration = Duration::from_secs(900);
/// Maximum number of rows of one report.
pub const MAX_ROWS: u32 = 100_000;
/// Maximum number of raw values of a metric of one row.
pub const MAX_SAMPLES: usize = 50;

/// A report about the tests of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    pub schema: u32,
    /// Earliest time of submission of the runs. Absent if the report is not limited by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub since: Option<Timestamp>,
    /// Latest time of submission of the runs. Absent if the report is not limited by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub until: Option<Timestamp>,
    #[schema(value_type = Vec<schema::RunId>)]
    pub runs: Vec<RunId>,
    pub totals: Totals,
    pub rows: Vec<ReportRow>,
    /// Whether `rows` was cut at the limit.
    pub truncated: bool,
}

/// Counts over all tests of the report, including those whose rows were cut.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    pub tests: u64,
    /// Tests that have ended, by outcome.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Tests that ended as `error`, by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub errors: BTreeMap<Class, u64>,
    /// Tests that passed after a failed attempt. `outcomes` counts them as passed.
    pub flaky: u64,
    /// Tests that have not ended: blocked, waiting or leased.
    pub pending: u64,
    pub attempts: u64,
    /// Results that arrived too late to count.
    pub late_results: u64,
    /// Tests of which every case was skipped. `outcomes` counts them as skipped, too.
    #[serde(default)]
    pub all_skipped: u64,
    /// Cases of all JUnit files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<Cases>,
    /// Tests with a JUnit file.
    #[serde(default)]
    pub tests_with_cases: u64,
    /// Tests with a noisy metric. `outcomes` counts them by their outcome.
    #[serde(default)]
    pub noisy: u64,
    /// Tests in quarantine. The other fields count them, too; the verdict of the run does not.
    #[serde(default, skip_serializing_if = "QuarantinedTotals::is_empty")]
    pub quarantined: QuarantinedTotals,
}

/// Counts of the cases of JUnit files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cases {
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
    pub errors: u64,
    pub skipped: u64,
    /// Cases that passed only when they were run again. `passed` counts them, too.
    #[serde(default)]
    pub flaky: u64,
}

impl Cases {
    pub fn add(&mut self, more: &Self) {
        let Self { total, passed, failed, errors, skipped, flaky } = more;
        self.total += total;
        self.passed += passed;
        self.failed += failed;
        self.errors += errors;
        self.skipped += skipped;
        self.flaky += flaky;
    }
}

/// One test. Everything that is about an attempt is about the last one, except `first_attempt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportRow {
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    pub name: String,
    /// Absent if the test has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    /// Phase of a test that has not ended. Only a coordinator knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Phase>)]
    pub phase: Option<Phase>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Class>)]
    pub class: Option<Class>,
    #[serde(default)]
    pub flaky: bool,
    /// Whether a metric is noisy. It never changes the outcome.
    #[serde(default)]
    pub noisy: bool,
    /// The quarantine because of which the test does not count in the verdict of its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<QuarantineRef>,
    /// Number of attempts that have ended.
    pub attempts: u16,
    /// Name of the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub duration_ms: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub finished_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// How the first attempt ended, if there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_attempt: Option<String>,
    /// Cases of the JUnit file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<Cases>,
    /// Origin of the weights of the model, as the attempt reported it: `folder` (sent by content),
    /// `hub`, `cache`, `path` (of the worker), `url` or `random`. The label `weights` states the
    /// requested origin, and the label `weights_reason` why it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "random")]
    pub weights: Option<String>,
    /// Identity of the weights, as the attempt reported it: `sha256:DIGEST` of the manifest or file, or
    /// `MODEL@COMMIT`. Absent for random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "gpt2@607a30d783dfa663caf39e06633721c8d4cfcd7e")]
    pub weights_id: Option<String>,
    /// Changes of its model that the test would not notice, as the attempt reported them. Empty if it
    /// would notice all that were tried; absent if it did not report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_not_notice: Option<Vec<String>>,
    /// The first module, in the order of execution, whose output differs more than it may, as the
    /// attempt reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::FirstDifference>)]
    pub first_differs: Option<FirstDifference>,
    /// For a failed test that dtf generated: the command that runs it again where it failed, with the
    /// same weights. `environment.packages` has the versions of its packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "dtf debug r12.t3")]
    pub reproduce: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// How the attempt was started: `warm` or `cold`; absent for plain commands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub isolation: String,
    /// Devices that the attempt held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// Versions, threads, memory, slots of the worker, and the other tests that ran on it at the
    /// same time (`neighbours`).
    #[serde(default, skip_serializing_if = "is_empty")]
    #[schema(value_type = Object)]
    pub environment: Arc<Environment>,
    /// Metrics in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSummary>,
    /// The attempts before the last one, if the query includes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierAttempt>,
    /// Earlier results of the same case, the oldest first, if the query includes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastResult>,
}

/// Facts of an environment by their names. Tests that ran in the same one share them.
pub type Environment = serde_json::Map<String, serde_json::Value>;

fn is_empty(environment: &Environment) -> bool {
    environment.is_empty()
}

/// An attempt of a test before the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EarlierAttempt {
    pub number: u16,
    #[schema(value_type = schema::Outcome)]
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Class>)]
    pub class: Option<Class>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Name of the worker.
    pub worker: String,
    #[schema(value_type = u64)]
    pub duration_ms: Millis,
    #[schema(value_type = u64)]
    pub finished_at: Timestamp,
}

/// An earlier result of the same case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastResult {
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    #[schema(value_type = schema::Outcome)]
    pub outcome: Outcome,
    #[serde(default)]
    pub flaky: bool,
    #[schema(value_type = u64)]
    pub finished_at: Timestamp,
    /// Name of the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Median of the metric of the query. Absent if it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// Summary of the values of a metric. Percentiles are by nearest rank over the raw values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricSummary {
    // Tests share names and units: a report may have millions of metrics.
    #[schema(value_type = String)]
    pub name: Arc<str>,
    #[schema(value_type = String)]
    pub unit: Arc<str>,
    pub count: u64,
    /// Interquartile range in proportion to the median. Absent for fewer than 4 values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// Whether the spread exceeds 0.1, so that a comparison with other results means little.
    #[serde(default)]
    pub noisy: bool,
    /// Number of CPU threads that the test reported for this metric. Absent: that of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    pub min: f64,
    pub p50: f64,
    /// Absent for fewer than 10 values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<f64>,
    /// Absent for fewer than 100 values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    pub max: f64,
    /// Raw values in ascending order, at most 50 that are evenly distributed over them, if the query
    /// includes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<f64>,
}

/// Query of a report: one run, the runs of a period, or all runs. Conditions are joined by "and".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ReportQuery {
    /// Earliest time of submission, in milliseconds since 1970. Ignored if `run` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Latest time of submission, in milliseconds since 1970. Ignored if `run` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// The only run of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
    /// The first run of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub from_run: Option<RunId>,
    /// The last run of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub to_run: Option<RunId>,
    /// Models: patterns that are separated by commas. `*` matches any text; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub model: Option<Patterns>,
    /// Hardware: patterns of back-ends or of products of devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub hw: Option<Patterns>,
    /// Patterns of the names of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub worker: Option<Patterns>,
    /// Patterns of families of models.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub family: Option<Patterns>,
    /// States, separated by commas: names of outcomes, `flaky` or `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub status: Option<Statuses>,
    /// The rows of the matrix; `model` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<GroupBy>,
    /// The metric of the matrix and of past results; `latency_seconds` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Whether rows have their earlier attempts, the past results of their case, and raw values.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[param(value_type = bool, required = false)]
    pub details: bool,
    /// Maximum number of rows; 100,000 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100_000)]
    pub limit: Option<u32>,
}

impl ReportQuery {
    /// The metric of the matrix and of past results.
    #[must_use]
    pub fn metric(&self) -> &str {
        self.metric.as_deref().unwrap_or("latency_seconds")
    }
}

/// A property of tests by which the rows of the matrix are grouped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    #[default]
    Model,
    Family,
    Worker,
    Dtype,
    Batch,
    Runtime,
    Template,
    Kind,
}

impl GroupBy {
    pub const ALL: [Self; 8] = [
        Self::Model,
        Self::Family,
        Self::Worker,
        Self::Dtype,
        Self::Batch,
        Self::Runtime,
        Self::Template,
        Self::Kind,
    ];

    /// The name in queries and in flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Family => "family",
            Self::Worker => "worker",
            Self::Dtype => "dtype",
            Self::Batch => "batch",
            Self::Runtime => "runtime",
            Self::Template => "template",
            Self::Kind => "kind",
        }
    }
}
