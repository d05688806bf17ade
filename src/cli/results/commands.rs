//! `dtf results`: commands about stored results beside reports.

use crate::cli::args::shared::Global;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::marks;
use crate::cli::results::marks::args::{AcceptArgs, FlakyArgs, QuarantineArgs};
use crate::cli::terminal::console::Console;
use clap::{Args, Subcommand};

/// Judge, mark and query stored results
#[derive(Debug, Args)]
pub struct ResultsCommandArgs {
    #[command(subcommand)]
    pub command: ResultsCommand,
}

#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    Accept(AcceptArgs),
    Quarantine(QuarantineArgs),
    Flaky(FlakyArgs),
}

pub async fn run(
    console: Console,
    global: &Global,
    args: ResultsCommandArgs,
) -> Result<Exit, CliError> {
    match args.command {
        ResultsCommand::Accept(args) => marks::accept(console, global, args).await,
        ResultsCommand::Quarantine(args) => marks::quarantine(console, global, args).await,
        ResultsCommand::Flaky(args) => marks::flaky(console, global, args).await,
    }
}
