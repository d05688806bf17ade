//! Groups of flags that several commands have.

use crate::cli::args::values::span;
use crate::domain::time::Millis;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Settings file [default: config.yaml in the settings directory, if it exists]
    #[arg(long, global = true, env = "DTF_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// File with the access token, or with all tokens of a coordinator; only its owner may have
    /// permission to read it
    #[arg(long, global = true, env = "DTF_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// When to print colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Print more log messages (-vv for debug messages)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only results, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Table,
    Json,
    Csv,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    #[default]
    Table,
    Json,
}

/// The address of the coordinator.
#[derive(Debug, Clone, Args)]
pub struct Server {
    #[arg(
        long,
        env = "DTF_COORDINATOR",
        value_name = "URL",
        help = "Address of the coordinator [default: http://127.0.0.1:7700]"
    )]
    pub coordinator: Option<String>,
}

/// Templates in addition to the built-in ones and those of a coordinator.
#[derive(Debug, Clone, Args)]
pub struct Templates {
    /// Directory of your templates; they override built-in ones (see docs/templates.md)
    #[arg(long, env = "DTF_TEMPLATES", value_name = "DIR")]
    pub templates: Option<PathBuf>,
    #[command(flatten)]
    pub backends: Backends,
}

/// Back-ends in addition to the built-in ones.
#[derive(Debug, Clone, Default, Args)]
pub struct Backends {
    /// File with your back-ends, and changes of known ones (see docs/backends.md)
    #[arg(long, env = "DTF_BACKENDS", value_name = "FILE")]
    pub backends: Option<PathBuf>,
}

/// A coordinator for commands that also work without one: they use it only if the flag is given.
#[derive(Debug, Clone, Args)]
pub struct Lender {
    /// Coordinator that provides templates, the hardware of its workers and earlier measurements
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
}

/// Whether tests may have random weights.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct RealWeights {
    /// Refuse tests with random weights
    ///
    /// Tests for which this is known now are refused before anything runs. Tests whose weights are
    /// missing on their worker end as errors.
    #[arg(long)]
    pub require_weights: bool,
}

/// Waiting for a run after its submission.
#[derive(Debug, Clone, Args)]
pub struct Waiting {
    /// Wait until the run has finished and print its report
    #[arg(long)]
    pub wait: bool,
    /// Stop waiting after this time, with exit code 8
    #[arg(long, value_parser = span, value_name = "DURATION", requires = "wait")]
    pub wait_timeout: Option<Millis>,
    /// Stop waiting, with exit code 102, after this time without a worker for the remaining tests
    /// [default: 1m while there are workers, else unlimited]
    ///
    /// The time counts while no test of the run is running and no worker can run any of the
    /// remaining tests.
    #[arg(long, value_parser = span, value_name = "DURATION", requires = "wait")]
    pub unschedulable_timeout: Option<Millis>,
}

/// How results of a run become an exit code.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Verdict {
    /// Exit with code 100 if a test passed only after a failed attempt
    #[arg(long)]
    pub fail_on_flaky: bool,
}
