//! `dtf why TEST`.

use super::args::{Global, Shape, WhyArgs};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::stored::{Source, Stored};
use crate::api::v1::tests::Why;

pub async fn run(console: Console, global: &Global, args: WhyArgs) -> Result<u8, Failure> {
    let why = match Source::of(global, args.results)? {
        Source::Stored(stored) => stored.why(args.test)?,
        Source::Coordinator { client, named } => match client.why(args.test).await {
            Ok(why) => why,
            Err(error) => Stored::instead_of(error, named)?.why(args.test)?,
        },
    };
    match args.output {
        Shape::Json => console.json(&why)?,
        Shape::Table => console.result(&sentences(&why))?,
    }
    Ok(exit::PASSED)
}

fn sentences(why: &Why) -> String {
    let mut lines = vec![format!("{} {}: {}", why.test, why.name, why.summary)];
    lines.extend(why.blocked_by.iter().map(|test| format!("  waits for {test}")));
    let workers = why.workers.iter();
    lines.extend(workers.map(|w| format!("  {} {}: {}", w.worker, w.name, w.explanation)));
    lines.join("\n")
}
