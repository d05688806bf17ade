//! Flags of `dtf worker`.

use crate::cli::args::machine::Machine;
use crate::cli::args::shared::{Server, Templates};
use crate::cli::args::values::span;
use crate::domain::time::Millis;
use clap::Args;
use std::path::PathBuf;

/// Run tests for a coordinator on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C or SIGTERM lets the running tests finish and then stops the worker. A second signal
stops it immediately.

Examples:
  dtf worker --coordinator http://lab-1:7700 --token-file token
  dtf worker --slots 2 --tags lab,gpu --idle-timeout 30m
  dtf worker --ephemeral                    Exit when no tests are left
  dtf worker --prefetch plan.yaml           Prepare this machine for a plan, then run tests
  dtf worker --python /opt/venv/bin/python --system-packages
                                            Use an installed PyTorch")]
pub struct WorkerArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub machine: Machine,
    #[command(flatten)]
    pub templates: Templates,
    /// Name of this worker in reports [default: the host name]
    #[arg(long, env = "DTF_NAME", value_name = "NAME")]
    pub name: Option<String>,
    /// Directory of running attempts, files and results that are not yet sent
    #[arg(long, env = "DTF_WORK_DIR", value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Libraries to offer as back-ends: openvino, onnxruntime, …; they are installed and tried first
    #[arg(long, value_delimiter = ',', value_name = "BACKEND,…")]
    pub runtimes: Vec<String>,
    /// Build the environments and fetch the weights for this plan before the worker registers
    #[arg(long, value_name = "PLAN")]
    pub prefetch: Option<PathBuf>,
    /// Exit after --prefetch, with an error if something is missing
    #[arg(
        long,
        requires = "prefetch",
        conflicts_with_all = ["ephemeral", "idle_timeout", "runtimes"]
    )]
    pub prefetch_only: bool,
    /// Exit when at least one test has run and no tests are left
    #[arg(long)]
    pub ephemeral: bool,
    /// Exit after this time without a test, such as 10m
    #[arg(long, env = "DTF_IDLE_TIMEOUT", value_parser = span, value_name = "DURATION")]
    pub idle_timeout: Option<Millis>,
    /// Report every test as passed without running it, to measure the overhead of dtf
    #[arg(long, hide = true)]
    pub null_runner: bool,
}
