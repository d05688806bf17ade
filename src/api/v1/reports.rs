//! Reports over the results database.
//!
//! `GET /api/v1/report?since_ms=&run=&limit=`. The same rows serve table, JSON and CSV.

use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportView {
    pub schema: u32,
    /// Absent when the report is about one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    pub runs: Vec<RunId>,
    pub totals: Totals,
    pub rows: Vec<ReportRow>,
    /// True when `rows` was cut at the limit.
    pub truncated: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub tests: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    pub flaky: u64,
    /// Blocked, waiting or leased.
    pub pending: u64,
    pub attempts: u64,
    pub late_results: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportRow {
    pub test: TestId,
    pub name: String,
    /// Absent: not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    #[serde(default)]
    pub flaky: bool,
    pub attempts: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub labels: BTreeMap<String, String>,
    /// Of the final attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSummary>,
}

/// Percentiles over the raw values (nearest rank), computed by the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReportQuery {
    /// Runs submitted at this time or later; ignored when `run` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Rows, at most and by default `MAX_ROWS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
