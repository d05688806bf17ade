//! Models, or other groups of tests, on each kind of hardware over a period.

use crate::api::error::Code;
use crate::api::v1::matrix::{MatrixCell, MatrixView};
use crate::api::v1::reports::{GroupBy, ReportQuery};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::text::{Link, State as Word, relative, shown};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::outcome::Outcome;
use crate::results::render::figures::with_unit;
use crate::text::selection::{Patterns, Statuses};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Length of the period if the address does not specify it, in days.
const DEFAULT_DAYS: u64 = 7;
/// Maximum length of the period, in days.
const MAX_DAYS: u64 = 3650;
const DAY_MS: u64 = 86_400_000;

/// The filters of the page.
#[derive(Debug, Default, Deserialize)]
struct Filter {
    days: Option<u64>,
    model: Option<Patterns>,
    hw: Option<Patterns>,
    family: Option<Patterns>,
    worker: Option<Patterns>,
    status: Option<Statuses>,
    group_by: Option<GroupBy>,
    metric: Option<String>,
}

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let filter: Filter = viewer.params()?;
    let days = filter.days.unwrap_or(DEFAULT_DAYS);
    if !(1..=MAX_DAYS).contains(&days) {
        let message = format!("days is {days} (expected 1 to {MAX_DAYS})");
        return Err(ApiError::new(Code::BadRequest, message));
    }
    let fields = fields(&filter, days);
    let Filter { model, hw, family, worker, status, group_by, metric, .. } = filter;
    let since_ms = Some(app.clock.now().0.saturating_sub(days * DAY_MS));
    let query = ReportQuery {
        since_ms,
        model,
        hw,
        worker,
        family,
        status,
        group_by,
        metric,
        ..ReportQuery::default()
    };
    let Json(view) = reports::matrix::matrix(State(app), Params(query)).await?;
    let page = page(&view, days, &fields);
    answer(&viewer, &view, page)
}

/// The texts of the fields of the form.
fn fields(filter: &Filter, days: u64) -> Value {
    let text = |patterns: &Option<Patterns>| {
        patterns.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    json!({
        "days": days,
        "model": text(&filter.model),
        "hw": text(&filter.hw),
        "family": text(&filter.family),
        "worker": text(&filter.worker),
        "metric": filter.metric.as_deref().unwrap_or_default(),
    })
}

fn page(view: &MatrixView, days: u64, fields: &Value) -> Page {
    let mut cells: HashMap<(&str, &str), &MatrixCell> = HashMap::new();
    for cell in &view.cells {
        cells.insert((&cell.row, &cell.column), cell);
    }
    let line = |row: &String| {
        let cell = |column: &String| cells.get(&(&**row, &**column)).map(|cell| shown_cell(cell));
        json!({ "name": shown(row), "cells": view.columns.iter().map(cell).collect::<Vec<_>>() })
    };
    let groups = GroupBy::ALL
        .iter()
        .map(|group| json!({ "name": group.name(), "selected": *group == view.group_by }));
    Page {
        template: "matrix.html",
        title: format!("Models and hardware, last {days} days"),
        next: Some(next(view)),
        live: None,
        values: json!({
            "rows_are": view.group_by.name(),
            "metric": shown(&view.metric),
            "columns": view.columns.iter().map(|column| shown(column)).collect::<Vec<_>>(),
            "rows": view.rows.iter().map(line).collect::<Vec<_>>(),
            "cut": view.truncated,
            "fields": fields,
            "groups": groups.collect::<Vec<_>>(),
        }),
        table: table(view),
    }
}

fn state(cell: &MatrixCell) -> Word {
    let state =
        Word::of_test(cell.outcome, None, cell.flaky > 0 && cell.outcome == Some(Outcome::Passed));
    state.unless_quarantined(cell.is_exempt())
}

fn next(view: &MatrixView) -> Link {
    match view.cells.iter().find(|cell| state(cell).kind == "bad") {
        Some(cell) => Link::new(format!("/tests/{}", cell.test), "Show the first failed test"),
        None => Link::new("/regressions", "Show regressions"),
    }
}

fn shown_cell(cell: &MatrixCell) -> Value {
    let state = state(cell);
    let value = cell.value.map(|value| with_unit(value, &cell.unit)).unwrap_or_default();
    let change = cell.change.filter(|change| (change - 1.0).abs() >= 0.005).map(relative);
    json!({
        "href": format!("/tests/{}", cell.test),
        "state": state,
        "quarantined": quarantined(cell),
        "value": value,
        "change": change,
        "title": shown(&format!("{}; {}", cell.reproduce, cell.message)),
    })
}

/// Number of cases in quarantine.
fn quarantined(cell: &MatrixCell) -> u64 {
    cell.quarantined.values().sum()
}

fn table(view: &MatrixView) -> Table {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let row = |cell: &MatrixCell| {
        vec![
            cell.row.clone(),
            cell.column.clone(),
            cell.tests.to_string(),
            state(cell).word,
            quarantined(cell).to_string(),
            number(cell.value),
            cell.unit.clone(),
            number(cell.change),
            cell.test.to_string(),
            cell.reproduce.clone(),
        ]
    };
    Table {
        head: vec![
            "row",
            "column",
            "tests",
            "state",
            "quarantined",
            "value",
            "unit",
            "change",
            "test",
            "reproduce",
        ],
        rows: view.cells.iter().map(row).collect(),
    }
}
