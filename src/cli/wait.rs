//! Waiting for a run, with progress, and its report at the end.

use super::args::Output;
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::patience::Patience;
use super::progress::{Progress, counts};
use super::report;
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::api::v1::runs::RunView;
use crate::client::Client;
use crate::domain::id::RunId;
use crate::domain::time::Millis;
use crate::sys::shutdown::asked_to_end;
use std::time::Duration;

/// Between two looks at a run.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Most rows of the report at the end.
const REPORT_ROWS: u32 = 1_000;

/// Waits until the run is over, prints its report, and says how it went. On Ctrl-C it
/// prints what there is and leaves the run going.
pub async fn to_the_end(
    console: Console,
    client: &Client,
    run: RunId,
    timeout: Option<Millis>,
    output: Output,
) -> Result<u8, Failure> {
    let waiting = wait(console, client, run);
    let expired = async {
        match timeout {
            Some(span) => tokio::time::sleep(span.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        view = waiting => finish(console, client, &view?, output).await,
        () = expired => {
            show(console, client, run, output).await?;
            console.note(&format!("still going; follow with: dtf report --run {run}"));
            Ok(exit::PENDING)
        }
        signal = asked_to_end() => {
            show(console, client, run, output).await?;
            console.note(&format!(
                "the run goes on; follow with: dtf report --run {run}, or stop it: dtf cancel {run}"
            ));
            Ok(exit::of_signal(signal))
        }
    }
}

/// Waits until the run is over.
pub async fn wait(console: Console, client: &Client, run: RunId) -> Result<RunView, Failure> {
    let progress = Progress::new(console);
    let mut patience = Patience::default();
    loop {
        match client.run(run).await {
            Ok(view) => {
                patience = Patience::default();
                progress.say(&counts(&view.counts));
                if view.finished_at.is_some() {
                    return Ok(view);
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
    output: Output,
) -> Result<u8, Failure> {
    let report = show(console, client, view.run, output).await?;
    Ok(exit::of_run(&report.totals))
}

async fn show(
    console: Console,
    client: &Client,
    run: RunId,
    output: Output,
) -> Result<ReportView, Failure> {
    let query = ReportQuery { run: Some(run), limit: Some(REPORT_ROWS), ..ReportQuery::default() };
    let report = client.report_view(&query).await?;
    console.result(&report::render(console, &report, output)?)?;
    Ok(report)
}
