//! Tests and attempts.
//!
//! `GET /api/v1/tests?run=&outcome=&phase=&name=&cursor=&limit=`, `GET /api/v1/tests/{test}`,
//! `GET /api/v1/tests/{test}/why`, `GET /api/v1/attempts?run=&worker=&outcome=&cursor=&limit=`,
//! `GET /api/v1/attempts/{attempt}`.

use crate::domain::id::{AttemptId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::requirement::Mismatch;
use crate::domain::test::Phase;
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestView {
    pub test: TestId,
    pub name: String,
    pub phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    #[serde(default)]
    pub flaky: bool,
    /// Attempts so far.
    pub attempts: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptView {
    pub attempt: AttemptId,
    pub name: String,
    pub worker: WorkerId,
    pub worker_name: String,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    pub duration_ms: Millis,
    pub finished_at: Timestamp,
    pub detail: AttemptDetail,
}

/// What the worker tells about an attempt beyond its outcome. Kept as it came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Signal that ended the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// One line for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// `warm` or `cold`, empty for plain commands.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub isolation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<Millis>,
    /// Between grant and start of the program: files, environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_up_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Versions and devices: the script's `environment` line and the worker's record.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub environment: serde_json::Map<String, serde_json::Value>,
    /// The script's `result` line.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub result: serde_json::Map<String, serde_json::Value>,
    /// Cases of a JUnit file: counts, and the names of what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub junit: Option<JunitSummary>,
    /// Devices that were held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// Output up to `logs::MAX_INLINE_BYTES`; longer output is a blob.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogRef>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRef {
    pub sha256: String,
    pub size_bytes: u64,
    /// Bytes that the program wrote in all; more than `size_bytes` when the middle was cut.
    pub written_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRecord {
    pub name: String,
    /// Absent: begun, not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub name: String,
    pub unit: String,
    pub better: Better,
    /// Raw and finite.
    pub values: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Lower,
    Higher,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub passed: bool,
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
    #[serde(default)]
    pub tolerance: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JunitSummary {
    pub tests: u32,
    pub failures: u32,
    pub errors: u32,
    pub skipped: u32,
    /// At most 100.
    pub failed: Vec<String>,
}

/// Why a test stands where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    pub schema: u32,
    pub test: TestId,
    pub name: String,
    pub phase: Phase,
    /// One sentence.
    pub summary: String,
    /// Dependencies that are not done, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<TestId>,
    /// For a waiting test: every worker (at most 1,000), with what it lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WhyWorker>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyWorker {
    pub worker: WorkerId,
    pub name: String,
    /// Absent: it suits, and is busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Mismatch>,
    pub explanation: String,
}

/// Query of the list of tests. Filters are joined by "and".
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TestQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Query of the list of attempts. Filters are joined by "and".
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AttemptQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
