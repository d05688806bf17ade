//! What became of a model's tests before, for whoever generates new ones.
//!
//! `GET /api/v1/history?model=`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryView {
    pub schema: u32,
    /// In order of their names.
    pub tests: Vec<PastTest>,
    /// Attempts that ran out of memory, newest first.
    pub out_of_memory: Vec<OutOfMemory>,
}

/// The latest 20 ended tests of one name; what was cancelled, skipped or lost is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastTest {
    pub name: String,
    pub ended: u64,
    pub failed: u64,
    /// Passed after a failed attempt.
    pub flaky: u64,
    /// Median of those that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ms: Option<u64>,
    /// Highest of those that passed, on the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The same on the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_device_memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutOfMemory {
    /// Of the test: model, backend, batch, ….
    pub labels: BTreeMap<String, String>,
    /// Memory for tests on the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Memory of the smallest device that was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Name of the model, as its tests are labelled.
    pub model: String,
}
