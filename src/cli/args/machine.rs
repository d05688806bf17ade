//! Flags about the machine that runs tests: shared by `worker`, `run` and `generate --run`.

use crate::config::{List, Program, SizeLimit};
use crate::domain::tag::Tag;
use crate::text::system_path::Mount;
use clap::Args;
use std::path::PathBuf;

/// How a machine runs tests.
#[derive(Debug, Clone, Args)]
pub struct Machine {
    /// Maximum number of tests that run at the same time [default: number of CPU cores]
    #[arg(long, env = "DTF_SLOTS", value_name = "N")]
    pub slots: Option<u32>,
    /// Run one test at a time, with all CPU cores: measurements for comparison
    #[arg(long = "quiet-machine", conflicts_with = "slots")]
    pub one_at_a_time: bool,
    /// Tags of this machine, which tests can require; separated by commas
    #[arg(long, env = "DTF_TAGS", value_name = "TAG,…")]
    pub tags: Option<List<Tag>>,
    /// Allow tests to run Python code that comes with a model
    #[arg(long, env = "DTF_ALLOW_REMOTE_CODE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub allow_remote_code: Option<bool>,
    /// Directory of Python environments; several workers may share it
    #[arg(long, env = "DTF_ENVIRONMENTS_DIR", value_name = "DIR")]
    pub environments_dir: Option<PathBuf>,
    /// Directory of fetched weights; several workers may share it
    #[arg(long, env = "DTF_WEIGHTS_DIR", value_name = "DIR")]
    pub weights_dir: Option<PathBuf>,
    /// Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]
    #[arg(long, env = "DTF_WEIGHTS_CACHE_SIZE", value_name = "SIZE")]
    pub weights_cache_size: Option<SizeLimit>,
    /// Python interpreter that environments are built with [default: python3 in PATH]
    #[arg(long, env = "DTF_PYTHON", value_name = "FILE")]
    pub python: Option<Program>,
    /// Use the packages installed for this interpreter instead of building environments
    #[arg(long, env = "DTF_SYSTEM_PACKAGES", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub system_packages: Option<bool>,
    /// Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]
    #[arg(long, env = "DTF_TORCH_BACKEND", value_name = "NAME")]
    pub torch_backend: Option<String>,
    /// Do not use the network: build environments from caches only
    #[arg(long, env = "DTF_OFFLINE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub offline: Option<bool>,
    /// Additional environment variables to pass to tests, separated by commas
    #[arg(long, env = "DTF_PASS_ENV", value_name = "NAME,…")]
    pub pass_env: Option<List<String>>,
    /// Directories that have other names on other systems, such as 'D:\models=/srv/models', separated by commas
    #[arg(long, alias = "mount", env = "DTF_MOUNTS", value_name = "A=B,…")]
    pub mounts: Option<List<Mount>>,
}

/// How tests run on this machine without a separate coordinator.
#[derive(Debug, Clone, Args)]
pub struct Local {
    #[command(flatten)]
    pub machine: Machine,
    /// Directory of the event log and the results [default: `local` in the platform's data directory]
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}
