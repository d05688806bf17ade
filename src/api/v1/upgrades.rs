//! The effect of an upgrade of packages: runs before it against runs after it.
//!
//! `GET /api/v1/upgrade?before=r1,r4&after=r2,r3`.

use crate::api::schema;
use crate::domain::id::{RunId, TestId};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::upgrade::Effect;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Maximum number of runs on one side: one for each round of measurements.
pub const MAX_ROUNDS: usize = 20;
/// Maximum number of tests of one run that a coordinator compares.
pub const MAX_TESTS: u32 = 10_000;

/// The runs of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UpgradeQuery {
    /// Ids of the runs before the upgrade, separated by commas, at most 20.
    #[param(example = "r1,r4")]
    pub before: String,
    /// Ids of the runs after the upgrade.
    #[param(example = "r2,r3")]
    pub after: String,
}

/// The effect of an upgrade. Tests are joined by their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeView {
    pub schema: u32,
    pub before: UpgradeSide,
    pub after: UpgradeSide,
    /// Whether every test ran and was compared on both sides, and nothing became worse.
    pub is_safe: bool,
    /// Number of tests that are in no run, because the upgrade does not change them. `dtf upgrade` knows and
    /// lists them, so that its document has 0 here.
    pub left_out: u64,
    /// Number of tests by effect.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub totals: BTreeMap<Effect, usize>,
    /// One for each model and back-end, those with the worst effect first.
    pub cells: Vec<UpgradeCell>,
    pub tests: Vec<UpgradeTest>,
}

/// One side of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeSide {
    /// Pinned packages; empty for the versions that the plan resolves to.
    pub pins: String,
    #[schema(value_type = Vec<schema::RunId>)]
    pub runs: Vec<RunId>,
    /// Installed versions, as the tests reported them: several, separated by commas, if the tests differ.
    pub packages: BTreeMap<String, String>,
}

/// The tests of one model on one back-end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeCell {
    pub model: String,
    pub backend: String,
    /// The worst effect on a test.
    #[schema(value_type = String, example = "broken")]
    pub effect: Effect,
    /// Number of tests by effect.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub tests: BTreeMap<Effect, usize>,
    /// Why: the first error, the reason why a test did not run, or the largest change.
    pub reason: String,
    /// The first test with this effect.
    pub test: String,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeTest {
    pub test: String,
    pub model: String,
    pub backend: String,
    #[schema(value_type = String, example = "broken")]
    pub effect: Effect,
    /// It does not count in the conclusion and in the exit code.
    pub is_quarantined: bool,
    /// Number of runs before and after.
    pub runs: [usize; 2],
    /// The newest test before and after. Absent if it is not part of that side.
    #[schema(value_type = Vec<Option<schema::TestId>>)]
    pub newest: [Option<TestId>; 2],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Metrics and numeric errors that changed beyond their limits, or may have; the largest change first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<UpgradeChange>,
    /// Distance of the outputs relative to the output before. Absent if a side has no output, or if the
    /// shapes differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_difference: Option<f64>,
    /// Whether the shape of the output changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_other_shape: bool,
}

/// A metric or numeric error (unit `error`) that changed beyond its limits, or may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeChange {
    pub metric: String,
    pub unit: String,
    #[schema(value_type = String, example = "confirmed")]
    pub verdict: Verdict,
    #[schema(value_type = String, example = "worse")]
    pub direction: Direction,
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// `after / before`.
    pub change: Option<f64>,
    pub z: Option<f64>,
    pub n_before: usize,
    pub n_after: usize,
}
