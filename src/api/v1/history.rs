//! Results of earlier tests of a model, for the estimates of new ones.
//!
//! `GET /api/v1/history?model=`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryView {
    pub schema: u32,
    /// The tests in the order of their names.
    pub tests: Vec<PastTest>,
    /// Attempts that ran out of memory, the newest first.
    pub out_of_memory: Vec<OutOfMemory>,
}

/// The latest 20 ended tests of one name. Cancelled, skipped and lost tests do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastTest {
    pub name: String,
    /// Number of tests that ended.
    pub ended: u64,
    /// Number of tests that did not pass.
    pub failed: u64,
    /// Number of tests that passed after a failed attempt.
    pub flaky: u64,
    /// Median duration of the tests that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ms: Option<u64>,
    /// Highest peak of the memory of the worker, of the tests that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Highest peak of the memory of the device, of the tests that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_device_memory_bytes: Option<u64>,
}

/// An attempt that ran out of memory, and the memory that was available to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutOfMemory {
    /// Labels of the test: model, backend, batch, ….
    pub labels: BTreeMap<String, String>,
    /// Memory of the worker for tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Memory of the smallest device that the attempt held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Name of the model, as in the label `model` of its tests.
    pub model: String,
}
