//! `dtf status`: prints the state of the coordinator and its newest runs.

use crate::api::page::PageQuery;
use crate::api::v1::runs::RunView;
use crate::api::v1::status::StatusView;
use crate::cli::args::shared::{Global, Server, Shape};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::stored::live;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::counts;
use crate::results::render::words::plain;
use clap::Args;

/// Show the state of the coordinator and its newest runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf status\n  dtf status --output json")]
pub struct StatusArgs {
    #[command(flatten)]
    pub server: Server,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Maximum number of characters of a name.
const MAX_NAME_CHARS: usize = 60;
/// Maximum number of runs.
const MAX_RUNS: u32 = 10;

pub async fn run(console: Console, global: &Global, args: StatusArgs) -> Result<Exit, CliError> {
    let client = live(global, &args.server).await?;
    let status = client.status().await?;
    match args.output {
        Shape::Json => console.json(&status)?,
        Shape::Table => {
            let newest = PageQuery { limit: Some(MAX_RUNS), ..PageQuery::default() };
            let runs = client.runs(&newest).await?.items;
            let lines = runs.iter().map(|run| format!("\n  {}", line(run))).collect::<String>();
            let newest = if lines.is_empty() { "" } else { "; newest runs:" };
            console.result(&format!("{}{newest}{lines}", sentences(client.url(), &status)))?;
        }
    }
    Ok(Exit::Passed)
}

/// The line about a run, e.g. `r12 nightly by rig7: 3 of 10 done, 3 passed, 2 running, 5 waiting`.
fn line(run: &RunView) -> String {
    let cancelled = if run.cancelled { " (cancelled)" } else { "" };
    let name = plain(&run.name, MAX_NAME_CHARS);
    format!("{} {name} by {}: {}{cancelled}", run.run, run.user, counts(&run.counts))
}

fn sentences(url: &str, status: &StatusView) -> String {
    let hours = status.uptime_ms / 3_600_000;
    let minutes = status.uptime_ms / 60_000 % 60;
    let mut text = format!(
        "{url}: dtf {}, up {hours} h {minutes} min\n\
         workers: {} active, {} draining, {} lost\n\
         event log: {} records, {} of them in the results database\n\
         tests: {} running or queued on a worker, {} waiting, {} blocked\n\
         runs: {} open",
        status.version,
        status.workers_active,
        status.workers_draining,
        status.workers_lost,
        status.log_sequence,
        status.projected_sequence,
        status.tests_leased,
        status.tests_waiting,
        status.tests_blocked,
        status.runs_open,
    );
    if status.quarantines > 0 {
        let count = status.quarantines;
        text.push_str(&format!(
            "\nquarantines: {count} in force; see `dtf results quarantine list`"
        ));
    }
    text
}
