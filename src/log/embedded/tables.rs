//! The tables of the log file, except for that of the base state.

use super::base::{self, BASE, BaseError, Header};
use crate::domain::storage_id::StorageId;
use crate::log::position::{Sequence, Term};
use redb::{Database, Durability, ReadableTable, TableDefinition, WriteTransaction};

pub(super) const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// Numbers by name; there is only [`TERM`].
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
/// The current term. Logs of versions without terms have none, which counts as term 0.
const TERM: &str = "term";
/// The identity of the data directory. Logs of versions without identities have none.
const IDENTITY: TableDefinition<(), [u8; StorageId::BYTES]> = TableDefinition::new("identity");

/// Numbers of a log that was opened.
pub(super) struct Position {
    pub identity: StorageId,
    pub base: Sequence,
    pub last: Sequence,
    pub term: Term,
}

/// Why a log cannot be opened.
pub(super) enum PositionError {
    Base(BaseError),
    NoIdentity,
}

impl<E: Into<redb::Error>> From<E> for PositionError {
    fn from(error: E) -> Self {
        Self::Base(error.into().into())
    }
}

/// Begins a transaction whose commit is durable.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    Ok(transaction)
}

/// Creates missing tables, so that readers always find them, and reads the numbers. A log without an
/// identity receives `adopt`.
pub(super) fn prepare(
    database: &Database,
    adopt: Option<StorageId>,
) -> Result<Position, PositionError> {
    let transaction = begin(database)?;
    let position = {
        let records = transaction.open_table(RECORDS)?;
        let numbers = transaction.open_table(NUMBERS)?;
        let header = base::header(&transaction.open_table(BASE)?).map_err(PositionError::Base)?;
        let base = header.map_or(0, |header: Header| header.removed);
        let mut identities = transaction.open_table(IDENTITY)?;
        let stored = identities.get(())?.map(|identity| StorageId::from_bytes(identity.value()));
        let identity = stored.or(adopt).ok_or(PositionError::NoIdentity)?;
        if stored.is_none() {
            identities.insert((), identity.to_bytes())?;
        }
        Position {
            identity,
            base,
            last: records.last()?.map_or(base, |(sequence, _)| sequence.value()),
            term: Term(numbers.get(TERM)?.map_or(0, |term| term.value())),
        }
    };
    transaction.commit()?;
    Ok(position)
}

/// Stores a record.
pub(super) fn store_record(
    database: &Database,
    sequence: Sequence,
    record: &[u8],
) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    transaction.open_table(RECORDS)?.insert(sequence, record)?;
    transaction.commit()?;
    Ok(())
}

/// Stores the current term.
pub(super) fn store_term(database: &Database, term: Term) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    transaction.open_table(NUMBERS)?.insert(TERM, term.0)?;
    transaction.commit()?;
    Ok(())
}

/// Removes the records up to `upto` and stores the state of record `at` in their place.
pub(super) fn store_base(
    database: &Database,
    upto: Sequence,
    at: Sequence,
    pieces: &mut dyn Iterator<Item = Vec<u8>>,
) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    base::write(&mut transaction.open_table(BASE)?, upto, at, pieces)?;
    transaction.open_table(RECORDS)?.retain_in(..=upto, |_, _| false)?;
    transaction.commit()?;
    Ok(())
}
