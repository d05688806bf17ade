//! Flaky tests: tests that pass and fail without a change of what they test.
//!
//! `GET /api/v1/flaky?since_ms=&run=&limit=`.

use crate::api::schema;
use crate::api::v1::marks::QuarantineRef;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::series::CaseId;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Maximum number of tests of one answer.
pub const MAX_TESTS: u32 = 10_000;

/// Rates of failed attempts by test, worker and back-end. Recent attempts weigh more: the weight halves
/// with each `half_life` attempts of the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlakyView {
    pub schema: u32,
    /// Earliest end of an attempt that counts.
    #[schema(value_type = u64)]
    pub since: Timestamp,
    /// Number of attempts of a test after which an attempt weighs half.
    pub half_life: u32,
    /// Minimum number of attempts of a test for a judgement.
    pub min_attempts: u32,
    /// Tests with failed attempts, the flaky ones first, then by descending rate.
    pub tests: Vec<FlakyTest>,
    /// Whether `tests` was cut at the limit.
    pub truncated: bool,
    /// Workers by descending rate.
    pub workers: Vec<WorkerRate>,
    /// Back-ends by descending rate.
    pub backends: Vec<BackendRate>,
    /// Number of attempts, in all runs, that are left out because an earlier version of dtf stored their
    /// results without the identity of the test. `dtf results rebuild` adds it.
    pub unknown: u64,
}

/// Attempts of one test over time and workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlakyTest {
    #[schema(value_type = String, pattern = "^[0-9a-f]{16}$")]
    pub case: CaseId,
    /// The newest test of this case.
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    /// Its name.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    pub judgement: FlakyJudgement,
    pub rate: Rate,
    /// Number of changes between passed and failed, in the order of time.
    pub transitions: u32,
    /// Number of tests that passed only after a failed attempt.
    pub recovered: u32,
    /// The worker that alone has the failures, if a test of significance supports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble_of: Option<WorkerTrouble>,
    /// Rates by worker, in descending order.
    pub workers: Vec<WorkerRate>,
    /// The newest attempts, the oldest of them first: whether each passed. At most 30.
    pub recent: Vec<bool>,
    #[schema(value_type = u64)]
    pub last_failed_at: Timestamp,
    /// The quarantine that covers the newest test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<QuarantineRef>,
}

/// The judgement about the attempts of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlakyJudgement {
    /// It fails and passes in turn.
    Flaky,
    /// It fails on one worker only, and passes on others.
    WorkerTrouble,
    /// It failed until now, and there is no change back to passed.
    Failing,
    /// It passes again, after failures that did not alternate with passes.
    Steady,
    /// There are too few attempts.
    InsufficientData,
}

/// A proportion of failed attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// Number of attempts. Failures of the infrastructure do not count.
    pub attempts: u64,
    /// Number of those that failed.
    pub failed: u64,
    /// Proportion of failed attempts, in which recent ones weigh more. 0 to 1.
    pub rate: f64,
    /// Lower limit of the 95 % confidence interval of `rate`.
    pub low: f64,
    /// Upper limit of the 95 % confidence interval of `rate`.
    pub high: f64,
}

/// The failures of a test on one worker only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerTrouble {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub name: String,
    /// Probability that a worker has all failures by chance: Fisher's exact test, multiplied by the
    /// number of workers.
    pub p: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerRate {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub name: String,
    pub rate: Rate,
    /// Number of tests that fail only on this worker. 0 in the rates of one test.
    #[serde(default)]
    pub trouble: u64,
    /// Number of attempts that failed because of the worker, not of the test: lost, or not set up.
    #[serde(default)]
    pub infrastructure: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackendRate {
    /// Name of the back-end; empty for tests without one.
    pub backend: String,
    pub rate: Rate,
    /// Number of flaky tests.
    pub flaky: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FlakyQuery {
    /// Earliest end of an attempt, in milliseconds since 1970; 30 days ago if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Only the tests of this run, with their attempts in all runs. Rates of workers and back-ends are those of these
    /// attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
    /// Maximum number of tests; 1,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 10_000)]
    pub limit: Option<u32>,
}
