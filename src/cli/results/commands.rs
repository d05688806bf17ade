//! `dtf results`: commands about stored results beside reports.

use crate::cli::args::shared::Global;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::database::{answer, exchange, keep, query};
use crate::cli::results::marks;
use crate::cli::results::marks::args::{AcceptArgs, FlakyArgs, QuarantineArgs};
use crate::cli::results::segments::{self, SegmentsArgs};
use crate::cli::terminal::console::Console;
use clap::{Args, Subcommand};

/// Judge, mark and query stored results
#[derive(Debug, Args)]
#[command(after_help = "\
docs/schema.md describes the tables, with a query for each usual question.

Examples:
  dtf results query 'SELECT outcome, count(*) FROM test_states GROUP BY outcome'
  dtf results export --parquet results/      Write all tables as Parquet files
  dtf results gc --keep 180d --dry-run       Show what is older than 180 days")]
pub struct ResultsCommandArgs {
    #[command(subcommand)]
    pub command: ResultsCommand,
}

#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    Accept(AcceptArgs),
    Quarantine(QuarantineArgs),
    Flaky(FlakyArgs),
    Query(query::QueryArgs),
    Export(exchange::ExportArgs),
    Import(exchange::ImportArgs),
    Gc(keep::GcArgs),
    Rebuild(keep::RebuildArgs),
    Segments(SegmentsArgs),
    /// Answer a query for another process
    #[command(hide = true)]
    Answer,
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
        ResultsCommand::Query(args) => query::run(console, global, args).await,
        ResultsCommand::Export(args) => exchange::export(console, global, args).await,
        ResultsCommand::Import(args) => exchange::import(console, global, args),
        ResultsCommand::Gc(args) => keep::gc(console, global, &args),
        ResultsCommand::Rebuild(args) => keep::rebuild(console, global, args),
        ResultsCommand::Segments(args) => segments::run(console, &args),
        ResultsCommand::Answer => answer::run(console),
    }
}
