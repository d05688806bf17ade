//! The only writer of the database. It stores a batch together with its watermark.

use super::error::{Doing, StoreError};
use super::project::Projection;
use super::tables::Tables;
use crate::domain::fact::Fact;
use crate::domain::id::RunId;
use duckdb::{Connection, params};
use std::collections::HashSet;

/// Writes to the database, from one thread at a time.
pub struct Writer {
    connection: Connection,
    watermark: u64,
    /// The runs that were cancelled in the stored batches.
    cancelled: HashSet<RunId>,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        let watermark = watermark(&connection)?;
        let cancelled = connection
            .prepare("SELECT run FROM run_cancellations")
            .and_then(|mut statement| {
                statement.query_map([], |row| row.get(0).map(RunId))?.collect()
            })
            .doing("read the cancelled runs from")?;
        Ok(Self { connection, watermark, cancelled })
    }

    /// Number of the last record that is stored. 0 if there is none.
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Stores records, the oldest first, in one transaction with the watermark. Records up to the
    /// watermark are skipped. A record is `(sequence, its events)`.
    ///
    /// # Errors
    /// The database cannot be written. Nothing of the batch is stored then, and it may be tried again.
    pub fn project<'a, E>(
        &mut self,
        batch: impl IntoIterator<Item = (u64, E)>,
    ) -> Result<(), StoreError>
    where
        E: IntoIterator<Item = &'a Fact>,
    {
        let known = self.cancelled.clone();
        match self.store(batch) {
            Ok(last) => {
                self.watermark = last;
                Ok(())
            }
            Err(source) => {
                self.cancelled = known;
                Err(StoreError::Query { doing: "write to", source: source.into() })
            }
        }
    }

    fn store<'a, E>(&mut self, batch: impl IntoIterator<Item = (u64, E)>) -> duckdb::Result<u64>
    where
        E: IntoIterator<Item = &'a Fact>,
    {
        let mut last = self.watermark;
        // It is rolled back when it is dropped, after the appenders.
        let transaction = self.connection.unchecked_transaction()?;
        let mut projection =
            Projection { tables: Tables::new(&transaction), cancelled: &mut self.cancelled };
        for (sequence, events) in batch {
            if sequence <= last {
                continue;
            }
            for event in events {
                projection.event(sequence, event)?;
            }
            last = sequence;
        }
        if last == self.watermark {
            return Ok(last);
        }
        projection.tables.flush()?;
        drop(projection);
        transaction.execute("UPDATE watermark SET last_seq = ?", params![last])?;
        transaction.commit()?;
        Ok(last)
    }
}

pub(super) fn watermark(connection: &Connection) -> Result<u64, StoreError> {
    connection
        .query_row("SELECT last_seq FROM watermark", [], |row| row.get(0))
        .doing("read the watermark of")
}
