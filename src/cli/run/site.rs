//! Coordinator and worker in this process, on loopback, for this machine alone.
//!
//! Promise: unfinished runs of a killed process are cancelled at the start.

use crate::api::page::PageQuery;
use crate::api::v1::runs::RunView;
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::cli::error::CliError;
use crate::cli::run::host::{Host, Part, end_of};
use crate::cli::terminal::console::Console;
use crate::cli::worker as cli_worker;
use crate::client::{Client, ClientError};
use crate::domain::id::WorkerId;
use crate::domain::outcome::Outcome;
use crate::results::render::figures::counted;
use crate::sys::shutdown::{Shutdown, Trigger};
use crate::sys::spawn::Tasks;
use crate::worker;
use crate::worker::settings::Settings;
use crate::worker::summary::{Summary, WorkerError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// User that submits the runs of this command, by which it recognises them.
const USER: &str = "dtf-run";
/// Interval between two checks for the worker.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The two roles, and a client of the coordinator.
pub struct Site {
    pub client: Client,
    host: Host,
    stop_worker: Trigger,
    worker: Part<Summary, WorkerError>,
    _tasks: Tasks,
}

impl Site {
    pub async fn start(
        console: Console,
        data_dir: &Path,
        settings: Settings,
    ) -> Result<Self, CliError> {
        // If two commands start at the same time, only one locks the data directory. The worker starts
        // after that, so that it never finds the worker of the other command there.
        let host = Host::start(data_dir, USER).await?;
        let client = host.client.clone();
        // Runs that a killed process left would compete with the requested tests.
        for run in cancel_open(&client).await? {
            let (id, passed) = (run.run, passed_before(&run));
            console.note(&format!(
                "{id} was interrupted: {passed}; its remaining tests are cancelled"
            ));
        }
        let (stop_worker, shutdown) = Shutdown::manual();
        let link = Arc::new(client.clone());
        let (ended, worker) = oneshot::channel();
        let mut tasks = Tasks::new();
        tasks.spawn("worker", async move {
            let _ = ended.send(worker::run(settings, link, shutdown).await);
        });
        Ok(Self { client, host, stop_worker, worker, _tasks: tasks })
    }

    /// Resolves when a role ends early.
    pub async fn failed(&mut self) -> CliError {
        tokio::select! {
            error = self.host.failed() => error,
            ended = &mut self.worker => match ended {
                Ok(Err(error)) => cli_worker::error::refused(&error),
                _ => CliError::new("the worker ended unexpectedly"),
            },
        }
    }

    /// Stops the worker, then the coordinator. An error of [`Self::failed`] is not repeated.
    pub async fn stop(mut self, now: bool) -> Result<(), CliError> {
        self.host.withdraw();
        self.stop_worker.next();
        if now {
            self.stop_worker.next();
        }
        let worker = end_of(self.worker).await;
        let coordinator = self.host.stop().await;
        if let Some(Err(error)) = worker? {
            return Err(cli_worker::error::refused(&error));
        }
        coordinator
    }
}

/// Cancels unfinished runs of this command. At most one is unfinished, and the first page of
/// runs has the newest.
pub async fn cancel_open(client: &Client) -> Result<Vec<RunView>, ClientError> {
    let newest = client.runs(&PageQuery::default()).await?.items;
    let open = newest.into_iter().filter(|run| run.user == USER && run.finished_at.is_none());
    let mut cancelled = Vec::new();
    for run in open {
        client.cancel(run.run).await?;
        cancelled.push(run);
    }
    Ok(cancelled)
}

/// `4 of 16 tests had passed`
pub fn passed_before(run: &RunView) -> String {
    let passed = run.counts.done.get(&Outcome::Passed).copied().unwrap_or(0);
    format!("{passed} of {} had passed", counted(run.counts.total.into(), "test"))
}

/// The worker of this process, if it is registered. Workers of earlier runs in the same directory are
/// still listed as gone; if there were only them, all tests would be skipped as unschedulable.
fn present(workers: &[WorkerView]) -> Option<WorkerId> {
    workers.iter().find(|worker| worker.state == WorkerState::Active).map(|worker| worker.worker)
}

/// Waits until the worker is registered, and returns its id.
///
/// # Errors
/// The coordinator does not answer.
pub async fn wait_for_worker(client: &Client) -> Result<WorkerId, ClientError> {
    loop {
        if let Some(worker) = present(&client.workers().await?.items) {
            return Ok(worker);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_has_gone_is_not_taken_for_the_one_of_this_run() {
        let listed = |state: &str| -> WorkerView {
            serde_json::from_value(serde_json::json!({
                "worker": "w1", "name": "vm", "state": state, "running": 0, "ahead": 0,
                "last_seen": 0, "registered_at": 0,
                "capability": { "os": "linux", "arch": "x86_64", "cpu_milli": 1000,
                    "memory_bytes": 1, "slots": 1, "backends": ["cpu"], "accelerators": [],
                    "tags": [] },
            }))
            .expect("a worker")
        };
        assert_eq!(present(&[]), None);
        assert_eq!(present(&[listed("gone"), listed("lost")]), None);
        assert_eq!(present(&[listed("gone"), listed("active")]), Some(WorkerId(1)));
    }
}
