//! One thing to check, as submitted.

use crate::domain::id::TestId;
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use crate::domain::retry::Retries;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// Longest name of a test or run, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// Most tests of one run.
pub const MAX_TESTS_PER_RUN: u32 = 2_000_000;
/// Most dependencies of one test.
pub const MAX_DEPENDENCIES: usize = 10_000;

/// What the scheduler knows about a test. How to run it is carried as the JSON text
/// of a [`crate::domain::launch::Launch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestSpec {
    /// Unique within the run.
    pub name: Box<str>,
    #[serde(default)]
    pub requirement: Arc<Requirement>,
    #[serde(default)]
    pub priority: Priority,
    #[serde(default)]
    pub retries: Retries,
    /// Tests of the same run that must end first, by position.
    #[serde(default, skip_serializing_if = "<[u32]>::is_empty")]
    pub depends_on: Box<[u32]>,
    #[serde(default, skip_serializing_if = "OnFailure::is_skip")]
    pub on_failure: OnFailure,
    /// How long it is expected to take; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<Millis>,
    /// Longest wait before it is given up as `expired`; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after_ms: Option<Millis>,
    pub launch: Box<RawValue>,
}

/// What happens to a test when something that it depends on does not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    #[default]
    Skip,
    Run,
}

impl OnFailure {
    #[must_use]
    pub fn is_skip(&self) -> bool {
        *self == Self::Skip
    }
}

/// Where a test stands, as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Dependencies are not done.
    Blocked,
    /// Ready, without a worker.
    Waiting,
    /// A worker holds it.
    Leased,
    Done,
}

/// Why a test was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipCause {
    /// It did not pass.
    Dependency(TestId),
    /// In a closed world: what the nearest worker lacks, in words.
    NoWorker(Box<str>),
}

impl fmt::Display for SkipCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipCause::Dependency(test) => write!(f, "its dependency {test} did not pass"),
            SkipCause::NoWorker(lack) => write!(f, "no worker can run it: {lack}"),
        }
    }
}
