//! The summary of a worker's life, and the errors that end it.

use crate::domain::id::WorkerId;
use crate::domain::outcome::Outcome;
use crate::worker::work_dir::WorkDirError;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Counts of what a worker did until it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Id given by the coordinator, once registered.
    pub worker: Option<WorkerId>,
    /// Number of attempts by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Number of results that arrived after their lease had been lost.
    pub conflicts: u64,
    /// Number of results left in the spool. The next worker of the same work directory sends them.
    pub unsent: u64,
}

impl Summary {
    pub fn count(&mut self, outcome: Outcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }
}

/// Reasons for which a worker cannot start or has to stop.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    WorkDir(#[from] WorkDirError),
    #[error("cannot use the spool of results: {0}")]
    Spool(#[source] io::Error),
    #[error("the coordinator does not accept the token of this worker: {0}")]
    Unauthorized(String),
    #[error("the coordinator refused this worker: {0}")]
    Refused(String),
    /// Another process uses the identity of this worker.
    #[error("{0}")]
    IdentityTaken(String),
    /// The address belongs to another protocol or service.
    #[error("{0}")]
    Misaddressed(String),
    #[error("no coordinator answered within {} s", .0.as_secs())]
    NoCoordinator(Duration),
}
