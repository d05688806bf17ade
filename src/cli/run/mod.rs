//! `dtf run`: runs coordinator and worker in this process, on loopback, for this machine alone.

pub mod args;
mod listing;

use crate::api::page::PageQuery;
use crate::api::v1::runs::RunView;
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::cli::args::machine::Local;
use crate::cli::args::shared::{Global, Output, Verdict};
use crate::cli::connect::settings;
use crate::cli::coordinator::refused;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::serving;
use crate::cli::results::serving::Published;
use crate::cli::run::args::RunArgs;
use crate::cli::submit::send::send;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::work::plan_file::is_plan;
use crate::cli::work::{Work, library, warnings};
use crate::cli::worker::describe::describe;
use crate::cli::worker::machine;
use crate::cli::{wait, worker as cli_worker};
use crate::client::{Client, ClientError, ClientOptions, Secret};
use crate::config::roles::LocalSettings;
use crate::config::{Resolver, locate, write_token};
use crate::coordinator::{self, CoordinatorError, RecoveryError};
use crate::domain::accelerator::Backend;
use crate::domain::capability::Capability;
use crate::domain::outcome::Outcome;
use crate::domain::test::TestSpec;
use crate::plan::submission::Submission;
use crate::results::render::figures::counted;
use crate::sys::ids;
use crate::sys::lock::LockError;
use crate::sys::shutdown::{Shutdown, Trigger, shutdown_signal};
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

pub async fn run(console: Console, global: &Global, args: RunArgs) -> Result<Exit, CliError> {
    if let ([one], Some(flag)) = (args.what.as_slice(), args.models.given())
        && is_plan(Path::new(one))
    {
        let message = format!("{flag} applies to models and has no effect on the plan {one}");
        return Err(CliError::usage(message).hint("write it into the plan, or remove the flag"));
    }
    let mut models = args.models.clone();
    if models.hw.is_empty() {
        models.hw = vec!["auto".to_owned()];
    }
    // Mistakes in the plan are reported before anything else is done.
    let mut work = Work::of(&args.what, &models)?;
    let file = settings(global)?;
    let added = library::added_to(global, &file, &args.lender).await?;
    work.library = library::library(console, &file, &args.templates, added)?;
    let options = RunOptions {
        local: &args.local,
        verdict: args.verdict,
        output: args.output,
        dry_run: args.dry_run,
    };
    perform(console, global, work, &options).await
}

/// How tests run on this machine.
pub struct RunOptions<'a> {
    pub local: &'a Local,
    pub verdict: Verdict,
    pub output: Output,
    /// Lists the tests without running them.
    pub dry_run: bool,
}

/// Runs the tests on this machine and prints the report.
pub async fn perform(
    console: Console,
    global: &Global,
    mut work: Work,
    options: &RunOptions<'_>,
) -> Result<Exit, CliError> {
    let RunOptions { local, verdict, output, dry_run } = *options;
    let file = settings(global)?;
    let LocalSettings { data_dir, is_named } =
        LocalSettings::resolve(local.data_dir.clone(), &mut Resolver::new(&file));
    let place = is_named.then(|| format!(" --data-dir {}", data_dir.display()));
    work.ask_hub(console, &file, local.machine.offline).await?;
    let capability = machine::capability(console, &local.machine, &file).await?;
    work.accelerators = capability.accelerators.iter().map(|device| device.backend).collect();
    let submission = work.submission()?;
    warnings::warn_doubts(console, &submission);
    if dry_run {
        let lacking = listing::show(console, &submission.tests, &capability, output)?;
        let all = submission.tests.len();
        console.note(&match lacking {
            0 => format!("{} would run", counted(all as u64, "test")),
            lacking => format!("{} of {all} would run", all - lacking),
        });
        return Ok(Exit::Passed);
    }
    console.note(&format!(
        "{} on this machine ({})",
        counted(submission.tests.len() as u64, "test"),
        describe(&capability)
    ));
    warnings::note_random_weights(console, &submission, true);
    let undetected = undetected(&capability, &work, &submission);
    let worker = machine::settings(
        console,
        &local.machine,
        &file,
        capability,
        locate::worker_name(),
        data_dir.join("worker"),
    );
    let mut site = Site::start(console, &data_dir, worker).await?;
    let client = site.client.clone();
    let mut interrupted = false;
    let done = tokio::select! {
        done = test(console, &client, work, submission, verdict, output) => done,
        signal = shutdown_signal() => {
            console.note("interrupted: stopping the tests; results so far are kept");
            interrupted = true;
            // If this fails, the next run in this directory cancels it.
            match cancel_open(&client).await {
                Ok(cancelled) => cancelled.iter().for_each(|run| {
                    console.note(&format!(
                        "{}: {}; see: dtf report --run {}", run.run, passed_before(run), run.run
                    ));
                }),
                Err(error) => tracing::debug!(%error, "cannot cancel the interrupted run"),
            }
            Ok(Exit::of_signal(signal))
        }
        failed = site.failed() => Err(failed),
    };
    let stopped = site.stop(interrupted).await;
    let done = done?;
    stopped?;
    let place = place.unwrap_or_default();
    console.note(&format!(
        "results are kept in {}; see: dtf report{place}, dtf logs TEST{place}",
        data_dir.display()
    ));
    let exit = exit_without(&undetected, done);
    warn_undetected(console, &undetected, exit);
    Ok(exit)
}

/// Returns why the tests might have missed a device. Empty if none of them may use one.
fn undetected(capability: &Capability, work: &Work, submission: &Submission) -> Vec<String> {
    let may_use_one = |test: &Arc<TestSpec>| test.requirement.backend != Some(Backend::Cpu);
    if work.chooses_back_ends() || submission.tests.iter().any(may_use_one) {
        capability.detection_errors.clone()
    } else {
        Vec::new()
    }
}

/// Warns that the run might have missed a device.
fn warn_undetected(console: Console, undetected: &[String], exit: Exit) {
    if undetected.is_empty() {
        return;
    }
    for error in undetected {
        console.warning(error);
    }
    console.warning(&format!(
        "the tests may have run without devices that this machine has (exit code {}); to exclude \
         devices on purpose, use --hw cpu, \"backend: cpu\" in the plan, or an empty \
         CUDA_VISIBLE_DEVICES or ROCR_VISIBLE_DEVICES",
        exit as u8
    ));
}

/// Does not report success for a run that might have missed a device.
fn exit_without(undetected: &[String], exit: Exit) -> Exit {
    match exit {
        Exit::Passed | Exit::Unschedulable if !undetected.is_empty() => Exit::Infrastructure,
        other => other,
    }
}

/// The result of a role that runs in a task. The sender is dropped without a result if it panicked.
type Part<T, E> = oneshot::Receiver<Result<T, E>>;

/// The two roles, and a client of the coordinator.
struct Site {
    client: Client,
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
    async fn start(
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
    async fn failed(&mut self) -> CliError {
        tokio::select! {
            ended = &mut self.coordinator => coordinator_ended(ended),
            ended = &mut self.worker => match ended {
                Ok(Err(error)) => cli_worker::refused(&error),
                _ => CliError::new("the worker ended unexpectedly"),
            },
        }
    }

    /// Stops the worker, then the coordinator. An error of [`Self::failed`] is not repeated.
    async fn stop(self, now: bool) -> Result<(), CliError> {
        drop(self.published);
        self.stop_worker.next();
        if now {
            self.stop_worker.next();
        }
        let worker = end_of(self.worker).await;
        self.stop_coordinator.next();
        let coordinator = end_of(self.coordinator).await;
        if let Some(Err(error)) = worker? {
            return Err(cli_worker::refused(&error));
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
async fn cancel_open(client: &Client) -> Result<Vec<RunView>, ClientError> {
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
fn passed_before(run: &RunView) -> String {
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

/// Whether the worker of this run is registered. Workers of earlier runs in the same directory are
/// still listed as gone; if there were only them, all tests would be skipped as unschedulable.
fn any_present(workers: &[WorkerView]) -> bool {
    workers.iter().any(|worker| worker.state == WorkerState::Active)
}

/// Submits the tests, waits for them and prints the report.
async fn test(
    console: Console,
    client: &Client,
    mut work: Work,
    mut submission: Submission,
    verdict: Verdict,
    output: Output,
) -> Result<Exit, CliError> {
    let progress = Progress::new(console);
    progress.show("starting");
    while !any_present(&client.workers().await?.items) {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    drop(progress);
    work.ask_history(client).await?;
    if !work.history.is_empty() {
        let mut again = work.submission()?;
        again.doubts.retain(|doubt| !submission.doubts.contains(doubt));
        warnings::warn_doubts(console, &again);
        submission = again;
    }
    let sent = send(console, client, &submission, true).await?;
    warnings::warn_unschedulable(console, &sent.unschedulable);
    let view = wait::wait(console, client, sent.run).await?;
    wait::finish(console, client, &view, verdict, output).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_might_have_missed_a_device_is_no_success() {
        let errors = ["cannot detect AMD devices: rocm-smi ended by signal 11".to_owned()];
        for (exit, expected) in [
            (Exit::Passed, Exit::Infrastructure),
            (Exit::Unschedulable, Exit::Infrastructure),
            (Exit::TestsFailed, Exit::TestsFailed),
            (Exit::Interrupted, Exit::Interrupted),
        ] {
            assert_eq!(exit_without(&errors, exit), expected);
            assert_eq!(exit_without(&[], exit), exit);
        }
    }

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
        assert!(!any_present(&[]));
        assert!(!any_present(&[listed("gone"), listed("lost")]));
        assert!(any_present(&[listed("gone"), listed("active")]));
    }
}
