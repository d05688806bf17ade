//! A forked attempt: what is needed to start it, and its end.

use crate::sys::process::{Exit, Label, Usage};
use crate::worker::variables::Variables;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// An attempt to start by a fork.
#[derive(Debug)]
pub struct WarmStart {
    /// Unique among the running attempts.
    pub id: String,
    pub script: PathBuf,
    pub cwd: PathBuf,
    pub env: Variables,
    /// Label of the process and all its descendants.
    pub label: Option<Label>,
}

/// Reason for which an attempt has to start cold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WarmStartError(pub String);

/// A forked attempt.
#[derive(Debug)]
pub struct WarmChild {
    pub pid: i32,
    ended: oneshot::Receiver<(Exit, Usage)>,
    end: Option<(Exit, Usage)>,
}

impl WarmChild {
    #[must_use]
    pub fn new(pid: i32, ended: oneshot::Receiver<(Exit, Usage)>) -> Self {
        Self { pid, ended, end: None }
    }

    /// Waits until the process has ended. The exit is empty when its runner was lost. The future may
    /// be dropped and requested again.
    pub async fn wait(&mut self) -> Exit {
        if self.end.is_none() {
            self.end = Some((&mut self.ended).await.unwrap_or_default());
        }
        self.end.unwrap_or_default().0
    }

    /// The resources that the process used. Known after its end.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.end.map(|(_, usage)| usage).filter(|usage| *usage != Usage::default())
    }
}
