//! A coordinator in this process, on loopback, for this machine alone.
//!
//! Promises: the data directory is locked while it runs; other commands find it by the address that it
//! publishes there.

use crate::cli::coordinator::refused;
use crate::cli::error::CliError;
use crate::cli::results::serving;
use crate::cli::results::serving::Published;
use crate::client::{Client, ClientOptions, Secret};
use crate::config::write_token;
use crate::coordinator::{self, CoordinatorError, RecoveryError};
use crate::sys::ids;
use crate::sys::lock::LockError;
use crate::sys::shutdown::{Shutdown, Trigger};
use crate::sys::spawn::Tasks;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Time limit for a role to stop.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// The result of a role that runs in a task. The sender is dropped without a result if it panicked.
pub type Part<T, E> = oneshot::Receiver<Result<T, E>>;

/// The coordinator, and a client of it.
pub struct Host {
    pub client: Client,
    stop: Trigger,
    coordinator: Part<(), CoordinatorError>,
    published: Option<Published>,
    _tasks: Tasks,
    /// Holds the token file; removed on drop.
    _secrets: tempfile::TempDir,
}

impl Host {
    /// Starts it in a data directory. Its client is an administrator of this name.
    ///
    /// # Errors
    /// Another process uses the directory, or the coordinator refuses it.
    pub async fn start(data_dir: &Path, user: &str) -> Result<Self, CliError> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| CliError::new(format!("cannot {what}: {error}"))
        };
        let secrets = tempfile::tempdir().map_err(failed("make a temporary directory"))?;
        let token = format!("{}{}", ids::new_id().simple(), ids::new_id().simple());
        let token_file = secrets.path().join("token");
        write_token(&token_file, &format!("admin {user} {token}"))
            .map_err(failed("write the token"))?;
        let listener =
            TcpListener::bind("127.0.0.1:0").await.map_err(failed("listen on loopback"))?;
        let address =
            listener.local_addr().map_err(failed("determine the address of the coordinator"))?;

        let mut here = coordinator::Settings::new(data_dir);
        here.token_file = Some(token_file);
        // The data are those of this user, who sees a full disk.
        here.storage = coordinator::StorageLimits::NONE;
        // It stops with the command. A second slow run confirms what the first one suspects.
        here.confirm_changes = false;
        let (stop, mut stopping) = Shutdown::manual();
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
        tokio::select! {
            ended = &mut coordinator => return Err(not_started(data_dir, ended).await),
            Ok(()) = is_ready => {}
        }
        // Lets report, logs, why and status in other terminals find it. It is optional.
        let published = Published::new(data_dir, &url, &token);
        if let Err(error) = &published {
            tracing::warn!(%error, "other commands cannot find this coordinator");
        }
        let published = published.ok();
        Ok(Self { client, stop, coordinator, published, _tasks: tasks, _secrets: secrets })
    }

    /// Resolves when the coordinator ends early.
    pub async fn failed(&mut self) -> CliError {
        coordinator_ended((&mut self.coordinator).await)
    }

    /// From now on, other commands do not find it.
    pub fn withdraw(&mut self) {
        self.published = None;
    }

    /// Stops the coordinator. An error of [`Self::failed`] is not repeated.
    pub async fn stop(mut self) -> Result<(), CliError> {
        self.withdraw();
        self.stop.next();
        match end_of(self.coordinator).await? {
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

/// Returns the result of a role that was asked to stop. None if it was received before, or if the
/// role panicked.
pub async fn end_of<T, E>(part: Part<T, E>) -> Result<Option<Result<T, E>>, CliError> {
    if part.is_terminated() {
        return Ok(None);
    }
    let late =
        |_| CliError::new(format!("coordinator or worker did not stop within {STOP_GRACE:?}"));
    Ok(tokio::time::timeout(STOP_GRACE, part).await.map_err(late)?.ok())
}
