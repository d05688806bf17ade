//! Blobs: files that are named by the SHA-256 of their content, such as logs, scripts and artifacts.
//!
//! [`BlobStore`] is the interface, [`FileBlobs`] keeps blobs as files of a directory. An object
//! store can implement the same interface.
//!
//! Promises: when [`BlobStore::put`] has returned, the blob is stored durably and completely under
//! the digest of its content; a partly written blob is never visible; damaged content is never
//! handed out as a whole. All calls block.

mod digest;
mod error;
mod files;
mod interface;
#[cfg(test)]
mod tests;
mod verified;

pub use digest::{BlobDigest, InvalidDigest};
pub use error::{BlobError, is_full};
pub use files::{FileBlobs, RENEWAL_INTERVAL};
pub use interface::{Blob, BlobStore, Stored};

/// Name of the directory for blobs in a data directory.
pub const DIRECTORY: &str = "blobs";
