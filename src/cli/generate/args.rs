//! Flags of `dtf generate`.

use crate::cli::args::machine::Local;
use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{Lender, Output, RealWeights, Templates, Verdict, Waiting};
use crate::cli::args::values::{pair, span};
use crate::cli::args::with::With;
use crate::cli::results::formats::ReportFiles;
use crate::domain::time::Millis;
use crate::gather::pytest::SuiteOptions;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Write tests for models: a plan, and scripts that also run without dtf
#[derive(Debug, Args)]
#[command(after_help = "\
Run the tests with `dtf run DIR/plan.yaml`, or one script with `uv run DIR/SCRIPT.py`.

Examples:
  dtf generate bert-base-uncased --hw cpu,cuda --out tests-bert
  dtf generate ./my-model --batch 1,4,16 --dry-run    List the tests and their requirements
  dtf generate gpt2 --explain                         Explain the choice of the tests
  dtf generate gpt2 --hw cpu,cuda --graph=dot | dot -Tsvg > gpt2.svg
  dtf generate gpt2 --hw cuda --submit --coordinator http://lab-1:7700 --wait
  dtf generate --from-pytest tests --python .venv/bin/python --durations junit.xml
  dtf generate --from-pytest . --python .venv/bin/python -- -m 'not slow'")]
pub struct GenerateArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// Models: names, directories with a config.json, or config.json files
    #[arg(required_unless_present = "from_pytest", value_name = "MODEL")]
    pub what: Vec<String>,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub with: With,
    #[command(flatten)]
    pub real: RealWeights,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten, next_help_heading = "Tests from a pytest suite")]
    pub pytest: PytestArgs,
    /// Directory to write the plan and the scripts to [default: dtf-tests]
    #[arg(long, value_name = "DIR", help_heading = None::<&str>)]
    pub out: Option<PathBuf>,
    /// Write to a directory that is not empty, and overwrite files
    #[arg(long, help_heading = None::<&str>)]
    pub force: bool,
    /// List the tests and their requirements without writing files
    #[arg(long, group = "instead", conflicts_with = "out", help_heading = None::<&str>)]
    pub dry_run: bool,
    /// Explain family, properties and test priorities of each model without writing files
    #[arg(long, group = "instead", conflicts_with = "out", help_heading = None::<&str>)]
    pub explain: bool,
    /// Print the dependencies of the tests, as text or for Graphviz, without writing files
    #[arg(
        long, group = "instead", conflicts_with = "out", help_heading = None::<&str>, value_enum, value_name = "FORMAT",
        num_args = 0..=1, require_equals = true, default_missing_value = "text"
    )]
    pub graph: Option<Graph>,
    /// Submit the tests to the coordinator
    #[arg(long, group = "instead", help_heading = None::<&str>)]
    pub submit: bool,
    /// Run the tests on this machine
    #[arg(long, group = "instead", help_heading = None::<&str>)]
    pub run: bool,
    /// Output format of the list or report; csv only with --dry-run, --run or --submit --wait
    #[arg(long, value_enum, default_value_t, help_heading = None::<&str>)]
    pub output: Output,
    #[command(flatten, next_help_heading = "Options of --submit and --run")]
    pub verdict: Verdict,
    #[command(flatten, next_help_heading = "Options of --submit and --run")]
    pub files: ReportFiles,
    #[command(flatten, next_help_heading = "Options of --submit")]
    pub waiting: Waiting,
    #[command(flatten, next_help_heading = "Options of --run")]
    pub local: Local,
}

/// Tests from an existing suite instead of from models.
#[derive(Debug, Clone, Args)]
pub struct PytestArgs {
    /// Generate tests from this directory or file of a pytest suite
    ///
    /// pytest determines its root directory. The plan is written there as dtf-plan.yaml, with a
    /// directory dtf-plan for its files.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["what", "out", "explain"])]
    pub from_pytest: Option<PathBuf>,
    /// Maximum expected time of one shard [default: a quarter of the suite, between 10s and 1m]
    #[arg(long, value_parser = span, value_name = "DURATION", requires = "from_pytest")]
    pub shard_time: Option<Millis>,
    /// Measured times of the tests: a JUnit file (.xml) or `.test_durations` of pytest-split
    #[arg(long, value_name = "FILE", requires = "from_pytest")]
    pub durations: Option<PathBuf>,
    /// Additional files that the tests need, relative to the root directory. Repeatable
    #[arg(long, value_name = "PATTERN", requires = "from_pytest")]
    pub files: Vec<String>,
    /// Environment variable for the collection and for the tests. Repeatable
    #[arg(long, value_parser = pair, value_name = "NAME=VALUE", requires = "from_pytest")]
    pub env: Vec<(String, String)>,
    /// Options for pytest, such as: -- -k "not slow" --ignore tests/old
    #[arg(last = true, value_name = "PYTEST OPTION", requires = "from_pytest")]
    pub pytest_options: Vec<String>,
}

impl PytestArgs {
    /// The suite to collect; `None` without `--from-pytest`.
    pub fn options(&self, python: impl FnOnce() -> Option<PathBuf>) -> Option<SuiteOptions> {
        Some(SuiteOptions {
            path: self.from_pytest.clone()?,
            python: python(),
            shard_time: self.shard_time.map(Duration::from),
            durations: self.durations.clone(),
            files: self.files.clone(),
            env: self.env.clone(),
            pytest_options: self.pytest_options.clone(),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Graph {
    Text,
    Dot,
}
