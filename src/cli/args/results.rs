//! The flags with which `report`, `logs` and `why` find results. They are not derived, because only
//! the matches of the parser distinguish a flag from an environment variable.

use crate::cli::args::shared::Server;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use std::path::PathBuf;

/// The place of the results. A flag for one of the two places overrides the variable for the
/// other.
#[derive(Debug, Clone, Default)]
pub struct ResultsArgs {
    pub coordinator: Option<String>,
    pub data_dir: Option<PathBuf>,
    /// The directory was given by a flag.
    pub only_stored: bool,
}

#[derive(Debug, Clone, Args)]
struct ResultsFlags {
    #[command(flatten)]
    server: Server,
    /// Read results from this data directory of `dtf run` or of a stopped coordinator
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Args for ResultsArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        ResultsFlags::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        ResultsFlags::augment_args_for_update(command)
    }
}

impl FromArgMatches for ResultsArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = ResultsFlags::from_arg_matches(matches)?;
        let (coordinator, data_dir) = (flags.server.coordinator, flags.data_dir);
        let flag = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        match (flag("coordinator"), flag("data_dir")) {
            (true, true) => Err(clap::Error::raw(
                ErrorKind::ArgumentConflict,
                "--coordinator and --data-dir cannot be used together\n",
            )),
            (true, false) => Ok(Self { coordinator, ..Self::default() }),
            (false, true) => Ok(Self { data_dir, only_stored: true, ..Self::default() }),
            (false, false) => Ok(Self { coordinator, data_dir, only_stored: false }),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
