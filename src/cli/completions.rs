//! `dtf completions SHELL`.

use super::args::{Cli, CompletionsArgs};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use clap::CommandFactory;

pub fn run(console: Console, args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dtf", &mut script);
    console.document(&String::from_utf8_lossy(&script))?;
    Ok(exit::PASSED)
}
