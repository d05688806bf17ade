//! `dtf completions SHELL`.

use crate::cli::app::Cli;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use clap::Args;
use clap::CommandFactory;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf completions bash > /etc/bash_completion.d/dtf")]
pub struct CompletionsArgs {
    /// Shell to print completions for
    /// Shell to print completions for
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

pub fn run(console: Console, args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dtf", &mut script);
    console.document(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Passed)
}
