//! The storage of blobs, as the rest of dtf sees it. All calls block.

use super::digest::BlobDigest;
use super::error::BlobError;
use std::io::Read;
use std::time::SystemTime;
use tempfile::TempPath;

/// A blob that is open for reading.
pub struct Blob {
    /// Size of the content, in bytes.
    pub size: u64,
    /// The content from its beginning. A read that would complete damaged content fails instead.
    pub content: Box<dyn Read + Send>,
}

/// A stored blob, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub digest: BlobDigest,
    /// Size of the file, in bytes.
    pub size: u64,
    /// When the blob was stored, or renewed by [`BlobStore::verify`].
    pub renewed: SystemTime,
}

/// Storage of blobs, for use from many threads.
pub trait BlobStore: Send + Sync {
    /// Stores `content` durably and returns its size in bytes. Storing a blob again is harmless, and
    /// replaces a damaged one.
    ///
    /// # Errors
    /// The content is larger than `limit` or does not match the digest, or storing it failed.
    fn put(
        &self,
        digest: &BlobDigest,
        content: &mut dyn Read,
        limit: u64,
    ) -> Result<u64, BlobError>;

    /// Stores a file whose content has this digest, as the caller has found when it wrote the file, and
    /// removes the file. Within a file system nothing is copied. As durable as [`Self::put`].
    ///
    /// # Errors
    /// Storing it failed.
    fn put_file(&self, digest: &BlobDigest, file: TempPath) -> Result<(), BlobError>;

    /// Opens a blob for reading, after its content was compared with its digest. `None` if it does not
    /// exist.
    ///
    /// # Errors
    /// The blob is damaged or cannot be read.
    fn open(&self, digest: &BlobDigest) -> Result<Option<Blob>, BlobError>;

    /// Reads a whole blob of at most `limit` bytes and compares it with its digest. `None` if it does
    /// not exist.
    ///
    /// # Errors
    /// The blob is larger than `limit`, is damaged, or cannot be read.
    fn get(&self, digest: &BlobDigest, limit: u64) -> Result<Option<Vec<u8>>, BlobError>;

    /// Size in bytes of a blob whose content matches its digest, and postpones its removal: its age
    /// begins anew, with an accuracy of an hour. `None` if it does not exist.
    ///
    /// # Errors
    /// The blob is damaged, or the storage cannot be used.
    fn verify(&self, digest: &BlobDigest) -> Result<Option<u64>, BlobError>;

    /// Visits the blobs whose digests begin with the byte `group`, in any order.
    ///
    /// # Errors
    /// The storage cannot be read.
    fn list(&self, group: u8, visit: &mut dyn FnMut(Stored)) -> Result<(), BlobError>;

    /// Removes a blob that was neither stored nor renewed since `before`. Returns its size in bytes;
    /// `None` if it was, or does not exist.
    ///
    /// # Errors
    /// The storage cannot be used.
    fn remove(&self, digest: &BlobDigest, before: SystemTime) -> Result<Option<u64>, BlobError>;

    /// Removes what interrupted uploads of a group left before this time. Returns their number.
    ///
    /// # Errors
    /// The storage cannot be used.
    fn remove_partial(&self, group: u8, before: SystemTime) -> Result<u64, BlobError>;

    /// Time at which the storage received its identity, also after an accepted loss of records.
    /// `None` if it has none.
    ///
    /// # Errors
    /// The storage cannot be used.
    fn adopted(&self) -> Result<Option<SystemTime>, BlobError>;
}
