//! Results while another process, such as a notebook, has the file of the database open.
//!
//! The database only follows the event log, so nothing has to wait for it: a substitute beside
//! it is filled from the log and answers meanwhile. The file is tried again every
//! [`LOOK_EVERY`] while results arrive, and at the end. Once it is free it gets what it lacks
//! and takes over. Promise: the substitute is gone afterwards. Everything here blocks.

use crate::coordinator::recovery::RecoveryError;
use crate::log::{EmbeddedLog, EventLog, LogReader};
use crate::store::{self, Opened, Store, StoreError, Writer};
use crate::sys::fs::DirectoryLock;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Between two looks whether the file is free.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Events of one batch.
const MAX_BATCH: usize = 50_000;
/// Name of the substitute in a data directory.
const FILE_NAME: &str = "results.substitute.duckdb";

/// The database that answers now. Clones share it.
#[derive(Clone)]
pub(crate) struct Current(Arc<RwLock<Store>>);

impl Current {
    pub fn new(store: Store) -> Self {
        Self(Arc::new(RwLock::new(store)))
    }

    pub fn store(&self) -> Store {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, store: Store) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = store;
    }
}

/// A database whose file another process has open, and the substitute for it.
pub(crate) struct Held {
    file: PathBuf,
    substitute: PathBuf,
    looked: Instant,
}

impl Held {
    /// Makes the substitute, which is empty.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn new(file: &Path) -> Result<(Self, Opened), StoreError> {
        let substitute = file.with_file_name(FILE_NAME);
        // What a killed process left.
        remove(&substitute);
        let opened = Store::open(&substitute)?;
        Ok((Self { file: file.to_owned(), substitute, looked: Instant::now() }, opened))
    }

    pub fn is_due(&self) -> bool {
        self.looked.elapsed() >= LOOK_EVERY
    }

    /// Opens the file, brings it to where the substitute is, and puts it in its place.
    /// False: it is still in use.
    ///
    /// # Errors
    /// The log or the database cannot be used.
    pub fn take_over(
        &mut self,
        writer: &mut Writer,
        current: &Current,
        log: &dyn LogReader,
    ) -> Result<bool, RecoveryError> {
        self.looked = Instant::now();
        let mut opened = match Store::open(&self.file) {
            Err(StoreError::InUse { .. }) => return Ok(false),
            opened => opened?,
        };
        // Further than the substitute so far: that one still reads what was there at the start.
        if opened.writer.watermark() > writer.watermark() {
            return Ok(false);
        }
        project_until(&mut opened.writer, log, writer.watermark())?;
        *writer = opened.writer;
        current.replace(opened.store);
        Ok(true)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        remove(&self.substitute);
    }
}

/// Where it cannot be removed, the next start does it.
fn remove(substitute: &Path) {
    for file in [substitute.to_owned(), substitute.with_extension("duckdb.wal")] {
        if let Err(error) = std::fs::remove_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, file = %file.display(), "cannot remove the substitute");
        }
    }
}

/// Adds the records of the log up to `last`.
fn project_until(writer: &mut Writer, log: &dyn LogReader, last: u64) -> Result<(), RecoveryError> {
    while writer.watermark() < last {
        let (mut records, mut read) = (Vec::new(), 0);
        log.replay(writer.watermark(), &mut |sequence, events| {
            read += events.len();
            records.push((sequence, events));
            read < MAX_BATCH && sequence < last
        })?;
        if records.is_empty() {
            break;
        }
        writer.project(records.iter().map(|(sequence, events)| (*sequence, events)))?;
    }
    Ok(())
}

/// What became of a database that may lack results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// It lacked nothing.
    Whole,
    /// It has been completed: read it anew.
    Now,
    /// It lacks results, and cannot be written because another process has it open.
    InUse,
}

/// Adds what the log of a data directory has and its database, which reaches to record `known`,
/// has not: after a crash, or when another process had it open to the end of a run.
///
/// # Errors
/// A coordinator works in the directory, there is no log, or one of the two cannot be used.
pub fn complete_results(data_dir: &Path, known: u64) -> Result<Completed, RecoveryError> {
    let _lock = DirectoryLock::acquire_to_read(data_dir)?;
    let log = EmbeddedLog::open_existing(data_dir)?;
    if log.last() <= known {
        return Ok(Completed::Whole);
    }
    match Store::open(&data_dir.join(store::FILE_NAME)) {
        Err(StoreError::InUse { .. }) => Ok(Completed::InUse),
        opened => {
            project_until(&mut opened?.writer, &*log.reader(), log.last())?;
            Ok(Completed::Now)
        }
    }
}

/// The results that the log of a data directory tells, in a new database at `place`: for
/// readers while another process has the file open. Nothing in the directory is changed.
///
/// # Errors
/// A coordinator works in the directory, there is no log, or it cannot be read.
pub fn results_from_log(data_dir: &Path, place: &Path) -> Result<Store, RecoveryError> {
    let _lock = DirectoryLock::acquire_to_read(data_dir)?;
    let log = EmbeddedLog::open_existing(data_dir)?;
    let mut opened = Store::open(place)?;
    project_until(&mut opened.writer, &*log.reader(), log.last())?;
    Ok(opened.store)
}
