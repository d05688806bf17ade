//! `dtf debug`: runs a failed test again where it failed, and shows where its difference begins.
//!
//! The script does the search (`templates/_shared/debug.py.j2`); this command submits it, waits, and
//! saves its files.

mod again;
pub mod args;
mod show;

use crate::api::v1::runs::SubmitRun;
use crate::cli::args::shared::Global;
use crate::cli::connect::settings;
use crate::cli::debug::args::DebugArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::naming::{self, What};
use crate::cli::results::selection::WhichRun;
use crate::cli::results::stored::Source;
use crate::cli::run::site::{self, Site};
use crate::cli::terminal::console::Console;
use crate::cli::wait;
use crate::cli::work::library;
use crate::cli::worker::machine;
use crate::client::Client;
use crate::config::locate;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::sys::shutdown::shutdown_signal;
use std::path::PathBuf;
use std::sync::Arc;

pub async fn run(console: Console, global: &Global, args: DebugArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results.clone()).await?;
    let test = find(&source, &args).await?;
    let directory = match source {
        Source::Coordinator(client) => {
            return search(console, &client, test, None, &args).await;
        }
        Source::Stored(stored) => stored.directory().to_owned(),
    };
    local(console, global, directory, test, &args).await
}

/// The test that the arguments name.
async fn find(source: &Source, args: &DebugArgs) -> Result<TestId, CliError> {
    let found = match args.run {
        None => naming::find(source, &args.test).await?,
        Some(which) => naming::find_in(source, run_of(source, which).await?, &args.test).await?,
    };
    Ok(match found {
        What::Attempt(attempt) => attempt.test,
        What::Test(test) => test,
    })
}

async fn run_of(source: &Source, which: WhichRun) -> Result<RunId, CliError> {
    match which {
        WhichRun::Id(run) => Ok(run),
        WhichRun::Latest => source
            .latest_run()
            .await?
            .ok_or_else(|| CliError::new("there is no run").with_exit(Exit::NoTest)),
    }
}

/// Searches with a coordinator and a worker in this process, for the results of `dtf run`.
async fn local(
    console: Console,
    global: &Global,
    directory: PathBuf,
    test: TestId,
    args: &DebugArgs,
) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let table = library::backends(&file, &args.backends)?;
    let capability = machine::capability(console, &args.machine, &file, &table).await?;
    let (name, work) = (locate::worker_name(), directory.join("worker"));
    let own = (capability, &table);
    let worker = machine::settings(console, &args.machine, &file, own, name, work);
    let mut site = Site::start(console, &directory, worker).await?;
    let client = site.client.clone();
    let searching = async {
        let worker = site::wait_for_worker(&client).await?;
        search(console, &client, test, Some(worker), args).await
    };
    let mut interrupted = false;
    let done = tokio::select! {
        done = searching => done,
        signal = shutdown_signal() => {
            interrupted = true;
            Ok(Exit::of_signal(signal))
        }
        failed = site.failed() => Err(failed),
    };
    let stopped = site.stop(interrupted).await;
    let exit = done?;
    stopped.map(|()| exit)
}

/// Runs the test again and shows the result. `local` is the worker of this process.
async fn search(
    console: Console,
    client: &Client,
    test: TestId,
    local: Option<WorkerId>,
    args: &DebugArgs,
) -> Result<Exit, CliError> {
    let failed = again::failed_attempt(client, test).await?;
    let worker = match local {
        Some(worker) => worker,
        None => again::same_worker(client, &failed).await?,
    };
    let spec = again::again(client, &failed, worker).await?;
    let run = SubmitRun {
        name: format!("debug {test}").into(),
        tests: vec![Arc::new(spec)],
        more: false,
        closed_world: local.is_some(),
    };
    let key = crate::sys::ids::new_id().to_string();
    let run = client.submit(&run, Some(&key)).await?.run;
    console.note(&format!("{run}: running {test} again on {worker}"));
    if wait::unless_stuck(console, client, run).await?.is_none() {
        client.cancel(run).await?;
        return Err(CliError::new(format!("the worker {worker} takes no tests any more"))
            .with_exit(Exit::Unschedulable)
            .hint("dtf workers shows its state"));
    }
    let directory = args.into.clone().unwrap_or_else(|| format!("dtf-debug-{run}").into());
    show::result(console, client, TestId { run, index: 0 }, &directory, args.output).await
}
