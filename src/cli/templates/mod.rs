//! `dtf templates`: which templates there are, where they come from, and whether they are
//! sound.

mod add;
mod check;
mod list;
mod python;

use super::args::{Global, TemplatesArgs, TemplatesCommand};
use super::console::Console;
use super::failure::Failure;

pub async fn run(console: Console, global: &Global, args: TemplatesArgs) -> Result<u8, Failure> {
    match args.command {
        TemplatesCommand::List(args) => list::list(console, global, args).await,
        TemplatesCommand::Show(args) => list::show(console, global, args).await,
        TemplatesCommand::History(args) => list::history(console, global, args).await,
        TemplatesCommand::Add(args) => add::run(console, global, args).await,
        TemplatesCommand::Check(args) => check::run(console, global, args).await,
    }
}

/// The path that a person means: `vlm` and `vlm/cuda` are templates, the rest is a path.
fn path_of(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else if name.contains('/') {
        format!("{name}.py.j2")
    } else {
        format!("{name}/test.py.j2")
    }
}
