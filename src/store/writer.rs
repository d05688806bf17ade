//! The only writer of the database. It stores facts together with the position in the event log.
//!
//! Limits: a transaction has at most [`MAX_TRANSACTION_BYTES`] of facts, except for a single larger
//! one, and half as much after each error until it succeeds. Promises: no fact is stored twice or
//! skipped; a fact that does not fit alone is stored without its detail,
//! with a note in its row, but not before others had time to give memory back ([`MAX_WAITS`]).

use super::check::verify;
use super::error::{Cause, Doing, EngineError, StoreError};
use super::project::{Kept, Known, Projection};
use super::weight::weight;
use crate::domain::fact::Fact;
use duckdb::{Connection, params};
use std::time::Duration;

/// Maximum size of the facts of one transaction, in bytes.
pub const MAX_TRANSACTION_BYTES: usize = 16 * 1024 * 1024;

/// Number of times that a fact for which the memory does not suffice waits for memory that queries
/// use.
const MAX_WAITS: u32 = 5;
/// Duration of one of these waits.
const WAIT: Duration = Duration::from_secs(1);

/// Writes to the database, from one thread at a time.
pub struct Writer {
    connection: Connection,
    position: Position,
    /// Knowledge from the stored facts.
    known: Known,
    /// Maximum size of the next transaction.
    budget: usize,
    /// Waits for memory.
    wait: Box<dyn FnMut() + Send>,
}

/// The part of the event log that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    /// Number of the last record of which all facts are stored.
    record: u64,
    /// Number of facts of the next record that are stored.
    facts: usize,
}

/// One fact, and the position after it.
struct Item<'a> {
    sequence: u64,
    /// `None` for a record without facts.
    fact: Option<&'a Fact>,
    after: Position,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        let position = position(&connection)?;
        let known = Known::read(&connection).doing("read what is known from")?;
        #[expect(clippy::disallowed_methods, reason = "a pause on the thread of the projector")]
        let wait = Box::new(|| std::thread::sleep(WAIT));
        Ok(Self { connection, position, known, budget: MAX_TRANSACTION_BYTES, wait })
    }

    /// Number of the last record that is stored. 0 if there is none.
    pub fn watermark(&self) -> u64 {
        self.position.record
    }

    /// Reads every value of the database.
    ///
    /// # Errors
    /// The database is damaged, or cannot be read.
    pub fn check(&self) -> Result<(), StoreError> {
        verify::read_all(&self.connection)
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    #[cfg(test)]
    pub(super) fn limit_to(&mut self, bytes: usize) {
        self.budget = bytes;
    }

    #[cfg(test)]
    pub(super) fn wait_by(&mut self, wait: impl FnMut() + Send + 'static) {
        self.wait = Box::new(wait);
    }

    /// Stores records, the oldest first. Facts that are stored are skipped. A record is
    /// `(sequence, its facts)`.
    ///
    /// # Errors
    /// The database cannot be written. A part of the batch may be stored then, and it may be tried
    /// again.
    pub fn project<'a, E>(
        &mut self,
        batch: impl IntoIterator<Item = (u64, E)>,
    ) -> Result<(), StoreError>
    where
        E: IntoIterator<Item = &'a Fact>,
    {
        let mut items = Vec::new();
        for (sequence, facts) in batch {
            self.add_missing(sequence, facts, &mut items);
        }
        let (mut rest, mut kept, mut waits) = (&items[..], Kept::All, 0);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(within(rest, self.budget));
            match self.store(now, kept) {
                Ok(()) => {
                    if let Some(note) = kept.note() {
                        let record = now.first().map(|item| item.sequence);
                        tracing::warn!(record, "a result of the event log was {note}");
                    }
                    (rest, kept, waits) = (later, Kept::All, 0);
                    self.budget = self.budget.saturating_mul(2).min(MAX_TRANSACTION_BYTES);
                }
                Err(error) if !matches!(error.cause(), Cause::Memory | Cause::Other) => {
                    return Err(error);
                }
                Err(_) if now.len() > 1 => self.budget = size(now) / 2,
                Err(error) if error.cause() == Cause::Memory && waits < MAX_WAITS => {
                    waits += 1;
                    (self.wait)();
                }
                Err(error) => kept = kept.less().ok_or(error)?,
            }
        }
        Ok(())
    }

    /// Adds the facts of a record that are not stored yet.
    fn add_missing<'a>(
        &self,
        sequence: u64,
        facts: impl IntoIterator<Item = &'a Fact>,
        items: &mut Vec<Item<'a>>,
    ) {
        if sequence <= self.position.record {
            return;
        }
        let stored = if sequence == self.position.record + 1 { self.position.facts } else { 0 };
        let first = items.len();
        for (number, fact) in (1..).zip(facts).skip(stored) {
            let after = Position { record: sequence - 1, facts: number };
            items.push(Item { sequence, fact: Some(fact), after });
        }
        let whole = Position { record: sequence, facts: 0 };
        match items[first..].last_mut() {
            Some(last) => last.after = whole,
            None => items.push(Item { sequence, fact: None, after: whole }),
        }
    }

    /// Stores facts in one transaction with the position after them.
    fn store(&mut self, items: &[Item<'_>], kept: Kept) -> Result<(), StoreError> {
        let Some(last) = items.last() else { return Ok(()) };
        let known = self.known.clone();
        match self.transaction(items, last.after, kept) {
            Ok(()) => {
                self.position = last.after;
                Ok(())
            }
            Err(source) => {
                self.known = known;
                Err(StoreError::Query { doing: "write to", source: EngineError::from(source) })
            }
        }
    }

    fn transaction(
        &mut self,
        items: &[Item<'_>],
        after: Position,
        kept: Kept,
    ) -> duckdb::Result<()> {
        // It is rolled back when it is dropped, after the appenders.
        let transaction = self.connection.unchecked_transaction()?;
        let facts = items.iter().filter_map(|item| item.fact);
        let mut projection = Projection::new(&transaction, &mut self.known, kept, facts)?;
        for item in items {
            if let Some(fact) = item.fact {
                projection.event(item.sequence, fact)?;
            }
        }
        projection.flush()?;
        drop(projection);
        let Position { record, facts } = after;
        // An updated row would keep DuckDB from a checkpoint while any query runs.
        transaction.execute("DELETE FROM watermark", [])?;
        transaction.execute("INSERT INTO watermark VALUES (?, ?)", params![record, facts])?;
        transaction.commit()
    }
}

/// Number of items at the front that have at most this size together; at least one.
fn within(items: &[Item<'_>], budget: usize) -> usize {
    let mut total = 0;
    let fitting = items.iter().take_while(|item| {
        total += size(std::slice::from_ref(item));
        total <= budget
    });
    fitting.count().max(1)
}

fn size(items: &[Item<'_>]) -> usize {
    items.iter().filter_map(|item| item.fact).map(weight).sum()
}

fn position(connection: &Connection) -> Result<Position, StoreError> {
    connection
        .query_row("SELECT last_seq, facts FROM watermark", [], |row| {
            Ok(Position { record: row.get(0)?, facts: row.get(1)? })
        })
        .doing("read the watermark of")
}

pub(super) fn watermark(connection: &Connection) -> Result<u64, StoreError> {
    position(connection).map(|position| position.record)
}
