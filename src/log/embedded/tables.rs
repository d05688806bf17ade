//! The tables of the log file, except for that of the base state.

use super::base::{self, BASE, BaseError};
use crate::domain::storage_id::StorageId;
use crate::log::position::{Sequence, Term};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

pub(super) const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// Numbers by name; there is only [`TERM`].
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
/// The current term. Logs of versions without terms have none, which counts as term 0.
const TERM: &str = "term";
/// The identity of the data directory. Logs of versions without identities have none.
const IDENTITY: TableDefinition<(), [u8; StorageId::BYTES]> = TableDefinition::new("identity");

/// The identity before the last renewal, if there was one.
const PREVIOUS_IDENTITY: TableDefinition<(), [u8; StorageId::BYTES]> =
    TableDefinition::new("previous_identity");

/// Number of records that a copy stores with one commit.
const RECORDS_PER_COMMIT: usize = 1000;

/// Numbers of a log that was opened.
pub(in crate::log) struct Position {
    /// `None` in a log of a version without identities.
    pub identity: Option<StorageId>,
    /// Whether the log has received its identity just now.
    pub is_adopted: bool,
    /// The identity before the last renewal.
    pub previous: Option<StorageId>,
    pub base: Sequence,
    pub last: Sequence,
    pub term: Term,
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
) -> Result<Position, BaseError> {
    let transaction = begin(database)?;
    let position = {
        let records = transaction.open_table(RECORDS)?;
        let numbers = transaction.open_table(NUMBERS)?;
        let base = base::header(&transaction.open_table(BASE)?)?.map_or(0, |header| header.removed);
        let mut identities = transaction.open_table(IDENTITY)?;
        let previous = transaction.open_table(PREVIOUS_IDENTITY)?;
        let stored = identities.get(())?.map(|identity| StorageId::from_bytes(identity.value()));
        if let (None, Some(identity)) = (stored, adopt) {
            identities.insert((), identity.to_bytes())?;
        }
        Position {
            identity: stored.or(adopt),
            is_adopted: stored.is_none(),
            previous: previous.get(())?.map(|identity| StorageId::from_bytes(identity.value())),
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

/// Stores many records, with one commit for [`RECORDS_PER_COMMIT`] of them.
pub(super) fn store_records(
    database: &Database,
    records: &mut dyn Iterator<Item = (Sequence, Vec<u8>)>,
) -> Result<(), redb::Error> {
    loop {
        let transaction = begin(database)?;
        let mut stored = 0;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for (sequence, record) in (&mut *records).take(RECORDS_PER_COMMIT) {
                table.insert(sequence, record.as_slice())?;
                stored += 1;
            }
        }
        transaction.commit()?;
        if stored < RECORDS_PER_COMMIT {
            return Ok(());
        }
    }
}

/// Stores a record, and replaces the identity.
pub(super) fn store_renewal(
    database: &Database,
    previous: StorageId,
    identity: StorageId,
    sequence: Sequence,
    record: &[u8],
) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    transaction.open_table(PREVIOUS_IDENTITY)?.insert((), previous.to_bytes())?;
    transaction.open_table(IDENTITY)?.insert((), identity.to_bytes())?;
    transaction.open_table(RECORDS)?.insert(sequence, record)?;
    transaction.commit()?;
    Ok(())
}

/// The bytes of a record; `None` if there is none with this number.
pub(super) fn record(
    database: &Database,
    sequence: Sequence,
) -> Result<Option<Vec<u8>>, redb::Error> {
    let table = database.begin_read()?.open_table(RECORDS)?;
    Ok(table.get(sequence)?.map(|record| record.value().to_vec()))
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
