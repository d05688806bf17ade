//! Tests over the newest runs: one row for each name, one column for each run.

use crate::api::v1::grid::{GridQuery, GridRow, GridTest, GridView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::text::{Link, State as Word, encoded, shown, time};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::outcome::Outcome;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// Maximum number of rows on the page. The twins have all of the grid.
const MAX_LISTED: usize = 1_000;

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let query: GridQuery = viewer.params()?;
    let name = query.name.clone().unwrap_or_default();
    let Json(view) = reports::grid::grid(State(app), Params(query)).await?;
    let page = page(&view, &name);
    answer(&viewer, &view, page)
}

fn page(view: &GridView, name: &str) -> Page {
    let columns = view.runs.iter().map(|run| {
        let label = format!("{} {}, {}", run.run, shown(&run.name), time(run.submitted_at));
        json!({ "href": format!("/runs/{}", run.run), "text": run.run.to_string(), "label": label })
    });
    let older = view.runs.last().map(|run| run.run.0).filter(|oldest| *oldest > 1);
    let older = older.map(|oldest| format!("/grid?to=r{}&name={}", oldest - 1, encoded(name)));
    let mut tests = view.rows.iter().flat_map(|row| &row.tests);
    let quarantined = tests.any(|test| test.quarantined.is_some());
    Page {
        template: "grid.html",
        title: "Tests over runs".into(),
        next: next(view),
        live: Some(String::new()),
        values: json!({
            "columns": columns.collect::<Vec<_>>(),
            "rows": view.rows.iter().take(MAX_LISTED).map(|row| line(view, row)).collect::<Vec<_>>(),
            "name": name,
            "quarantined": quarantined,
            "older": older,
            "cut": (view.truncated || view.rows.len() > MAX_LISTED),
        }),
        table: table(view),
    }
}

/// Two runs can be compared.
fn next(view: &GridView) -> Option<Link> {
    match &view.runs[..] {
        [newest, before, ..] => {
            let (from, to) = (before.run, newest.run);
            let href = format!("/compare?from={from}&to={to}");
            Some(Link::new(href, &format!("Compare {from} and {to}")))
        }
        [only] => Some(Link::new(format!("/runs/{}", only.run), "Show the run")),
        [] => None,
    }
}

fn state(test: &GridTest) -> Word {
    let state = Word::of_test(test.outcome, None, test.flaky);
    state.unless_quarantined(test.quarantined.is_some())
}

/// A row with a cell for each run, of which some have no such test.
fn line(view: &GridView, row: &GridRow) -> Value {
    let cells = view.runs.iter().map(|run| {
        let test = row.tests.iter().find(|test| test.test.run == run.run)?;
        let state = state(test);
        let known = test.quarantined;
        // Parentheses show what does not count; the page explains them.
        let letter = known.map_or_else(|| letter(test).into(), |_| format!("({})", letter(test)));
        let mut label = format!("{letter}: {} in {}, {}", shown(&row.name), run.run, state.word);
        label.extend(known.map(|known| format!(", in quarantine {known}")));
        Some(json!({
            "href": format!("/tests/{}", test.test),
            "kind": state.kind,
            "letter": letter,
            "label": label,
        }))
    });
    json!({ "name": shown(&row.name), "cells": cells.collect::<Vec<_>>() })
}

/// A short form of a state, beside which the colour is not needed.
fn letter(test: &GridTest) -> &'static str {
    match test.outcome {
        Some(Outcome::Passed) if test.flaky => "flaky",
        Some(Outcome::Passed) => "ok",
        Some(Outcome::Failed | Outcome::ReducedPrecision) => "fail",
        Some(Outcome::Error) => "err",
        Some(Outcome::TimedOut) => "time",
        Some(Outcome::WorkerLost) => "lost",
        Some(Outcome::Skipped) => "skip",
        Some(Outcome::Cancelled) => "canc",
        Some(Outcome::Expired) => "exp",
        None => "…",
    }
}

fn table(view: &GridView) -> Table {
    let rows = view.rows.iter().flat_map(|row| {
        row.tests.iter().map(|test| {
            let run = test.test.run.to_string();
            let quarantine = test.quarantined.map_or_else(String::new, |known| known.to_string());
            vec![row.name.clone(), run, test.test.to_string(), state(test).word, quarantine]
        })
    });
    Table { head: vec!["name", "run", "test", "state", "quarantine"], rows: rows.collect() }
}
