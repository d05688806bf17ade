//! A substitute for the results database while another process, such as a notebook, has it open.
//!
//! The database only follows the event log, so the coordinator need not wait for it: a substitute
//! beside it is filled from the log and answers queries in the meantime. While results arrive, the
//! coordinator tries to open the file every [`RETRY_INTERVAL`], and once more when it stops. Once
//! the file is free, it receives the missing records and replaces the substitute. Promise: the
//! substitute is removed afterwards. All calls block.

use crate::domain::storage_id::StorageId;
use crate::log::LogReader;
use crate::results::catch_up::project_until;
use crate::results::error::CatchUpError;
use crate::results::open::open_database;
use crate::store::{Opened, Store, Writer, archive};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Time between two attempts to open the file.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Name of the substitute in a data directory.
const FILE_NAME: &str = "results.substitute.duckdb";

/// The store that answers queries at present: the results database or its substitute. Clones
/// share it.
#[derive(Clone)]
pub struct CurrentStore(Arc<RwLock<Store>>);

impl CurrentStore {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(Arc::new(RwLock::new(store)))
    }

    pub(super) fn store(&self) -> Store {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the present store, after the queries that are running. Further queries are refused until
    /// it is replaced.
    pub fn close(&self) {
        self.store().close();
    }

    pub fn replace(&self, store: Store) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = store;
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
    /// the current store and the target of `writer`. Returns false while the file is in use.
    ///
    /// # Errors
    /// The log or the database cannot be used.
    pub fn take_over(
        &mut self,
        writer: &mut Writer,
        current: &CurrentStore,
        log: &dyn LogReader,
    ) -> Result<bool, CatchUpError> {
        self.last_try = Instant::now();
        let archives = self.file.with_file_name(archive::DIRECTORY);
        let mut opened = match open_database(&self.file, &archives, self.identity, log) {
            Err(error) if error.is_in_use() => return Ok(false),
            opened => opened?,
        };
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
