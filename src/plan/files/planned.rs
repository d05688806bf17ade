//! A file that is sent with the tests of a submission.

use crate::domain::digest::sha256_hex;
use crate::domain::launch::FileRef;
use std::sync::Arc;

/// A file of a submission. It is stored before the tests are submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Path in the working directory of the test.
    pub path: String,
    pub bytes: Arc<[u8]>,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    pub executable: bool,
}

impl PlannedFile {
    #[must_use]
    pub fn new(path: String, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let sha256 = sha256_hex(&bytes);
        Self { path, bytes, sha256, executable: false }
    }

    #[must_use]
    pub fn reference(&self) -> FileRef {
        FileRef {
            path: self.path.clone(),
            sha256: self.sha256.clone(),
            size_bytes: self.bytes.len() as u64,
            executable: self.executable,
        }
    }
}
