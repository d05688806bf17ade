//! The output of an attempt that has ended: inside its report, or as a blob when it is long.

use crate::api::MAX_BLOB_BYTES;
use crate::api::v1::test_views::{AttemptDetail, AttemptView};
use crate::blobs::{BlobError, BlobStore, InvalidDigest};

/// The stored output of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub bytes: Vec<u8>,
    /// Whether this is all that the attempt wrote. If not, its middle was cut out.
    pub whole: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Reads the output of an attempt that has ended. `None` if its blob is missing.
///
/// # Errors
/// The blob is damaged or cannot be read.
pub fn output(blobs: &dyn BlobStore, attempt: AttemptView) -> Result<Option<Output>, OutputError> {
    let AttemptDetail { output, log, .. } = attempt.detail;
    let Some(log) = log else {
        return Ok(Some(Output { bytes: output.into_bytes(), whole: true }));
    };
    let bytes = blobs.get(&log.sha256.parse()?, log.size_bytes.min(MAX_BLOB_BYTES))?;
    let whole = log.written_bytes == log.size_bytes;
    Ok(bytes.map(|bytes| Output { bytes, whole }))
}
