//! Gathers what the output formats of a report show, from a coordinator or from stored results.
//!
//! Limit: the output of at most [`MAX_OUTPUTS`] tests is read.

use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::cli::error::CliError;
use crate::cli::results::formats::{Format, ReportFiles};
use crate::cli::results::stored::Source;
use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::results::render::Report;
use std::collections::BTreeMap;

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
        report.flaky_tests = Some(source.flaky(query).await?);
    }
    if parts.details {
        report.outputs = outputs(source, &report.view).await;
    }
    Ok(report)
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
