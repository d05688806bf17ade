//! Submissions.
//!
//! `POST /api/v1/runs` (header `Idempotency-Key` makes a repeat harmless),
//! `POST /api/v1/runs/{run}/tests` for further parts, `GET /api/v1/runs`,
//! `GET /api/v1/runs/{run}`, `POST /api/v1/runs/{run}/cancel`.

use crate::api::schema;
use crate::domain::id::{RunId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::requirement::Lacks;
use crate::domain::test::TestSpec;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest `Idempotency-Key`.
pub const MAX_KEY_BYTES: usize = 128;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SubmitRun {
    #[schema(value_type = schema::Name)]
    pub name: Box<str>,
    /// The first part, which may be all.
    #[schema(value_type = Vec<schema::TestSpec>)]
    pub tests: Vec<Arc<TestSpec>>,
    /// More parts follow; the run cannot end before the last one.
    #[serde(default)]
    pub more: bool,
    /// No other workers than the present ones will come: what none of them can run is
    /// skipped with the reason, instead of waiting.
    #[serde(default)]
    pub closed_world: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddTests {
    /// Counts from 1 (the submission is part 0); a repeat of a stored part is harmless.
    pub part: u32,
    #[schema(value_type = Vec<schema::TestSpec>)]
    pub tests: Vec<Arc<TestSpec>>,
    #[serde(default)]
    pub more: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    pub schema: u32,
    #[schema(value_type = schema::RunId)]
    pub run: RunId,
    /// Tests of the run so far.
    pub tests: u32,
    /// True when this very submission was stored before.
    pub repeated: bool,
    /// Requirements that no known worker meets. The tests wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unschedulable: Vec<Unschedulable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unschedulable {
    /// Name of the first test with this requirement, and how many share it.
    pub test: String,
    pub tests: u32,
    /// Workers that came closest, with what they lack; empty: no worker is known.
    pub nearest: Vec<Miss>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Miss {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub name: String,
    #[schema(value_type = schema::Lacks)]
    pub lacks: Lacks,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    pub schema: u32,
    #[schema(value_type = schema::RunId)]
    pub run: RunId,
    pub name: String,
    pub user: String,
    #[schema(value_type = u64)]
    pub submitted_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub finished_at: Option<Timestamp>,
    pub cancelled: bool,
    pub counts: RunCounts,
}

/// Tests by where they stand; they add up to `total`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunCounts {
    pub total: u32,
    pub blocked: u32,
    pub waiting: u32,
    pub leased: u32,
    #[schema(value_type = BTreeMap<String, u32>)]
    pub done: BTreeMap<Outcome, u32>,
    /// Passed after a failed attempt; counted in `done.passed` too.
    pub flaky: u32,
    /// Waiting tests whose requirement no active worker meets; counted in `waiting` too.
    pub unschedulable: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    pub schema: u32,
    #[schema(value_type = schema::RunId)]
    pub run: RunId,
    /// Tests that ended by this request at once.
    pub ended: u32,
    /// Tests that a worker is still stopping.
    pub stopping: u32,
}
