//! The work of a coordinator at this moment: `GET /api/v1/now`.

use crate::api::schema;
use crate::api::v1::runs::RunView;
use crate::api::v1::status::StatusView;
use crate::domain::id::{AttemptId, TestId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Maximum number of running tests in a [`NowView`].
pub const MAX_RUNNING: usize = 500;
/// Maximum number of queues in a [`NowView`].
pub const MAX_QUEUES: usize = 100;
/// Number of runs in a [`NowView`].
pub const RUNS: usize = 20;

/// Running and waiting tests, and the newest runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NowView {
    pub schema: u32,
    #[schema(value_type = u64)]
    pub at: Timestamp,
    pub status: StatusView,
    /// Number of tests that run. `status.tests_leased` counts also those that a worker has taken ahead.
    #[serde(default)]
    pub tests_running: u64,
    /// Number of waiting tests that no active worker can run. `status.tests_waiting` counts them, too.
    #[serde(default)]
    pub tests_stuck: u64,
    /// The tests that run, at most 500.
    pub running: Vec<Running>,
    /// The queues with waiting tests, at most 100: those that no active worker can serve first, then
    /// by the time of waiting. `status.tests_waiting` counts all waiting tests.
    pub waiting: Vec<Queue>,
    /// The newest 20 runs, the newest first.
    pub runs: Vec<RunView>,
}

/// A test that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Running {
    #[schema(value_type = schema::AttemptId)]
    pub attempt: AttemptId,
    pub name: String,
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub worker_name: String,
    /// Time since its start, by the clock of the coordinator.
    #[schema(value_type = u64)]
    pub since_ms: Millis,
}

/// Waiting tests with equal requirements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// The test that is served next.
    #[schema(value_type = schema::TestId)]
    pub first: TestId,
    /// Name of the first test.
    pub name: String,
    /// Number of waiting tests.
    pub tests: u64,
    /// Time for which the first test has waited.
    #[schema(value_type = u64)]
    pub waited_ms: Millis,
    /// Whether no active worker can run the tests.
    pub stuck: bool,
    /// The reason why the first test waits.
    pub reason: String,
}
