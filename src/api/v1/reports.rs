//! Reports over the results database.
//!
//! `GET /api/v1/report?since_ms=&run=&limit=`. Table, JSON and CSV show the same rows.

use crate::api::schema;
use crate::domain::findings::FirstDifference;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::Phase;
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Maximum number of rows of one report.
pub const MAX_ROWS: u32 = 100_000;

/// A report about the tests of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    pub schema: u32,
    /// Earliest time of submission of the runs. Absent if the report is not limited by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub since: Option<Timestamp>,
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
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub environment: serde_json::Map<String, serde_json::Value>,
    /// Metrics in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSummary>,
}

/// Summary of the values of a metric. Percentiles are by nearest rank over the raw values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricSummary {
    pub name: String,
    pub unit: String,
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
}

/// Query of a report: one run, the runs since a time, or all runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Earliest time of submission, in milliseconds since 1970. Ignored if `run` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// The only run of the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
    /// Maximum number of rows; 100,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100_000)]
    pub limit: Option<u32>,
}
