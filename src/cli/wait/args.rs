//! Flags of `dtf wait`.

use crate::cli::args::shared::{Output, Server, Verdict};
use crate::cli::args::values::span;
use crate::domain::id::RunId;
use crate::domain::time::Millis;
use clap::Args;

/// Wait for a run that was submitted before
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf wait r12
  dtf wait r12 --timeout 2h
Prints the report at the end. The exit code is that of `dtf submit --wait`. Ctrl-C leaves the
run going.")]
pub struct WaitArgs {
    #[command(flatten)]
    pub server: Server,
    /// The run, such as r12
    pub run: RunId,
    /// Stop waiting after TIME, with exit code 8
    #[arg(long, value_parser = span, value_name = "TIME")]
    pub timeout: Option<Millis>,
    /// Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what
    /// is left [default: 1m; without any worker: wait]
    #[arg(long, value_parser = span, value_name = "TIME")]
    pub unschedulable_timeout: Option<Millis>,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Form of the report
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
