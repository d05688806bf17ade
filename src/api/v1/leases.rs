//! Leases: claim many, report many.
//!
//! `POST /api/v1/workers/{worker}/claim` waits (long poll) until there is something to
//! tell; `POST /api/v1/workers/{worker}/reports`. Everything that a worker hears about
//! leases is numbered by epoch; a claim names the highest number received, and whatever
//! lies above it is sent (again). So a lost answer loses nothing.

use crate::api::schema;
use crate::api::v1::test_views::AttemptDetail;
use crate::domain::id::{Epoch, LeaseId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// Longest wait of a claim.
pub const MAX_WAIT: Millis = Millis::from_secs(30);
/// Most reports of one request.
pub const MAX_REPORTS: usize = 2_000;
/// Largest detail of one report.
pub const MAX_DETAIL_BYTES: usize = 1024 * 1024;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    #[schema(value_type = u64)]
    pub received: Epoch,
    /// Longest time until the answer; cut to 30000.
    #[schema(value_type = u64)]
    pub wait_ms: Millis,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// Pass as `received` from now on.
    #[schema(value_type = u64)]
    pub received: Epoch,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<LeaseView>,
    /// Stop these; report them as cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub stop: Vec<LeaseId>,
    /// Give these back unless they have started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub recall: Vec<LeaseId>,
    /// Take no new work; leave when the last lease has ended.
    #[serde(default)]
    pub drain: bool,
    /// A drain was taken back: take new work again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LeaseView {
    #[schema(value_type = schema::Lease)]
    pub lease: LeaseId,
    /// Leases of one seat run one after the other, in the order of their epochs.
    #[schema(value_type = u64)]
    pub seat: Epoch,
    #[schema(value_type = String)]
    pub name: Box<str>,
    /// Positions in the capability's list of accelerators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<u16>,
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    #[schema(value_type = schema::Launch)]
    pub launch: Box<RawValue>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Reports {
    #[schema(value_type = String, format = "uuid")]
    pub incarnation: Uuid,
    #[serde(default)]
    pub finished: Vec<Report>,
    /// Given back unstarted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub returned: Vec<LeaseId>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Report {
    #[schema(value_type = schema::Lease)]
    pub lease: LeaseId,
    #[schema(value_type = schema::ReportableOutcome)]
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Class>)]
    pub class: Option<Class>,
    /// It passed, but only after some of it had failed, such as a case at its rerun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    #[schema(value_type = u64)]
    pub duration_ms: Millis,
    /// At most 1 MiB of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AttemptDetail>)]
    pub detail: Option<Box<RawValue>>,
}

/// All reports were stored, durably, before this is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reported {
    /// Refused as late or foreign, kept for the record. Everything else was accepted,
    /// now or before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Lease>)]
    pub conflicts: Vec<LeaseId>,
}
