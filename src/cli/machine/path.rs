//! `dtf path convert`: converts paths between systems, without reading them.

use crate::cli::args::shared::Shape;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::text::system_path::{Conversion, Converted, Mount, System};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

/// Convert paths between Windows, POSIX, WSL, MSYS2 and Cygwin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf path convert 'C:\\models\\bert' --to wsl")]
pub struct PathArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Convert(ConvertArgs),
}

/// Convert paths to the form of another system
#[derive(Debug, Args)]
#[command(after_help = "\
The conversion reads no file and knows no current directory. A path without an equivalent on the
other system is an error (exit code 2). A path with a variable, such as %USERPROFILE% or ~, stays
as it is, with a warning.

Examples:
  dtf path convert 'C:\\models\\bert' --to wsl
  dtf path convert /srv/models/bert --to windows --mount 'D:\\models=/srv/models'
  dtf path convert 'C:\\a;D:\\b' --to msys --list")]
struct ConvertArgs {
    /// Paths or `file:` URIs
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// System that uses the results
    #[arg(long, value_enum, value_name = "SYSTEM")]
    to: SystemName,
    /// System that the paths come from; drives of MSYS2 need it [default: recognised]
    #[arg(long, value_enum, value_name = "SYSTEM")]
    from: Option<SystemName>,
    /// Directory with another name on the other system, such as 'D:\models=/srv/models'. Repeatable
    #[arg(long = "mount", value_parser = Mount::parse, value_name = "A=B")]
    mounts: Vec<Mount>,
    /// Directory of the drives in WSL
    #[arg(long, default_value = "/mnt", value_name = "DIR")]
    wsl_root: String,
    /// Name of the WSL distribution, such as Ubuntu
    #[arg(long, value_name = "NAME")]
    distribution: Option<String>,
    /// Treat each PATH as a list like that of the PATH variable
    #[arg(long)]
    list: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    output: Shape,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SystemName {
    Windows,
    Posix,
    Wsl,
    Msys,
    Cygwin,
}

impl From<SystemName> for System {
    fn from(name: SystemName) -> Self {
        match name {
            SystemName::Windows => Self::Windows,
            SystemName::Posix => Self::Posix,
            SystemName::Wsl => Self::Wsl,
            SystemName::Msys => Self::Msys,
            SystemName::Cygwin => Self::Cygwin,
        }
    }
}

pub fn run(console: Console, args: &PathArgs) -> Result<Exit, CliError> {
    let Action::Convert(args) = &args.action;
    let conversion = Conversion {
        from: args.from.map(System::from),
        to: args.to.into(),
        mounts: args.mounts.clone(),
        wsl_root: args.wsl_root.clone(),
        distribution: args.distribution.clone(),
    };
    let convert = |path: &String| {
        let converted =
            if args.list { conversion.convert_list(path) } else { conversion.convert(path) };
        converted.map_err(|error| CliError::usage(format!("cannot convert {path:?}: {error}")))
    };
    let results = args.paths.iter().map(convert).collect::<Result<Vec<Converted>, _>>()?;
    for Converted { path, variable } in &results {
        if let Some(variable) = variable {
            console.warning(&format!("{path} is unchanged: dtf does not expand {variable}"));
        }
    }
    match args.output {
        Shape::Table => {
            let paths: Vec<&str> = results.iter().map(|result| result.path.as_str()).collect();
            console.result(&paths.join("\n"))?;
        }
        Shape::Json => {
            let rows = args.paths.iter().zip(&results).map(|(given, converted)| {
                json!({"given": given, "path": converted.path, "variable": converted.variable})
            });
            console.json(&json!({"schema": 1, "paths": rows.collect::<Vec<_>>()}))?;
        }
    }
    Ok(Exit::Passed)
}
