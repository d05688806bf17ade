//! The report of `dtf coordinator --check`, for people.

use crate::coordinator::{Part, Report};
use crate::results::render::figures::counted;
use std::fmt::Write;

/// One line for each part, the findings with their next steps, and a summary.
pub fn text(report: &Report) -> String {
    let mut text = format!("{}\n", report.data_dir.display());
    let width = report.parts.iter().map(|part| part.name.len()).max().unwrap_or(0);
    for part in &report.parts {
        let state = match (part.findings.is_empty(), part.content.is_empty()) {
            (true, _) => part.content.clone(),
            (false, true) => "see below".to_owned(),
            (false, false) => format!("{}; see below", part.content),
        };
        line(&mut text, &format!("  {:width$}  {state}", part.name));
    }
    for part in &report.parts {
        findings(&mut text, part);
    }
    let count: usize =
        report.parts.iter().map(|part| part.findings.len() + part.further_findings).sum();
    line(
        &mut text,
        &match count {
            0 => "whole: nothing is damaged, missing or different".to_owned(),
            count => format!("not whole: {}", counted(count as u64, "finding")),
        },
    );
    text
}

fn findings(text: &mut String, part: &Part) {
    for finding in &part.findings {
        let position = finding.position.as_ref().map_or(String::new(), |at| format!(", {at}"));
        let file = finding.file.display();
        line(text, &format!("{}: {file}{position}: {}", part.name, finding.problem));
        line(text, &format!("  next step: {}", finding.next_step));
    }
    if part.further_findings > 0 {
        let count = counted(part.further_findings as u64, "finding");
        line(text, &format!("{}: {count} more, not listed", part.name));
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
