//! The matrix of a report: groups of tests, such as models, on each kind of hardware; and a summary of
//! the slowest tests and of the workers.
//!
//! `GET /api/v1/matrix` and `GET /api/v1/summary`, with the query of a report.

use crate::api::schema;
use crate::api::v1::reports::GroupBy;
use crate::api::v1::test_views::Better;
use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Maximum number of cells of a matrix.
pub const MAX_CELLS: u32 = 50_000;

/// Groups of tests on each kind of hardware. The newest result of each case counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatrixView {
    pub schema: u32,
    /// The property of tests that is in `rows`.
    pub group_by: GroupBy,
    /// The metric of the values.
    pub metric: String,
    /// Names of the rows, in ascending order.
    pub rows: Vec<String>,
    /// Kinds of hardware, in ascending order: a back-end, and the product of its device if the back-end
    /// has one.
    pub columns: Vec<String>,
    /// The cells in the order of rows and columns. A missing cell has no test.
    pub cells: Vec<MatrixCell>,
    /// Whether cells were cut at the limit of 50,000.
    pub truncated: bool,
}

/// The tests of one row on one kind of hardware.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatrixCell {
    pub row: String,
    pub column: String,
    /// Number of cases.
    pub tests: u64,
    /// Number of cases by the outcome of their newest result.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Number of cases that have not ended.
    #[serde(default)]
    pub pending: u64,
    /// Number of cases that passed after a failed attempt. `outcomes` counts them as passed.
    #[serde(default)]
    pub flaky: u64,
    /// Number of cases in quarantine by outcome. `outcomes` counts them, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub quarantined: BTreeMap<Outcome, u64>,
    /// The worst outcome. Absent if no case has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    /// The median of the metric of the case that passed; of several, their geometric mean. Absent if there are none, or
    /// one of several is not positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Unit of `value`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Direction in which the metric improves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
    /// Geometric mean over the cases of the ratio of the newest value to the median of the earlier ones
    /// in the report. Cases where one of the two is not positive are left out. Absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// The test with the worst outcome, the newest one among equals.
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    /// The message of that test.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The command that reproduces or explains that test.
    #[schema(example = "dtf debug r12.t3")]
    pub reproduce: String,
}

impl MatrixCell {
    /// Whether every case that failed is in quarantine, so that none of them counts.
    #[must_use]
    pub fn is_exempt(&self) -> bool {
        use Outcome::{Error, Failed, ReducedPrecision, TimedOut};
        let count = |counts: &BTreeMap<Outcome, u64>, outcome| counts.get(outcome).copied();
        let failures = [Failed, ReducedPrecision, Error, TimedOut];
        failures.iter().all(|kind| count(&self.outcomes, kind) == count(&self.quarantined, kind))
    }
}

/// The slowest tests of a report, and the workers that ran its tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SummaryView {
    pub schema: u32,
    /// The tests whose last attempts took longest, at most 10, the slowest first.
    pub slowest: Vec<SlowTest>,
    /// The workers in the order of their names, at most 1,000.
    pub workers: Vec<WorkerHealth>,
}

/// A slow test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlowTest {
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    pub name: String,
    #[schema(value_type = u64)]
    pub duration_ms: Millis,
    pub worker: String,
}

/// A worker in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerHealth {
    pub worker: String,
    /// Number of attempts that have ended.
    pub attempts: u64,
    /// Attempts whose test did not pass because of the test.
    pub failed: u64,
    /// Attempts that ended because of the infrastructure: the worker was lost, or could not prepare the
    /// test.
    pub infrastructure: u64,
    /// Attempts that ran out of memory. `failed` counts them, too.
    pub out_of_memory: u64,
    /// Total duration of the attempts.
    #[schema(value_type = u64)]
    pub busy_ms: Millis,
    #[schema(value_type = u64)]
    pub last_finished_at: Timestamp,
    /// Noise of the worker in its newest calibration: interquartile range in proportion to the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
}
