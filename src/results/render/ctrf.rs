//! The report as CTRF JSON (Common Test Report Format).
//!
//! Durations and times are in milliseconds. Values of labels and metrics that the format has no field
//! for are in `extra`.

use super::escape;
use super::report::Report;
use super::words;
use crate::api::v1::reports::{EarlierAttempt, ReportRow};
use crate::domain::outcome::{Class, Outcome};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Version of the format.
const SPEC_VERSION: &str = "0.0.0";
/// Maximum size of the output of one test, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// Maximum number of lines of the output of one test.
const MAX_LINES: usize = 2_000;

/// Renders a report as CTRF JSON.
#[must_use]
pub fn ctrf(report: &Report) -> String {
    let view = &report.view;
    let count = |wanted: &str| view.rows.iter().filter(|row| status_of(row) == wanted).count();
    let ends = || view.rows.iter().filter_map(|row| row.finished_at.map(|at| at.0));
    let stop = ends().max().unwrap_or(0);
    let start = view.rows.iter().filter_map(begin).min().unwrap_or(stop);
    let suites: BTreeSet<String> = view.rows.iter().map(suite).collect();
    let document = json!({
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "generatedBy": "dtf",
        "results": {
            "tool": {"name": "dtf", "version": env!("CARGO_PKG_VERSION")},
            "summary": {
                "tests": view.rows.len(),
                "passed": count("passed"),
                "failed": count("failed"),
                "skipped": count("skipped"),
                "pending": count("pending"),
                "other": count("other"),
                "flaky": view.rows.iter().filter(|row| row.flaky).count(),
                "suites": suites.len(),
                "start": start,
                "stop": stop,
                "extra": {"runs": view.runs, "truncated": view.truncated, "testsOfTheReport": view.totals.tests},
            },
            "tests": view.rows.iter().map(|row| test(report, row)).collect::<Vec<_>>(),
        },
    });
    words::json(&format!("{document:#}")) + "\n"
}

/// The five states of the format. `other`: no verdict because of the infrastructure.
fn status(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "pending",
        Some(Outcome::Passed) => "passed",
        Some(Outcome::Failed | Outcome::ReducedPrecision | Outcome::Error | Outcome::TimedOut) => {
            "failed"
        }
        Some(Outcome::Skipped) => "skipped",
        Some(Outcome::Cancelled | Outcome::Expired | Outcome::WorkerLost) => "other",
    }
}

/// The state of a test. A failed test in quarantine is `other`, so that it does not fail its report.
fn status_of(row: &ReportRow) -> &'static str {
    match (status(row.outcome), &row.quarantined) {
        ("failed", Some(_)) => "other",
        (status, _) => status,
    }
}

fn begin(row: &ReportRow) -> Option<u64> {
    Some(row.finished_at?.0.saturating_sub(row.duration_ms?.0))
}

fn suite(row: &ReportRow) -> String {
    row.labels.get("model").cloned().unwrap_or_else(|| row.test.run.to_string())
}

fn test(report: &Report, row: &ReportRow) -> Value {
    let mut test = Map::new();
    let mut set = |name: &str, value: Value| test.insert(name.to_owned(), value);
    set("name", json!(row.name));
    set("status", json!(status_of(row)));
    set("duration", json!(row.duration_ms.map_or(0, |span| span.0)));
    if let (Some(start), Some(stop)) = (begin(row), row.finished_at) {
        set("start", json!(start));
        set("stop", json!(stop.0));
    }
    set("suite", json!([suite(row)]));
    set("rawStatus", json!(words::state(row)));
    set("flaky", json!(row.flaky));
    set("retries", json!(row.attempts.saturating_sub(1)));
    if !row.message.is_empty() {
        set("message", json!(row.message));
    }
    if !row.earlier.is_empty() {
        set("retryAttempts", row.earlier.iter().map(attempt).collect());
    }
    if let Some(worker) = &row.worker {
        set("threadId", json!(worker));
    }
    if !row.devices.is_empty() {
        set("device", json!(row.devices.join(", ")));
    }
    if !row.labels.is_empty() {
        set("labels", json!(row.labels));
    }
    if let Some(output) = report.outputs.get(&row.test).filter(|output| !output.is_empty()) {
        let output = escape::ends(output, MAX_OUTPUT_BYTES);
        set("stdout", output.lines().take(MAX_LINES).collect());
    }
    let class = row.class.map(Class::name);
    let metrics: Map<String, Value> =
        row.metrics.iter().map(|metric| (metric.name.to_string(), json!(metric))).collect();
    let extra = json!({"test": row.test, "class": class, "reproduce": row.reproduce,
        "weights": row.weights, "metrics": metrics, "quarantined": row.quarantined});
    set("extra", extra);
    Value::Object(test)
}

fn attempt(attempt: &EarlierAttempt) -> Value {
    let EarlierAttempt { number, outcome, message, duration_ms, finished_at, worker, class } =
        attempt;
    json!({
        "attempt": number,
        "status": status(Some(*outcome)),
        "duration": duration_ms.0,
        "message": message,
        "start": finished_at.0.saturating_sub(duration_ms.0),
        "stop": finished_at.0,
        "extra": {"worker": worker, "outcome": outcome, "class": class.map(Class::name)},
    })
}
