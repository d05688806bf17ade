//! The main process of an attempt, started as a new process or forked by the warm runner.

use crate::sys::process::{Child, Exit, Usage};
use crate::worker::warm::child::WarmChild;

#[derive(Debug)]
pub enum Process {
    Cold(Child),
    Warm(WarmChild),
}

impl Process {
    /// Waits until the process has ended. The future may be dropped and requested again. The exit
    /// is empty when the end could not be observed.
    pub async fn wait(&mut self) -> Exit {
        match self {
            Process::Cold(child) => child.wait().await.unwrap_or_else(|error| {
                tracing::error!(%error, "cannot observe the end of a process");
                Exit::default()
            }),
            Process::Warm(child) => child.wait().await,
        }
    }

    /// The resources that the process used. Known after its end, and only for a warm start.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Process::Cold(_) => None,
            Process::Warm(child) => child.usage(),
        }
    }
}
