//! Where `report`, `logs` and `why` look for results, as it is written. By hand and not derived:
//! only what was matched tells a flag from a variable.

use crate::cli::args::shared::Server;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use std::path::PathBuf;

/// Where results are looked for. A flag for the one leaves no variable for the other.
#[derive(Debug, Clone, Default)]
pub struct ResultsArgs {
    pub coordinator: Option<String>,
    pub data_dir: Option<PathBuf>,
    /// The directory was asked for by flag.
    pub only_stored: bool,
}

#[derive(Debug, Clone, Args)]
struct ResultsFlags {
    #[command(flatten)]
    server: Server,
    /// Directory of `dtf run` or of a stopped coordinator, read without asking one
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
                "--coordinator and --data-dir exclude each other\n",
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
