//! Workers: register, send heartbeats, list, drain, leave.
//!
//! `POST /api/v1/workers` (register, also after a restart of the worker or the coordinator),
//! `POST /api/v1/workers/{worker}/heartbeat`, `GET /api/v1/workers`,
//! `GET /api/v1/workers/{worker}`, `POST /api/v1/workers/{worker}/drain`,
//! `POST /api/v1/workers/{worker}/resume`, `POST /api/v1/workers/{worker}/leave`.

use crate::api::schema;
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::held_weights::HeldWeights;
use crate::domain::id::{Epoch, LeaseId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Maximum length of `place` in a registration, in bytes.
pub const MAX_PLACE_BYTES: usize = 128;

/// Registration of a worker.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Register {
    /// Key that the worker keeps in its work directory. A worker that registers again with the same
    /// key gets the same id.
    #[schema(value_type = String, format = "uuid")]
    pub key: Uuid,
    /// Identifies the process of the worker. It is new for every process.
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    /// Identifies the work directory on its machine, at most 128 bytes. While a process is active,
    /// another process with the same key replaces it only from the same place, where the first one
    /// must have exited; or, without a place, after the first one was silent for `lease_ms`.
    #[serde(default)]
    #[schema(value_type = String, max_length = 128)]
    pub place: Box<str>,
    #[schema(value_type = schema::ShortName)]
    pub name: Box<str>,
    #[schema(value_type = schema::Capability)]
    pub capability: Arc<Capability>,
    /// Leases that run on the worker, or whose results it still has to report. All other leases of
    /// the worker are treated as lost.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Lease>)]
    pub holding: Vec<LeaseId>,
    /// The weights that the worker has. Absent if it keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::HeldWeights>)]
    pub weights: Option<Arc<HeldWeights>>,
    /// Version of dtf.
    pub version: String,
}

/// Answer to a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    /// The interval of heartbeats.
    #[schema(value_type = u64)]
    pub heartbeat_ms: Millis,
    /// The time after which a silent worker loses its leases.
    #[schema(value_type = u64)]
    pub lease_ms: Millis,
    /// Number of the latest notice. A worker that has received a higher number has it from an event
    /// log that no longer exists, and must count from 0 again.
    #[schema(value_type = u64)]
    pub epoch: Epoch,
    /// Leases of `holding` that the worker has lost. It must stop their attempts. Results that it
    /// already has may still be reported, and are kept as late results.
    #[schema(value_type = Vec<schema::Lease>)]
    pub stale: Vec<LeaseId>,
    /// Leases of `holding` that the worker still has.
    #[schema(value_type = Vec<schema::Lease>)]
    pub kept: Vec<LeaseId>,
}

/// Sign of life of a worker.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    /// Number of the latest notice that the worker has received.
    #[schema(value_type = u64)]
    pub received: Epoch,
    /// All leases of the worker: running, taken ahead, or with a result that was not acknowledged.
    #[schema(value_type = Vec<schema::Lease>)]
    pub holding: Vec<LeaseId>,
    /// The offer of the worker, if it changed since the last registration or heartbeat that was answered.
    /// Leases that no longer fit are in `stale` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Capability>)]
    pub capability: Option<Arc<Capability>>,
    /// The latest calibration of the worker, until the coordinator has answered a heartbeat with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Calibration>)]
    pub calibration: Option<Arc<Calibration>>,
    /// Whether the worker wants no more leases. It has the same effect as a drain by a user.
    #[serde(default)]
    pub draining: bool,
    /// The weights that the worker has, when the last answer did not confirm their revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::HeldWeights>)]
    pub weights: Option<Arc<HeldWeights>>,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatAnswer {
    /// Leases of `holding` that the worker has lost. It must stop their attempts. Results that it
    /// already has may still be reported, and are kept as late results.
    #[schema(value_type = Vec<schema::Lease>)]
    pub stale: Vec<LeaseId>,
    /// Revision of the weights that the coordinator knows. Absent if it knows none, as after its
    /// restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_revision: Option<u64>,
}

/// The weights of a worker, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerWeights {
    /// Number of models of which the worker has the weights.
    pub held: u32,
    /// Total size of the weights that its cache can hold. Absent if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_bytes: Option<u64>,
    /// Size of the weights that its running tests use, as far as it is known.
    pub used_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub name: String,
    pub state: WorkerState,
    /// Whether the worker takes no new tests until it is calibrated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calibrating: bool,
    #[schema(value_type = schema::Capability)]
    pub capability: Arc<Capability>,
    /// Number of leases that run.
    pub running: u32,
    /// Number of leases that were granted ahead and have not started.
    pub ahead: u32,
    /// Time of the last sign of life.
    #[schema(value_type = u64)]
    pub last_seen: Timestamp,
    /// Time since the last sign of life, by the clock of the coordinator.
    #[serde(default)]
    #[schema(value_type = u64)]
    pub silent_ms: Millis,
    #[schema(value_type = u64)]
    pub registered_at: Timestamp,
    /// The last change of the capability. Absent if it never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<WorkerChange>,
    /// Absent if the worker was not calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<WorkerSpeed>,
    /// Absent if the worker has not reported its weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WorkerWeights>,
}

/// The calibrations of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerSpeed {
    /// Time since the latest calibration was reported, by the clock of the coordinator.
    #[schema(value_type = u64)]
    pub since_ms: Millis,
    #[schema(value_type = schema::Calibration)]
    pub latest: Arc<Calibration>,
    /// Number of remembered calibrations.
    pub count: u32,
    /// Noise of the worker as a proportion: the largest spread within the latest calibration, or between
    /// all remembered ones if that is larger.
    pub noise: f64,
}

/// A change of the capability of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerChange {
    #[schema(value_type = u64)]
    pub at: Timestamp,
    /// Time since the change, by the clock of the coordinator.
    #[schema(value_type = u64)]
    pub since_ms: Millis,
    /// The differences, one phrase each.
    pub changes: Vec<String>,
    /// The capability before the change.
    #[schema(value_type = schema::Capability)]
    pub before: Arc<Capability>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    Active,
    Draining,
    Lost,
    /// The worker has signed off.
    Gone,
}

impl WorkerView {
    /// The word for its state; that of an active worker which is calibrated before its next test.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            WorkerState::Active if self.calibrating => "calibrating",
            state => state.name(),
        }
    }
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

/// Sign-off of a worker.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Leave {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
}
