//! `dtf report`: prints a report of a coordinator or of stored results.

use crate::api::v1::reports::{MAX_ROWS, ReportQuery, ReportView, Totals};
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::{Global, Output};
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::selection::{Since, WhichRun, since, which_run};
use crate::cli::results::stored::Source;
use crate::cli::run::open;
use crate::cli::terminal::console::Console;
use crate::config::Resolver;
use crate::config::roles::LocalSettings;
use crate::domain::id::RunId;
use crate::domain::time::Millis;
use crate::results;
use crate::sys::clock::Clock;
use clap::Args;

/// Show results: passed, failed and flaky tests, with latencies
#[derive(Debug, Args)]
#[command(after_help = "\
Asks the given coordinator, or the one of this machine. Without a coordinator, reads the results
of `dtf run` from the data directory. Times are in UTC.

Examples:
  dtf report --since 7d
  dtf report --since 2026-11-01
  dtf report --run latest
  dtf report --run r12 --run r14 --output json
  dtf report --run r12 --exit-code      Exit like `dtf submit --wait`
  dtf report --run latest --open        Show a run in the browser")]
pub struct ReportArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Include runs submitted in this period, such as 7d, or since a date, such as 2026-11-28 [default: 7d]
    #[arg(long, value_parser = since, value_name = "PERIOD|DATE", conflicts_with = "run")]
    pub since: Option<Since>,
    /// Include only this run, such as r12 or `latest`. Repeatable
    #[arg(long, value_parser = which_run, value_name = "RUN")]
    pub run: Vec<WhichRun>,
    /// Maximum number of rows to show
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ROWS)))]
    pub limit: u32,
    /// Exit with a code for the results (see `dtf --help`); 8 if tests are still pending
    #[arg(long)]
    pub exit_code: bool,
    /// With --exit-code: exit with code 100 if a test passed only after a failed attempt
    #[arg(long, requires = "exit_code")]
    pub fail_on_flaky: bool,
    /// Show the results in the browser instead of printing them
    #[arg(long, conflicts_with_all = ["exit_code", "output"])]
    pub open: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

const DEFAULT_SINCE: Since = Since::Last(Millis::from_secs(7 * 86_400));

pub async fn run(console: Console, global: &Global, args: ReportArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    if args.open {
        return show(console, global, source, &args.run).await;
    }
    let limit = Some(args.limit);
    let view = if args.run.is_empty() {
        let since = match args.since.unwrap_or(DEFAULT_SINCE) {
            Since::Last(span) => Clock::start().now().0.saturating_sub(span.0),
            Since::At(time) => time.0,
        };
        source
            .report(&ReportQuery { since_ms: Some(since), limit, ..ReportQuery::default() })
            .await?
    } else {
        let mut reports = Vec::new();
        for run in selected_runs(&source, &args.run).await? {
            let query = ReportQuery { run: Some(run), limit, ..ReportQuery::default() };
            reports.push(source.report(&query).await?);
        }
        let merged = results::merge(reports);
        merged.ok_or_else(|| CliError::new("there are no runs").with_exit(Exit::NoTest))?
    };
    console.result(&render(console, &view, args.output)?)?;
    warn_truncated(console, &view, args.output);
    Ok(match view.totals {
        _ if view.rows.is_empty() => Exit::NoTest,
        Totals { pending: 1.., .. } if args.exit_code => Exit::Pending,
        _ if args.exit_code => Exit::of_run(&view.totals, args.fail_on_flaky),
        _ => Exit::Passed,
    })
}

/// Shows the results in the browser: the page of the only selected run, or the first page. Results
/// that no coordinator serves are served by this process until Ctrl-C.
async fn show(
    console: Console,
    global: &Global,
    source: Source,
    runs: &[WhichRun],
) -> Result<Exit, CliError> {
    let path = match selected_runs(&source, runs).await?[..] {
        [run] => format!("/runs/{run}"),
        _ => "/".to_owned(),
    };
    match source {
        Source::Coordinator(client) => {
            let file = settings(global)?;
            let local = LocalSettings::resolve(None, &mut Resolver::new(&file));
            open::show(console, &client, &local.data_dir, &path).await?;
        }
        Source::Stored(stored) => {
            let directory = stored.directory().to_owned();
            // The coordinator opens the database.
            drop(stored);
            open::show_stored(console, &directory, &path).await?;
        }
    }
    Ok(Exit::Passed)
}

/// The selected runs, each once.
async fn selected_runs(source: &Source, selected: &[WhichRun]) -> Result<Vec<RunId>, CliError> {
    let mut runs = Vec::new();
    for which in selected {
        match which {
            WhichRun::Id(run) => runs.push(*run),
            WhichRun::Latest => runs.extend(source.newest_runs(1).await?),
        }
    }
    runs.sort_unstable();
    runs.dedup();
    Ok(runs)
}

/// Warns if rows are missing in CSV. A table has a line about it.
fn warn_truncated(console: Console, view: &ReportView, output: Output) {
    if view.truncated && output == Output::Csv {
        console.warning(&format!(
            "only {} of {} tests are shown; use --limit N to show more",
            view.rows.len(),
            view.totals.tests
        ));
    }
}

/// Renders a report in the requested output format.
pub fn render(console: Console, view: &ReportView, output: Output) -> Result<String, CliError> {
    match output {
        Output::Table => {
            let style = results::render::Style { colour: console.colour, width: console.width() };
            Ok(results::render::table(view, style))
        }
        Output::Csv => Ok(results::render::csv(view)),
        Output::Json => results::render::json(view)
            .map_err(|error| CliError::new(format!("cannot encode the report: {error}"))),
    }
}
