//! The file with the identity of a data directory. It shows readers which directory they have in
//! front of them; the log, which has the same identity, is decisive.

use super::error::LogError;
use crate::domain::storage_id::StorageId;
use crate::sys::fs::write_durably;
use std::io::{self, Read};
use std::path::Path;

/// Name of the file in a data directory.
pub const IDENTITY_FILE: &str = "identity";
/// Maximum number of bytes that are read from the file.
const MAX_BYTES: u64 = 256;

/// Reads the file; `None` if it is missing or empty.
///
/// # Errors
/// The file cannot be read, or does not contain an identity.
pub fn read_identity(data_dir: &Path) -> Result<Option<StorageId>, LogError> {
    let path = data_dir.join(IDENTITY_FILE);
    let read = || -> io::Result<Option<StorageId>> {
        let mut text = String::new();
        let file = match std::fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        file.take(MAX_BYTES).read_to_string(&mut text)?;
        match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(io::Error::other),
        }
    };
    read().map_err(|source| LogError::Beside { doing: "read", path: path.clone(), source })
}

/// Writes the file durably.
///
/// # Errors
/// The file cannot be written.
pub fn write_identity(data_dir: &Path, identity: StorageId) -> Result<(), LogError> {
    let path = data_dir.join(IDENTITY_FILE);
    write_durably(&path, identity.to_string().as_bytes(), false)
        .map_err(|source| LogError::Beside { doing: "write", path, source })
}
