//! The log of a directory that no coordinator uses, for readers. Nothing on the disk changes: a file
//! that needs a repair is repaired in memory.

use super::embedded::{self, Guarded, Position, Reader, WitnessFinding};
use super::error::LogError;
use super::event_log::{LogReader, Snapshot};
use super::position::Sequence;
use super::staged::StagedFile;
use crate::domain::storage_id::StorageId;
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module.
pub struct ReadOnlyLog {
    database: Arc<Guarded>,
    path: PathBuf,
    position: Position,
}

/// The content of a file. The caller has locked the directory, so that the file needs no lock.
#[derive(Debug)]
struct Content(FileBackend);

impl StorageBackend for Content {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

impl ReadOnlyLog {
    /// Opens the log of a directory that the caller has locked. The witness is not compared.
    ///
    /// # Errors
    /// The file is missing, is not a log, is damaged, or cannot be read.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(embedded::LOG_FILE);
        let (database, position) = embedded::open_read_only(directory, |file: File| {
            let content = Content(FileBackend::new(file).map_err(io::Error::other)?);
            StagedFile::new(Box::new(content))
        })?;
        Ok(Self { database: Arc::new(database), path, position })
    }

    /// Identity of the log; `None` in a log of a version without identities.
    pub fn identity(&self) -> Option<StorageId> {
        self.position.identity
    }

    /// Number of the last record that a compaction removed.
    pub fn base(&self) -> Sequence {
        self.position.base
    }

    /// Number of the last record.
    pub fn last(&self) -> Sequence {
        self.position.last
    }

    /// The state that replaces the removed records.
    ///
    /// # Errors
    /// The state is damaged, or the file cannot be read.
    pub fn read_base(&self) -> Result<Option<Snapshot>, LogError> {
        embedded::read_base(&self.database, &self.path)
    }

    pub fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader { database: Arc::clone(&self.database), path: self.path.clone() })
    }

    /// The bytes of a record, which are not verified; `None` if there is none with this number.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(super) fn record(&self, sequence: Sequence) -> Result<Option<Vec<u8>>, LogError> {
        embedded::read_record(&self.database, sequence, &self.path)
    }

    /// Compares the log with its witness, as the start of a coordinator does.
    ///
    /// # Errors
    /// The witness cannot be read, or the record that it knows is damaged.
    pub fn check_witness(&self) -> Result<WitnessFinding, LogError> {
        embedded::with_witness(&self.database, &self.position, &self.path)
    }
}
