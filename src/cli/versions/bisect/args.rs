//! Flags of `dtf bisect`.

use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{RealWeights, Shape};
use crate::cli::versions::place::PlaceArgs;
use clap::Args;
use std::path::PathBuf;

/// Find the first version of a package with which a test fails or a metric regresses
#[derive(Debug, Args)]
#[command(after_help = "\
Checks both ends, then halves the versions between them that the package index has. A version that
cannot be installed is skipped. A version with results that differ is run again. Each step is a run,
whose results are kept.

Exit codes: 0 the first bad version was found, 2 an end is not as given, 101 it cannot be determined.

Examples:
  dtf bisect gpt2 --package transformers --good 5.17.0 --bad 5.24.0
  dtf bisect bert/cpu/b1 --plan nightly.yaml --package torch --good 2.8.0 --bad 2.10.0
  dtf bisect r12.t3 --package transformers --good 5.17.0 --bad 5.24.0 --metric latency_seconds
  dtf bisect gpt2 --package transformers --commits ./transformers --good v5.23.0 --bad main")]
pub struct BisectArgs {
    /// A test of the plan, a model, or the id of a result
    #[arg(value_name = "TEST|MODEL")]
    pub test: String,
    /// Package whose versions are searched
    #[arg(long, value_name = "PACKAGE")]
    pub package: String,
    /// Version or commit with which the test passes
    #[arg(long, value_name = "VERSION")]
    pub good: String,
    /// Version or commit with which it fails
    #[arg(long, value_name = "VERSION")]
    pub bad: String,
    /// Plan file with the test
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// Search for a regression of this metric, such as `latency_seconds`, instead of a failure
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
    /// Git repository of the package: search its commits instead of versions
    #[arg(long, value_name = "DIRECTORY|URL", conflicts_with_all = ["versions", "pre"])]
    pub commits: Option<String>,
    /// Search these versions, the oldest first, instead of those of the package index
    #[arg(long, value_delimiter = ',', value_name = "VERSION,…")]
    pub versions: Vec<String>,
    /// Include pre-releases
    #[arg(long)]
    pub pre: bool,
    /// Output format of the result
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub real: RealWeights,
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl BisectArgs {
    /// The kind of the candidates: versions or commits.
    pub fn noun(&self) -> &'static str {
        if self.commits.is_some() { "commit" } else { "version" }
    }
}
