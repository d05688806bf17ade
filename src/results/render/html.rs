//! The report as one HTML file: a matrix, a list and a page for each test, with charts.
//!
//! The pages are made in the browser from JSON in the file, and the file needs nothing else.
//! Limit: about [`MAX_BYTES`]. Outputs, raw values and past results are left out from the last test on
//! when they do not fit; the pages of these tests state it.
//! Promises: texts of others become text, never markup; the file loads nothing and contacts nobody.

use super::escape::{ends, script};
use super::report::Report;
use super::section::Section;
use super::sections::{self, NO_GROUP, words};
use super::table;
use super::words::{lines, reproduce, state};
use crate::api::v1::matrix::MatrixCell;
use crate::api::v1::reports::{GroupBy, ReportRow};
use crate::assets;
use crate::domain::outcome::Outcome;
use crate::text::render::{Engine, Escape, Limits, RenderError};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// Size of a file with 1,000 tests, in bytes.
const MAX_BYTES: usize = 1_500_000;
/// Size that is left for the page itself and for its totals, in bytes.
const FIXED_BYTES: usize = 100_000;
/// Maximum size of the end of an output, in bytes.
const MAX_OUTPUT_BYTES: usize = 4_000;
/// Maximum number of metrics of a test.
const MAX_METRICS: usize = 12;
/// Maximum number of characters of a message.
const MAX_MESSAGE: usize = 600;

/// Renders a report as an HTML file.
///
/// # Errors
/// The template cannot be rendered.
pub fn html(report: &Report) -> Result<String, RenderError> {
    let mut engine =
        Engine::new(Escape::Html, Limits { fuel: 1_000_000, max_bytes: 64 * 1024 * 1024 });
    engine.add("report.html", assets::report("report.html"))?;
    let head: Vec<String> =
        table::headline(&report.view).lines().map(|line| lines(line, false)).collect();
    let title = match &report.view.runs[..] {
        [run] => format!("Report of run {run}"),
        runs => format!("Report of {} runs", runs.len()),
    };
    let style = format!("{}{}", assets::style(), assets::report("report.css"));
    engine.render(
        "report.html",
        &json!({
            "title": title,
            "head": head,
            "version": env!("CARGO_PKG_VERSION"),
            "style": style,
            "data": script(&data(report).to_string()),
            "script": assets::report("report.js"),
        }),
    )
}

/// The data of the pages.
fn data(report: &Report) -> Value {
    let mut environments = Environments::default();
    let group = report.matrix.as_ref().map_or(GroupBy::Model, |matrix| matrix.group_by);
    let rows = &report.view.rows;
    let mut tests: Vec<Value> =
        rows.iter().map(|row| test(report, row, group, &mut environments)).collect();
    let mut size: usize = tests.iter().map(|test| test.to_string().len()).sum();
    size += environments.list.iter().map(|one| json!(one).to_string().len()).sum::<usize>();
    add_details(report, &mut tests, MAX_BYTES.saturating_sub(FIXED_BYTES + size));
    let matrix = sections::grouped(report);
    let cells = matrix.iter().flat_map(|matrix| &matrix.cells).map(|cell| {
        json!({
            "row": cell.row,
            "column": cell.column,
            "state": cell_state(cell),
            "exempt": cell.is_exempt(),
            "text": words(cell),
            "test": (cell.tests == 1).then(|| cell.test.to_string()),
            "reproduce": cell.reproduce,
        })
    });
    let cells: Vec<Value> = cells.collect();
    let intro = matrix.map_or_else(String::new, |matrix| sections::matrix(matrix).intro);
    let listed = |sections: Vec<Section>| {
        let list = sections.into_iter().map(|section| {
            let Section { title, intro, lines, numbers_from, left_out, .. } = section;
            json!([title, intro, lines, numbers_from, left_out])
        });
        list.collect::<Vec<_>>()
    };
    let metric = report.matrix.as_ref().map_or("latency_seconds", |matrix| &*matrix.metric);
    json!({
        "group": group.name(),
        "metric": metric,
        "matrixIntro": intro,
        "cells": cells,
        "changes": listed(sections::changes(report)),
        "sections": listed(sections::background(report)),
        "environments": environments.list,
        "tests": tests,
    })
}

/// The state of a cell, as that of a test.
fn cell_state(cell: &MatrixCell) -> &'static str {
    match cell.outcome {
        None => "waiting",
        Some(Outcome::Passed) if cell.flaky > 0 => "flaky",
        Some(outcome) => outcome.words(),
    }
}

/// The distinct environments of a report.
#[derive(Default)]
struct Environments {
    list: Vec<BTreeMap<String, String>>,
    positions: HashMap<String, usize>,
}

impl Environments {
    /// The position of an environment in the list. `None` if nothing is known about it.
    fn position(&mut self, versions: BTreeMap<String, String>) -> Option<usize> {
        if versions.is_empty() {
            return None;
        }
        let key = json!(versions).to_string();
        Some(*self.positions.entry(key).or_insert_with(|| {
            self.list.push(versions);
            self.list.len() - 1
        }))
    }
}

/// Versions in the environment of an attempt: of packages, and facts that are texts.
fn versions(environment: &Map<String, Value>) -> BTreeMap<String, String> {
    let packages = environment.get("packages").and_then(Value::as_object).into_iter().flatten();
    let facts = environment.iter().chain(packages);
    facts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// A test without its details.
fn test(
    report: &Report,
    row: &ReportRow,
    group: GroupBy,
    environments: &mut Environments,
) -> Value {
    let label = |name: &str| row.labels.get(name).cloned();
    let in_group = match group {
        GroupBy::Worker => row.worker.clone(),
        other => label(other.name()),
    };
    let metric = report.matrix.as_ref().map_or("latency_seconds", |matrix| &*matrix.metric);
    let measured = row.metrics.iter().find(|of_row| *of_row.name == *metric);
    let mut test = json!({
        "id": row.test.to_string(),
        "name": row.name,
        "state": state(row),
        "row": in_group.unwrap_or_else(|| NO_GROUP.to_owned()),
        "column": label("backend").unwrap_or_else(|| NO_GROUP.to_owned()),
        "reproduce": reproduce(row),
    });
    let mut set = |name: &str, value: Value| {
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_empty {
            test[name] = value;
        }
    };
    set("message", json!(ends(&row.message, MAX_MESSAGE)));
    set("class", json!(row.class.map(crate::domain::outcome::Class::words)));
    set("worker", json!(row.worker));
    set("seconds", json!(row.duration_ms.map(|span| span.0 as f64 / 1000.0)));
    set("finished", json!(row.finished_at.map(|at| at.0)));
    set("weights", json!(row.weights));
    let known = row.quarantined.as_ref();
    set("quarantine", json!(known.map(|known| format!("{}: {}", known.quarantine, known.reason))));
    set("devices", json!(row.devices));
    set("labels", json!(row.labels));
    set("p50", json!(measured.map(|metric| metric.p50)));
    set("unit", json!(measured.map(|metric| &metric.unit)));
    set("environment", json!(environments.position(versions(&row.environment))));
    let metrics = row.metrics.iter().take(MAX_METRICS).map(|metric| {
        json!([
            metric.name,
            metric.unit,
            metric.count,
            metric.p50,
            metric.min,
            metric.max,
            metric.spread
        ])
    });
    set("metrics", metrics.collect());
    set("attempts", attempts(row));
    test
}

/// The attempts of a test, the last one included.
fn attempts(row: &ReportRow) -> Value {
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let mut attempts: Vec<Value> = row
        .earlier
        .iter()
        .map(|attempt| {
            let class = attempt.class.map(crate::domain::outcome::Class::words);
            let message = ends(&attempt.message, MAX_MESSAGE);
            json!([
                attempt.number,
                attempt.outcome.words(),
                class,
                message,
                attempt.worker,
                seconds(attempt.duration_ms.0)
            ])
        })
        .collect();
    if let (Some(outcome), 1..) = (row.outcome, row.attempts) {
        let class = row.class.map(crate::domain::outcome::Class::words);
        let message = ends(&row.message, MAX_MESSAGE);
        let duration = row.duration_ms.map(|span| seconds(span.0));
        attempts.push(json!([row.attempts, outcome.words(), class, message, row.worker, duration]));
    }
    attempts.into()
}

/// Adds outputs, raw values and past results to the tests, up to `budget` bytes. Tests that did not pass
/// precede the others.
fn add_details(report: &Report, tests: &mut [Value], mut budget: usize) {
    let rows = &report.view.rows;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|position| state(&rows[*position]) == "passed");
    for position in order {
        let row = &rows[position];
        let past: Vec<Value> = row
            .past
            .iter()
            .map(|past| {
                let word = if past.flaky { "flaky" } else { past.outcome.words() };
                json!([past.test.to_string(), word, past.finished_at.0, past.worker, past.value])
            })
            .collect();
        let metric = report.matrix.as_ref().map_or("latency_seconds", |matrix| &*matrix.metric);
        let measured = row.metrics.iter().find(|of_row| *of_row.name == *metric);
        let samples = measured.map(|metric| metric.samples.clone()).unwrap_or_default();
        let output = report.outputs.get(&row.test).map(|output| tail(output));
        let details =
            [("past", json!(past)), ("samples", json!(samples)), ("output", json!(output))];
        for (name, value) in details {
            if matches!(&value, Value::Null) || value.as_array().is_some_and(Vec::is_empty) {
                continue;
            }
            // Escapes make a text longer.
            let size = script(&value.to_string()).len() + name.len() + 4;
            if size <= budget {
                budget -= size;
                tests[position][name] = value;
            } else {
                tests[position]["cut"] = true.into();
            }
        }
    }
}

/// The end of an output, from the beginning of a line.
fn tail(output: &str) -> String {
    let mut from = output.len().saturating_sub(MAX_OUTPUT_BYTES);
    while !output.is_char_boundary(from) {
        from += 1;
    }
    let end = &output[from..];
    let end = if from == 0 { end } else { end.split_once('\n').map_or(end, |(_, rest)| rest) };
    lines(end, false)
}
