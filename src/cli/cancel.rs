//! `dtf cancel RUN`.

use crate::cli::args::shared::{Global, Server, Shape};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::stored::live;
use crate::cli::terminal::console::Console;
use crate::domain::id::RunId;
use clap::Args;

/// Cancel a run: drop its waiting tests and stop its running ones
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf cancel r12")]
pub struct CancelArgs {
    #[command(flatten)]
    pub server: Server,
    /// Id of the run, such as r12
    pub run: RunId,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

pub async fn run(console: Console, global: &Global, args: CancelArgs) -> Result<Exit, CliError> {
    let cancelled = live(global, &args.server).await?.cancel(args.run).await?;
    match args.output {
        Shape::Json => console.json(&cancelled)?,
        Shape::Table => console.result(&format!(
            "{}: {} cancelled before they ran, {} being stopped",
            cancelled.run, cancelled.ended, cancelled.stopping
        ))?,
    }
    Ok(Exit::Passed)
}
