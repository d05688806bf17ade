//! Feeds the results database on behalf of the projector.

use crate::coordinator::projector::{Committed, Projection};
use crate::log::{LogError, LogReader};
use crate::results::{CurrentStore, Substitute};
use crate::store::{StoreError, Writer};
use std::error::Error;
use std::sync::Arc;

/// Writes to the results database, and reads the records that it must catch up with from the log.
pub(crate) struct DatabaseWriter {
    pub writer: Writer,
    pub log: Arc<dyn LogReader>,
    /// The store that answers queries.
    pub current: CurrentStore,
    /// Set while `writer` writes to a substitute.
    pub substitute: Option<Substitute>,
}

impl DatabaseWriter {
    /// Replaces the substitute by the results database once its file is free.
    fn retry_database(&mut self) {
        let Some(substitute) = &mut self.substitute else { return };
        match substitute.take_over(&mut self.writer, &self.current, &*self.log) {
            Ok(true) => {
                tracing::info!("the results database is available again and up to date");
                self.substitute = None;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "cannot use the results database");
            }
        }
    }
}

impl Projection for DatabaseWriter {
    fn watermark(&self) -> u64 {
        self.writer.watermark()
    }

    fn project(&mut self, records: &[Committed]) -> Result<(), StoreError> {
        let batch = records.iter().map(|record| (record.sequence, &record.facts));
        self.writer.project(batch)?;
        if self.substitute.as_ref().is_some_and(Substitute::is_due) {
            self.retry_database();
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.retry_database();
        if self.substitute.is_some() {
            tracing::warn!(
                "another process still uses the results database; the results are in the event \
                 log, and the next command that finds the database free adds them"
            );
        }
    }

    fn reread(&mut self, after: u64, most: usize) -> Result<Vec<Committed>, LogError> {
        let (mut records, mut read) = (Vec::new(), 0);
        self.log.replay(after, &mut |sequence, facts| {
            read += facts.len();
            records.push(Committed { sequence, facts });
            read < most
        })?;
        Ok(records)
    }
}
