//! The findings that tests report beside their verdicts, in words.

use super::figures;
use super::words::plain;
use crate::api::v1::reports::{ReportRow, ReportView};
use crate::domain::findings::{FirstDifference, MAX_NAME_CHARS, MAX_TEXT_CHARS};
use crate::domain::outcome::Outcome;
use std::collections::BTreeMap;

/// Maximum number of lines about changes that tests would not notice.
const MAX_LINES: usize = 10;

/// The changes of a model that a test would not notice, e.g. `positions shifted, scale dropped`.
#[must_use]
pub fn changes(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| plain(text, MAX_TEXT_CHARS)).collect();
    texts.join(", ")
}

/// The module in which an output begins to differ, e.g. `first differs at model.norm (LlamaRMSNorm)`.
#[must_use]
pub fn difference(module: &FirstDifference) -> String {
    format!("first differs at {}", plain(&module.to_string(), MAX_NAME_CHARS + MAX_TEXT_CHARS))
}

/// The figures of a difference, e.g. `allowed 1.00e-4, error 0.300`. Empty if there are none.
#[must_use]
pub fn values(module: &FirstDifference) -> String {
    let value = |(name, value): (&String, &f64)| {
        format!("{} {}", plain(name, MAX_TEXT_CHARS), figures::three_digits(*value))
    };
    module.values.iter().map(value).collect::<Vec<_>>().join(", ")
}

/// The lines about the tests that passed and would not notice some change of their model: one for each
/// set of changes, the most frequent set first.
pub(super) fn passed(view: &ReportView) -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let passed = |row: &&ReportRow| row.outcome == Some(Outcome::Passed);
    for row in view.rows.iter().filter(passed) {
        let mut texts = row.would_not_notice.clone().unwrap_or_default();
        texts.sort_unstable();
        if !texts.is_empty() {
            *counts.entry(changes(&texts)).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = if view.truncated { " shown" } else { "" };
    let line = |(changes, count): &(String, u64)| {
        let tests = figures::counted(*count, "test");
        format!("Passed, but would not notice: {changes} ({tests}{shown})")
    };
    let mut lines: Vec<_> = counts.iter().take(MAX_LINES).map(line).collect();
    let rest: u64 = counts.iter().skip(MAX_LINES).map(|(_, count)| count).sum();
    if rest > 0 {
        let tests = figures::counted(rest, "further test");
        lines.push(format!("Passed, but would not notice other changes: {tests}{shown}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_scripts_are_escaped() {
        let module = FirstDifference {
            module: "a\u{1b}[2J".into(),
            kind: "b\nc".into(),
            values: [("error\u{202e}".to_owned(), 0.3), ("allowed".to_owned(), 1e-4)].into(),
        };
        assert_eq!(difference(&module), "first differs at a\\u{1b}[2J (b c)");
        assert_eq!(values(&module), "allowed 1.00e-4, error\\u{202e} 0.300");
        let texts = ["\u{9b}2J".to_owned(), "scale dropped".to_owned()];
        assert_eq!(changes(&texts), "\\u{9b}2J, scale dropped");
    }
}
