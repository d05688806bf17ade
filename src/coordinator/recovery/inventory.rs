//! The parts of a data directory that exist, and what follows from them before anything is opened.
//!
//! The parts are created in the order log, `identity`, blobs, weights, results database; a snapshot and a
//! witness of the log follow. A log that is missing beside any other part was therefore lost. An empty
//! directory does not count: an administrator may have prepared or mounted it.
//!
//! | log | other parts | start |
//! | --- | --- | --- |
//! | missing | none | the directory is new |
//! | not begun (an older version was interrupted) | none but `identity` | the log is created anew |
//! | missing or not begun | any | refused: the log was lost |
//! | present | any | the log is opened; each part must have its identity |

use crate::blobs;
use crate::coordinator::recovery::error::RecoveryError;
use crate::coordinator::weights;
use crate::domain::storage_id::StorageId;
use crate::log::{self, EmbeddedLog, LogFile};
use crate::store::{self, archive};
use std::io;
use std::path::{Path, PathBuf};

/// The parts of a data directory.
#[derive(Debug)]
pub(crate) struct Inventory {
    pub log: LogFile,
    /// Content of the file `identity`.
    pub identity: Option<StorageId>,
    /// Existing parts other than the log, by their paths.
    pub others: Vec<PathBuf>,
}

/// How a data directory is opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A new log is created.
    Create,
    /// The log is opened.
    Open,
    /// The log was lost: this other part exists.
    Lost(PathBuf),
}

impl Inventory {
    /// # Errors
    /// The directory cannot be inspected, or the file `identity` cannot be read.
    pub fn of(data_dir: &Path) -> Result<Self, RecoveryError> {
        let inspecting = |path: &Path| {
            let path = path.to_owned();
            move |source| RecoveryError::Directory { path, source }
        };
        let log = EmbeddedLog::inspect(data_dir)?;
        let identity = log::read_identity(data_dir)?;
        let mut others = Vec::new();
        for name in [
            log::IDENTITY_FILE,
            log::SNAPSHOT_FILE,
            log::WITNESS_FILE,
            store::FILE_NAME,
            archive::DIRECTORY,
            blobs::DIRECTORY,
            weights::DIRECTORY,
        ] {
            let path = data_dir.join(name);
            let exists = path.try_exists().map_err(inspecting(&path))?;
            if exists && !is_empty_directory(&path).map_err(inspecting(&path))? {
                others.push(path);
            }
        }
        Ok(Self { log, identity, others })
    }

    /// See the head of this module.
    pub fn opening(&self) -> Opening {
        let only_identity = self.others.iter().all(|path| path.ends_with(log::IDENTITY_FILE));
        match self.log {
            LogFile::Present => Opening::Open,
            LogFile::NotBegun if only_identity => Opening::Create,
            LogFile::Missing | LogFile::NotBegun => match self.others.last() {
                None => Opening::Create,
                Some(other) => Opening::Lost(other.clone()),
            },
        }
    }
}

/// Whether a directory has a part of the results of dtf, such as the event log or the database.
///
/// # Errors
/// The directory cannot be inspected.
pub fn is_data_directory(path: &Path) -> Result<bool, RecoveryError> {
    let Inventory { log, others, .. } = Inventory::of(path)?;
    Ok(log != LogFile::Missing || !others.is_empty())
}

/// Whether this is a directory with nothing but what a new file system contains.
fn is_empty_directory(path: &Path) -> io::Result<bool> {
    if !path.is_dir() {
        return Ok(false);
    }
    for entry in std::fs::read_dir(path)? {
        if entry?.file_name() != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_directory_is_no_part_of_a_lost_log() {
        let directory = tempfile::tempdir().expect("a directory");
        let mounted = directory.path().join(blobs::DIRECTORY);
        std::fs::create_dir_all(mounted.join("lost+found")).expect("made");
        std::fs::create_dir(directory.path().join(archive::DIRECTORY)).expect("made");
        let opening = || Inventory::of(directory.path()).expect("inspected").opening();
        assert_eq!(opening(), Opening::Create);
        std::fs::create_dir(mounted.join("ba")).expect("made");
        assert_eq!(opening(), Opening::Lost(mounted.clone()));
    }

    #[test]
    fn only_a_directory_in_which_nothing_exists_is_new() {
        let opening = |log, others: &[&str]| {
            let others = others.iter().map(PathBuf::from).collect();
            Inventory { log, identity: None, others }.opening()
        };
        let (missing, not_begun) = (LogFile::Missing, LogFile::NotBegun);
        assert_eq!(opening(missing, &[]), Opening::Create);
        assert_eq!(opening(not_begun, &[]), Opening::Create);
        assert_eq!(opening(not_begun, &["d/identity"]), Opening::Create);
        for other in [
            "d/identity",
            "d/state.snapshot",
            "d/events.witness",
            "d/results.duckdb",
            "d/archive",
            "d/blobs",
            "d/weights",
        ] {
            let lost = Opening::Lost(other.into());
            assert_eq!(opening(missing, &[other]), lost);
            assert_eq!(opening(LogFile::Present, &[other]), Opening::Open, "{other}");
            if other != "d/identity" {
                assert_eq!(opening(not_begun, &["d/identity", other]), lost);
            }
        }
    }
}
