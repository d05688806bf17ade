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
    /// Another leader has appended records.
    #[error("the event log ends with record {last}, not with record {expected}")]
    Moved { expected: Sequence, last: Sequence },
    /// Another leader has begun a later term.
    #[error("the event log is in term {current}, and term {term} may not append any more")]
    Fenced { term: Term, current: Term },
    #[error("an earlier commit of the event log failed; restart the coordinator")]
    Poisoned,
}
