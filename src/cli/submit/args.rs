//! Flags of `dtf submit`.

use crate::cli::args::shared::{Output, RealWeights, Server, Templates, Verdict, Waiting};
use crate::cli::args::with::With;
use crate::cli::results::formats::ReportFiles;
use clap::Args;
use std::path::PathBuf;

/// Submit the tests of a plan to a coordinator
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the id of the run, or the report with --wait. Ctrl-C while waiting does not stop the
run; `dtf wait RUN` waits for it again.

Examples:
  dtf submit plan.yaml
  dtf submit plan.yaml --wait --wait-timeout 2h     Wait; the exit code reports the results
  dtf submit plan.yaml --wait --write junit=out/junit.xml --write markdown=out/summary.md")]
pub struct SubmitArgs {
    #[command(flatten)]
    pub server: Server,
    /// Plan file (see docs/plan.md)
    pub plan: PathBuf,
    #[command(flatten)]
    pub with: With,
    #[command(flatten)]
    pub real: RealWeights,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten)]
    pub waiting: Waiting,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Output format of the report with --wait, otherwise of the run id (csv only with --wait)
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub files: ReportFiles,
}
