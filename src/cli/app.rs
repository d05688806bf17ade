//! The command line as a whole: its commands, the flags that hold for each of them, and how
//! arguments and `DTF_*` variables are read.

use crate::cli::args::shared::Global;
use crate::cli::cancel::CancelArgs;
use crate::cli::completions::CompletionsArgs;
use crate::cli::config::ConfigArgs;
use crate::cli::coordinator::CoordinatorArgs;
use crate::cli::debug::args::DebugArgs;
use crate::cli::generate::args::GenerateArgs;
use crate::cli::log::LogArgs;
use crate::cli::machine::deploy_script::DeployScriptArgs;
use crate::cli::machine::detect::DetectArgs;
use crate::cli::machine::path::PathArgs;
use crate::cli::results::commands::ResultsCommandArgs;
use crate::cli::results::diff::DiffArgs;
use crate::cli::results::logs::LogsArgs;
use crate::cli::results::report::ReportArgs;
use crate::cli::results::why::WhyArgs;
use crate::cli::run::args::RunArgs;
use crate::cli::status::StatusArgs;
use crate::cli::submit::args::SubmitArgs;
use crate::cli::submit::check::CheckArgs;
use crate::cli::templates::args::TemplatesArgs;
use crate::cli::versions::bisect::args::BisectArgs;
use crate::cli::versions::upgrade::args::UpgradeArgs;
use crate::cli::wait::args::WaitArgs;
use crate::cli::weights::args::WeightsArgs;
use crate::cli::worker::args::WorkerArgs;
use crate::cli::worker::workers::WorkersArgs;
use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Test AI models on every kind of hardware
///
/// Runs tests on this machine or on a fleet of workers. Reports which tests pass, fail or are
/// flaky, how fast they are, and why a test did not run.
#[derive(Debug, Parser)]
#[command(name = "dtf", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten, next_help_heading = "Global options")]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  dtf run examples/quickstart.yaml           Run a plan on this machine
  dtf run bert-base-uncased --hw cpu,cuda    Test a model on this machine
  dtf generate bert-base-uncased --hw cuda   Write the tests of a model to files
  dtf coordinator                            Start a coordinator for this machine
  dtf worker --coordinator http://HOST:7700  Run tests for a coordinator on this machine
  dtf submit plan.yaml --wait                Submit a plan, wait for it, print the report
  dtf report --since 7d                      Show the results of the last 7 days

Exit codes:
  0    success: no test failed
  1    dtf itself failed
  2    usage error: arguments, settings, plan, query, or a request that was rejected
  4    authentication failed
  5    no test matched or ran, or there is no object with the given id
  8    tests were still pending at the wait timeout
  100  tests failed, or were flaky with --fail-on-flaky
  101  no test failed, but some have no verdict: infrastructure errors, cancelled, expired
  102  no worker can run some of the tests
  130  interrupted by Ctrl-C (143: by SIGTERM)";

impl Cli {
    /// Reads the arguments and the `DTF_*` variables. An empty variable counts as absent.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(
            &without_empty_variables(Self::command()).try_get_matches_from(args)?,
        )
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    command.mut_subcommands(without_empty_variables).mut_args(|arg| match arg.get_env() {
        Some(name) if is_empty_variable(name) => arg.env(Resettable::Reset),
        _ => arg,
    })
}

#[expect(clippy::disallowed_methods, reason = "the argument parser would take it as a value")]
fn is_empty_variable(name: &std::ffi::OsStr) -> bool {
    std::env::var_os(name).is_some_and(|value| value.is_empty())
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Coordinator(CoordinatorArgs),
    Worker(WorkerArgs),
    Submit(SubmitArgs),
    Wait(WaitArgs),
    Check(CheckArgs),
    Run(Box<RunArgs>),
    Generate(Box<GenerateArgs>),
    Upgrade(Box<UpgradeArgs>),
    Bisect(Box<BisectArgs>),
    Report(ReportArgs),
    Diff(DiffArgs),
    Results(ResultsCommandArgs),
    Status(StatusArgs),
    Cancel(CancelArgs),
    Logs(LogsArgs),
    Why(WhyArgs),
    Debug(DebugArgs),
    Workers(WorkersArgs),
    Weights(WeightsArgs),
    Templates(TemplatesArgs),
    Log(LogArgs),
    Detect(DetectArgs),
    DeployScript(Box<DeployScriptArgs>),
    Path(PathArgs),
    Config(ConfigArgs),
    Completions(CompletionsArgs),
    /// Print docs/config.md
    #[command(hide = true)]
    ConfigReference,
    /// Print docs/openapi.json
    #[command(hide = true)]
    Openapi,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
