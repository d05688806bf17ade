//! `dtf completions SHELL`.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use clap::Args;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf completions bash > /etc/bash_completion.d/dtf")]
pub struct CompletionsArgs {
    /// Shell to print completions for
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

pub fn run(
    console: Console,
    args: &CompletionsArgs,
    mut command: clap::Command,
) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "dtf", &mut script);
    console.document(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Passed)
}
