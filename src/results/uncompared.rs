//! A note in a data directory that its results database was not compared with its event log.
//!
//! A coordinator that starts while another process has the database open cannot compare the two. If the
//! log has lost records, new ones take their numbers, and a later comparison of the numbers finds nothing.
//! The note therefore keeps the last record of the log at that start, until the database has been
//! compared.

use crate::log::Sequence;
use crate::store::StoreError;
use crate::sys::fs::write_durably;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Name of the note in a data directory.
const FILE_NAME: &str = "results.uncompared";

/// The last record that the database may contain, if the log ends with `last`.
///
/// # Errors
/// There is a note that cannot be read.
pub fn limit(data_dir: &Path, last: Sequence) -> Result<Sequence, StoreError> {
    let path = data_dir.join(FILE_NAME);
    let read = || match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(last),
        text => {
            text?.trim().parse().map(|noted: Sequence| noted.min(last)).map_err(io::Error::other)
        }
    };
    read().map_err(|source| StoreError::File { doing: "read", path: path.clone(), source })
}

/// Notes durably that the database may contain records up to `last` only.
///
/// # Errors
/// The note cannot be written.
pub fn note(data_dir: &Path, last: Sequence) -> Result<(), StoreError> {
    let path = data_dir.join(FILE_NAME);
    write_durably(&path, format!("{last}\n").as_bytes(), true).map_err(|source| StoreError::File {
        doing: "write",
        path,
        source,
    })
}

/// Removes the note: the database has been compared, or is not used any more.
///
/// # Errors
/// The note cannot be removed.
pub fn clear(data_dir: &Path) -> Result<(), StoreError> {
    let path = data_dir.join(FILE_NAME);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(StoreError::File { doing: "remove", path, source })
        }
        _ => Ok(()),
    }
}
