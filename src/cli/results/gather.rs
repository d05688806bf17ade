//! Gathers what the output formats of a report show, from a coordinator or from stored results.
//!
//! Limit: the output of at most [`MAX_OUTPUTS`] tests is read.

use crate::api::v1::changes::ChangesQuery;
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::cli::error::CliError;
use crate::cli::results::formats::{Format, ReportFiles};
use crate::cli::results::stored::Source;
use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::results::render::Report;
use std::collections::{BTreeMap, HashSet};

/// Maximum number of tests whose output is read.
const MAX_OUTPUTS: usize = 500;

/// The parts of a report that the requested formats show.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    sections: bool,
    details: bool,
}

impl Parts {
    pub fn of(format: Format, files: &ReportFiles) -> Self {
        let formats = || files.write.iter().map(|file| file.format).chain([format]);
        Self {
            sections: formats().any(Format::has_sections),
            details: formats().any(Format::has_details),
        }
    }

    /// Without matrix, slowest tests and workers.
    #[must_use]
    pub fn without_sections(self) -> Self {
        Self { sections: false, ..self }
    }

    /// The query of the rows.
    pub fn query(self, query: ReportQuery) -> ReportQuery {
        ReportQuery { details: self.details, ..query }
    }
}

/// Adds the other parts to the rows of a report. `query` selects the tests of the sections.
pub async fn complete(
    source: &Source,
    view: ReportView,
    query: &ReportQuery,
    parts: Parts,
) -> Result<Report, CliError> {
    let mut report = Report::from(view);
    if parts.sections {
        report.matrix = Some(source.matrix(query).await?);
        report.summary = Some(source.summary(query).await?);
        add_changes(source, &mut report, query).await?;
    }
    if parts.details {
        report.outputs = outputs(source, &report.view).await;
    }
    Ok(report)
}

/// Adds changes and flaky tests: of the tests of the report, if the query does not select all. Changes
/// of a period that ends before now are not known.
async fn add_changes(
    source: &Source,
    report: &mut Report,
    query: &ReportQuery,
) -> Result<(), CliError> {
    let ReportQuery { model, hw, worker, family, status, .. } = query;
    let names = [model, hw, worker, family].into_iter().flatten();
    report.is_filtered = names.count() > 0 || status.is_some();
    let names: HashSet<&str> = report.view.rows.iter().map(|row| &*row.name).collect();
    let is_part = |name: &str| !report.is_filtered || names.contains(name);
    let mut flaky = source.flaky(query).await?;
    flaky.tests.retain(|test| is_part(&test.name));
    report.flaky_tests = Some(flaky);
    if query.from_run.is_none() && query.to_run.is_none() && query.until_ms.is_none() {
        let about =
            ChangesQuery { to: query.run, since_ms: query.since_ms, ..ChangesQuery::default() };
        let mut changes = source.changes(&about).await?;
        if let Some(changes) = &mut changes {
            changes.tests.retain(|test| is_part(&test.name));
        }
        report.changes = changes;
    }
    Ok(())
}

/// Output of tests that did not pass. What cannot be read is replaced by the reason.
async fn outputs(source: &Source, view: &ReportView) -> BTreeMap<TestId, String> {
    let has_output = |outcome: Option<Outcome>| {
        !matches!(outcome, None | Some(Outcome::Passed | Outcome::Skipped | Outcome::WorkerLost))
    };
    let mut outputs = BTreeMap::new();
    let rows = view.rows.iter().filter(|row| has_output(row.outcome) && row.attempts > 0);
    for row in rows.take(MAX_OUTPUTS) {
        let text = match source.log(row.test.attempt(row.attempts)).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("(the output cannot be read: {})", error.message),
        };
        outputs.insert(row.test, text);
    }
    outputs
}
