//! Errors of the event log.

use super::position::{Sequence, Term};
use crate::domain::storage_id::StorageId;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("cannot {doing} the event log {path}")]
    Storage {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("there is no event log {path}")]
    Missing { path: PathBuf },
    /// The file is empty or has no magic number: its creation was interrupted, it was cut, or it is
    /// another file.
    #[error("{path} is not an event log: {reason}")]
    NotALog { path: PathBuf, reason: &'static str },
    #[error("the file {path} exists already")]
    Exists { path: PathBuf },
    /// The structure of the file is damaged, as opposed to the content of a record.
    #[error("the event log {path} is damaged; the damage was found {position}: {reason}")]
    DamagedFile { path: PathBuf, position: String, reason: String },
    /// The disk, or the user's share of it, is full.
    #[error("no space is left for the event log {path}")]
    Full { path: PathBuf },
    #[error("record {sequence} of the event log {path} is damaged: {reason}")]
    Damaged { path: PathBuf, sequence: Sequence, reason: String },
    #[error(
        "record {sequence} of the event log {path} has format {version}, and this version of dtf \
         reads formats up to {known}"
    )]
    Newer { path: PathBuf, sequence: Sequence, version: u16, known: u16 },
    #[error(
        "the event log {path} has no record {first}: the records up to {base} were removed by \
         compaction"
    )]
    Compacted { path: PathBuf, first: Sequence, base: Sequence },
    /// The state that replaces removed records cannot be read.
    #[error(
        "the state that replaces the removed records in the event log {path} is damaged: {reason}"
    )]
    DamagedBase { path: PathBuf, reason: String },
    #[error(
        "the event log cannot be compacted up to record {upto} with the state of record {at}: it \
         contains records {first} to {last}"
    )]
    NotCompactable { upto: Sequence, at: Sequence, first: Sequence, last: Sequence },
    /// The log was written by a version without identities, and none was passed.
    #[error("the event log {path} has no identity, and its directory has no file `identity`")]
    NoIdentity { path: PathBuf },
    /// A file beside the log cannot be read or written.
    #[error("cannot {doing} the file {path}")]
    Beside {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A snapshot or a witness proves that records are missing.
    #[error(
        "the event log {path} has lost records: it ends with record {last}, but {evidence} proves \
         that record {proven} was stored"
    )]
    Lost { path: PathBuf, last: Sequence, evidence: PathBuf, proven: Sequence },
    /// The log was replaced by another copy, which then took other records.
    #[error(
        "record {sequence} of the event log {path} is not the record {sequence} that {evidence} \
         knows: the log was replaced by an older copy"
    )]
    Diverged { path: PathBuf, sequence: Sequence, evidence: PathBuf },
    #[error("{path} belongs to the data directory {found}, and the event log to {expected}")]
    OtherIdentity { path: PathBuf, expected: StorageId, found: StorageId },
    /// Another leader has appended records.
    #[error("the event log ends with record {last}, not with record {expected}")]
    Moved { expected: Sequence, last: Sequence },
    /// Another leader has begun a later term.
    #[error("the event log is in term {current}, and term {term} may not append any more")]
    Fenced { term: Term, current: Term },
    #[error("an earlier commit of the event log failed; restart the coordinator")]
    Poisoned,
}
