//! A substitute for the results database while another process, such as a notebook, has it open.
//!
//! The database only follows the event log, so the coordinator need not wait for it: a substitute
//! beside it is filled from the log and answers queries in the meantime. While results arrive, the
//! coordinator tries to open the file every [`RETRY_INTERVAL`], and once more when it stops. Once
//! the file is free, it is compared with the log, receives the missing records and replaces the
//! substitute. Promises: a database that proves a loss of records is not used and not changed; the
//! substitute is removed afterwards. All calls block.

use crate::domain::storage_id::StorageId;
use crate::log::{LogReader, Sequence};
use crate::results::catch_up::project_until;
use crate::results::error::CatchUpError;
use crate::results::known::KnownVerdicts;
use crate::results::open::{open_compared, open_database};
use crate::store::{Opened, Store, Writer, archive};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Time between two attempts to open the file.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Name of the substitute in a data directory.
const FILE_NAME: &str = "results.substitute.duckdb";

/// The store that answers queries at present, the results database or its substitute, with the verdicts
/// that are known from it. Clones share it.
#[derive(Clone)]
pub struct CurrentStore(Arc<RwLock<(Store, Arc<KnownVerdicts>)>>);

impl CurrentStore {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(Arc::new(RwLock::new((store, Arc::default()))))
    }

    pub(super) fn store(&self) -> Store {
        self.with_verdicts().0
    }

    pub(super) fn with_verdicts(&self) -> (Store, Arc<KnownVerdicts>) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the present store, after the queries that are running. Further queries are refused until
    /// it is replaced.
    pub fn close(&self) {
        self.store().close();
    }

    pub fn replace(&self, store: Store) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = (store, Arc::default());
    }
}

/// The substitute for a database whose file another process has open.
pub struct Substitute {
    /// The file of the database.
    file: PathBuf,
    /// The file of the substitute.
    replacement: PathBuf,
    identity: StorageId,
    last_try: Instant,
}

impl Substitute {
    /// Creates a substitute for the database at `file`, which the records of the log complete.
    ///
    /// # Errors
    /// The substitute cannot be created.
    pub fn new(
        file: &Path,
        identity: StorageId,
        log: &dyn LogReader,
    ) -> Result<(Self, Opened), CatchUpError> {
        let substitute = file.with_file_name(FILE_NAME);
        // A killed process may have left one.
        remove(&substitute);
        let archives = file.with_file_name(archive::DIRECTORY);
        let opened = open_database(&substitute, &archives, identity, log)?;
        Ok((
            Self {
                file: file.to_owned(),
                replacement: substitute,
                identity,
                last_try: Instant::now(),
            },
            opened,
        ))
    }

    /// Whether it is time to try the file again.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.last_try.elapsed() >= RETRY_INTERVAL
    }

    /// Opens the file, projects the records up to the watermark of `writer` into it, and makes it
    /// the current store and the target of `writer`. Returns false while the file is in use. `uncompared`:
    /// last record that the file may contain, as for [`open_compared`], until it was compared.
    ///
    /// # Errors
    /// The log or the database cannot be used, or the database proves that the log has lost records.
    pub fn take_over(
        &mut self,
        writer: &mut Writer,
        current: &CurrentStore,
        log: &dyn LogReader,
        uncompared: &mut Option<Sequence>,
    ) -> Result<bool, CatchUpError> {
        self.last_try = Instant::now();
        let archives = self.file.with_file_name(archive::DIRECTORY);
        let mut opened = match open_compared(&self.file, &archives, self.identity, log, *uncompared)
        {
            Err(error) if error.is_in_use() => return Ok(false),
            opened => opened?,
        };
        *uncompared = None;
        // The substitute may still be reading the records that existed at the start.
        if opened.writer.watermark() > writer.watermark() {
            return Ok(false);
        }
        project_until(&mut opened.writer, log, writer.watermark())?;
        *writer = opened.writer;
        current.replace(opened.store);
        Ok(true)
    }
}

impl Drop for Substitute {
    fn drop(&mut self) {
        remove(&self.replacement);
    }
}

/// Removes the files of a substitute. If that fails, the next start does it.
fn remove(substitute: &Path) {
    for file in [substitute.to_owned(), substitute.with_extension("duckdb.wal")] {
        if let Err(error) = std::fs::remove_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, file = %file.display(), "cannot remove the substitute");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Fact;
    use crate::domain::id::{RunId, TestId};
    use crate::domain::time::Timestamp;
    use crate::log::memory::MemoryLog;
    use crate::log::{EventLog, LogError};

    fn fact(run: u32) -> Fact {
        Fact::TestExpired { test: TestId { run: RunId(run), index: 0 }, at: Timestamp(7) }
    }

    fn append(log: &mut MemoryLog, records: std::ops::Range<u32>) {
        let term = log.begin_term().expect("a term");
        for run in records {
            log.append(log.last(), term, &[fact(run)]).expect("stored");
        }
    }

    /// A coordinator with a log of 3 records starts while the database, which has `stored` records, is
    /// in use, adds 3 records, and finds the database free.
    fn take_over(stored: u32) -> (Result<bool, CatchUpError>, u64, u64) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("results.duckdb");
        let mut log = MemoryLog::new();
        append(&mut log, 0..3);
        let Opened { mut writer, .. } = Store::open(&file, log.identity()).expect("created");
        let facts: Vec<Fact> = (0..stored).map(fact).collect();
        writer.project((1..).zip(facts.iter().map(|fact| [fact]))).expect("projected");
        drop(writer);
        let (identity, reader) = (log.identity(), log.reader());
        let (mut substitute, Opened { store, mut writer, .. }) =
            Substitute::new(&file, identity, &*reader).expect("created");
        append(&mut log, 3..6);
        project_until(&mut writer, &*reader, log.last()).expect("projected");
        let current = CurrentStore::new(store);
        let result = substitute.take_over(&mut writer, &current, &*reader, &mut Some(3));
        let answered = current.store().watermark().expect("read");
        drop((writer, current, substitute));
        let entries = std::fs::read_dir(directory.path()).expect("listed");
        let names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(names, ["results.duckdb"], "neither a substitute nor a renamed file is left");
        let kept = Store::open_read_only(&file).and_then(|store| store.watermark());
        (result, answered, kept.expect("read"))
    }

    #[test]
    fn a_database_that_the_log_continues_replaces_its_substitute() {
        let (result, answered, kept) = take_over(2);
        assert!(result.expect("usable"), "it is free");
        assert_eq!((answered, kept), (6, 6));
    }

    #[test]
    fn a_database_with_records_that_the_log_has_lost_is_neither_used_nor_changed() {
        let (result, answered, kept) = take_over(5);
        let error = result.expect_err("a loss");
        assert!(
            matches!(error, CatchUpError::Log(LogError::Diverged { sequence: 4, .. })),
            "{error}"
        );
        assert_eq!((answered, kept), (6, 5), "the substitute continues");
    }
}
