//! Marks of people on results: quarantines of tests, and acceptances of changes.
//!
//! `GET`, `POST /api/v1/quarantines`, `DELETE /api/v1/quarantines/{quarantine}`; `GET`,
//! `POST /api/v1/acceptances`, `DELETE /api/v1/acceptances/{acceptance}`.

use crate::api::schema;
use crate::domain::id::{AcceptanceId, QuarantineId, RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A quarantine to add.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddQuarantine {
    /// Name of the tests, in which `*` represents any text and `?` any character.
    #[schema(value_type = String, min_length = 1, max_length = 512, example = "bert-base-uncased/cuda/*")]
    pub pattern: Box<str>,
    /// Name or id of the only worker on which the tests are in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128, example = "rig7")]
    pub worker: Option<Box<str>>,
    /// The only back-end on which the tests are in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128, example = "cuda")]
    pub backend: Option<Box<str>>,
    /// Why the tests do not count.
    #[schema(value_type = String, min_length = 1, max_length = 1000)]
    pub reason: Box<str>,
    /// Duration in milliseconds: at most 90 days, and 14 days if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 7_776_000_000_u64)]
    pub duration_ms: Option<Millis>,
}

/// A quarantine. It covers the tests that match it and end from its addition until it expires or is
/// removed. They do not count in the verdict of their runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    #[schema(value_type = schema::QuarantineId)]
    pub quarantine: QuarantineId,
    pub pattern: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    pub reason: String,
    /// The user who added it.
    pub by: String,
    #[schema(value_type = u64)]
    pub added_at: Timestamp,
    #[schema(value_type = u64)]
    pub expires_at: Timestamp,
    pub state: QuarantineState,
    /// The time of its removal, and the user who removed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
    /// Number of ended tests that it covered.
    pub tests: u64,
    /// Number of them that did not pass, or passed only after a failed attempt.
    pub bad: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineState {
    InForce,
    /// Its tests count again.
    Expired,
    /// Its tests count again.
    Removed,
}

/// The removal of a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    pub by: String,
    #[schema(value_type = u64)]
    pub at: Timestamp,
}

/// Quarantines, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineList {
    pub schema: u32,
    pub items: Vec<Quarantine>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MarkQuery {
    /// Also list removed marks, and quarantines that expired more than 14 days ago.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// The quarantine that covers a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineRef {
    #[schema(value_type = schema::QuarantineId)]
    pub quarantine: QuarantineId,
    pub reason: String,
    #[schema(value_type = u64)]
    pub expires_at: Timestamp,
}

/// Counts of tests in quarantine. The other totals of the report count them, too; the verdict of the
/// run does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedTotals {
    pub tests: u64,
    /// Tests by outcome.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Tests that ended as `error`, by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub errors: BTreeMap<Class, u64>,
    /// Tests that passed after a failed attempt.
    #[serde(default)]
    pub flaky: u64,
    /// Tests of which every case was skipped.
    #[serde(default)]
    pub all_skipped: u64,
}

impl QuarantinedTotals {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tests == 0
    }

    pub fn add(&mut self, more: &Self) {
        let Self { tests, outcomes, errors, flaky, all_skipped } = more;
        self.tests += tests;
        self.flaky += flaky;
        self.all_skipped += all_skipped;
        for (outcome, count) in outcomes {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
        for (class, count) in errors {
            *self.errors.entry(*class).or_default() += count;
        }
    }
}

/// Changes to accept: those of one test, or all that are not accepted yet in a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptChanges {
    /// The test from which on the results of its series are compared among each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TestId>)]
    pub test: Option<TestId>,
    /// The run whose suspected and confirmed changes are accepted. Either this or `test` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
    /// The only metric that is accepted. If absent, all changed metrics of the test or the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128, example = "latency_seconds")]
    pub metric: Option<Box<str>>,
    /// Why the changes are intended.
    #[schema(value_type = String, min_length = 1, max_length = 1000)]
    pub reason: Box<str>,
}

/// An acceptance. The results of its series from its run on are compared among each other, and not
/// with earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acceptance {
    #[schema(value_type = schema::AcceptanceId)]
    pub acceptance: AcceptanceId,
    #[schema(value_type = schema::RunId)]
    pub run: RunId,
    pub series: Vec<AcceptedSeries>,
    pub reason: String,
    /// The user who accepted the changes.
    pub by: String,
    #[schema(value_type = u64)]
    pub accepted_at: Timestamp,
    /// The time of its removal, and the user who removed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
}

/// One series of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedSeries {
    #[schema(value_type = String, pattern = "^[0-9a-f]{16}$")]
    pub case: CaseId,
    #[schema(value_type = String, pattern = "^[0-9a-f]{16}$")]
    pub series: SeriesId,
    /// Name of its test in the run. Absent if the results no longer contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Absent: all metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

/// Acceptances, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptanceList {
    pub schema: u32,
    pub items: Vec<Acceptance>,
}
