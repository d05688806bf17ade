//! Runs: submit, list, cancel.
//!
//! `POST /api/v1/runs` (with the header `Idempotency-Key`, a repeat is harmless),
//! `POST /api/v1/runs/{run}/tests` for further parts, `GET /api/v1/runs`, `GET /api/v1/runs/{run}`,
//! `POST /api/v1/runs/{run}/cancel`.

use crate::api::schema;
use crate::domain::id::{RunId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::requirement::Lacks;
use crate::domain::test::{TestSpec, parse_sharing};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// User of the runs that a coordinator submits itself, to confirm suspected changes.
pub const CONFIRMER: &str = "dtf";
/// Maximum length of an `Idempotency-Key`, in bytes.
pub const MAX_KEY_BYTES: usize = 128;

/// A run, or its first part.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SubmitRun {
    #[schema(value_type = schema::Name)]
    pub name: Box<str>,
    /// The tests of the first part, which may be the whole run.
    #[schema(value_type = Vec<schema::TestSpec>)]
    #[serde(deserialize_with = "parse_sharing")]
    pub tests: Vec<Arc<TestSpec>>,
    /// Whether more parts follow. The run cannot end before its last part.
    #[serde(default)]
    pub more: bool,
    /// Whether no further workers will register. Tests that none of the present workers can run
    /// are then skipped with the reason, instead of waiting.
    #[serde(default)]
    pub closed_world: bool,
}

/// A further part of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddTests {
    /// Number of the part. The submission is part 0, so this counts from 1. A repeat of a stored part
    /// is harmless.
    pub part: u32,
    #[schema(value_type = Vec<schema::TestSpec>)]
    #[serde(deserialize_with = "parse_sharing")]
    pub tests: Vec<Arc<TestSpec>>,
    /// Whether more parts follow.
    #[serde(default)]
    pub more: bool,
}

/// Answer to a submission or a further part.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    pub schema: u32,
    #[schema(value_type = schema::RunId)]
    pub run: RunId,
    /// Number of tests of the run so far.
    pub tests: u32,
    /// Whether this submission had been stored before.
    pub repeated: bool,
    /// Requirements that no known worker meets. Their tests wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unschedulable: Vec<Unschedulable>,
}

/// A requirement that no known worker meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unschedulable {
    /// Name of the first test with this requirement.
    pub test: String,
    /// Number of tests with this requirement.
    pub tests: u32,
    /// The workers that lack least. Empty if no worker is known.
    pub nearest: Vec<Miss>,
}

/// A worker that does not meet a requirement.
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

impl RunView {
    /// The run whose suspected changes this run confirms, and whether for the second time. `None` for
    /// other runs.
    #[must_use]
    pub fn confirms(&self) -> Option<(RunId, bool)> {
        if self.user != CONFIRMER {
            return None;
        }
        let rest = self.name.strip_prefix("confirm ")?;
        let (id, is_second) = match rest.strip_suffix(" again") {
            Some(id) => (id, true),
            None => (rest, false),
        };
        Some((id.parse().ok()?, is_second))
    }
}

/// Numbers of tests by their state. `blocked`, `waiting`, `leased` and `done` add up to `total`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunCounts {
    pub total: u32,
    pub blocked: u32,
    pub waiting: u32,
    pub leased: u32,
    /// Tests that have ended, by outcome.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub done: BTreeMap<Outcome, u32>,
    /// Tests that passed after a failed attempt. `done.passed` counts them, too.
    pub flaky: u32,
    /// Ended tests in quarantine, by outcome. `done` counts them, too; the verdict of the run does not.
    /// Absent while the results database, which alone knows them, cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, u32>>)]
    pub quarantined: Option<BTreeMap<Outcome, u32>>,
    /// Waiting tests whose requirement no active worker meets. `waiting` counts them, too.
    pub unschedulable: u32,
}

/// Answer to a cancellation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    pub schema: u32,
    #[schema(value_type = schema::RunId)]
    pub run: RunId,
    /// Number of tests that ended at once.
    pub ended: u32,
    /// Number of tests that workers are stopping.
    pub stopping: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_are_recognised_by_their_user_and_name() {
        let of = |user: &str, name: &str| {
            let run = RunView {
                schema: 1,
                run: RunId(9),
                name: name.to_owned(),
                user: user.to_owned(),
                submitted_at: Timestamp(0),
                finished_at: None,
                cancelled: false,
                counts: RunCounts::default(),
            };
            run.confirms()
        };
        assert_eq!(of(CONFIRMER, "confirm r12"), Some((RunId(12), false)));
        assert_eq!(of(CONFIRMER, "confirm r12 again"), Some((RunId(12), true)));
        assert_eq!(of("anna", "confirm r12"), None);
        assert_eq!(of(CONFIRMER, "nightly"), None);
    }
}
