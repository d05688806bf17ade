//! `dtf cancel RUN`.

use super::args::{CancelArgs, Global, Shape};
use super::connect::client;
use super::console::Console;
use super::exit;
use super::failure::Failure;

pub async fn run(console: Console, global: &Global, args: CancelArgs) -> Result<u8, Failure> {
    let cancelled = client(global, &args.server)?.cancel(args.run).await?;
    match args.output {
        Shape::Json => console.json(&cancelled)?,
        Shape::Table => console.result(&format!(
            "{}: {} cancelled before they ran, {} being stopped",
            cancelled.run, cancelled.ended, cancelled.stopping
        ))?,
    }
    Ok(exit::PASSED)
}
