//! The files beside the log.

use crate::log::error::LogError;
use crate::log::snapshot::{self, SnapshotError, StoredSnapshot};
use crate::log::witness::{self, Testimony, Witness};
use crate::sys::fs::set_aside;
use std::io;
use std::path::Path;

/// Name of the log in a data directory.
pub const LOG_FILE: &str = "events.redb";
/// Name of the snapshot in a data directory.
pub const SNAPSHOT_FILE: &str = "state.snapshot";
/// Name of the witness in a data directory.
pub const WITNESS_FILE: &str = "events.witness";
/// Label of files that are set aside because they cannot be trusted.
const UNTRUSTED: &str = "untrusted";
/// Maximum number of files with the same name that are kept aside.
const MAX_ASIDE: u64 = 2;

/// Replaces the witness of the log at `path`.
pub(super) fn start_witness(path: &Path, testimony: Testimony) -> Result<Witness, LogError> {
    let path = path.with_file_name(WITNESS_FILE);
    Witness::start(&path, testimony).map_err(|source| LogError::Beside {
        doing: "write",
        path,
        source,
    })
}

/// The content of the witness of a directory; `None` if it cannot be used.
#[must_use]
pub fn read_testimony(directory: &Path) -> Option<Testimony> {
    witness::read(&directory.join(WITNESS_FILE)).ok()??.testimony
}

/// Renames a file beside the log, so that it is not trusted later.
pub(super) fn set_untrusted_aside(path: &Path, reason: &str) {
    match set_aside(path, UNTRUSTED, MAX_ASIDE) {
        Ok(aside) => tracing::warn!(
            path = %path.display(), aside = %aside.display(), reason,
            "a file beside the event log is not used and was renamed"
        ),
        Err(error) => tracing::warn!(
            path = %path.display(), %error, reason,
            "a file beside the event log is not used, but cannot be renamed"
        ),
    }
}

/// Reads the snapshot file of a data directory; `None` if there is none.
///
/// # Errors
/// The file cannot be read, is damaged, or has no identity.
pub fn read_snapshot_file(data_dir: &Path) -> Result<Option<StoredSnapshot>, SnapshotError> {
    match snapshot::read(&data_dir.join(SNAPSHOT_FILE)) {
        Err(SnapshotError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
