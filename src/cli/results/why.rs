//! `dtf why`: explains the state of a test.

use crate::api::v1::test_views::Why;
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::{Global, Shape};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::naming;
use crate::cli::results::naming::What;
use crate::cli::results::stored::Source;
use crate::cli::terminal::console::Console;
use crate::results::render::findings;
use crate::results::render::words::plain;
use clap::Args;

/// Maximum number of characters of the source and the identity of weights.
const WEIGHTS_CHARS: usize = 400;
/// Maximum number of characters of the versions of packages.
const PACKAGES_CHARS: usize = 2000;

/// Explain why a test waits, was skipped, or ended as it did
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf why r12.t3\n  dtf why bert-base-uncased/cpu/load   Find the test by name, in the newest run that has it"
)]
pub struct WhyArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Id of the test (r12.t3), its name, or a part of its name
    pub test: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

pub async fn run(console: Console, global: &Global, args: WhyArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    let test = match naming::find(&source, &args.test).await? {
        What::Attempt(attempt) => attempt.test,
        What::Test(test) => test,
    };
    let why = source.why(test).await?;
    source.leave_open();
    match args.output {
        Shape::Json => console.json(&why)?,
        Shape::Table => console.result(&sentences(&why))?,
    }
    Ok(Exit::Passed)
}

fn sentences(why: &Why) -> String {
    let mut lines = vec![format!("{} {}: {}", why.test, why.name, why.summary)];
    if let Some(weights) = &why.weights {
        let identity = why.weights_id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
        lines.push(format!("  weights: {}", plain(&format!("{weights}{identity}"), WEIGHTS_CHARS)));
    }
    if let Some(changes) = why.would_not_notice.as_deref().filter(|changes| !changes.is_empty()) {
        lines.push(format!("  would not notice: {}", findings::changes(changes)));
    }
    if let Some(module) = &why.first_differs {
        let (place, values) = (findings::difference(module), findings::values(module));
        let colon = if values.is_empty() { "" } else { ": " };
        lines.push(format!("  {place}{colon}{values}"));
    }
    if let Some(command) = &why.reproduce {
        lines.push(format!("  reproduce: {}", plain(command, WEIGHTS_CHARS)));
    }
    if !why.packages.is_empty() {
        let pins = why.packages.iter().map(|(name, version)| format!("{name}=={version}"));
        let pins = pins.collect::<Vec<_>>().join(" ");
        lines.push(format!("  packages: {}", plain(&pins, PACKAGES_CHARS)));
    }
    lines.extend(why.measured.iter().map(|measured| format!("  {measured}")));
    lines.extend(why.blocked_by.iter().map(|test| format!("  waiting for {test}")));
    let workers = why.workers.iter();
    lines.extend(workers.map(|w| format!("  {} {}: {}", w.worker, w.name, w.explanation)));
    lines.join("\n")
}
