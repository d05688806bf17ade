//! State of the coordinator: `GET /api/v1/status`, `GET /health/live`, `GET /health/ready`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// State of the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    pub schema: u32,
    /// Version of dtf.
    pub version: String,
    /// Identity of the data directory. It stays the same over restarts.
    pub coordinator: String,
    pub uptime_ms: u64,
    pub workers_active: u32,
    pub workers_draining: u32,
    pub workers_lost: u32,
    pub runs_open: u32,
    pub tests_blocked: u64,
    pub tests_waiting: u64,
    pub tests_leased: u64,
    /// Number of quarantines in force. The tests that they cover do not count in the verdicts of runs.
    #[serde(default)]
    pub quarantines: u32,
    /// Number of queues: waiting tests with equal requirements share one.
    pub classes: u32,
    /// Number of the last record of the event log.
    pub log_sequence: u64,
    /// Number of the last record that the results database contains.
    pub projected_sequence: u64,
}

/// Whether the coordinator accepts work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    pub ready: bool,
    /// The reason why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
