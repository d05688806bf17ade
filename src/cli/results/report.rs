//! `dtf report`: prints a report of a coordinator or of stored results.

use crate::api::v1::reports::{GroupBy, MAX_ROWS, ReportQuery, Totals};
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::Global;
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::formats::{Format, ReportFiles};
use crate::cli::results::gather::{Selection, no_run};
use crate::cli::results::publish::{Printed, Published, publish};
use crate::cli::results::selection::{Bound, Since, WhichRun, bound, since, which_run};
use crate::cli::results::stored::Source;
use crate::cli::run::open;
use crate::cli::terminal::console::Console;
use crate::config::Resolver;
use crate::config::roles::LocalSettings;
use crate::domain::id::RunId;
use crate::domain::time::Millis;
use crate::sys::clock::Clock;
use crate::text::selection::{Patterns, Statuses};
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;

/// Show results: a matrix, passed, failed and flaky tests, latencies, workers
#[derive(Debug, Args)]
#[command(after_help = "\
Asks the given coordinator, or the one of this machine. Without a coordinator, reads the results
of `dtf run` from the data directory. Times are in UTC. docs/reports.md shows each format.

Examples:
  dtf report --since 7d
  dtf report --since 2026-11-01
  dtf report --run latest
  dtf report --run r12 --run r14 --output json
  dtf report --since 1d --model 'bert*' --hw cuda --status failed,flaky
  dtf report --between 2026-11-01 2026-11-08 --group-by family
  dtf report --run latest --output html > report.html
  dtf report --run latest --write junit=out/junit.xml --write ctrf=out/ctrf.json
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
    /// Include only runs between two dates or two runs, such as --between r12 r20
    #[arg(long, num_args = 2, value_parser = bound, value_names = ["FROM", "TO"], conflicts_with_all = ["run", "since"])]
    pub between: Vec<Bound>,
    #[command(flatten)]
    pub filter: Filter,
    /// Maximum number of tests to show [default: 1000 in a table, otherwise 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ROWS)))]
    pub limit: Option<u32>,
    /// Exit with a code for the results (see `dtf --help`); 8 if tests are still pending
    #[arg(long)]
    pub exit_code: bool,
    /// With --exit-code: exit with code 100 if a test passed only after a failed attempt
    #[arg(long, requires = "exit_code")]
    pub fail_on_flaky: bool,
    /// Show the dashboard, or the page of one run, in the browser instead of printing
    #[arg(long, conflicts_with_all = [
        "exit_code", "output", "since", "between", "model", "hw", "worker", "family", "status", "group_by",
        "metric", "limit", "write", "junit_dialect",
    ])]
    pub open: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Format,
    #[command(flatten)]
    pub files: ReportFiles,
}

/// The tests of a report.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Include only these models; `*` matches any text. Separate several by commas
    #[arg(long, value_name = "MODEL,…")]
    pub model: Option<Patterns>,
    /// Include only this hardware: back-ends or products of devices
    #[arg(long, value_name = "HARDWARE,…")]
    pub hw: Option<Patterns>,
    /// Include only tests that ran on these workers
    #[arg(long, value_name = "WORKER,…")]
    pub worker: Option<Patterns>,
    /// Include only these families of models
    #[arg(long, value_name = "FAMILY,…")]
    pub family: Option<Patterns>,
    /// Include only tests in these states: outcomes, `flaky`, or `pending`
    #[arg(long, value_name = "STATE,…")]
    pub status: Option<Statuses>,
    /// Rows of the matrix
    #[arg(long, value_parser = group_by(), default_value = "model", value_name = "PROPERTY")]
    pub group_by: GroupBy,
    /// Metric of the matrix, and of the history in the HTML report [default: `latency_seconds`]
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
}

fn group_by() -> impl clap::builder::TypedValueParser<Value = GroupBy> {
    PossibleValuesParser::new(GroupBy::ALL.map(GroupBy::name)).map(|name| {
        let named = GroupBy::ALL.into_iter().find(|group| group.name() == name);
        named.unwrap_or_default()
    })
}

impl Filter {
    fn query(self) -> ReportQuery {
        let Self { model, hw, worker, family, status, group_by, metric } = self;
        let group_by = Some(group_by);
        ReportQuery {
            model,
            hw,
            worker,
            family,
            status,
            group_by,
            metric,
            ..ReportQuery::default()
        }
    }
}

const DEFAULT_SINCE: Since = Since::Last(Millis::from_secs(7 * 86_400));

pub async fn run(console: Console, global: &Global, args: ReportArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    if args.open {
        return show(console, global, source, &args.run).await;
    }
    let query = args.filter.query();
    let selection = if args.run.is_empty() {
        let query = period(query, &args.between, args.since.unwrap_or(DEFAULT_SINCE))?;
        for run in [query.from_run, query.to_run].into_iter().flatten() {
            if !source.has_run(run).await? {
                return Err(no_run(run));
            }
        }
        Selection { query, runs: Vec::new(), limit: args.limit }
    } else {
        let runs = selected_runs(&source, &args.run).await?;
        if runs.is_empty() {
            return Err(CliError::new("there are no runs").with_exit(Exit::NoTest));
        }
        Selection { query, runs, limit: args.limit }
    };
    let printed = Printed { format: args.output, sections: true };
    let Published { view, is_complete } =
        publish(console, &source, &selection, printed, &args.files).await?;
    source.leave_open();
    let exit = match view.totals {
        _ if view.rows.is_empty() => Exit::NoTest,
        Totals { pending: 1.., .. } if args.exit_code => Exit::Pending,
        _ if args.exit_code => Exit::of_run(&view.totals, args.fail_on_flaky),
        _ => Exit::Passed,
    };
    Ok(exit.with_files(is_complete))
}

/// Shows the results in the browser: the page of the only selected run, or the first page. Results
/// that no coordinator serves are served by this process until Ctrl-C.
async fn show(
    console: Console,
    global: &Global,
    source: Source,
    runs: &[WhichRun],
) -> Result<Exit, CliError> {
    let selected = selected_runs(&source, runs).await?;
    let path = match selected.as_slice() {
        [] if runs.is_empty() => "/".to_owned(),
        [] => return Err(CliError::new("there are no runs").with_exit(Exit::NoTest)),
        [run] if !source.has_run(*run).await? => return Err(no_run(*run)),
        [run] => format!("/runs/{run}"),
        _ => return Err(CliError::usage("--open shows one run, and several are selected")),
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

/// Limits a query to a period, or to runs.
///
/// # Errors
/// The end is before the beginning.
fn period(
    mut query: ReportQuery,
    between: &[Bound],
    since: Since,
) -> Result<ReportQuery, CliError> {
    let time = |since| match since {
        Since::Last(span) => Clock::start().now().0.saturating_sub(span.0),
        Since::At(time) => time.0,
    };
    let [from, to] = between else {
        return Ok(ReportQuery { since_ms: Some(time(since)), ..query });
    };
    match *from {
        Bound::Run(run) => query.from_run = Some(run),
        Bound::Time(from) => query.since_ms = Some(time(from)),
    }
    match *to {
        Bound::Run(run) => query.to_run = Some(run),
        Bound::Time(to) => query.until_ms = Some(time(to)),
    }
    let is_reversed = |from: Option<u64>, to: Option<u64>| from.zip(to).is_some_and(|(f, t)| f > t);
    let runs = [query.from_run, query.to_run].map(|run| run.map(|run| u64::from(run.0)));
    if is_reversed(runs[0], runs[1]) || is_reversed(query.since_ms, query.until_ms) {
        return Err(CliError::usage("--between names an end before its beginning")
            .hint("write the earlier run or time first"));
    }
    Ok(query)
}

/// The selected runs, each once.
async fn selected_runs(source: &Source, selected: &[WhichRun]) -> Result<Vec<RunId>, CliError> {
    let mut runs = Vec::new();
    for which in selected {
        match which {
            WhichRun::Id(run) => runs.push(*run),
            WhichRun::Latest => runs.extend(source.latest_run().await?),
        }
    }
    runs.sort_unstable();
    runs.dedup();
    Ok(runs)
}
