//! `GET /api/v1/status`, `GET /health/live`, `GET /health/ready`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    pub schema: u32,
    pub version: String,
    /// Names the data directory; stays over restarts.
    pub coordinator: String,
    pub uptime_ms: u64,
    pub workers_active: u32,
    pub workers_draining: u32,
    pub workers_lost: u32,
    pub runs_open: u32,
    pub tests_blocked: u64,
    pub tests_waiting: u64,
    pub tests_leased: u64,
    pub classes: u32,
    /// Last event of the log, and the last one that the results database has seen.
    pub log_sequence: u64,
    pub projected_sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    pub ready: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
