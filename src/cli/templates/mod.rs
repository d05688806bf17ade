//! `dtf templates`: lists, shows, adds and checks templates.

mod add;
pub mod args;
mod check;
mod list;
mod name;
mod python;

use crate::cli::args::shared::Global;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::templates::args::{TemplatesArgs, TemplatesCommand};
use crate::cli::terminal::console::Console;

pub async fn run(console: Console, global: &Global, args: TemplatesArgs) -> Result<Exit, CliError> {
    match args.command {
        TemplatesCommand::List(args) => list::list(console, global, args).await,
        TemplatesCommand::Show(args) => list::show(console, global, args).await,
        TemplatesCommand::History(args) => list::history(console, global, args).await,
        TemplatesCommand::Add(args) => add::run(console, global, args).await,
        TemplatesCommand::Check(args) => check::run(console, global, args).await,
    }
}
