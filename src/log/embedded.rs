//! The log of one coordinator: records in a redb file, the snapshot beside it.

use super::record::{self, Defect};
use super::{EventLog, LogError, LogReader, Sequence, snapshot};
use crate::domain::fact::Fact;
use redb::{Database, Durability, ReadableDatabase, StorageBackend, TableDefinition};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// Name of the log in a data directory.
const FILE_NAME: &str = "events.redb";
/// Page cache. Appends need little and replay reads once; redb's own default is 1 GiB.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Records decoded ahead of their visitor during replay.
const DECODED_AHEAD: usize = 4;

/// See [`EventLog`].
pub struct EmbeddedLog {
    database: Arc<Database>,
    path: PathBuf,
    last: Sequence,
    poisoned: bool,
    buffer: Vec<u8>,
}

impl EmbeddedLog {
    /// Opens or creates `events.redb` in the directory.
    ///
    /// # Errors
    /// A file that cannot be opened, is in use, or is not a log.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(FILE_NAME);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(|source| storage("open", &path, source))?;
        let backend = redb::backends::FileBackend::new(file)
            .map_err(|source| storage("open", &path, source))?;
        Self::open_on(backend, path)
    }

    /// As [`Self::open`], where there is a log already.
    ///
    /// # Errors
    /// As for [`Self::open`], and when there is none.
    pub fn open_existing(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(FILE_NAME);
        std::fs::metadata(&path).map_err(|source| storage("open", &path, source))?;
        Self::open(directory)
    }

    /// As [`Self::open`], over any file layer: tests put one beneath that fails on demand.
    pub(super) fn open_on(backend: impl StorageBackend, path: PathBuf) -> Result<Self, LogError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder
            .create_with_backend(backend)
            .map_err(|source| storage("open", &path, source))?;
        let last = last_record(&database).map_err(|source| storage("read", &path, source))?;
        let database = Arc::new(database);
        Ok(Self { database, path, last, poisoned: false, buffer: Vec::new() })
    }

    fn commit(&self, sequence: Sequence) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.open_table(RECORDS)?.insert(sequence, self.buffer.as_slice())?;
        transaction.commit()?;
        Ok(())
    }

    fn snapshot_path(&self) -> PathBuf {
        self.path.with_file_name("state.snapshot")
    }
}

fn last_record(database: &Database) -> Result<Sequence, redb::Error> {
    let transaction = database.begin_write()?;
    // Creates the table of a new file, so that readers always find it.
    let last = {
        let table = transaction.open_table(RECORDS)?;
        redb::ReadableTable::last(&table)?.map_or(0, |(sequence, _)| sequence.value())
    };
    transaction.commit()?;
    Ok(last)
}

fn storage<E>(doing: &'static str, path: &Path, source: E) -> LogError
where
    E: std::error::Error + Send + Sync + 'static,
{
    LogError::Storage { doing, path: path.to_owned(), source: Box::new(source) }
}

impl EventLog for EmbeddedLog {
    fn append(&mut self, events: &mut dyn Iterator<Item = &Fact>) -> Result<Sequence, LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        let sequence = self.last + 1;
        let stored = record::encode(sequence, events, &mut self.buffer);
        if !stored.map_err(|source| storage("encode for", &self.path, source))? {
            return Ok(self.last);
        }
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

    fn read_snapshot(&self) -> Option<(Sequence, Vec<Vec<u8>>)> {
        let path = self.snapshot_path();
        match snapshot::read(&path) {
            Ok((at, pieces)) if at <= self.last => Some((at, pieces)),
            Ok((at, _)) => {
                tracing::warn!(?path, at, last = self.last, "ignoring a snapshot of the future");
                None
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(?path, %error, "ignoring the snapshot, replaying the log");
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
    /// Hands every record to `take`, raw, until it returns false.
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
            Defect::Damaged(what) => LogError::Damaged { path, sequence, what },
            Defect::Newer(found) => {
                LogError::Newer { path, sequence, found, known: record::VERSION }
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
        // Decoding takes as long as applying: it runs ahead on a thread of its own.
        std::thread::scope(|scope| {
            let (decoded, records) = mpsc::sync_channel(DECODED_AHEAD);
            let decoder = scope.spawn(move || {
                let mut defect = None;
                let read = self.read(after, &mut |sequence, bytes| match record::decode(
                    sequence, bytes,
                ) {
                    Ok(events) => decoded.send((sequence, events)).is_ok(),
                    Err(found) => {
                        defect = Some(self.defect(sequence, found));
                        false
                    }
                });
                read.and(defect.map_or(Ok(()), Err))
            });
            for (sequence, events) in &records {
                if !visit(sequence, events) {
                    break;
                }
            }
            drop(records);
            decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}
