//! Reports over the results database.
//!
//! `GET /api/v1/report?since_ms=&run=&limit=`. The same rows serve table, JSON and CSV.

use crate::api::schema;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::Phase;
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Most rows of one report.
pub const MAX_ROWS: u32 = 100_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    pub schema: u32,
    /// Absent when the report is about one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub since: Option<Timestamp>,
    #[schema(value_type = Vec<schema::RunId>)]
    pub runs: Vec<RunId>,
    pub totals: Totals,
    pub rows: Vec<ReportRow>,
    /// True when `rows` was cut at the limit.
    pub truncated: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    pub tests: u64,
    #[schema(value_type = BTreeMap<String, u64>)]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Of those that ended in `error`, by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub errors: BTreeMap<Class, u64>,
    pub flaky: u64,
    /// Blocked, waiting or leased.
    pub pending: u64,
    pub attempts: u64,
    pub late_results: u64,
    /// Tests of which every case was skipped; counted as skipped in `outcomes` too.
    #[serde(default)]
    pub all_skipped: u64,
    /// Of all JUnit files together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<Cases>,
    /// Tests that have cases.
    #[serde(default)]
    pub tests_with_cases: u64,
}

/// Cases of JUnit files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cases {
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
    pub errors: u64,
    pub skipped: u64,
    /// Of those that passed: only at a rerun.
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportRow {
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    pub name: String,
    /// Absent: not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    /// Of a test that is not done, when a coordinator was asked: only it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Phase>)]
    pub phase: Option<Phase>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Class>)]
    pub class: Option<Class>,
    #[serde(default)]
    pub flaky: bool,
    pub attempts: u16,
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
    /// What became of the first attempt, when it was not the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_attempt: Option<String>,
    /// Of the JUnit file of the final attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<Cases>,
    /// Where the weights of a model's test came from, as its last attempt reported: `folder` (the
    /// model's own), `cache`, `hub` or `random`. The label of that name says what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "random")]
    pub weights: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// How the final attempt was started: `warm` or `cold`; absent for plain commands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub isolation: String,
    /// Devices that the final attempt held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// Versions, threads, slots of the worker and memory of the final attempt.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub environment: serde_json::Map<String, serde_json::Value>,
    /// Of the final attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSummary>,
}

/// Percentiles over the raw values (nearest rank), computed by the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricSummary {
    pub name: String,
    pub unit: String,
    pub count: u64,
    pub min: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Runs submitted at this time or later; ignored when `run` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
    /// Maximum number of rows; 100,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100_000)]
    pub limit: Option<u32>,
}
