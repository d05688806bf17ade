//! `dtf diff`: what changed between two runs.

use crate::api::v1::changes::{ChangesQuery, ChangesView};
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::Global;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::selection::{WhichRun, which_run};
use crate::cli::results::stored::Source;
use crate::cli::terminal::console::Console;
use crate::domain::id::RunId;
use crate::results::render::{Style, changes as render};
use clap::{Args, ValueEnum};

/// Show what changed between two runs
///
/// Lists the tests that newly fail, are fixed, still fail, are flaky or did not run, and the metrics that
/// changed beyond the noise of their history. Tests are joined by what they test and by the hardware, also over
/// several workers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf diff r12 r14                 What changed from r12 to r14
  dtf diff latest                  What changed in the newest run, against everything before
  dtf diff r12 r14 --output markdown")]
pub struct DiffArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Run to compare with; with one run, the run to judge against everything before it
    #[arg(value_parser = which_run, value_name = "RUN")]
    pub first: WhichRun,
    /// Run to judge
    #[arg(value_parser = which_run, value_name = "RUN")]
    pub second: Option<WhichRun>,
    /// Maximum number of tests to list
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Exit with code 100 if a test newly fails or a regression is confirmed, of a test or of many tests of a worker
    #[arg(long)]
    pub exit_code: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: DiffOutput,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffOutput {
    #[default]
    Table,
    Json,
    Csv,
    Markdown,
}

pub async fn run(console: Console, global: &Global, args: DiffArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    let first = run_of(&source, args.first).await?;
    let (from, to) = match args.second {
        Some(second) => (Some(first), run_of(&source, second).await?),
        None => (None, first),
    };
    let limit = Some(args.limit);
    let query = ChangesQuery { from, to: Some(to), since_ms: None, limit };
    let Some(view) = source.changes(&query).await? else {
        let named = from.map(|from| format!("{from} or ")).unwrap_or_default();
        return Err(CliError::new(format!("there is no run {named}{to}")).with_exit(Exit::NoTest));
    };
    source.leave_open();
    match args.output {
        DiffOutput::Table => {
            let style = Style { colour: false, width: console.width() };
            console.result(render::table(&view, style).trim_end())?;
        }
        DiffOutput::Json => console.json(&view)?,
        DiffOutput::Csv => console.result(render::csv(&view).trim_end())?,
        DiffOutput::Markdown => console.result(render::markdown(&view).trim_end())?,
    }
    Ok(exit(&view, args.exit_code))
}

fn exit(view: &ChangesView, exit_code: bool) -> Exit {
    if view.totals.tests == 0 {
        return Exit::NoTest;
    }
    // The list of tests may be cut.
    let is_worse = view.totals.worse > 0 || view.totals.worse_with_worker > 0;
    if exit_code && is_worse { Exit::TestsFailed } else { Exit::Passed }
}

async fn run_of(source: &Source, which: WhichRun) -> Result<RunId, CliError> {
    match which {
        WhichRun::Id(run) => Ok(run),
        WhichRun::Latest => {
            let latest = source.latest_run().await?;
            latest.ok_or_else(|| CliError::new("there are no runs").with_exit(Exit::NoTest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::changes::ChangeTotals;

    #[test]
    fn the_exit_code_counts_tests_that_are_not_listed() {
        let of = |worse, tests| ChangesView {
            totals: ChangeTotals { tests, worse, ..ChangeTotals::default() },
            ..ChangesView::default()
        };
        assert_eq!(exit(&of(1, 9), true), Exit::TestsFailed);
        assert_eq!(exit(&of(1, 9), false), Exit::Passed);
        assert_eq!(exit(&of(0, 9), true), Exit::Passed);
        assert_eq!(exit(&of(0, 0), true), Exit::NoTest);
        let mut slower = of(0, 9);
        slower.totals.worse_with_worker = 9;
        assert_eq!(exit(&slower, true), Exit::TestsFailed, "all tests of a worker are slower");
    }
}
