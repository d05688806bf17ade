//! Feeds the results database on behalf of the projector, and opens it again after a fault.

use crate::coordinator::projector::{Committed, Projection};
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::log::{LogError, LogReader, Sequence};
use crate::results::{CatchUpError, CurrentStore, Substitute, open_compared};
use crate::store::{self, Cause, Opened, StoreError, Writer, archive};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Writes to the results database, and reads the records that it must catch up with from the log.
pub(crate) struct DatabaseWriter {
    /// File of the database.
    pub path: PathBuf,
    pub identity: StorageId,
    /// `None` after the database was closed and could not be opened again.
    pub writer: Option<Writer>,
    pub log: Arc<dyn LogReader>,
    /// The store that answers queries.
    pub current: CurrentStore,
    /// Set while `writer` writes to a substitute.
    pub substitute: Option<Substitute>,
    /// Last record that the file may contain, until it was compared with the log.
    pub uncompared: Option<Sequence>,
}

impl DatabaseWriter {
    /// Replaces the substitute by the results database once its file is free. Returns whether it is
    /// still in use.
    fn retry_database(&mut self) -> bool {
        let (Some(substitute), Some(writer)) = (&mut self.substitute, &mut self.writer) else {
            return false;
        };
        match substitute.take_over(writer, &self.current, &*self.log, &mut self.uncompared) {
            Ok(true) => {
                tracing::info!("the results database is available again and up to date");
                self.substitute = None;
            }
            Ok(false) => return true,
            Err(error) if error.is_loss() => report_loss(&error),
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "cannot use the results database");
            }
        }
        false
    }

    /// Opens the file of the database, which is closed. A file that another process has opened
    /// meanwhile is replaced by a substitute.
    fn open(&mut self, anew: bool) -> Result<Opened, CatchUpError> {
        // The faults of a substitute are not those of the database, which may be evidence of a loss.
        let opened = if anew && self.substitute.is_none() && self.uncompared.is_none() {
            self.replace("it failed repeatedly")
        } else {
            self.open_file()
        };
        let opened = match opened {
            Err(error) if error.is_in_use() => {
                tracing::warn!("{error}; new results are added as soon as it is free");
                return self.open_substitute();
            }
            Err(error) if error.is_loss() => {
                report_loss(&error);
                return self.open_substitute();
            }
            opened => opened?,
        };
        (self.substitute, self.uncompared) = (None, None);
        let Err(error) = opened.writer.check() else {
            tracing::info!("the results database was opened again; all of it can be read");
            return Ok(opened);
        };
        if !matches!(error.cause(), Cause::Damage | Cause::Invalidated) {
            return Err(error.into());
        }
        drop(opened);
        self.replace(&with_causes(&error))
    }

    /// Moves the file aside and opens a new one. When that fails, the new file is removed: the next
    /// repair would keep it like a damaged one, and the number of those that are kept is limited.
    fn replace(&self, reason: &str) -> Result<Opened, CatchUpError> {
        if self.path.exists() {
            self.move_aside(reason)?;
        }
        self.open_file().inspect_err(|error| {
            if !error.is_in_use()
                && let Err(error) = store::remove_database(&self.path)
            {
                tracing::warn!(error = &error as &dyn Error, "cannot remove a new database");
            }
        })
    }

    fn open_substitute(&mut self) -> Result<Opened, CatchUpError> {
        // Its files are removed before those of the next one, which have the same names.
        self.substitute = None;
        let (substitute, opened) = Substitute::new(&self.path, self.identity, &*self.log)?;
        self.substitute = Some(substitute);
        Ok(opened)
    }

    fn open_file(&self) -> Result<Opened, CatchUpError> {
        let archives = self.path.with_file_name(archive::DIRECTORY);
        open_compared(&self.path, &archives, self.identity, &*self.log, self.uncompared)
    }

    fn move_aside(&self, reason: &str) -> Result<(), StoreError> {
        let aside = store::set_aside(&self.path)?;
        let aside = aside.display();
        tracing::warn!(
            "the results database was moved to {aside} and is rebuilt from the event log: {reason}"
        );
        Ok(())
    }
}

fn report_loss(error: &CatchUpError) {
    tracing::error!(
        "{error}; the results database is not used, and a substitute answers instead; stop the \
         coordinator, and see \"The log has lost records\" in docs/operate.md"
    );
}

impl Projection for DatabaseWriter {
    fn watermark(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::watermark)
    }

    fn project(&mut self, records: &[Committed]) -> Result<(), StoreError> {
        let writer = self.writer.as_mut().ok_or(StoreError::Closed)?;
        writer.project(records.iter().map(|record| (record.sequence, &record.facts)))?;
        if self.substitute.as_ref().is_some_and(Substitute::is_due) {
            self.retry_database();
        }
        Ok(())
    }

    fn finish(&mut self) {
        if self.retry_database() {
            tracing::warn!(
                "another process still uses the results database; the results are in the event \
                 log, and the next command that finds the database free adds them"
            );
        }
    }

    fn reread(&mut self, after: u64, bytes: usize) -> Result<Vec<Committed>, LogError> {
        let (mut records, mut read) = (Vec::new(), 0);
        self.log.replay(after, &mut |sequence, facts| {
            let record = Committed { sequence, facts };
            read += record.bytes();
            records.push(record);
            read < bytes
        })?;
        Ok(records)
    }

    fn reopen(&mut self, anew: bool) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.current.close();
        self.writer = None;
        let Opened { store, writer, .. } = self.open(anew)?;
        self.current.replace(store);
        self.writer = Some(writer);
        Ok(())
    }
}
