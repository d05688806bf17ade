//! Coordinator and worker in this process, on loopback, for this machine alone.
//!
//! Promises: the data directory is locked while they run; other commands find them by the address that
//! they publish there; unfinished runs of a killed process are cancelled at the start.

use crate::api::page::PageQuery;
use crate::api::v1::runs::RunView;
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::cli::coordinator::refused;
use crate::cli::error::CliError;
use crate::cli::results::serving;
use crate::cli::results::serving::Published;
use crate::cli::terminal::console::Console;
use crate::cli::worker as cli_worker;
use crate::client::{Client, ClientError, ClientOptions, Secret};
use crate::config::write_token;
use crate::coordinator::{self, CoordinatorError, RecoveryError};
use crate::domain::id::WorkerId;
use crate::domain::outcome::Outcome;
use crate::results::render::figures::counted;
use crate::sys::ids;
use crate::sys::lock::LockError;
use crate::sys::shutdown::{Shutdown, Trigger};
use crate::sys::spawn::Tasks;
use crate::worker;
use crate::worker::settings::Settings;
use crate::worker::summary::{Summary, WorkerError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Time limit for coordinator and worker to stop.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// User that submits the runs of this command, by which it recognises them.
const USER: &str = "dtf-run";
/// Interval between two checks for the worker.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The result of a role that runs in a task. The sender is dropped without a result if it panicked.
type Part<T, E> = oneshot::Receiver<Result<T, E>>;

/// The two roles, and a client of the coordinator.
pub struct Site {
    pub client: Client,
    stop_coordinator: Trigger,
    stop_worker: Trigger,
    coordinator: Part<(), coordinator::CoordinatorError>,
    worker: Part<Summary, WorkerError>,
    published: Option<Published>,
    _tasks: Tasks,
    /// Holds the token file; removed on drop.
    _secrets: tempfile::TempDir,
}

impl Site {
    pub async fn start(
        console: Console,
        data_dir: &Path,
        settings: Settings,
    ) -> Result<Self, CliError> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| CliError::new(format!("cannot {what}: {error}"))
        };
        let secrets = tempfile::tempdir().map_err(failed("make a temporary directory"))?;
        let token = format!("{}{}", ids::new_id().simple(), ids::new_id().simple());
        let token_file = secrets.path().join("token");
        write_token(&token_file, &format!("admin {USER} {token}"))
            .map_err(failed("write the token"))?;
        let listener =
            TcpListener::bind("127.0.0.1:0").await.map_err(failed("listen on loopback"))?;
        let address =
            listener.local_addr().map_err(failed("determine the address of the coordinator"))?;

        let mut here = coordinator::Settings::new(data_dir);
        here.token_file = Some(token_file);
        // The data are those of this user, who sees a full disk.
        here.storage = coordinator::StorageLimits::NONE;
        let (stop_coordinator, mut stopping) = Shutdown::manual();
        let mut tasks = Tasks::new();
        let (ended, mut coordinator) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        tasks.spawn("coordinator", async move {
            let stop = async move { stopping.stop().await };
            // There is no receiver if the command has already ended.
            let ready = |_| {
                let _ = ready.send(());
            };
            let _ = ended.send(coordinator::run(here, listener, ready, stop).await);
        });
        let url = format!("http://{address}");
        let mut options = ClientOptions::new(&*url);
        options.token = Some(Secret::new(&*token));
        let client = Client::new(options)?;
        // If two commands start at the same time, only one locks the data directory. The worker starts
        // after that, so that it never finds the worker of the other command there.
        tokio::select! {
            ended = &mut coordinator => return Err(not_started(data_dir, ended).await),
            Ok(()) = is_ready => {}
        }
        // Lets report, logs, why and status in other terminals find this run. It is optional.
        let published = Published::new(data_dir, &url, &token);
        if let Err(error) = &published {
            tracing::warn!(%error, "other commands cannot find this run while it is active");
        }
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
        tasks.spawn("worker", async move {
            let _ = ended.send(worker::run(settings, link, shutdown).await);
        });
        Ok(Self {
            client,
            stop_coordinator,
            stop_worker,
            coordinator,
            worker,
            published: published.ok(),
            _tasks: tasks,
            _secrets: secrets,
        })
    }

    /// Resolves when a role ends early.
    pub async fn failed(&mut self) -> CliError {
        tokio::select! {
            ended = &mut self.coordinator => coordinator_ended(ended),
            ended = &mut self.worker => match ended {
                Ok(Err(error)) => cli_worker::error::refused(&error),
                _ => CliError::new("the worker ended unexpectedly"),
            },
        }
    }

    /// Stops the worker, then the coordinator. An error of [`Self::failed`] is not repeated.
    pub async fn stop(self, now: bool) -> Result<(), CliError> {
        drop(self.published);
        self.stop_worker.next();
        if now {
            self.stop_worker.next();
        }
        let worker = end_of(self.worker).await;
        self.stop_coordinator.next();
        let coordinator = end_of(self.coordinator).await;
        if let Some(Err(error)) = worker? {
            return Err(cli_worker::error::refused(&error));
        }
        match coordinator? {
            Some(Err(error)) => Err(refused(&error)),
            _ => Ok(()),
        }
    }
}

/// Explains why the coordinator did not start. The usual reason is another `dtf run` in the same
/// directory.
async fn not_started(
    data_dir: &Path,
    how: Result<Result<(), coordinator::CoordinatorError>, oneshot::error::RecvError>,
) -> CliError {
    let held = matches!(
        how,
        Ok(Err(CoordinatorError::Recovery(RecoveryError::Locked(LockError::Held { .. }))))
    );
    let failure = coordinator_ended(how);
    match if held { serving::find(data_dir).await } else { None } {
        Some(working) => CliError::new(format!(
            "another `dtf run` (process {}) is active in {}",
            working.process,
            data_dir.display()
        ))
        .hint(format!(
            "wait until it has finished (dtf report --data-dir {} shows its progress), or use \
             another --data-dir; several runs on one machine are queued by `dtf coordinator`, \
             `dtf worker` and `dtf submit`",
            data_dir.display()
        )),
        None => failure,
    }
}

fn coordinator_ended(
    how: Result<Result<(), coordinator::CoordinatorError>, oneshot::error::RecvError>,
) -> CliError {
    match how {
        Ok(Err(error)) => refused(&error),
        _ => CliError::new("the coordinator ended unexpectedly"),
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

/// Returns the result of a role that was asked to stop. None if it was received before, or if the
/// role panicked.
async fn end_of<T, E>(part: Part<T, E>) -> Result<Option<Result<T, E>>, CliError> {
    if part.is_terminated() {
        return Ok(None);
    }
    let late =
        |_| CliError::new(format!("coordinator or worker did not stop within {STOP_GRACE:?}"));
    Ok(tokio::time::timeout(STOP_GRACE, part).await.map_err(late)?.ok())
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
