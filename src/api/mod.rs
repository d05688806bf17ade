//! The API: the requests and answers between coordinator, workers and clients, and their paths.
//!
//! Used by both ends and depends on neither. Unknown fields of a message are ignored, because a
//! newer peer may send more. Plan files are stricter, see `plan`.

pub use crate::domain::lease_limit::transfer::{MAX_BLOB_BYTES, transfer_time};

pub mod error;
pub mod page;
pub mod schema;
pub mod v1;

/// Version of the JSON documents, in their field `schema`.
pub const SCHEMA: u32 = 1;
/// Maximum size of a request body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
