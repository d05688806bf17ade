//! Flags of `dtf worker`.

use crate::cli::args::machine::Machine;
use crate::cli::args::shared::Server;
use crate::cli::args::values::span;
use crate::domain::time::Millis;
use clap::Args;
use std::path::PathBuf;

/// Lend this machine to a coordinator
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf worker --coordinator http://lab-1:7700 --token-file token
  dtf worker --slots 2 --tags lab,gpu --idle-timeout 30m
  dtf worker --ephemeral          exit when there is nothing more to do
  dtf worker --python /opt/venv/bin/python --system-packages     where torch is there already
Ctrl-C or SIGTERM finishes what runs and leaves; a second one stops at once.")]
pub struct WorkerArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub machine: Machine,
    /// Name in reports [default: the host name]
    #[arg(long, env = "DTF_NAME")]
    pub name: Option<String>,
    /// Directory of attempts, files and results not yet sent
    #[arg(long, env = "DTF_WORK_DIR", value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Exit when at least one test has run and there is nothing more to do
    #[arg(long)]
    pub ephemeral: bool,
    /// Exit after TIME without a test, such as 10m
    #[arg(long, env = "DTF_IDLE_TIMEOUT", value_parser = span, value_name = "TIME")]
    pub idle_timeout: Option<Millis>,
    /// Answer every test with `passed` without running it, to measure the rest
    #[arg(long, hide = true)]
    pub null_runner: bool,
}
