//! Groups of flags that several commands have.

use crate::cli::args::values::span;
use crate::domain::time::Millis;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Settings file [default: config.yaml in the settings directory, if it is there]
    #[arg(long, global = true, env = "DTF_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// File with the token, readable by its owner only
    #[arg(long, global = true, env = "DTF_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Print more (-vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only results and errors
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

/// Where the coordinator is.
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

/// Templates besides those in the binary and those added to a coordinator.
#[derive(Debug, Clone, Args)]
pub struct Templates {
    /// Directory with templates of your own, which win, see docs/templates.md
    #[arg(long, env = "DTF_TEMPLATES", value_name = "DIR")]
    pub templates: Option<PathBuf>,
}

/// For commands that work without a coordinator: only a flag makes them ask one.
#[derive(Debug, Clone, Args)]
pub struct Lender {
    /// Coordinator to ask for its templates, its hardware and what it has measured
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
}

/// What happens after a submission.
#[derive(Debug, Clone, Args)]
pub struct Waiting {
    /// Wait for the end and print the report
    #[arg(long)]
    pub wait: bool,
    /// Stop waiting after TIME, with exit code 8
    #[arg(long, value_parser = span, value_name = "TIME", requires = "wait")]
    pub wait_timeout: Option<Millis>,
    /// Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what
    /// is left [default: 1m; without any worker: wait]
    #[arg(long, value_parser = span, value_name = "TIME", requires = "wait")]
    pub unschedulable_timeout: Option<Millis>,
}

/// What the exit code of a command says about a run.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Verdict {
    /// Exit with 100 when a test passed only after a failed attempt
    #[arg(long)]
    pub fail_on_flaky: bool,
}
