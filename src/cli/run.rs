//! `dtf run`: coordinator and worker in this process, on loopback, for this machine alone.

use super::args::{Global, RunArgs};
use super::connect::{path, settings};
use super::console::Console;
use super::coordinator::refused;
use super::failure::Failure;
use super::folder::Folder;
use super::library;
use super::progress::Progress;
use super::{exit, generate, machine, submit, wait, worker as cli_worker};
use crate::client::{Client, ClientOptions, Secret};
use crate::config::{locate, write_token};
use crate::coordinator;
use crate::domain::accelerator::Backend;
use crate::domain::capability::Capability;
use crate::plan::document::Plan;
use crate::plan::library::Library;
use crate::plan::submission::Submission;
use crate::sys::ids;
use crate::sys::shutdown::{Shutdown, Trigger};
use crate::sys::spawn::Tasks;
use crate::worker;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long the parts may take to stop.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// Between two looks for the worker.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub async fn run(console: Console, global: &Global, args: RunArgs) -> Result<u8, Failure> {
    let file = settings(global)?;
    let data_dir = file.pick(args.data_dir.clone(), "data_dir", path)?;
    let data_dir = data_dir.unwrap_or_else(|| locate::data_dir("local"));
    // A mistake in the plan is told before anything else is done.
    let plan = plan(&args.what)?;
    let added = library::added_to(global, &file, &args.lender).await?;
    let library = library::library(console, &file, &args.templates, added)?;
    let capability = machine::capability(console, &args.machine, &file).await?;
    let submission = submission(&args, plan, &library, &capability)?;
    console.note(&format!(
        "{} tests on this machine ({})",
        submission.tests.len(),
        cli_worker::describe(&capability)
    ));
    let worker = machine::settings(
        console,
        &args.machine,
        &file,
        capability,
        machine::host_name(),
        data_dir.join("worker"),
    )?;
    let mut site = Site::start(&data_dir, worker).await?;
    let client = site.client.clone();
    let done = tokio::select! {
        done = test(console, &client, &args, &submission) => done,
        _ = tokio::signal::ctrl_c() => {
            console.note("interrupted: stopping the tests (results so far are kept)");
            Ok(exit::INTERRUPTED)
        }
        failed = site.failed() => Err(failed),
    };
    let stopped = site.stop(done.as_ref().is_ok_and(|code| *code == exit::INTERRUPTED)).await;
    let code = done?;
    stopped?;
    console.note(&format!("results are kept in {}; see: dtf report", data_dir.display()));
    Ok(code)
}

/// The plan, if one is named.
fn plan(what: &[String]) -> Result<Option<Plan>, Failure> {
    match what {
        [one] if is_plan(Path::new(one)) => submit::read_plan(Path::new(one)).map(Some),
        models => match models.iter().find(|what| is_plan(Path::new(what))) {
            Some(plan) => Err(Failure::usage(format!("{plan} is a plan; give it alone"))),
            None => Ok(None),
        },
    }
}

fn submission(
    args: &RunArgs,
    plan: Option<Plan>,
    library: &Library,
    capability: &Capability,
) -> Result<Submission, Failure> {
    let accelerators: BTreeSet<Backend> =
        capability.accelerators.iter().map(|device| device.backend).collect();
    if let Some(plan) = plan {
        let folder = Folder::of(Path::new(&args.what[0]));
        return Ok(plan.into_submission(&folder, library, &accelerators)?);
    }
    let mut wanted = args.models.clone();
    if wanted.hw.is_empty() {
        wanted.hw = vec!["auto".to_owned()];
    }
    Ok(generate::make(&args.what, &wanted, library, &accelerators)?.submission)
}

fn is_plan(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let config = path.file_name().is_some_and(|name| name == "config.json");
    matches!(ending, "yaml" | "yml" | "json") && !config
}

/// How a role that runs beside ended; gone without a word: it met a bug.
type Part<T, E> = oneshot::Receiver<Result<T, E>>;

/// The two roles, and a client of the one.
struct Site {
    client: Client,
    stop_coordinator: Trigger,
    stop_worker: Trigger,
    coordinator: Part<(), coordinator::CoordinatorError>,
    worker: Part<worker::Summary, worker::WorkerError>,
    _tasks: Tasks,
    /// Holds the token; gone with the site.
    _secrets: tempfile::TempDir,
}

impl Site {
    async fn start(data_dir: &Path, settings: worker::Settings) -> Result<Self, Failure> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| Failure::new(format!("cannot {what}: {error}"))
        };
        let secrets = tempfile::tempdir().map_err(failed("make a temporary directory"))?;
        let token = format!("{}{}", ids::new_id().simple(), ids::new_id().simple());
        let token_file = secrets.path().join("token");
        write_token(&token_file, &token).map_err(failed("write the token"))?;
        let listener =
            TcpListener::bind("127.0.0.1:0").await.map_err(failed("listen on loopback"))?;
        let address = listener.local_addr().map_err(failed("tell the address"))?;

        let mut here = coordinator::Settings::new(data_dir);
        here.token_file = Some(token_file);
        let (stop_coordinator, mut stopping) = Shutdown::by_hand();
        let mut tasks = Tasks::new();
        let (told, mut coordinator) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        tasks.spawn("coordinator", async move {
            let stop = async move { stopping.stop().await };
            // Nobody listens when the command has ended before.
            let ready = |_| {
                let _ = ready.send(());
            };
            let _ = told.send(coordinator::run(here, listener, ready, stop).await);
        });
        let mut options = ClientOptions::new(format!("http://{address}"));
        options.token = Some(Secret::new(token));
        let client = Client::new(options)?;
        // Of two that start at once, one has the data directory; its worker must not find the
        // other's worker there.
        tokio::select! {
            ended = &mut coordinator => return Err(coordinator_ended(ended)),
            Ok(()) = is_ready => {}
        }
        let (stop_worker, shutdown) = Shutdown::by_hand();
        let link = Arc::new(client.clone());
        let (told, worker) = oneshot::channel();
        tasks.spawn("worker", async move {
            let _ = told.send(worker::run(settings, link, shutdown).await);
        });
        Ok(Self {
            client,
            stop_coordinator,
            stop_worker,
            coordinator,
            worker,
            _tasks: tasks,
            _secrets: secrets,
        })
    }

    /// Resolves when a part ends that should not.
    async fn failed(&mut self) -> Failure {
        tokio::select! {
            ended = &mut self.coordinator => coordinator_ended(ended),
            ended = &mut self.worker => match ended {
                Ok(Err(error)) => Failure::chain(&error),
                _ => Failure::new("the worker ended"),
            },
        }
    }

    /// Stops the worker, then the coordinator. A part that has failed has been told of.
    async fn stop(self, now: bool) -> Result<(), Failure> {
        self.stop_worker.next();
        if now {
            self.stop_worker.next();
        }
        let worker = end_of(self.worker).await;
        self.stop_coordinator.next();
        let coordinator = end_of(self.coordinator).await;
        if let Some(Err(error)) = worker? {
            return Err(Failure::chain(&error));
        }
        match coordinator? {
            Some(Err(error)) => Err(refused(&error)),
            _ => Ok(()),
        }
    }
}

fn coordinator_ended(
    how: Result<Result<(), coordinator::CoordinatorError>, oneshot::error::RecvError>,
) -> Failure {
    match how {
        Ok(Err(error)) => refused(&error),
        _ => Failure::new("the coordinator ended"),
    }
}

/// How a part that was told to stop has ended. None: it was heard of before, or met a bug.
async fn end_of<T, E>(part: Part<T, E>) -> Result<Option<Result<T, E>>, Failure> {
    if part.is_terminated() {
        return Ok(None);
    }
    let late = |_| Failure::new(format!("a part did not stop within {STOP_GRACE:?}"));
    Ok(tokio::time::timeout(STOP_GRACE, part).await.map_err(late)?.ok())
}

/// Submits, waits, reports.
async fn test(
    console: Console,
    client: &Client,
    args: &RunArgs,
    submission: &Submission,
) -> Result<u8, Failure> {
    let progress = Progress::new(console);
    progress.say("starting");
    while client.workers().await?.items.is_empty() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    drop(progress);
    let sent = submit::send(console, client, submission, true).await?;
    submit::tell_unschedulable(console, &sent.unschedulable);
    let view = wait::wait(console, client, sent.run).await?;
    wait::finish(console, client, &view, args.output).await
}
