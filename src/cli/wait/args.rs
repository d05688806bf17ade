//! Flags of `dtf wait`.

use crate::cli::args::shared::{Output, Server, Verdict};
use crate::cli::args::values::span;
use crate::cli::results::formats::ReportFiles;
use crate::domain::id::RunId;
use crate::domain::time::Millis;
use clap::Args;

/// Wait until a run has finished and print its report
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is the same as of `dtf submit --wait`. Ctrl-C does not stop the run.

Examples:
  dtf wait r12
  dtf wait r12 --timeout 2h
  dtf wait r12 --write junit=out/junit.xml")]
pub struct WaitArgs {
    #[command(flatten)]
    pub server: Server,
    /// Id of the run, such as r12
    pub run: RunId,
    /// Stop waiting after this time, with exit code 8
    #[arg(long, value_parser = span, value_name = "DURATION")]
    pub timeout: Option<Millis>,
    /// Stop waiting, with exit code 102, after this time without a worker for the remaining tests
    /// [default: 1m while there are workers, else unlimited]
    ///
    /// The time counts while no test of the run is running and no worker can run any of the
    /// remaining tests.
    #[arg(long, value_parser = span, value_name = "DURATION")]
    pub unschedulable_timeout: Option<Millis>,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Output format of the report
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub files: ReportFiles,
}
