//! Gathers what an output format of a report shows, from a coordinator or from stored results. Each
//! format is gathered alone, so that a file never changes what is printed.
//!
//! Limits: the output of at most [`MAX_OUTPUTS`] tests is read, and of all together at most
//! [`MAX_OUTPUTS_BYTES`] are kept. What is left out is replaced by the reason.

use crate::api::v1::changes::{ChangesQuery, ChangesView};
use crate::api::v1::flaky::{FlakyQuery, FlakyView, MAX_TESTS};
use crate::api::v1::matrix::{MatrixView, SummaryView};
use crate::api::v1::reports::{MAX_ROWS, ReportQuery, ReportRow, ReportView};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::formats::Format;
use crate::cli::results::stored::Source;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::results;
use crate::results::render::{Report, ends};
use futures::future::{join, try_join, try_join3};
use futures::stream::{self, StreamExt as _};
use std::collections::{BTreeMap, HashSet};

/// Maximum number of rows of a table, unless a flag gives another one.
const TABLE_ROWS: u32 = 1000;
/// Maximum number of tests whose output is read: the tests of one JUnit file.
const MAX_OUTPUTS: usize = 10_000;
/// Maximum size of the kept outputs, in bytes.
const MAX_OUTPUTS_BYTES: usize = 64 * 1024 * 1024;
/// Maximum size of the kept output of a test, in bytes: the formats show no more.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// Number of outputs that are read at the same time.
const READS: usize = 8;

/// The tests of a report.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Conditions on the tests, and the period.
    pub query: ReportQuery,
    /// The only runs. Empty for those of the period.
    pub runs: Vec<RunId>,
    /// Maximum number of rows of every format.
    pub limit: Option<u32>,
}

impl Selection {
    /// All tests of a run.
    pub fn run(run: RunId) -> Self {
        Self { runs: vec![run], ..Self::default() }
    }
}

/// The report in a format: the rows, and the parts that the format shows. `sections` includes matrix,
/// changes, slowest tests and workers in formats that have them.
///
/// # Errors
/// A selected run does not exist, or the results cannot be read.
pub async fn report(
    source: &Source,
    selection: &Selection,
    format: Format,
    sections: bool,
) -> Result<Report, CliError> {
    let limit = selection.limit.unwrap_or(match format {
        Format::Table => TABLE_ROWS,
        _ => MAX_ROWS,
    });
    let rows = ReportQuery {
        limit: Some(limit),
        details: format.has_details(),
        ..selection.query.clone()
    };
    // The sections are about one run or a period.
    let query = ReportQuery {
        run: selection.runs.first().copied(),
        limit: None,
        ..selection.query.clone()
    };
    let has_sections = sections && format.has_sections() && selection.runs.len() < 2;
    let sections = Box::pin(async {
        if has_sections { Sections::of(source, &query).await.map(Some) } else { Ok(None) }
    });
    // The questions that take longest begin first: the rows, then the changes.
    let (rows, sections) = join(Box::pin(rows_of(source, selection, &rows)), sections).await;
    // The error about a run that does not exist precedes those of the sections.
    let mut report = Report::from(rows?);
    if let Some(sections) = sections? {
        sections.add(source, &mut report, &query).await?;
    }
    if format.has_details() {
        report.outputs = outputs(source, &report.view).await;
    }
    Ok(report)
}

/// The rows of the selected tests.
async fn rows_of(
    source: &Source,
    selection: &Selection,
    query: &ReportQuery,
) -> Result<ReportView, CliError> {
    if selection.runs.is_empty() {
        return source.report(query).await;
    }
    let mut reports = Vec::new();
    for run in &selection.runs {
        let report = source.report(&ReportQuery { run: Some(*run), ..query.clone() }).await?;
        if report.runs.is_empty() {
            return Err(no_run(*run));
        }
        reports.push(report);
    }
    let merged = results::merge(reports);
    merged.ok_or_else(|| CliError::new("there are no runs").with_exit(Exit::NoTest))
}

/// The error for a run that does not exist.
pub fn no_run(run: RunId) -> CliError {
    let error = CliError::new(format!("there is no run {run}"));
    error.with_exit(Exit::NoTest).hint("dtf report lists the newest runs")
}

/// The parts of a report besides its rows, before what is not selected is left out of them.
struct Sections {
    matrix: MatrixView,
    summary: SummaryView,
    /// `None` for a period that ends before now: what changed in it is not known.
    changed: Option<(FlakyView, Option<ChangesView>)>,
}

impl Sections {
    /// Asks for all parts at the same time.
    async fn of(source: &Source, query: &ReportQuery) -> Result<Self, CliError> {
        let ends_before =
            query.from_run.is_some() || query.to_run.is_some() || query.until_ms.is_some();
        let flaky = FlakyQuery { since_ms: query.since_ms, run: query.run, limit: Some(MAX_TESTS) };
        let about =
            ChangesQuery { to: query.run, since_ms: query.since_ms, ..ChangesQuery::default() };
        let changed = async {
            if ends_before {
                return Ok(None);
            }
            let (changes, flaky) = try_join(source.changes(&about), source.flaky(&flaky)).await?;
            Ok(Some((flaky, changes)))
        };
        let (matrix, summary) = (source.matrix(query), source.summary(query));
        // The parts that take longest begin first.
        let (changed, matrix, summary) = try_join3(changed, matrix, summary).await?;
        Ok(Self { matrix, summary, changed })
    }

    /// Adds the parts to a report. Changes and flaky tests are those of the selected tests.
    async fn add(
        self,
        source: &Source,
        report: &mut Report,
        query: &ReportQuery,
    ) -> Result<(), CliError> {
        let ReportQuery { model, hw, worker, family, status, .. } = query;
        let names = [model, hw, worker, family].into_iter().flatten();
        report.is_filtered = names.count() > 0 || status.is_some();
        (report.matrix, report.summary) = (Some(self.matrix), Some(self.summary));
        let Some((mut flaky, mut changes)) = self.changed else { return Ok(()) };
        // Without conditions, all tests of the run or the period are selected.
        let names = if report.is_filtered {
            Some(names_of(source, &report.view, query).await?)
        } else {
            None
        };
        let is_selected = |name: &String| names.as_ref().is_none_or(|names| names.contains(name));
        flaky.tests.retain(|test| is_selected(&test.name));
        if let Some(changes) = changes.as_mut().filter(|_| report.is_filtered) {
            changes.tests.retain(|test| is_selected(&test.name));
        }
        (report.flaky_tests, report.changes) = (Some(flaky), changes);
        Ok(())
    }
}

/// The names of all selected tests, also of those whose rows were cut.
async fn names_of(
    source: &Source,
    view: &ReportView,
    query: &ReportQuery,
) -> Result<HashSet<String>, CliError> {
    let names =
        |rows: &[ReportRow]| rows.iter().map(|row| row.name.clone()).collect::<HashSet<_>>();
    if !view.truncated {
        return Ok(names(&view.rows));
    }
    let all = ReportQuery { limit: Some(MAX_ROWS), details: false, ..query.clone() };
    Ok(names(&source.report(&all).await?.rows))
}

/// Output of tests that did not pass. What cannot be read is replaced by the reason.
async fn outputs(source: &Source, view: &ReportView) -> BTreeMap<TestId, String> {
    let has_output = |outcome: Option<Outcome>| {
        !matches!(outcome, None | Some(Outcome::Passed | Outcome::Skipped | Outcome::WorkerLost))
    };
    let rows = view.rows.iter().filter(|row| has_output(row.outcome) && row.attempts > 0);
    let (read, left): (Vec<_>, Vec<_>) = rows.enumerate().partition(|(at, _)| *at < MAX_OUTPUTS);
    let size = (MAX_OUTPUTS_BYTES / read.len().max(1)).min(MAX_OUTPUT_BYTES);
    let one = |row: &ReportRow| {
        let (test, attempt) = (row.test, row.test.attempt(row.attempts));
        async move {
            let text = match source.log(attempt).await {
                Ok(bytes) => ends(&String::from_utf8_lossy(&bytes), size),
                Err(error) => format!("(the output cannot be read: {})", error.message),
            };
            (test, text)
        }
    };
    let read = stream::iter(read.into_iter().map(|(_, row)| one(row)));
    let mut outputs: BTreeMap<TestId, String> = read.buffer_unordered(READS).collect().await;
    outputs.extend(left.into_iter().map(|(_, row)| {
        let test = row.test;
        (test, format!("(left out after the output of {MAX_OUTPUTS} tests: dtf logs {test})"))
    }));
    outputs
}
