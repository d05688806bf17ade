//! Arguments of `dtf results accept`, `dtf results quarantine` and `dtf results flaky`.

use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::Shape;
use crate::cli::args::values::span;
use crate::cli::results::selection::{Since, since};
use crate::domain::id::{AcceptanceId, QuarantineId};
use crate::domain::time::Millis;
use clap::{Args, Subcommand};

/// Accept a change: later results are compared with the new values
///
/// Without --metric, all changed metrics of the test or the run are accepted. From the run on, their
/// values are compared among each other.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf results accept r12.t3 --reason 'computes in fp32 since the fix of the attention'
  dtf results accept r12 --metric latency_seconds --reason 'new kernels'
  dtf results accept --list
  dtf results accept --remove a2")]
pub struct AcceptArgs {
    /// Test (id, name, or part of a name), or run such as r12
    #[arg(value_name = "TEST|RUN", required_unless_present_any = ["list", "remove"])]
    pub what: Option<String>,
    /// Accept only this metric, such as `latency_seconds`
    #[arg(long, value_name = "NAME")]
    pub metric: Option<String>,
    /// Why the change is intended
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["list", "remove"])]
    pub reason: Option<String>,
    /// List acceptances
    #[arg(long, conflicts_with_all = ["what", "metric", "reason", "remove"])]
    pub list: bool,
    /// Remove an acceptance, given by its id
    #[arg(long, value_name = "ACCEPTANCE", conflicts_with_all = ["what", "metric", "reason"])]
    pub remove: Option<AcceptanceId>,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// List, add or remove quarantines of tests
///
/// Tests in quarantine run and are reported, but do not count in the verdict of their runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf results quarantine add 'gpt2/cuda/*' --reason 'driver 570 loses the device, see #12'
  dtf results quarantine list
  dtf results quarantine remove q3")]
pub struct QuarantineArgs {
    #[command(subcommand)]
    pub command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    Add(AddArgs),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Put tests into quarantine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf results quarantine add 'gpt2/cuda/*' --reason 'driver 570 loses the device, see #12'
  dtf results quarantine add '*' --worker rig7 --for 3d --reason 'the fan is being replaced'")]
pub struct AddArgs {
    /// Name of the tests; * represents any text, ? any character
    #[arg(value_name = "PATTERN")]
    pub pattern: String,
    /// Only on this worker, given by its name or its id
    #[arg(long, value_name = "WORKER")]
    pub worker: Option<String>,
    /// Only on this back-end
    #[arg(long, value_name = "BACKEND")]
    pub backend: Option<String>,
    /// Why the tests do not count
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Duration of the quarantine, at most 90d [default: 14d]
    #[arg(long = "for", value_parser = span, value_name = "DURATION")]
    pub duration: Option<Millis>,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// List quarantines
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf results quarantine list
  dtf results quarantine list --all --output json")]
pub struct ListArgs {
    /// Include quarantines that expired more than 14 days ago or were removed
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// End a quarantine before it expires
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf results quarantine remove q3")]
pub struct RemoveArgs {
    /// Id of the quarantine, such as q3
    #[arg(value_name = "QUARANTINE")]
    pub quarantine: QuarantineId,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// Show flaky tests, and the rates of failures of workers and back-ends
#[derive(Debug, Args)]
#[command(after_help = "\
A test is flaky if it passes and fails in turn, or passes only when it is tried again. Recent
attempts weigh more. See docs/flaky.md.

Examples:
  dtf results flaky
  dtf results flaky --since 7d --output json")]
pub struct FlakyArgs {
    /// Include attempts of this period, such as 7d, or since a date [default: 30d]
    #[arg(long, value_parser = since, value_name = "PERIOD|DATE")]
    pub since: Option<Since>,
    /// Maximum number of tests to show
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}
