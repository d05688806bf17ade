//! Flags of `dtf run`.

use crate::cli::args::machine::Local;
use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{Lender, Output, Templates, Verdict};
use clap::Args;

/// Test on this machine: coordinator and worker in one process
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf run examples/quickstart.yaml
  dtf run bert-base-uncased gpt2 --hw cpu,cuda
  dtf run ./my-model --batch 1,8 --dtype float32,bfloat16
A FILE that ends in .yaml, .yml or .json and is no config.json is a plan, anything else a
model: a name, a folder with a config.json, or that file. Results are kept in the data
directory; `dtf report --since 7d` finds them. Tests that this machine cannot run are
reported with the reason.")]
pub struct RunArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// Plan, or models
    #[arg(required = true, value_name = "PLAN|MODEL")]
    pub what: Vec<String>,
    /// Only list the tests, with what they need and what this machine cannot run
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten)]
    pub local: Local,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Form of the report or list
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
