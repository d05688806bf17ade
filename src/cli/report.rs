//! `dtf report`: from a coordinator, or from the results of `dtf run` when there is none.

use super::args::{Global, Output, ReportArgs, Since, WhichRun};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::stored::Source;
use crate::api::v1::reports::{ReportQuery, ReportView, Totals};
use crate::domain::id::RunId;
use crate::domain::time::Millis;
use crate::results;
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
        source.report(&ReportQuery { since_ms: Some(since), run: None, limit }).await?
    } else {
        let mut reports = Vec::new();
        for run in chosen(&source, &args.run).await? {
            let query = ReportQuery { since_ms: None, run: Some(run), limit };
            reports.push(source.report(&query).await?);
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
