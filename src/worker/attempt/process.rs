//! The main process of an attempt, started here or forked by the warm runner.

use crate::sys::process::{Child, Exit, Usage};
use crate::worker::warm::WarmChild;

#[derive(Debug)]
pub enum Process {
    Cold(Child),
    Warm(WarmChild),
}

impl Process {
    /// Waits for its end. May be dropped and called again.
    pub async fn wait(&mut self) -> Exit {
        match self {
            Process::Cold(child) => child.wait().await.unwrap_or_else(|error| {
                tracing::error!(%error, "lost track of a process");
                Exit::default()
            }),
            Process::Warm(child) => child.wait().await,
        }
    }

    /// What it used, known after its end.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Process::Cold(_) => None,
            Process::Warm(child) => child.usage(),
        }
    }
}
