//! Output of attempts.
//!
//! `POST /api/v1/attempts/{attempt}/log?epoch=&offset=` appends raw bytes while the attempt runs,
//! `GET /api/v1/attempts/{attempt}/log?offset=` reads them, and
//! `GET /api/v1/attempts/{attempt}/log/stream?offset=` follows them as server-sent events: `output`
//! with text in JSON, and at the end `end`.

use crate::domain::id::Epoch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Maximum size of output that is sent inside the report, in bytes.
pub const MAX_INLINE_BYTES: usize = 4096;
/// Size of the beginning of the output that is kept, in bytes.
pub const HEAD_BYTES: usize = 512 * 1024;
/// Size of the end of the output that is kept, in bytes.
pub const TAIL_BYTES: usize = 512 * 1024;

/// Answer to an append.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Appended {
    /// Offset of the next piece.
    pub offset: u64,
}

/// Data of one `output` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputPiece {
    /// Position of the first byte of the piece in the output.
    pub offset: u64,
    /// Position after the last byte of the piece.
    pub next: u64,
    /// The piece as text. Bytes that are not UTF-8 are replaced, so the length may differ from
    /// `next - offset`.
    pub text: String,
}

/// Query of an append.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AppendQuery {
    /// Epoch of the lease that the attempt runs under.
    #[param(value_type = u64)]
    pub epoch: Epoch,
    /// Number of bytes of output before this piece.
    pub offset: u64,
}

/// Query of a read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OffsetQuery {
    /// Position of the first byte to return; 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}
