//! Flags about the machine that runs tests: shared by `worker`, `run` and `generate --run`.

use crate::config::{List, Program};
use crate::domain::tag::Tag;
use clap::Args;
use std::path::PathBuf;

/// How a machine runs tests: shared by `worker` and `run`.
#[derive(Debug, Clone, Args)]
pub struct Machine {
    /// Maximum number of tests at a time [default: one for each core]
    #[arg(long, env = "DTF_SLOTS", value_name = "N")]
    pub slots: Option<u32>,
    /// Labels that tests can require, separated by commas
    #[arg(long, env = "DTF_TAGS", value_name = "TAG,…")]
    pub tags: Option<List<Tag>>,
    /// Directory of Python environments; can be shared
    #[arg(long, env = "DTF_ENVIRONMENTS_DIR", value_name = "DIR")]
    pub environments_dir: Option<PathBuf>,
    /// Interpreter to build environments with [default: python3 in PATH]
    #[arg(long, env = "DTF_PYTHON", value_name = "FILE")]
    pub python: Option<Program>,
    /// Use the packages that this interpreter has, instead of building environments
    #[arg(long, env = "DTF_SYSTEM_PACKAGES", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub system_packages: Option<bool>,
    /// Torch build to install: cpu, auto, cu128, … [default: what suits the devices]
    #[arg(long, env = "DTF_TORCH_BACKEND", value_name = "NAME")]
    pub torch_backend: Option<String>,
    /// Build environments from caches only
    #[arg(long, env = "DTF_OFFLINE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub offline: Option<bool>,
    /// Further environment variables that tests may see, separated by commas
    #[arg(long, env = "DTF_PASS_ENV", value_name = "NAME,…")]
    pub pass_env: Option<List<String>>,
}

/// How tests run on this machine, without a coordinator elsewhere.
#[derive(Debug, Clone, Args)]
pub struct Local {
    #[command(flatten)]
    pub machine: Machine,
    /// Directory of log and results [default: `local` in the platform's data directory]
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}
