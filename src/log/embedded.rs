//! The log on the disk of one coordinator: records in a redb file, the snapshot next to it.

use super::error::LogError;
use super::event_log::{EventLog, LogReader, Snapshot};
use super::position::{Sequence, Term};
use super::record::{self, Defect};
use super::snapshot;
use crate::domain::fact::Fact;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};
use std::error::Error;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// Numbers by name; there is only [`TERM`].
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
/// The current term. Logs of versions without terms have none, which counts as term 0.
const TERM: &str = "term";
/// Name of the log in a data directory.
const FILE_NAME: &str = "events.redb";
/// Page cache of redb, whose default is 1 GiB. Appends need little, and a replay reads once.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Maximum number of records decoded ahead of their visitor during a replay.
const DECODED_AHEAD: usize = 4;

/// See [`EventLog`].
pub struct EmbeddedLog {
    database: Arc<Database>,
    path: PathBuf,
    last: Sequence,
    term: Term,
    poisoned: bool,
    buffer: Vec<u8>,
}

impl EmbeddedLog {
    /// Opens or creates `events.redb` in the directory.
    ///
    /// # Errors
    /// The file cannot be opened, is in use, or is not a log.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(FILE_NAME);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(|source| storage("open", &path, source))?;
        let backend = redb::backends::FileBackend::new(file)
            .map_err(|source| storage("open", &path, source))?;
        Self::open_on(backend, path)
    }

    /// As [`Self::open`], but the log must exist.
    ///
    /// # Errors
    /// As for [`Self::open`], and when there is no log.
    pub fn open_existing(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(FILE_NAME);
        std::fs::metadata(&path).map_err(|source| storage("open", &path, source))?;
        Self::open(directory)
    }

    /// As [`Self::open`], over any file layer. Tests use one that fails on demand.
    pub(super) fn open_on(backend: impl StorageBackend, path: PathBuf) -> Result<Self, LogError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder
            .create_with_backend(backend)
            .map_err(|source| storage("open", &path, source))?;
        let (last, term) = position(&database).map_err(|source| storage("read", &path, source))?;
        let database = Arc::new(database);
        Ok(Self { database, path, last, term, poisoned: false, buffer: Vec::new() })
    }

    fn commit(&self, sequence: Sequence) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.open_table(RECORDS)?.insert(sequence, self.buffer.as_slice())?;
        transaction.commit()?;
        Ok(())
    }

    fn commit_term(&self, term: Term) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.open_table(NUMBERS)?.insert(TERM, term.0)?;
        transaction.commit()?;
        Ok(())
    }

    fn snapshot_path(&self) -> PathBuf {
        self.path.with_file_name("state.snapshot")
    }
}

/// The last record and the current term.
fn position(database: &Database) -> Result<(Sequence, Term), redb::Error> {
    let transaction = database.begin_write()?;
    // Creates the tables of a new file, so that readers always find them.
    let position = {
        let records = transaction.open_table(RECORDS)?;
        let numbers = transaction.open_table(NUMBERS)?;
        let last = records.last()?.map_or(0, |(sequence, _)| sequence.value());
        (last, Term(numbers.get(TERM)?.map_or(0, |term| term.value())))
    };
    transaction.commit()?;
    Ok(position)
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

impl EventLog for EmbeddedLog {
    fn begin_term(&mut self) -> Result<Term, LogError> {
        let term = Term(self.term.0 + 1);
        self.commit_term(term).map_err(|source| storage("write to", &self.path, source))?;
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
        if let Err(source) = self.commit(sequence) {
            self.poisoned = true;
            return Err(storage("write to", &self.path, source));
        }
        self.last = sequence;
        Ok(sequence)
    }

    fn last(&self) -> Sequence {
        self.last
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

    fn read_snapshot(&self) -> Option<Snapshot> {
        let path = self.snapshot_path();
        match snapshot::read(&path) {
            Ok((at, pieces)) if at <= self.last => Some((at, pieces)),
            Ok((at, _)) => {
                tracing::warn!(
                    ?path,
                    at,
                    last = self.last,
                    "ignored a snapshot of records that are missing"
                );
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(?path, %error, "cannot use the snapshot; the whole log is replayed");
                None
            }
        }
    }
}

struct Reader {
    database: Arc<Database>,
    path: PathBuf,
}

impl Reader {
    /// Gives the bytes of every record to `take`, until it returns false.
    fn read(
        &self,
        after: Sequence,
        take: &mut dyn FnMut(Sequence, &[u8]) -> bool,
    ) -> Result<(), LogError> {
        let failed = |source: redb::Error| storage("read", &self.path, source);
        let transaction = self.database.begin_read().map_err(|e| failed(e.into()))?;
        let table = transaction.open_table(RECORDS).map_err(|e| failed(e.into()))?;
        let entries = table.range(after + 1..).map_err(|e| failed(e.into()))?;
        for (expected, entry) in (after + 1..).zip(entries) {
            let (sequence, bytes) = entry.map_err(|e| failed(e.into()))?;
            if sequence.value() != expected {
                return Err(self.defect(expected, Defect::Damaged("it is missing".into())));
            }
            if !take(sequence.value(), bytes.value()) {
                break;
            }
        }
        Ok(())
    }

    fn defect(&self, sequence: Sequence, defect: Defect) -> LogError {
        let path = self.path.clone();
        match defect {
            Defect::Damaged(reason) => LogError::Damaged { path, sequence, reason },
            Defect::Newer(version) => {
                LogError::Newer { path, sequence, version, known: record::VERSION }
            }
        }
    }
}

impl LogReader for Reader {
    fn replay(
        &self,
        after: Sequence,
        visit: &mut dyn FnMut(Sequence, Vec<Fact>) -> bool,
    ) -> Result<(), LogError> {
        // Decoding takes as long as applying, so it runs ahead on a separate thread.
        std::thread::scope(|scope| {
            let (decoded, records) = mpsc::sync_channel(DECODED_AHEAD);
            let decoder = scope.spawn(move || {
                let mut defect = None;
                let read = self.read(after, &mut |sequence, bytes| match record::decode(
                    sequence, bytes,
                ) {
                    Ok(facts) => decoded.send((sequence, facts)).is_ok(),
                    Err(error) => {
                        defect = Some(self.defect(sequence, error));
                        false
                    }
                });
                read.and(defect.map_or(Ok(()), Err))
            });
            for (sequence, facts) in &records {
                if !visit(sequence, facts) {
                    break;
                }
            }
            drop(records);
            decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}
