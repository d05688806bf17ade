//! `dtf report`: from a coordinator, or from the results of `dtf run` when there is none.

use super::args::{Global, Output, ReportArgs};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::stored::{Source, Stored};
use crate::api::v1::reports::{MAX_ROWS, ReportQuery, ReportView};
use crate::client::ClientError;
use crate::config::locate;
use crate::domain::time::{Millis, Timestamp};
use crate::report;
use crate::store;
use crate::sys::clock::Clock;

const DEFAULT_SINCE: Millis = Millis::from_secs(7 * 86_400);

pub async fn run(console: Console, global: &Global, args: ReportArgs) -> Result<u8, Failure> {
    let mut query =
        ReportQuery { run: args.run, limit: Some(args.limit), ..ReportQuery::default() };
    if args.run.is_none() {
        let span = args.since.unwrap_or(DEFAULT_SINCE);
        query.since_ms = Some(Clock::start().now().0.saturating_sub(span.0));
    }
    let view = match Source::of(global, args.results)? {
        Source::Stored(stored) => from_store(&stored, &query)?,
        Source::Coordinator { client, named } => match client.report_view(&query).await {
            Err(ClientError::Unreachable { .. }) if !named => {
                from_store(&Stored::open(&locate::data_dir("local"))?, &query)?
            }
            answer => answer?,
        },
    };
    console.result(&render(console, &view, args.output)?)?;
    tell_left_out(console, &view, args.output);
    Ok(if view.rows.is_empty() { exit::NO_TEST } else { exit::PASSED })
}

/// Reads results that no coordinator serves.
fn from_store(stored: &Stored, query: &ReportQuery) -> Result<ReportView, Failure> {
    let asked = store::rows::ReportQuery {
        since: query.since_ms.map(Timestamp),
        run: query.run,
        limit: query.limit.unwrap_or(MAX_ROWS) as usize,
    };
    let rows = stored.store().report(&asked).map_err(|error| Failure::chain(&error))?;
    Ok(report::assemble(rows))
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
            let style = report::render::Style { colour: console.colour, width: console.width() };
            Ok(report::render::table(view, style))
        }
        Output::Csv => Ok(report::render::csv(view)),
        Output::Json => report::render::json(view)
            .map_err(|error| Failure::new(format!("cannot encode the report: {error}"))),
    }
}
