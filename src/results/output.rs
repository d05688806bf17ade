//! The output of an attempt that has ended: inside its report, or as a blob when it is long.

use crate::api::MAX_BLOB_BYTES;
use crate::api::v1::test_views::{AttemptDetail, AttemptView};
use crate::blobs::{BlobDigest, BlobError, BlobStore, InvalidDigest};

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
    #[error("the output of the attempt is missing: the file {0} is not stored")]
    Missing(BlobDigest),
}

/// Reads the output of an attempt that has ended.
///
/// # Errors
/// The blob with the output is missing, damaged or cannot be read.
pub fn output(blobs: &dyn BlobStore, attempt: AttemptView) -> Result<Output, OutputError> {
    let AttemptDetail { output, log, .. } = attempt.detail;
    let Some(log) = log else {
        return Ok(Output { bytes: output.into_bytes(), whole: true });
    };
    let digest: BlobDigest = log.sha256.parse()?;
    let bytes = blobs.get(&digest, log.size_bytes.min(MAX_BLOB_BYTES))?;
    let bytes = bytes.ok_or(OutputError::Missing(digest))?;
    let whole = log.written_bytes == log.size_bytes;
    Ok(Output { bytes, whole })
}
