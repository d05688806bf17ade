//! `dtf wait`: waits for a run, shows its progress, and prints its report at the end.

pub mod args;
pub mod patience;
mod stuck;

use crate::api::v1::runs::RunView;
use crate::cli::args::shared::{Global, Output, Verdict};
use crate::cli::connect::client;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::formats::{Format, ReportFiles};
use crate::cli::results::gather::Selection;
use crate::cli::results::publish::{Printed, Published, publish};
use crate::cli::results::stored::Source;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::{Progress, counts};
use crate::cli::wait::args::WaitArgs;
use crate::cli::wait::patience::Patience;
use crate::cli::wait::stuck::Stuck;
use crate::client::Client;
use crate::domain::id::RunId;
use crate::domain::time::Millis;
use crate::results::render::figures::counted;
use crate::sys::shutdown::shutdown_signal;
use std::time::Duration;

/// Interval at which the state of the run is requested.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Time limits of a wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    pub timeout: Option<Millis>,
    /// Time limit for a state in which no test of the run can run, see [`Stuck`].
    pub unschedulable: Option<Millis>,
}

/// `dtf wait RUN`.
pub async fn run(console: Console, global: &Global, args: WaitArgs) -> Result<Exit, CliError> {
    let client = client(global, &args.server)?;
    // If there is no such run, this fails at once instead of waiting.
    client.run(args.run).await?;
    let limits = Limits { timeout: args.timeout, unschedulable: args.unschedulable_timeout };
    to_the_end(console, &client, args.run, limits, args.verdict, (args.output, &args.files)).await
}

/// Waits until the run has ended, prints its report, and returns the exit code of its results. At a
/// time limit or on Ctrl-C it prints the report so far; the run continues.
pub async fn to_the_end(
    console: Console,
    client: &Client,
    run: RunId,
    limits: Limits,
    verdict: Verdict,
    (output, files): (Output, &ReportFiles),
) -> Result<Exit, CliError> {
    let waiting = watch(console, client, run, Some(Stuck::new(limits.unschedulable)));
    let expired = async {
        match limits.timeout {
            Some(span) => tokio::time::sleep(span.into()).await,
            None => std::future::pending().await,
        }
    };
    let further = format!("to keep waiting: dtf wait {run}; to stop it: dtf cancel {run}");
    tokio::select! {
        ended = waiting => match ended? {
            Ended::Over(view) => finish(console, client, &view, verdict, (output, files)).await,
            Ended::Stuck(tests) => {
                let report = show(console, client, run, (output, files)).await?;
                console.note(&format!(
                    "no worker can run the remaining {}; {further}",
                    counted(tests.into(), "test")
                ));
                Ok(match Exit::of_run(&report.view.totals, verdict.fail_on_flaky) {
                    worse @ (Exit::TestsFailed | Exit::Infrastructure) => worse,
                    _ => Exit::Unschedulable,
                })
            }
        },
        () = expired => {
            show(console, client, run, (output, files)).await?;
            console.note(&format!("the run has not ended; {further}"));
            Ok(Exit::Pending)
        }
        signal = shutdown_signal() => {
            show(console, client, run, (output, files)).await?;
            console.note(&format!("the run continues; {further}"));
            Ok(Exit::of_signal(signal))
        }
    }
}

/// The reason why the wait ended.
enum Ended {
    Over(RunView),
    /// The run is stuck with this number of tests that no worker can run.
    Stuck(u32),
}

/// Waits until the run has ended, without a time limit.
pub async fn wait(console: Console, client: &Client, run: RunId) -> Result<RunView, CliError> {
    loop {
        if let Ended::Over(view) = watch(console, client, run, None).await? {
            return Ok(view);
        }
    }
}

/// Waits until the run has ended. Returns None if no worker can run its remaining tests.
pub async fn unless_stuck(
    console: Console,
    client: &Client,
    run: RunId,
) -> Result<Option<RunView>, CliError> {
    Ok(match watch(console, client, run, Some(Stuck::new(None))).await? {
        Ended::Over(view) => Some(view),
        Ended::Stuck(_) => None,
    })
}

/// Waits until the run has ended, or until `stuck` gives up.
async fn watch(
    console: Console,
    client: &Client,
    run: RunId,
    mut stuck: Option<Stuck>,
) -> Result<Ended, CliError> {
    let progress = Progress::new(console);
    let mut patience = Patience::default();
    loop {
        match client.run(run).await {
            Ok(view) => {
                patience = Patience::default();
                progress.show(&counts(&view.counts));
                if view.finished_at.is_some() {
                    return Ok(Ended::Over(view));
                }
                if let Some(stuck) = &mut stuck
                    && stuck.update(client, &view, &progress).await
                {
                    return Ok(Ended::Stuck(view.counts.unschedulable));
                }
            }
            // The run continues, also while the coordinator restarts.
            Err(error) => progress.show(&patience.with(error)?),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Prints the report of a run that has ended, and returns its exit code.
pub async fn finish(
    console: Console,
    client: &Client,
    view: &RunView,
    verdict: Verdict,
    (output, files): (Output, &ReportFiles),
) -> Result<Exit, CliError> {
    let report = show(console, client, view.run, (output, files)).await?;
    let exit = Exit::of_run(&report.view.totals, verdict.fail_on_flaky);
    Ok(exit.with_files(report.is_complete))
}

async fn show(
    console: Console,
    client: &Client,
    run: RunId,
    (output, files): (Output, &ReportFiles),
) -> Result<Published, CliError> {
    let source = Source::Coordinator(client.clone());
    // What is printed at the end of a run is about its tests alone.
    let printed = Printed { format: Format::from(output), sections: false };
    publish(console, &source, &Selection::run(run), printed, files).await
}
