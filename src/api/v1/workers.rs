//! Workers.
//!
//! `POST /api/v1/workers` (register, also after every restart of either side),
//! `POST /api/v1/workers/{worker}/heartbeat`, `GET /api/v1/workers`,
//! `GET /api/v1/workers/{worker}`, `POST /api/v1/workers/{worker}/drain`,
//! `POST /api/v1/workers/{worker}/resume`, `POST /api/v1/workers/{worker}/leave`.

use crate::api::schema;
use crate::domain::capability::Capability;
use crate::domain::id::{Epoch, LeaseId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Longest `place` of a registration.
pub const MAX_PLACE_BYTES: usize = 128;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Register {
    /// Kept in the worker's directory: the same worker again gets the same id.
    #[schema(value_type = String, format = "uuid")]
    pub key: Uuid,
    /// New with every process.
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    /// Names the work directory on its machine, at most 128 bytes. While a process is active,
    /// another one with the same key takes its place only from the same place, where the first
    /// one must have ended; without a place, after the first one was silent for `lease_ms`.
    #[serde(default)]
    #[schema(value_type = String, max_length = 128)]
    pub place: Box<str>,
    #[schema(value_type = schema::ShortName)]
    pub name: Box<str>,
    #[schema(value_type = schema::Capability)]
    pub capability: Arc<Capability>,
    /// Leases that run here or have a result waiting to be sent. Every other lease of
    /// this worker is given up as lost.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Lease>)]
    pub holding: Vec<LeaseId>,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    /// How often to send a heartbeat, and how long a silent worker keeps its leases.
    #[schema(value_type = u64)]
    pub heartbeat_ms: Millis,
    #[schema(value_type = u64)]
    pub lease_ms: Millis,
    /// Highest notice number so far. A worker that has received a higher one knows it from
    /// another log, which is gone: it counts from the start again.
    #[schema(value_type = u64)]
    pub epoch: Epoch,
    /// Of `holding`: no longer this worker's. Stop what runs; results that are there may still
    /// be reported, and are kept as late ones.
    #[schema(value_type = Vec<schema::Lease>)]
    pub stale: Vec<LeaseId>,
    /// Of `holding`: still this worker's, with the seat that each is in.
    #[schema(value_type = Vec<schema::Lease>)]
    pub kept: Vec<LeaseId>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    /// Highest notice number received so far.
    #[schema(value_type = u64)]
    pub received: Epoch,
    /// Everything held: running, ahead, or with a result not yet acknowledged.
    #[schema(value_type = Vec<schema::Lease>)]
    pub holding: Vec<LeaseId>,
    /// It wants no more leases, by itself: the same as a drain from outside.
    #[serde(default)]
    pub draining: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatAnswer {
    /// Of `holding`: no longer this worker's. Stop what runs; results that are there may still
    /// be reported, and are kept as late ones.
    #[schema(value_type = Vec<schema::Lease>)]
    pub stale: Vec<LeaseId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub name: String,
    pub state: WorkerState,
    #[schema(value_type = schema::Capability)]
    pub capability: Arc<Capability>,
    pub running: u32,
    /// Granted, not started.
    pub ahead: u32,
    #[schema(value_type = u64)]
    pub last_seen: Timestamp,
    /// Time since then, by the coordinator's clock.
    #[serde(default)]
    #[schema(value_type = u64)]
    pub silent_ms: Millis,
    #[schema(value_type = u64)]
    pub registered_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    Active,
    Draining,
    Lost,
    /// Left in good order.
    Gone,
}

impl WorkerState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WorkerState::Active => "active",
            WorkerState::Draining => "draining",
            WorkerState::Lost => "lost",
            WorkerState::Gone => "gone",
        }
    }
}

/// Sign-off of a worker that has ended its work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Leave {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
}
