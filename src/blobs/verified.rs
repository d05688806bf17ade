//! Comparing stored files with their digests: which files were compared, and reading while comparing.
//!
//! Limit: [`MAX_REMEMBERED`] files are remembered, about 150 bytes each.
//!
//! Promises: the last piece of a damaged content is never handed out, so a reader that got
//! everything got the right content, also when the file was damaged after it was compared.

use super::digest::BlobDigest;
use crate::sys::fs::Stamp;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of files that are remembered as compared.
const MAX_REMEMBERED: usize = 50_000;

/// The files whose content was compared with their digest, each with its state at that time.
#[derive(Debug, Default)]
pub(super) struct Verified(Mutex<HashMap<BlobDigest, Stamp>>);

impl Verified {
    fn lock(&self) -> MutexGuard<'_, HashMap<BlobDigest, Stamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the file was compared and has not changed since, as far as its metadata shows.
    pub fn contains(&self, digest: &BlobDigest, stamp: &Stamp) -> bool {
        self.lock().get(digest) == Some(stamp)
    }

    pub fn remember(&self, digest: BlobDigest, stamp: Stamp) {
        let mut stamps = self.lock();
        if stamps.len() >= MAX_REMEMBERED {
            // Comparing again is cheap beside keeping an order of use.
            stamps.clear();
        }
        stamps.insert(digest, stamp);
    }

    pub fn forget(&self, digest: &BlobDigest) {
        self.lock().remove(digest);
    }

    /// As [`Verified::contains`], and forgets the file.
    pub fn take(&self, digest: &BlobDigest, stamp: &Stamp) -> bool {
        self.lock().remove(digest).as_ref() == Some(stamp)
    }
}

/// The content of a file, compared with its digest while it is read.
pub(super) struct Comparing {
    pub file: File,
    pub digest: BlobDigest,
    pub verified: Arc<Verified>,
    hasher: Sha256,
    /// Number of bytes that are left.
    left: u64,
    /// State of the file that is remembered as compared at the end.
    stamp: Option<Stamp>,
}

impl Comparing {
    /// Reads `size` bytes of the file from its beginning.
    pub fn new(file: File, size: u64, digest: BlobDigest, verified: Arc<Verified>) -> Self {
        Self { file, digest, verified, hasher: Sha256::new(), left: size, stamp: None }
    }

    /// Remembers the file as compared when all of it was read.
    pub fn remembering(self, stamp: Stamp) -> Self {
        Self { stamp: Some(stamp), ..self }
    }

    fn damaged(&self) -> io::Error {
        self.verified.forget(&self.digest);
        let reason = format!("the stored file {} is damaged", self.digest);
        io::Error::new(io::ErrorKind::InvalidData, reason)
    }
}

/// An error of the kind `InvalidData` means that the content is damaged.
impl Read for Comparing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.file.read(buffer.get_mut(..room).unwrap_or_default())?;
        if length == 0 && self.left > 0 {
            return Err(self.damaged());
        }
        self.hasher.update(buffer.get(..length).unwrap_or_default());
        self.left -= length as u64;
        if self.left == 0 {
            let actual = BlobDigest::from_hash(&self.hasher.clone().finalize());
            if actual != self.digest {
                return Err(self.damaged());
            }
            if let Some(stamp) = self.stamp.take() {
                self.verified.remember(self.digest.clone(), stamp);
            }
        }
        Ok(length)
    }
}
