//! Flags of `dtf run`.

use crate::cli::args::machine::Local;
use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{Lender, Output, RealWeights, Templates, Verdict};
use crate::cli::args::with::With;
use crate::cli::results::formats::ReportFiles;
use clap::Args;

/// Run a plan, or tests of models, on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
`.yaml`, `.yml` and `.json` arguments are plans, except `config.json`; anything else is a
model: its name, a directory with a config.json, or that file. Coordinator and worker run in
this process. Results are stored in the data directory; `dtf report --since 7d` shows them.
Tests that this machine cannot run are reported with the reason.

Examples:
  dtf run examples/quickstart.yaml
  dtf run bert-base-uncased gpt2 --hw cpu,cuda
  dtf run ./my-model --batch 1,8 --dtype float32,bfloat16
  dtf run plan.yaml --dry-run                List the tests without running them
  dtf run plan.yaml --open                   Watch the run in the browser")]
pub struct RunArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// A plan file, or models
    #[arg(required = true, value_name = "PLAN|MODEL")]
    pub what: Vec<String>,
    /// List the tests and their requirements without running them
    #[arg(long)]
    pub dry_run: bool,
    /// Show the run in the browser, and serve its page until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    pub open: bool,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub with: With,
    #[command(flatten)]
    pub real: RealWeights,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten)]
    pub local: Local,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Output format of the report or list
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub files: ReportFiles,
}
