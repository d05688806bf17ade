//! Errors of the event log.

use super::position::{Sequence, Term};
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
    #[error("cannot use the file {path}, which contains the identity of the data directory")]
    Identity {
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
    /// Another leader has appended records.
    #[error("the event log ends with record {last}, not with record {expected}")]
    Moved { expected: Sequence, last: Sequence },
    /// Another leader has begun a later term.
    #[error("the event log is in term {current}, and term {term} may not append any more")]
    Fenced { term: Term, current: Term },
    #[error("an earlier commit of the event log failed; restart the coordinator")]
    Poisoned,
}
