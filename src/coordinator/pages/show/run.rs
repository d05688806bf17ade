//! One run: its matrix, and its tests with filters.

use crate::api::v1::reports::{MetricSummary, ReportQuery, ReportRow, ReportView};
use crate::api::v1::runs::RunView;
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{Id, Params};
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::show::now::{counts, run_state};
use crate::coordinator::pages::text::{Link, State as Word, duration, encoded, shown, time};
use crate::coordinator::pages::viewer::{Named, Viewer};
use crate::domain::access::Permission;
use crate::domain::id::RunId;
use crate::results::render::figures::{counted, with_unit};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Maximum number of tests in the table of the page. The twins have those that the report has.
const MAX_LISTED: usize = 1_000;
/// The metric that is shown beside the outcome.
const METRIC: &str = "latency_seconds";
/// Labels by which the matrix is made.
const ROW_LABEL: &str = "model";
const COLUMN_LABEL: &str = "backend";

/// The filters of the page. A test is listed if all of them match.
#[derive(Debug, Default, Deserialize)]
struct Filter {
    state: Option<Wanted>,
    /// Part of the name. Case is ignored.
    name: Option<String>,
    model: Option<String>,
    backend: Option<String>,
}

/// A word for the state of a test, such as `failed`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Wanted(String);

impl TryFrom<String> for Wanted {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        if Word::words().any(|known| known == word) {
            return Ok(Self(word));
        }
        Err(format!(
            "there is no such state; states are {}",
            Word::words().collect::<Vec<_>>().join(", ")
        ))
    }
}

impl Filter {
    fn matches(&self, row: &ReportRow) -> bool {
        let label = |name: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| row.labels.get(name) == Some(wanted))
        };
        let contains = |part: &String| row.name.to_lowercase().contains(&part.to_lowercase());
        self.state.as_ref().is_none_or(|wanted| state(row).word == wanted.0)
            && self.name.as_ref().is_none_or(contains)
            && label(ROW_LABEL, &self.model)
            && label(COLUMN_LABEL, &self.backend)
    }
}

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    Named(run): Named<RunId>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let filter: Filter = viewer.params()?;
    let query = ReportQuery { run: Some(run), ..ReportQuery::default() };
    let Json(view) = runs::get(State(Arc::clone(&app)), Id(run)).await?;
    let Json(mut report) = reports::report(State(app), Params(query)).await?;
    let page = page(&view, &report, &filter, viewer.may(Permission::CancelRuns));
    report.rows.retain(|row| filter.matches(row));
    answer(&viewer, &report, page)
}

fn page(view: &RunView, report: &ReportView, filter: &Filter, may_cancel: bool) -> Page {
    let listed: Vec<&ReportRow> = report.rows.iter().filter(|row| filter.matches(row)).collect();
    let states: BTreeSet<String> = report.rows.iter().map(|row| state(row).word).collect();
    // The filter compares with the value itself, of which a page shows a plain form.
    let labels = |name: &str| -> Vec<Value> {
        let values: BTreeSet<&String> =
            report.rows.iter().filter_map(|row| row.labels.get(name)).collect();
        values.iter().map(|value| json!({ "value": value, "text": shown(value) })).collect()
    };
    let is_open = view.finished_at.is_none();
    let cut = listed.len().saturating_sub(MAX_LISTED);
    Page {
        template: "run.html",
        title: format!("Run {} {}", view.run, view.name),
        next: Some(next(view, report)),
        live: is_open.then(String::new),
        values: json!({
            "run": view.run.to_string(),
            "state": run_state(view),
            "counts": counts(&view.counts),
            "user": shown(&view.user),
            "submitted": time(view.submitted_at),
            "finished": view.finished_at.map(time),
            "stuck": view.counts.unschedulable,
            "matrix": matrix(view.run, &report.rows),
            "filter": {
                "state": filter.state.as_ref().map_or("", |wanted| &wanted.0),
                "name": filter.name.as_deref().unwrap_or_default(),
                "model": filter.model.as_deref().unwrap_or_default(),
                "backend": filter.backend.as_deref().unwrap_or_default(),
            },
            "states": states,
            "models": labels(ROW_LABEL),
            "backends": labels(COLUMN_LABEL),
            "tests": worst(&listed, MAX_LISTED).into_iter().map(test).collect::<Vec<_>>(),
            "listed": counted(listed.len() as u64, "test"),
            "cut": (cut > 0).then(|| format!("{} more are in the JSON and the CSV.", counted(cut as u64, "test"))),
            "left_out": left_out(report),
            "may_cancel": may_cancel && is_open,
        }),
        table: table(&listed),
    }
}

/// The tests that neither the page nor its twins have, in a sentence. `None` if they have all.
fn left_out(report: &ReportView) -> Option<String> {
    let missing = report.totals.tests.saturating_sub(report.rows.len() as u64);
    report.truncated.then(|| {
        format!(
            "A page and its twins have at most {} of a run. Left out: {}, those that passed first.",
            counted(report.rows.len() as u64, "test"),
            counted(missing, "test")
        )
    })
}

/// The first failure, then a comparison, is what most readers want.
fn next(view: &RunView, report: &ReportView) -> Link {
    let broken = report.rows.iter().find(|row| state(row).kind == "bad");
    if let Some(row) = broken {
        return Link::new(format!("/tests/{}", row.test), "Show the first failed test");
    }
    let number = view.run.0;
    match number {
        2.. => Link::new(
            format!("/compare?from=r{}&to=r{number}", number - 1),
            &format!("Compare with r{}", number - 1),
        ),
        _ => Link::new("/", "Show what is running"),
    }
}

fn state(row: &ReportRow) -> Word {
    let state = Word::of_test(row.outcome, row.phase, row.flaky);
    state.unless_quarantined(row.quarantined.is_some())
}

/// At most this number of tests, in their order. Those with a worse state are preferred.
fn worst<'r>(listed: &[&'r ReportRow], most: usize) -> Vec<&'r ReportRow> {
    let mut worst = listed.to_vec();
    if worst.len() > most {
        worst.sort_by_cached_key(|row| severity(&state(row)));
        worst.truncate(most);
        worst.sort_unstable_by_key(|row| row.test);
    }
    worst
}

/// Severity of a state, the worst first.
fn severity(word: &Word) -> usize {
    ["bad", "warn", "busy", "idle", "ok"].iter().position(|kind| *kind == word.kind).unwrap_or(5)
}

/// The worst state of the tests of each model on each back-end. `None` if no test names both.
fn matrix(run: RunId, rows: &[ReportRow]) -> Option<Value> {
    let mut cells: BTreeMap<(&str, &str), Vec<&ReportRow>> = BTreeMap::new();
    for row in rows {
        if let (Some(model), Some(backend)) =
            (row.labels.get(ROW_LABEL), row.labels.get(COLUMN_LABEL))
        {
            cells.entry((model, backend)).or_default().push(row);
        }
    }
    if cells.is_empty() {
        return None;
    }
    let models: BTreeSet<&str> = cells.keys().map(|(model, _)| *model).collect();
    let backends: BTreeSet<&str> = cells.keys().map(|(_, backend)| *backend).collect();
    let line = |model: &&str| {
        let cell = |backend: &&str| {
            cells.get(&(*model, *backend)).map(|rows| cell(run, (model, backend), rows))
        };
        json!({ "name": shown(model), "cells": backends.iter().map(cell).collect::<Vec<_>>() })
    };
    Some(json!({
        "columns": backends.iter().map(|backend| shown(backend)).collect::<Vec<_>>(),
        "rows": models.iter().map(line).collect::<Vec<_>>(),
    }))
}

fn cell(run: RunId, (model, backend): (&str, &str), rows: &[&ReportRow]) -> Value {
    let worst = rows.iter().map(|row| state(row)).min_by_key(severity);
    let href = match rows {
        [row] => format!("/tests/{}", row.test),
        _ => {
            format!("/runs/{run}?model={}&backend={}", encoded(model), encoded(backend))
        }
    };
    json!({ "href": href, "state": worst, "tests": rows.len() })
}

fn metric(row: &ReportRow) -> Option<&MetricSummary> {
    row.metrics.iter().find(|metric| *metric.name == *METRIC)
}

fn test(row: &ReportRow) -> Value {
    json!({
        "test": Link::new(format!("/tests/{}", row.test), &row.name),
        "state": state(row),
        "quarantine": row.quarantined.as_ref().map(|known| known.quarantine.to_string()),
        "worker": row.worker.as_deref().map(shown).unwrap_or_default(),
        "duration": row.duration_ms.map(duration).unwrap_or_default(),
        "latency": metric(row).map(|m| with_unit(m.p50, &m.unit)).unwrap_or_default(),
        "noisy": row.noisy,
        "message": shown(&row.message),
    })
}

fn table(rows: &[&ReportRow]) -> Table {
    let row = |row: &&ReportRow| {
        vec![
            row.test.to_string(),
            row.name.clone(),
            state(row).word,
            row.quarantined.as_ref().map_or_else(String::new, |q| q.quarantine.to_string()),
            row.worker.clone().unwrap_or_default(),
            row.attempts.to_string(),
            row.duration_ms.map_or_else(String::new, |span| span.0.to_string()),
            metric(row).map_or_else(String::new, |metric| metric.p50.to_string()),
            row.message.clone(),
        ]
    };
    Table {
        head: vec![
            "test",
            "name",
            "state",
            "quarantine",
            "worker",
            "attempts",
            "duration_ms",
            "latency_seconds",
            "message",
        ],
        rows: rows.iter().map(row).collect(),
    }
}
