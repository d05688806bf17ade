//! Comparison of a log with its witness.

use super::beside::WITNESS_FILE;
use super::step::Step;
use super::tables::{self, Position};
use crate::log::error::LogError;
use crate::log::position::Sequence;
use crate::log::record::{self, Defect};
use crate::log::witness::{self, Mark, Testimony};
use redb::Database;
use std::path::Path;

/// The result of the comparison of a log with its witness.
#[derive(Debug)]
pub enum WitnessFinding {
    /// There is no witness.
    Missing,
    /// No part of the witness is readable.
    Unreadable,
    /// The log contains the record that the witness knows.
    Agrees { sequence: Sequence, is_damaged: bool },
    /// The witness is of the time before the last renewal of the identity.
    Outdated,
    /// The log has lost records, or the witness is that of another log.
    Differs { sequence: Sequence, error: LogError },
}

/// The last record, which is verified.
pub(super) fn last_mark(
    database: &Database,
    position: &Position,
    path: &Path,
) -> Result<Mark, LogError> {
    let sequence = position.last;
    let is_removed = sequence == position.base;
    let checksum = if is_removed { 0 } else { checksum_of(database, sequence, path)? };
    Ok(Mark { sequence, checksum })
}

/// Checksum of a record, which is verified.
fn checksum_of(database: &Database, sequence: Sequence, path: &Path) -> Result<u32, LogError> {
    let bytes = tables::record(database, sequence).map_err(|e| Step::Open.error(path, e))?;
    bytes
        .ok_or_else(|| Defect::Damaged("it is missing".to_owned()))
        .and_then(|bytes| record::verify(sequence, &bytes))
        .map_err(|defect| defect.into_error(path, sequence))
}

/// Compares the log at `path` with the witness beside it.
///
/// # Errors
/// The witness cannot be read, or the record that it knows is damaged.
pub(in crate::log) fn with_witness(
    database: &Database,
    position: &Position,
    path: &Path,
) -> Result<WitnessFinding, LogError> {
    let evidence = path.with_file_name(WITNESS_FILE);
    let read = witness::read(&evidence);
    let unreadable = |path| |source| LogError::Beside { doing: "read", path, source };
    let Some(file) = read.map_err(unreadable(evidence.clone()))? else {
        return Ok(WitnessFinding::Missing);
    };
    let Some(Testimony { identity: found, mark }) = file.testimony else {
        return Ok(WitnessFinding::Unreadable);
    };
    if Some(found) == position.previous {
        return Ok(WitnessFinding::Outdated);
    }
    let (path, last, sequence) = (path.to_owned(), position.last, mark.sequence);
    let differs = |error| Ok(WitnessFinding::Differs { sequence, error });
    if let Some(expected) = position.identity.filter(|identity| *identity != found) {
        return differs(LogError::OtherIdentity { path: evidence, expected, found });
    }
    if sequence > last {
        return differs(LogError::Lost { path, last, evidence, proven: sequence });
    }
    // A removed record can no longer be compared.
    if sequence > position.base && checksum_of(database, sequence, &path)? != mark.checksum {
        return differs(LogError::Diverged { path, sequence, evidence });
    }
    Ok(WitnessFinding::Agrees { sequence, is_damaged: file.is_damaged })
}
