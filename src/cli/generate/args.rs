//! Flags of `dtf generate`.

use crate::cli::args::machine::Local;
use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{Lender, Output, Templates, Verdict, Waiting};
use crate::cli::args::values::{pair, span};
use crate::domain::time::Millis;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Write tests for models: a plan, and scripts that run alone
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf generate bert-base-uncased --hw cpu,cuda --out tests-bert
  dtf generate ./my-model --batch 1,4,16 --dry-run    what it would be, and what it needs
  dtf generate gpt2 --explain                         why it is tested this way
  dtf generate gpt2 --hw cpu,cuda --graph=dot | dot -Tsvg > gpt2.svg
  dtf generate gpt2 --hw cuda --submit --coordinator http://lab-1:7700 --wait
  dtf generate --from-pytest tests --python .venv/bin/python --durations junit.xml
  dtf generate --from-pytest . --python .venv/bin/python -- -m 'not slow'
Then: dtf run tests-bert/plan.yaml, or uv run tests-bert/SCRIPT.py")]
pub struct GenerateArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// Names, folders with a config.json, or such files
    #[arg(required_unless_present = "from_pytest", value_name = "MODEL")]
    pub what: Vec<String>,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten, next_help_heading = "From a suite of pytest")]
    pub pytest: PytestArgs,
    /// Directory to write [default: dtf-tests]
    #[arg(long, value_name = "DIR", help_heading = None::<&str>)]
    pub out: Option<PathBuf>,
    /// Write into a directory that is not empty
    #[arg(long, help_heading = None::<&str>)]
    pub force: bool,
    /// Only list the tests, with what they need
    #[arg(long, group = "instead", conflicts_with = "out", help_heading = None::<&str>)]
    pub dry_run: bool,
    /// Only explain what each model is, how that is known, and how each test got its priority
    #[arg(long, group = "instead", conflicts_with = "out", help_heading = None::<&str>)]
    pub explain: bool,
    /// Only print what waits for what, as text or for Graphviz (dot)
    #[arg(
        long, group = "instead", conflicts_with = "out", help_heading = None::<&str>, value_enum, value_name = "FORM",
        num_args = 0..=1, require_equals = true, default_missing_value = "text"
    )]
    pub graph: Option<Graph>,
    /// Send the tests to the coordinator
    #[arg(long, group = "instead", help_heading = None::<&str>)]
    pub submit: bool,
    /// Run the tests on this machine
    #[arg(long, group = "instead", help_heading = None::<&str>)]
    pub run: bool,
    /// Form of what is printed, or of the report; csv for --dry-run, --run and --submit --wait
    #[arg(long, value_enum, default_value_t, help_heading = None::<&str>)]
    pub output: Output,
    #[command(flatten, next_help_heading = "With --submit or --run")]
    pub verdict: Verdict,
    #[command(flatten, next_help_heading = "With --submit")]
    pub waiting: Waiting,
    #[command(flatten, next_help_heading = "With --run")]
    pub local: Local,
}

/// Tests from an existing suite instead of from models.
#[derive(Debug, Clone, Args)]
pub struct PytestArgs {
    /// Directory or file of a pytest suite. pytest decides about the root directory; the plan is
    /// written there, as dtf-plan.yaml, with a directory dtf-plan beside it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["what", "out", "explain"])]
    pub from_pytest: Option<PathBuf>,
    /// Time that a shard should take at most [default: a quarter of the suite, from 10s to 1m]
    #[arg(long, value_parser = span, value_name = "TIME", requires = "from_pytest")]
    pub shard_time: Option<Millis>,
    /// What tests took before: a JUnit file (.xml), or the `.test_durations` of pytest-split
    #[arg(long, value_name = "FILE", requires = "from_pytest")]
    pub durations: Option<PathBuf>,
    /// Further files that the tests need, relative to the root directory (repeatable)
    #[arg(long, value_name = "PATTERN", requires = "from_pytest")]
    pub files: Vec<String>,
    /// Environment variable for collecting and for the tests (repeatable)
    #[arg(long, value_parser = pair, value_name = "NAME=VALUE", requires = "from_pytest")]
    pub env: Vec<(String, String)>,
    /// Options for pytest, such as -- -k "not slow" --ignore tests/old
    #[arg(last = true, value_name = "PYTEST OPTION", requires = "from_pytest")]
    pub pytest_options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Graph {
    Text,
    Dot,
}
