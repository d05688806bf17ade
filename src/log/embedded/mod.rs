//! The log on the disk of one coordinator: records in a redb file, the snapshot next to it.

mod base;
mod reader;
mod tables;

use self::base::{BASE, BaseError};
use self::reader::Reader;
use self::tables::PositionError;
use super::error::LogError;
use super::event_log::{EventLog, LogReader, Snapshot};
use super::position::{Sequence, Term};
use super::record;
use super::snapshot;
use crate::domain::fact::Fact;
use crate::domain::storage_id::StorageId;
use redb::{Database, ReadableDatabase, StorageBackend};
use std::error::Error;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the log in a data directory.
const FILE_NAME: &str = "events.redb";
/// Page cache of redb, whose default is 1 GiB. Appends need little, and a replay reads once.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// See [`EventLog`].
pub struct EmbeddedLog {
    database: Arc<Database>,
    path: PathBuf,
    identity: StorageId,
    base: Sequence,
    last: Sequence,
    term: Term,
    poisoned: bool,
    buffer: Vec<u8>,
}

impl EmbeddedLog {
    /// Whether the directory has a file with the name of the log.
    ///
    /// # Errors
    /// The directory cannot be inspected.
    pub fn exists(directory: &Path) -> io::Result<bool> {
        directory.join(FILE_NAME).try_exists()
    }

    /// Creates `events.redb` in the directory, with this identity.
    ///
    /// # Errors
    /// The file exists, or cannot be created.
    pub fn create(directory: &Path, identity: StorageId) -> Result<Self, LogError> {
        let path = directory.join(FILE_NAME);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        Self::open_with(&options, path, Some(identity))
    }

    /// Opens `events.redb` in the directory. A log of a version without identities receives the
    /// identity `adopt`.
    ///
    /// # Errors
    /// The file is missing, cannot be opened, is in use, or is not a log.
    pub fn open(directory: &Path, adopt: Option<StorageId>) -> Result<Self, LogError> {
        let path = directory.join(FILE_NAME);
        Self::open_with(OpenOptions::new().read(true).write(true), path, adopt)
    }

    fn open_with(
        options: &OpenOptions,
        path: PathBuf,
        adopt: Option<StorageId>,
    ) -> Result<Self, LogError> {
        let file = options.open(&path).map_err(|source| storage("open", &path, source))?;
        let backend = redb::backends::FileBackend::new(file)
            .map_err(|source| storage("open", &path, source))?;
        Self::open_on(backend, path, adopt)
    }

    /// As [`Self::open`], over any file layer. Tests use one that fails on demand.
    pub(super) fn open_on(
        backend: impl StorageBackend,
        path: PathBuf,
        adopt: Option<StorageId>,
    ) -> Result<Self, LogError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder
            .create_with_backend(backend)
            .map_err(|source| storage("open", &path, source))?;
        let position = tables::prepare(&database, adopt).map_err(|error| match error {
            PositionError::Base(error) => base_error(error, &path),
            PositionError::NoIdentity => LogError::NoIdentity { path: path.clone() },
        })?;
        Ok(Self {
            database: Arc::new(database),
            path,
            identity: position.identity,
            base: position.base,
            last: position.last,
            term: position.term,
            poisoned: false,
            buffer: Vec::new(),
        })
    }

    fn snapshot_path(&self) -> PathBuf {
        self.path.with_file_name("state.snapshot")
    }
}

fn storage<E>(doing: &'static str, path: &Path, source: E) -> LogError
where
    E: Error + Send + Sync + 'static,
{
    let path = path.to_owned();
    if is_full(&source) {
        return LogError::Full { path };
    }
    LogError::Storage { doing, path, source: Box::new(source) }
}

/// Whether the error, or the one that redb wraps, is about missing space.
fn is_full(source: &(dyn Error + 'static)) -> bool {
    let wrapped = match source.downcast_ref::<redb::Error>() {
        Some(redb::Error::Io(error)) => Some(error),
        _ => source.downcast_ref::<io::Error>(),
    };
    wrapped.is_some_and(|error| {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    })
}

fn base_error(error: BaseError, path: &Path) -> LogError {
    match error {
        BaseError::Storage(source) => storage("read", path, source),
        BaseError::Damaged(reason) => {
            LogError::DamagedBase { path: path.to_owned(), reason: reason.to_owned() }
        }
    }
}

impl EventLog for EmbeddedLog {
    fn identity(&self) -> StorageId {
        self.identity
    }

    fn begin_term(&mut self) -> Result<Term, LogError> {
        let term = Term(self.term.0 + 1);
        tables::store_term(&self.database, term)
            .map_err(|source| storage("write to", &self.path, source))?;
        self.term = term;
        Ok(term)
    }

    fn append(
        &mut self,
        expected: Sequence,
        term: Term,
        facts: &[Fact],
    ) -> Result<Sequence, LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        if term != self.term {
            return Err(LogError::Fenced { term, current: self.term });
        }
        if expected != self.last {
            return Err(LogError::Moved { expected, last: self.last });
        }
        if facts.is_empty() {
            return Ok(self.last);
        }
        let sequence = self.last + 1;
        record::encode(sequence, facts, &mut self.buffer)
            .map_err(|source| storage("encode a record for", &self.path, source))?;
        if let Err(source) = tables::store_record(&self.database, sequence, &self.buffer) {
            self.poisoned = true;
            return Err(storage("write to", &self.path, source));
        }
        self.last = sequence;
        Ok(sequence)
    }

    fn last(&self) -> Sequence {
        self.last
    }

    fn base(&self) -> Sequence {
        self.base
    }

    fn read_base(&self) -> Result<Option<Snapshot>, LogError> {
        let read = || -> Result<_, BaseError> {
            let transaction = self.database.begin_read()?;
            base::read(&transaction.open_table(BASE)?)
        };
        read().map_err(|error| base_error(error, &self.path))
    }

    fn compact(
        &mut self,
        upto: Sequence,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        if !(self.base <= upto && upto <= at && at <= self.last) {
            let (first, last) = (self.base + 1, self.last);
            return Err(LogError::NotCompactable { upto, at, first, last });
        }
        if let Err(source) = tables::store_base(&self.database, upto, at, pieces) {
            self.poisoned = true;
            return Err(storage("compact", &self.path, source));
        }
        self.base = upto;
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader { database: Arc::clone(&self.database), path: self.path.clone() })
    }

    fn write_snapshot(
        &mut self,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError> {
        let path = self.snapshot_path();
        snapshot::write(&path, at, pieces)
            .map_err(|source| storage("write the snapshot of", &path, source))
    }

    fn read_snapshot(&self) -> Result<Option<Snapshot>, LogError> {
        let path = self.snapshot_path();
        match snapshot::read(&path) {
            Ok((at, _)) if at > self.last => Err(LogError::Lost {
                path: self.path.clone(),
                last: self.last,
                evidence: path,
                proven: at,
            }),
            // The state in the log is newer.
            Ok((at, _)) if at < self.base => Ok(None),
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                tracing::warn!(?path, %error, "cannot use the snapshot; the whole log is replayed");
                Ok(None)
            }
        }
    }

    fn reject_snapshot(&self, reason: &str) {
        let path = self.snapshot_path();
        tracing::warn!(?path, reason, "cannot use the snapshot; the whole log is replayed");
    }
}
