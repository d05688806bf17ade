//! `dtf cancel RUN`.

use super::args::{CancelArgs, Global, Shape};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::stored::live;

pub async fn run(console: Console, global: &Global, args: CancelArgs) -> Result<u8, Failure> {
    let cancelled = live(global, &args.server).await?.cancel(args.run).await?;
    match args.output {
        Shape::Json => console.json(&cancelled)?,
        Shape::Table => console.result(&format!(
            "{}: {} cancelled before they ran, {} being stopped",
            cancelled.run, cancelled.ended, cancelled.stopping
        ))?,
    }
    Ok(exit::PASSED)
}
