//! Leases: claim many, report many.
//!
//! `POST /api/v1/workers/{worker}/claim` waits (long poll) until there is a notice for the worker;
//! `POST /api/v1/workers/{worker}/reports` reports results. All notices about leases are numbered
//! by epoch. A claim contains the highest number that the worker has received, and the answer
//! contains all notices with a higher number. So a lost answer loses nothing.

use crate::api::schema;
use crate::api::v1::test_views::AttemptDetail;
use crate::domain::id::{Epoch, LeaseId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// Maximum wait of a claim.
pub const MAX_WAIT: Millis = Millis::from_secs(30);
/// Maximum number of reports in one request.
pub const MAX_REPORTS: usize = 2_000;
/// Maximum size of the detail of one report, in bytes.
pub const MAX_DETAIL_BYTES: usize = 1024 * 1024;

/// A request for leases.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    /// Number of the latest notice that the worker has received.
    #[schema(value_type = u64)]
    pub received: Epoch,
    /// Maximum time until the answer. Larger values are reduced to 30000.
    #[schema(value_type = u64)]
    pub wait_ms: Millis,
    /// Whether the worker takes no new tests for now, and waits for the other notices only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notices_only: bool,
}

/// The notices about leases after `received` of the request.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// Number of the latest notice in this answer. Pass it as `received` from now on.
    #[schema(value_type = u64)]
    pub received: Epoch,
    /// New leases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<LeaseView>,
    /// Leases whose attempts the worker must stop and report as cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub stop: Vec<LeaseId>,
    /// Leases that the worker must return unless their attempts have started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub recall: Vec<LeaseId>,
    /// Whether the worker must take no new leases, and leave when its last lease has ended.
    #[serde(default)]
    pub drain: bool,
    /// Whether a drain was revoked, so that the worker takes new leases again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
}

/// A test that a worker is to run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LeaseView {
    #[schema(value_type = schema::Lease)]
    pub lease: LeaseId,
    /// The seat of the lease. Leases of one seat run one after the other, in the order of their
    /// epochs.
    #[schema(value_type = u64)]
    pub seat: Epoch,
    /// Name of the test.
    #[schema(value_type = String)]
    pub name: Box<str>,
    /// Devices that the test holds: positions in the list `accelerators` of the capability.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<u16>,
    /// Ids of these devices: the vendor with the permanent id, or with the number if there is none, such
    /// as `nvidia:GPU-1`. Positions change when a device is lost, ids do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_ids: Vec<String>,
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    #[schema(value_type = schema::Launch)]
    pub launch: Box<RawValue>,
}

/// Results of attempts, and leases that were not started.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Reports {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    #[serde(default)]
    pub finished: Vec<Report>,
    /// Leases that the worker returns without having started them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub returned: Vec<LeaseId>,
}

/// Result of one attempt.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Report {
    #[schema(value_type = schema::Lease)]
    pub lease: LeaseId,
    #[schema(value_type = schema::ReportableOutcome)]
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Class>)]
    pub class: Option<Class>,
    /// Whether the attempt passed only after a part of it had failed, e.g. a case that passed when it
    /// was run again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    #[schema(value_type = u64)]
    pub duration_ms: Millis,
    /// Details of the attempt: at most 1 MiB of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AttemptDetail>)]
    pub detail: Option<Box<RawValue>>,
}

/// Answer to reports. All of them were stored durably before it is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reported {
    /// Leases whose reports do not count, because the worker has lost them or never held them. The
    /// first report of a lost lease is kept as a late result. All other reports were accepted, now or
    /// before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub conflicts: Vec<LeaseId>,
}
