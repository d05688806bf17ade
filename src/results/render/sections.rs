//! The sections of a report after its list of tests, as tables of text: matrix, changes, flaky and
//! slowest tests, coverage, workers. The table for people and Markdown show the same sections.
//!
//! Promise: a section without a line states why it has none.

use super::changed;
use super::figures::{self, counted};
use super::report::Report;
use super::section::{Section, change, heading, section};
use super::words::instant;
use crate::api::v1::matrix::{MatrixCell, MatrixView, SummaryView};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;

/// Maximum number of columns of a matrix.
const MAX_COLUMNS: usize = 12;
/// The row of tests without the property of the rows.
pub const NO_GROUP: &str = "(none)";

/// The sections of a report, in their order.
#[must_use]
pub fn sections(report: &Report) -> Vec<Section> {
    let matrix = grouped(report).map(|view| matrix(view).cut());
    let mut sections: Vec<Section> = matrix.into_iter().collect();
    sections.extend(changes(report));
    sections.extend(background(report));
    sections
}

/// The matrix of a report, if a test has the property of its rows.
pub fn grouped(report: &Report) -> Option<&MatrixView> {
    let is_named = |view: &&MatrixView| view.rows.iter().any(|row| row != NO_GROUP);
    report.matrix.as_ref().filter(is_named)
}

/// The sections that people decide from: changes and flaky tests.
pub fn changes(report: &Report) -> Vec<Section> {
    let mut sections = Vec::new();
    if let Some(view) = &report.changes {
        sections.extend(changed::sections(view, report.is_filtered));
    }
    if let Some(view) = &report.flaky_tests {
        sections.push(changed::flaky(view));
    }
    sections.into_iter().map(Section::cut).collect()
}

/// Slowest tests, coverage and workers.
pub fn background(report: &Report) -> Vec<Section> {
    let mut sections = Vec::new();
    if let Some(view) = &report.summary {
        sections.push(slowest(view));
    }
    if let Some(view) = grouped(report) {
        sections.push(coverage(view));
    }
    if let Some(view) = &report.summary {
        sections.push(workers(view));
    }
    sections.into_iter().map(Section::cut).collect()
}

/// The matrix: in each cell the worst outcome, the value of the metric and its change.
pub fn matrix(view: &MatrixView) -> Section {
    let by_place: BTreeMap<(&str, &str), &MatrixCell> =
        view.cells.iter().map(|cell| ((&*cell.row, &*cell.column), cell)).collect();
    let columns = &view.columns[..view.columns.len().min(MAX_COLUMNS)];
    let mut first = vec![view.group_by.name().to_owned()];
    first.extend(columns.iter().cloned());
    let mut lines = vec![first];
    for row in &view.rows {
        let mut line = vec![row.clone()];
        line.extend(columns.iter().map(|column| {
            by_place.get(&(&**row, &**column)).map_or_else(|| "-".to_owned(), |cell| words(cell))
        }));
        lines.push(line);
    }
    let mut intro = if view.cells.is_empty() {
        "none".to_owned()
    } else if view.cells.iter().all(|cell| cell.value.is_none()) {
        format!("newest result of each test; no value of {}", view.metric)
    } else {
        format!(
            "newest result of each test; {} and its change against earlier results of the report",
            view.metric
        )
    };
    let hidden = view.columns.len() - columns.len();
    if hidden > 0 {
        intro.push_str(&format!("; {} not shown", counted(hidden as u64, "further column")));
    }
    Section { is_wide: true, ..section("Matrix", &intro, lines, 1) }
}

/// A cell in words, e.g. `2 passed, 42.1 ms, +3.1 %` or `1 of 2 failed`.
#[must_use]
pub fn words(cell: &MatrixCell) -> String {
    let MatrixCell { tests, outcomes, pending, outcome, flaky, .. } = cell;
    let mut parts = vec![match outcome {
        None => format!("{pending} not done"),
        Some(Outcome::Passed) if *flaky > 0 => format!("{flaky} of {tests} flaky"),
        Some(Outcome::Passed) if *pending == 0 => format!("{tests} passed"),
        Some(worst) => {
            let count = outcomes.get(worst).copied().unwrap_or(0);
            if count == *tests {
                format!("{count} {}", worst.words())
            } else {
                format!("{count} of {tests} {}", worst.words())
            }
        }
    }];
    let quarantined: u64 = cell.quarantined.values().sum();
    if quarantined > 0 {
        parts.push(format!("{quarantined} in quarantine"));
    }
    parts.extend(cell.value.map(|value| figures::with_unit(value, &cell.unit)));
    parts.extend(cell.change.map(change));
    parts.join(", ")
}

fn slowest(view: &SummaryView) -> Section {
    let mut lines = vec![heading(&["test", "id", "worker", "time"])];
    lines.extend(view.slowest.iter().map(|test| {
        vec![
            test.name.clone(),
            test.test.to_string(),
            test.worker.clone(),
            figures::seconds(test.duration_ms.0 as f64 / 1000.0),
        ]
    }));
    section("Slowest tests", "", lines, 3)
}

/// The cells of the matrix in which nothing ran, and why.
fn coverage(view: &MatrixView) -> Section {
    let all = view.rows.len() * view.columns.len();
    if all == 0 {
        return section("Coverage", "insufficient data: no test", Vec::new(), 9);
    }
    let ran = |cell: &&MatrixCell| {
        let verdicts = cell.outcomes.iter().filter(|(outcome, _)| {
            !matches!(outcome, Outcome::Skipped | Outcome::Cancelled | Outcome::Expired)
        });
        verdicts.map(|(_, count)| count).sum::<u64>() > 0
    };
    let covered = view.cells.iter().filter(ran).count();
    let word = view.group_by.name();
    let intro = format!(
        "{covered} of {all} combinations of {word} and hardware have a verdict; {} without a test",
        all - view.cells.len()
    );
    let mut lines = vec![heading(&[word, "hardware", "state", "reason"])];
    lines.extend(view.cells.iter().filter(|cell| !ran(cell)).map(|cell| {
        let reason = if cell.message.is_empty() { &cell.reproduce } else { &cell.message };
        vec![cell.row.clone(), cell.column.clone(), words(cell), reason.clone()]
    }));
    section("Coverage", &intro, lines, 9)
}

fn workers(view: &SummaryView) -> Section {
    let names =
        ["worker", "attempts", "failed", "infrastructure", "out of memory", "busy", "noise"];
    let mut lines = vec![heading(&[&names[..], &["last result (UTC)"]].concat())];
    lines.extend(view.workers.iter().map(|worker| {
        let time = |at: Timestamp| instant(at).map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
        vec![
            worker.worker.clone(),
            worker.attempts.to_string(),
            worker.failed.to_string(),
            worker.infrastructure.to_string(),
            worker.out_of_memory.to_string(),
            figures::seconds(worker.busy_ms.0 as f64 / 1000.0),
            worker.noise.map_or_else(|| "unknown".to_owned(), figures::percent),
            time(worker.last_finished_at).unwrap_or_default(),
        ]
    }));
    section("Workers", "", lines, 1)
}
