//! Output of attempts, and files.
//!
//! `POST /api/v1/attempts/{attempt}/log?epoch=&offset=` appends raw bytes while the attempt
//! runs; `GET /api/v1/attempts/{attempt}/log?offset=` reads;
//! `GET /api/v1/attempts/{attempt}/log/stream?offset=` follows as server-sent events
//! (`output` with base64-free UTF-8 text in JSON, `end`). `PUT|GET|HEAD /api/v1/blobs/{sha256}`.

use crate::domain::id::Epoch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Output up to this size travels inside the report.
pub const MAX_INLINE_BYTES: usize = 4096;
/// Kept of an attempt's output: so much from the beginning and so much from the end.
pub const HEAD_BYTES: usize = 512 * 1024;
pub const TAIL_BYTES: usize = 512 * 1024;

/// Answer to an append.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Appended {
    /// Where the next piece belongs.
    pub offset: u64,
}

/// Data of one `output` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputPiece {
    /// First byte of the output that it stands for, and the first behind it. What is not
    /// UTF-8 is replaced, so the text may have another length.
    pub offset: u64,
    pub next: u64,
    pub text: String,
}

/// Query of an append.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AppendQuery {
    /// Of the lease that the attempt runs under.
    #[param(value_type = u64)]
    pub epoch: Epoch,
    /// Bytes of output before this piece.
    pub offset: u64,
}

/// Query of a read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OffsetQuery {
    /// First byte wanted; absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}
