//! The report as lines of JSON: first the report without its rows, then one line for each test.

use super::report::Report;
use super::words;
use crate::api::v1::reports::{ReportRow, ReportView};
use crate::domain::time::Timestamp;
use serde::Serialize;

/// One line. `kind` is `report` or `test`.
#[derive(Serialize)]
struct Line<'a, T> {
    kind: &'static str,
    schema: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// Renders a report as lines of JSON.
///
/// # Errors
/// Does not occur: every report can be encoded.
pub fn ndjson(report: &Report) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Head<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        runs: &'a [crate::domain::id::RunId],
        totals: &'a crate::api::v1::reports::Totals,
        truncated: bool,
    }
    let ReportView { schema, since, until, runs, totals, rows, truncated } = &report.view;
    let head = Head { since: *since, until: *until, runs, totals, truncated: *truncated };
    let mut out = line("report", *schema, &head)?;
    for row in rows {
        out.push_str(&line::<ReportRow>("test", *schema, row)?);
    }
    Ok(out)
}

fn line<T: Serialize>(
    kind: &'static str,
    schema: u32,
    content: &T,
) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(&Line { kind, schema, content })?;
    Ok(words::json(&text) + "\n")
}
