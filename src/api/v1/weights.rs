//! Weights that clients push and workers fetch: `/api/v1/weights`.
//!
//! A client sends the manifest to `POST …/{sha256}/missing`, the chunks that are missing to
//! `PUT …/chunks/{sha256}`, and the manifest to `PUT …/{sha256}`, which stores the weights. Repeating
//! any of these is harmless, so an interrupted push continues where it ended.

use crate::api::schema;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Maximum number of chunks that are verified by one request.
pub const MAX_VERIFIED: usize = 32;
/// Maximum length of the name of weights, in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// Query of the request that stores weights.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PushQuery {
    /// Name for people, such as that of the directory: at most 200 bytes.
    #[serde(default)]
    pub name: String,
    /// Stores the manifest alone: workers read the files at the path in the test.
    #[serde(default)]
    pub in_place: bool,
}

/// The chunks that must be sent before the weights can be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingChunks {
    pub schema: u32,
    /// SHA-256 of each missing chunk, in the order of the files.
    #[schema(value_type = Vec<schema::Sha256>)]
    pub chunks: Vec<String>,
    /// Size of these chunks in bytes.
    pub size_bytes: u64,
}

/// All stored weights, those that were used last first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeightsList {
    pub schema: u32,
    pub items: Vec<WeightsView>,
    /// Size of the stored chunks and manifests in bytes. Chunks that several weights share, count once.
    pub used_bytes: u64,
    /// Maximum of this size; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// Stored weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeightsView {
    /// SHA-256 of the manifest.
    #[schema(value_type = schema::Sha256)]
    pub sha256: String,
    pub name: String,
    /// The user who pushed them first.
    pub user: String,
    #[schema(value_type = u64)]
    pub pushed_at: Timestamp,
    /// When they were last pushed, submitted or fetched.
    #[schema(value_type = u64)]
    pub used_at: Timestamp,
    /// Size of the files in bytes.
    pub size_bytes: u64,
    /// Number of files.
    pub files: u32,
    /// Only the manifest is stored: workers read the files themselves.
    pub in_place: bool,
    /// Whether a test that has not ended needs them. They are not removed then.
    pub needed: bool,
}

/// Chunks to read and compare with their digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifyChunks {
    /// At most 32.
    #[schema(value_type = Vec<schema::Sha256>, max_items = 32)]
    pub chunks: Vec<String>,
}

/// The chunks that are not as they should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedChunks {
    pub schema: u32,
    #[schema(value_type = Vec<schema::Sha256>)]
    pub missing: Vec<String>,
    #[schema(value_type = Vec<schema::Sha256>)]
    pub damaged: Vec<String>,
}

/// The result of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedWeights {
    pub schema: u32,
    /// Size of the removed files in bytes. Chunks that other weights share are kept.
    pub freed_bytes: u64,
}
