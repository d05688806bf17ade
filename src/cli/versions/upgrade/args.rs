//! Flags of `dtf upgrade`.

use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::RealWeights;
use crate::cli::args::values::pin;
use crate::cli::versions::place::PlaceArgs;
use crate::plan::packages::Pin;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Compare the tests of a plan before and after an upgrade of packages
#[derive(Debug, Args)]
#[command(after_help = "\
Runs the plan twice, as it resolves today and with the upgrade, on the same workers and in turns.
Results that differ and metrics that changed are measured again. The report lists what the upgrade
breaks, with the first error, what was broken before, and what is slower or different.

Exit codes: 0 the upgrade is safe, 100 it breaks something or makes it slower, 101 it is not shown to be
safe because tests did not run, are flaky or were not compared, 5 no test ran on both sides.

Examples:
  dtf upgrade transformers==5.24.0 --plan nightly.yaml
  dtf upgrade transformers==5.24.0 --from transformers==5.23.0 --model bert-base-uncased
  dtf upgrade torch==2.10.0 --plan nightly.yaml --coordinator http://lab-1:7700 --output markdown")]
pub struct UpgradeArgs {
    /// Packages after the upgrade, such as transformers==5.24.0
    #[arg(required = true, value_parser = pin, value_name = "PACKAGE==VERSION")]
    pub after: Vec<Pin>,
    /// Packages before the upgrade [default: as the plan resolves today]. Repeatable
    #[arg(long = "from", value_parser = pin, value_name = "PACKAGE==VERSION")]
    pub before: Vec<Pin>,
    /// Plan file with the tests
    #[arg(long, value_name = "PLAN", required_unless_present = "model", conflicts_with = "model")]
    pub plan: Option<PathBuf>,
    /// Model to test instead of a plan. Repeatable
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// Maximum number of rounds in which results that differ are measured again
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20), value_name = "N")]
    pub rounds: u32,
    /// Output format of the report
    #[arg(long, value_enum, default_value_t)]
    pub output: Format,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub real: RealWeights,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Csv,
    Markdown,
}
