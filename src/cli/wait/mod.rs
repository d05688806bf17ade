//! Waiting for a run, with progress, and its report at the end.

pub mod args;
pub mod patience;
mod stuck;

use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::api::v1::runs::RunView;
use crate::cli::args::shared::{Global, Output, Verdict};
use crate::cli::connect::client;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::report;
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

/// Between two looks at a run.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Maximum number of rows of the report at the end.
const REPORT_ROWS: u32 = 1_000;

/// How long a person wants to wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    pub timeout: Option<Millis>,
    /// Given up when for so long nothing can run; see [`Stuck`].
    pub unschedulable: Option<Millis>,
}

/// `dtf wait RUN`.
pub async fn run(console: Console, global: &Global, args: WaitArgs) -> Result<Exit, CliError> {
    let client = client(global, &args.server)?;
    // A run that is not there is no reason to be patient.
    client.run(args.run).await?;
    let limits = Limits { timeout: args.timeout, unschedulable: args.unschedulable_timeout };
    to_the_end(console, &client, args.run, limits, args.verdict, args.output).await
}

/// Waits until the run is over, prints its report, and says how it went. On Ctrl-C it
/// prints what there is and leaves the run going.
pub async fn to_the_end(
    console: Console,
    client: &Client,
    run: RunId,
    limits: Limits,
    verdict: Verdict,
    output: Output,
) -> Result<Exit, CliError> {
    let waiting = watch(console, client, run, Some(Stuck::new(limits.unschedulable)));
    let expired = async {
        match limits.timeout {
            Some(span) => tokio::time::sleep(span.into()).await,
            None => std::future::pending().await,
        }
    };
    let further = format!("wait on: dtf wait {run}, or stop it: dtf cancel {run}");
    tokio::select! {
        ended = waiting => match ended? {
            Ended::Over(view) => finish(console, client, &view, verdict, output).await,
            Ended::Stuck(tests) => {
                let report = show(console, client, run, output).await?;
                console.note(&format!(
                    "{} that no worker can run; {further}",
                    counted(tests.into(), "test") + if tests == 1 { " is" } else { " are" } + " left"
                ));
                Ok(match Exit::of_run(&report.totals, verdict.fail_on_flaky) {
                    worse @ (Exit::TestsFailed | Exit::Infrastructure) => worse,
                    _ => Exit::Unschedulable,
                })
            }
        },
        () = expired => {
            show(console, client, run, output).await?;
            console.note(&format!("still going; {further}"));
            Ok(Exit::Pending)
        }
        signal = shutdown_signal() => {
            show(console, client, run, output).await?;
            console.note(&format!("the run goes on; {further}"));
            Ok(Exit::of_signal(signal))
        }
    }
}

/// Why waiting ended.
enum Ended {
    Over(RunView),
    /// So many tests are left that no worker can run.
    Stuck(u32),
}

/// Waits until the run is over, however long that takes.
pub async fn wait(console: Console, client: &Client, run: RunId) -> Result<RunView, CliError> {
    loop {
        if let Ended::Over(view) = watch(console, client, run, None).await? {
            return Ok(view);
        }
    }
}

/// Waits until the run is over, or until `stuck` has seen enough.
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
                progress.say(&counts(&view.counts));
                if view.finished_at.is_some() {
                    return Ok(Ended::Over(view));
                }
                if let Some(stuck) = &mut stuck
                    && stuck.look(client, &view, &progress).await
                {
                    return Ok(Ended::Stuck(view.counts.unschedulable));
                }
            }
            // The run goes on without us, also over a restart of the coordinator.
            Err(error) => progress.say(&patience.with(error)?),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Prints the report of a finished run and returns its exit code.
pub async fn finish(
    console: Console,
    client: &Client,
    view: &RunView,
    verdict: Verdict,
    output: Output,
) -> Result<Exit, CliError> {
    let report = show(console, client, view.run, output).await?;
    Ok(Exit::of_run(&report.totals, verdict.fail_on_flaky))
}

async fn show(
    console: Console,
    client: &Client,
    run: RunId,
    output: Output,
) -> Result<ReportView, CliError> {
    let query = ReportQuery { run: Some(run), limit: Some(REPORT_ROWS), ..ReportQuery::default() };
    let report = client.report_view(&query).await?;
    console.result(&report::render(console, &report, output)?)?;
    Ok(report)
}
