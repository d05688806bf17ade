//! Tests over the newest runs: `GET /api/v1/grid`; and the use of workers: `GET /api/v1/utilisation`.

use crate::api::schema;
use crate::domain::id::{QuarantineId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Maximum number of runs of a grid.
pub const MAX_RUNS: u32 = 50;
/// Number of runs of a grid if the request does not specify it.
pub const DEFAULT_RUNS: u32 = 12;
/// Maximum number of tests of all runs of a grid.
pub const MAX_TESTS: usize = 20_000;
/// Maximum period of the use of workers, in hours.
pub const MAX_HOURS: u32 = 24 * 14;
/// Number of equal parts of the period of the use of workers.
pub const PARTS: u32 = 96;

/// The outcomes of tests with the same name in the newest runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GridView {
    pub schema: u32,
    /// The newest runs, the newest first.
    pub runs: Vec<GridRun>,
    /// The tests in the order of their names.
    pub rows: Vec<GridRow>,
    /// Whether tests were cut at the limit of 20,000: those of the oldest runs.
    pub truncated: bool,
}

/// A column of a grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GridRun {
    #[schema(value_type = schema::RunId)]
    pub run: RunId,
    pub name: String,
    #[schema(value_type = u64)]
    pub submitted_at: Timestamp,
}

/// A row of a grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GridRow {
    pub name: String,
    /// The tests of that name, the newest first. Runs without such a test are left out.
    pub tests: Vec<GridTest>,
}

/// One test of a grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GridTest {
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    /// Absent if the test has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    #[serde(default)]
    pub flaky: bool,
    /// The quarantine because of which the test does not count in the verdict of its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::QuarantineId>)]
    pub quarantined: Option<QuarantineId>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GridQuery {
    /// Part of the names of the tests. Case is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The newest run of the grid; the newest of all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub to: Option<RunId>,
    /// Number of runs; 12 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 50)]
    pub runs: Option<u32>,
}

/// How much of each worker was used over a period that ends now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UtilisationView {
    pub schema: u32,
    /// Begin of the period.
    #[schema(value_type = u64)]
    pub from: Timestamp,
    /// Length of one of the 96 parts of the period.
    #[schema(value_type = u64)]
    pub part_ms: Millis,
    /// The workers that ended attempts in the period, in the order of their ids.
    pub workers: Vec<WorkerUse>,
}

/// The use of one worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerUse {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    /// For each part of the period: the mean number of attempts that ran at the same time. Attempts that
    /// have not ended do not count.
    pub running: Vec<f64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UtilisationQuery {
    /// Length of the period, in hours; 24 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 336)]
    pub hours: Option<u32>,
}
