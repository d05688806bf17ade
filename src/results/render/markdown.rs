//! The report as Markdown, for summaries of CI systems and comments on changes.
//!
//! Limits: [`MAX_BYTES`], which is what GitHub accepts as a summary of a step, [`MAX_MESSAGES`] messages
//! and [`MAX_ROWS`] tests. What does not fit is left out from the end, and a last line states it.

use super::escape::markdown as text;
use super::figures;
use super::report::Report;
use super::section::Section;
use super::sections::sections;
use super::table;
use super::words::{reproduce, state};
use crate::api::v1::reports::ReportRow;
use crate::domain::outcome::Outcome;

/// Maximum size, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// Maximum number of messages of tests that did not pass.
const MAX_MESSAGES: usize = 100;
/// Maximum number of tests in the list.
const MAX_ROWS: usize = 2_000;
/// Maximum number of characters of a cell.
const MAX_CELL: usize = 300;

/// Renders a report as Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let view = &report.view;
    let mut head = table::headline(view).lines().map(|line| text(line, 1_000)).collect::<Vec<_>>();
    if let Some(first) = head.first_mut() {
        *first = format!("**{first}**");
    }
    let mut parts = vec![head.join("  \n") + "\n"];
    parts.extend(problems(&view.rows));
    parts.extend(sections(report).iter().map(section));
    parts.push(tests(&view.rows));
    let mut out = String::new();
    let footer = "\nThe report is cut here because of its size; `dtf report` shows all of it.\n";
    for part in parts {
        if out.len() + part.len() + footer.len() > MAX_BYTES {
            out.push_str(footer);
            break;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&part);
    }
    out
}

/// The tests that did not pass at the first attempt.
fn problems(rows: &[ReportRow]) -> Option<String> {
    let is_problem = |row: &&ReportRow| {
        row.flaky || !matches!(row.outcome, None | Some(Outcome::Passed | Outcome::Skipped))
    };
    let all = rows.iter().filter(is_problem).count();
    if all == 0 {
        return None;
    }
    let mut lines = vec![row_of(&["outcome", "test", "message", "reproduce"].map(str::to_owned))];
    lines.push(rule(4, 9));
    lines.extend(rows.iter().filter(is_problem).take(MAX_MESSAGES).map(|row| {
        let message = row.first_attempt.as_ref().filter(|_| row.flaky).unwrap_or(&row.message);
        let known = row.quarantined.as_ref();
        let known = known.map(|known| format!(" (in quarantine {})", known.quarantine));
        let state = format!("{}{}", state(row), known.unwrap_or_default());
        row_of(&[state, row.name.clone(), message.clone(), reproduce(row)])
    }));
    let mut out = format!("### Did not pass at once\n\n{}\n", lines.join("\n"));
    if all > MAX_MESSAGES {
        out.push_str(&format!("\n{} more\n", all - MAX_MESSAGES));
    }
    Some(out)
}

/// A section with its heading.
pub(super) fn section(section: &Section) -> String {
    let Section { title, intro, lines, numbers_from, left_out, .. } = section;
    let mut out = format!("### {title}\n");
    if !intro.is_empty() {
        out.push_str(&format!("\n{}\n", text(intro, 1_000)));
    }
    if let Some((heading, lines)) = lines.split_first() {
        out.push_str(&format!("\n{}\n{}\n", row_of(heading), rule(heading.len(), *numbers_from)));
        for line in lines {
            out.push_str(&row_of(line));
            out.push('\n');
        }
    }
    if *left_out > 0 {
        out.push_str(&format!("\n{left_out} more\n"));
    }
    out
}

/// All tests, folded.
fn tests(rows: &[ReportRow]) -> String {
    if rows.is_empty() {
        return "no tests\n".to_owned();
    }
    let count = figures::counted(rows.len() as u64, "test");
    let mut out = format!("<details><summary>{count}</summary>\n\n");
    out.push_str(&row_of(&["outcome", "id", "test", "worker", "time"].map(str::to_owned)));
    out.push_str(&format!("\n{}\n", rule(5, 4)));
    for row in rows.iter().take(MAX_ROWS) {
        let time = row.duration_ms.map(|span| figures::seconds(span.0 as f64 / 1000.0));
        out.push_str(&row_of(&[
            state(row).to_owned(),
            row.test.to_string(),
            row.name.clone(),
            row.worker.clone().unwrap_or_default(),
            time.unwrap_or_default(),
        ]));
        out.push('\n');
    }
    if rows.len() > MAX_ROWS {
        out.push_str(&format!("\n{} more\n", rows.len() - MAX_ROWS));
    }
    out.push_str("\n</details>\n");
    out
}

fn row_of(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| text(cell, MAX_CELL)).collect();
    format!("| {} |", cells.join(" | "))
}

/// The line between heading and rows. Columns from `numbers_from` on are aligned to the right.
fn rule(columns: usize, numbers_from: usize) -> String {
    let cells = (0..columns).map(|column| if column < numbers_from { "---" } else { "---:" });
    format!("|{}|", cells.collect::<Vec<_>>().join("|"))
}
