//! Workers.
//!
//! `POST /api/v1/workers` (register, also after every restart of either side),
//! `POST /api/v1/workers/{worker}/heartbeat`, `GET /api/v1/workers`,
//! `GET /api/v1/workers/{worker}`, `POST /api/v1/workers/{worker}/drain`,
//! `POST /api/v1/workers/{worker}/leave`.

use crate::domain::capability::Capability;
use crate::domain::id::{Epoch, LeaseId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Register {
    /// Kept in the worker's directory: the same worker again gets the same id.
    pub key: Uuid,
    /// New with every process.
    pub incarnation: Uuid,
    pub name: Box<str>,
    pub capability: Arc<Capability>,
    /// Leases that run here or have a result waiting to be sent. Every other lease of
    /// this worker is given up as lost.
    #[serde(default)]
    pub holding: Vec<LeaseId>,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    pub worker: WorkerId,
    /// How often to send a heartbeat, and how long a silent worker keeps its leases.
    pub heartbeat_ms: Millis,
    pub lease_ms: Millis,
    /// Of `holding`: no longer this worker's. Stop them, drop their results.
    pub stale: Vec<LeaseId>,
    /// Of `holding`: still this worker's, with the seat that each is in.
    pub kept: Vec<LeaseId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heartbeat {
    pub incarnation: Uuid,
    /// Highest notice number received so far.
    pub received: Epoch,
    /// Everything held: running, ahead, or with a result not yet acknowledged.
    pub holding: Vec<LeaseId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// Of `holding`: no longer this worker's. Stop them, drop their results.
    pub stale: Vec<LeaseId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    pub worker: WorkerId,
    pub name: String,
    pub state: WorkerState,
    pub capability: Arc<Capability>,
    pub running: u32,
    /// Granted, not started.
    pub ahead: u32,
    pub last_seen: Timestamp,
    pub registered_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Leave {
    pub incarnation: Uuid,
}
