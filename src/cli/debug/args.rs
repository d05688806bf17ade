//! Flags of `dtf debug`.

use crate::cli::args::machine::Machine;
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::{Backends, Shape};
use crate::cli::results::selection::{WhichRun, which_run};
use clap::Args;
use std::path::PathBuf;

/// Run a failed model test again to find where its difference begins
#[derive(Debug, Args)]
#[command(after_help = "\
Runs the test once more on the same worker, or on this machine for results of `dtf run`. Prints
the first module and the first torch operator that differ from the CPU, and a Python script that
shows the difference with torch alone. The script and its tensors are saved. See
docs/debugging.md.

Examples:
  dtf debug r12.t3
  dtf debug llama/cuda/b2 --run r12          Find the test by name in this run
  dtf debug r12.t3 --into difference         Save the files in this directory")]
pub struct DebugArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Id of a failed test (r12.t3), its name, or a part of its name
    pub test: String,
    /// Run in which the test is searched by name: its id, or `latest` [default: the newest that has it]
    #[arg(long, value_parser = which_run, value_name = "RUN")]
    pub run: Option<WhichRun>,
    /// Directory in which the files are saved [default: dtf-debug-RUN, of the new run]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    #[command(flatten)]
    pub machine: Machine,
    #[command(flatten)]
    pub backends: Backends,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}
