//! `dtf report`: from a coordinator, or from the results of `dtf run` when there is none.

use super::args::{Global, Output, ReportArgs, Since, WhichRun};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::stored::{Source, Stored};
use crate::api::v1::reports::{MAX_ROWS, ReportQuery, ReportView, Totals};
use crate::domain::id::RunId;
use crate::domain::time::{Millis, Timestamp};
use crate::results;
use crate::store;
use crate::sys::clock::Clock;

const DEFAULT_SINCE: Since = Since::Last(Millis::from_secs(7 * 86_400));

pub async fn run(console: Console, global: &Global, args: ReportArgs) -> Result<u8, Failure> {
    let source = Source::of(console, global, args.results).await?;
    let limit = Some(args.limit);
    let view = if args.run.is_empty() {
        let since = match args.since.unwrap_or(DEFAULT_SINCE) {
            Since::Last(span) => Clock::start().now().0.saturating_sub(span.0),
            Since::At(time) => time.0,
        };
        ask(&source, &ReportQuery { since_ms: Some(since), run: None, limit }).await?
    } else {
        let mut reports = Vec::new();
        for run in chosen(&source, &args.run).await? {
            reports
                .push(ask(&source, &ReportQuery { since_ms: None, run: Some(run), limit }).await?);
        }
        let merged = results::merge(reports);
        merged
            .ok_or_else(|| Failure { code: exit::NO_TEST, ..Failure::new("there are no runs") })?
    };
    console.result(&render(console, &view, args.output)?)?;
    tell_left_out(console, &view, args.output);
    Ok(match view.totals {
        _ if view.rows.is_empty() => exit::NO_TEST,
        Totals { pending: 1.., .. } if args.exit_code => exit::PENDING,
        _ if args.exit_code => exit::of_run(&view.totals, args.fail_on_flaky),
        _ => exit::PASSED,
    })
}

/// The runs that were named, each once.
async fn chosen(source: &Source, named: &[WhichRun]) -> Result<Vec<RunId>, Failure> {
    let mut runs = Vec::new();
    for which in named {
        match which {
            WhichRun::Id(run) => runs.push(*run),
            WhichRun::Latest => runs.extend(source.newest_runs(1).await?),
        }
    }
    runs.sort_unstable();
    runs.dedup();
    Ok(runs)
}

async fn ask(source: &Source, query: &ReportQuery) -> Result<ReportView, Failure> {
    match source {
        Source::Coordinator(client) => Ok(client.report_view(query).await?),
        Source::Stored(stored) => from_store(stored, query),
    }
}

/// Reads results that no coordinator serves.
fn from_store(stored: &Stored, query: &ReportQuery) -> Result<ReportView, Failure> {
    let asked = store::rows::ReportQuery {
        since: query.since_ms.map(Timestamp),
        run: query.run,
        limit: query.limit.unwrap_or(MAX_ROWS) as usize,
    };
    let rows = stored.store().report(&asked).map_err(|error| Failure::chain(&error))?;
    Ok(results::assemble(rows))
}

/// The table says by itself that rows are missing; a file of values could not.
fn tell_left_out(console: Console, view: &ReportView, output: Output) {
    if view.truncated && output == Output::Csv {
        console.warning(&format!(
            "only {} of {} tests are shown; more with --limit N",
            view.rows.len(),
            view.totals.tests
        ));
    }
}

/// The report in the form that was asked for.
pub fn render(console: Console, view: &ReportView, output: Output) -> Result<String, Failure> {
    match output {
        Output::Table => {
            let style = results::render::Style { colour: console.colour, width: console.width() };
            Ok(results::render::table(view, style))
        }
        Output::Csv => Ok(results::render::csv(view)),
        Output::Json => results::render::json(view)
            .map_err(|error| Failure::new(format!("cannot encode the report: {error}"))),
    }
}
