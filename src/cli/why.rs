//! `dtf why TEST`.

use super::args::{Global, Shape, WhyArgs};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::naming::{self, What};
use super::stored::Source;
use crate::api::v1::test_views::Why;

pub async fn run(console: Console, global: &Global, args: WhyArgs) -> Result<u8, Failure> {
    let source = Source::of(console, global, args.results).await?;
    let test = match naming::find(&source, &args.test).await? {
        What::Attempt(attempt) => attempt.test,
        What::Test(test) => test,
    };
    let why = source.why(test).await?;
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
