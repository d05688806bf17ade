//! Flags of `dtf submit`.

use crate::cli::args::shared::{Output, Server, Templates, Verdict, Waiting};
use clap::Args;
use std::path::PathBuf;

/// Send a plan to the coordinator
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf submit plan.yaml
  dtf submit plan.yaml --wait --wait-timeout 2h     the exit code says how it went
Ctrl-C while waiting leaves the run going; `dtf wait RUN` waits on.")]
pub struct SubmitArgs {
    #[command(flatten)]
    pub server: Server,
    /// Plan file, see docs/plan.md
    pub plan: PathBuf,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten)]
    pub waiting: Waiting,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Form of the report with --wait, else of the run's id (csv only with --wait)
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
