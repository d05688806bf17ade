//! Flags of `dtf weights` and its subcommands.

use crate::cli::args::shared::{Server, Shape};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// List, verify, remove and push the weights of models
#[derive(Debug, Args)]
#[command(after_help = "\
The coordinator keeps the weights of directories that were submitted, and workers keep the weights that
they fetched. These commands are about the coordinator, or with --local about the workers of this
machine.

Examples:
  dtf weights list
  dtf weights list --local
  dtf weights push ./my-model --coordinator http://lab-1:7700
  dtf weights verify sha256:1a2b3c
  dtf weights remove my-model")]
pub struct WeightsArgs {
    #[command(subcommand)]
    pub command: WeightsCommand,
}

#[derive(Debug, Subcommand)]
pub enum WeightsCommand {
    List(ListWeightsArgs),
    Verify(VerifyWeightsArgs),
    Remove(RemoveWeightsArgs),
    Push(PushWeightsArgs),
}

/// The place of the weights.
#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    pub server: Server,
    /// Use the fetched weights of the workers of this machine, not those of the coordinator
    #[arg(long)]
    pub local: bool,
    /// Directory of fetched weights, with --local
    #[arg(long, env = "DTF_WEIGHTS_DIR", value_name = "DIR")]
    pub weights_dir: Option<PathBuf>,
}

/// List stored weights, those that were used last first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf weights list
  dtf weights list --local
  dtf weights list --output json")]
pub struct ListWeightsArgs {
    #[command(flatten)]
    pub place: Place,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Read stored weights and compare them with their digests
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 all are whole, 1 some are damaged or incomplete. The next submission or fetch of damaged
weights replaces what is damaged.

Examples:
  dtf weights verify                   Verify all of them
  dtf weights verify sha256:1a2b3c     Verify those whose digest begins like this")]
pub struct VerifyWeightsArgs {
    #[command(flatten)]
    pub place: Place,
    /// Weights: the beginning of their digest, MODEL@COMMIT, or their name [default: all]
    #[arg(value_name = "WEIGHTS")]
    pub weights: Vec<String>,
}

/// Remove stored weights that no waiting or running test needs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf weights remove sha256:1a2b3c
  dtf weights remove my-model --local")]
pub struct RemoveWeightsArgs {
    #[command(flatten)]
    pub place: Place,
    /// Weights: the beginning of their digest, MODEL@COMMIT, or their name
    #[arg(required = true, value_name = "WEIGHTS")]
    pub weights: Vec<String>,
}

/// Send the weights in a directory to the coordinator, before tests need them
#[derive(Debug, Args)]
#[command(after_help = "\
`dtf submit` does the same for the directories of a plan. Only what the coordinator does not have is sent,
and an interrupted push continues where it ended. Prints the identity of the weights.

Examples:
  dtf weights push ./my-model
  dtf weights push ./my-model ./other.safetensors")]
pub struct PushWeightsArgs {
    #[command(flatten)]
    pub server: Server,
    /// Directories or files with the weights of a model
    #[arg(required = true, value_name = "PATH")]
    pub folders: Vec<PathBuf>,
    /// Include the Python files of the directories, for models with their own code
    #[arg(long)]
    pub remote_code: bool,
}
