//! The report as CSV (RFC 4180): one row per test, with a column for every label, every fact of the
//! environment, and every percentile of every metric in the report.

use super::words;
use crate::api::v1::reports::{MetricSummary, ReportRow, ReportView};
use crate::domain::outcome::{Class, Outcome};
use std::collections::{BTreeMap, BTreeSet};

const FIXED: [&str; 26] = [
    "run",
    "test",
    "name",
    "outcome",
    "class",
    "flaky",
    "noisy",
    "attempts",
    "worker",
    "duration_ms",
    "finished_at",
    "finished_ms",
    "message",
    "first_attempt",
    "quarantined",
    "weights",
    "weights_id",
    "would_not_notice",
    "first_differs",
    "isolation",
    "devices",
    "cases",
    "cases_passed",
    "cases_failed",
    "cases_errors",
    "cases_skipped",
];
const FIGURES: [&str; 7] = ["count", "spread", "min", "p50", "p90", "p99", "max"];

/// A field, in quotes if necessary. A text that a spreadsheet would evaluate as a formula gets a
/// leading apostrophe. Characters that could control a terminal are escaped.
#[must_use]
pub fn text(value: &str) -> String {
    let value = words::lines(value, false);
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guard = if formula { "'" } else { "" };
    if formula || value.contains(['"', ',', '\r', '\n', ';', '\t']) {
        format!("\"{guard}{}\"", value.replace('"', "\"\""))
    } else {
        value
    }
}

/// Renders a report as CSV.
#[must_use]
pub fn csv(view: &ReportView) -> String {
    let labels: BTreeSet<&str> =
        view.rows.iter().flat_map(|row| row.labels.keys().map(String::as_str)).collect();
    let facts: BTreeSet<&str> = view.rows.iter().flat_map(fact_names).collect();
    let metrics: BTreeSet<&str> = view.rows.iter().flat_map(metric_names).collect();
    let mut out = String::new();
    let mut header: Vec<String> = FIXED.iter().map(|name| (*name).to_owned()).collect();
    header.extend(labels.iter().map(|label| text(&format!("label:{label}"))));
    header.extend(facts.iter().map(|fact| text(&format!("environment:{fact}"))));
    header.extend(
        metrics.iter().flat_map(|metric| {
            FIGURES.iter().map(move |figure| text(&format!("{metric}:{figure}")))
        }),
    );
    end_line(&mut out, &header);
    for row in &view.rows {
        let mut fields = fixed(row);
        fields
            .extend(labels.iter().map(|l| row.labels.get(*l).map(|v| text(v)).unwrap_or_default()));
        fields.extend(
            facts.iter().map(|fact| row.environment.get(*fact).map_or_else(String::new, value)),
        );
        let by_name: BTreeMap<&str, &MetricSummary> =
            row.metrics.iter().map(|metric| (&*metric.name, metric)).collect();
        fields.extend(metrics.iter().flat_map(|name| figures(by_name.get(name).copied())));
        end_line(&mut out, &fields);
    }
    out
}

/// Names of the facts of the environment that are single values. Objects and lists are left out.
fn fact_names(row: &ReportRow) -> impl Iterator<Item = &str> {
    let single =
        row.environment.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
    single.map(|(name, _)| name.as_str())
}

fn value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(value) => text(value),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            String::new()
        }
        other => other.to_string(),
    }
}

fn metric_names(row: &ReportRow) -> impl Iterator<Item = &str> {
    row.metrics.iter().map(|metric| &*metric.name)
}

fn fixed(row: &ReportRow) -> Vec<String> {
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let finished = row.finished_at.map(|at| at.0);
    vec![
        row.test.run.to_string(),
        row.test.to_string(),
        text(&row.name),
        row.outcome.map(Outcome::name).unwrap_or_default().to_owned(),
        row.class.map(Class::name).unwrap_or_default().to_owned(),
        row.flaky.to_string(),
        row.noisy.to_string(),
        row.attempts.to_string(),
        text(row.worker.as_deref().unwrap_or_default()),
        number(row.duration_ms.map(|span| span.0)),
        row.finished_at.and_then(words::instant).map(|at| at.to_string()).unwrap_or_default(),
        number(finished),
        text(&row.message),
        text(row.first_attempt.as_deref().unwrap_or_default()),
        row.quarantined.as_ref().map(|of| of.quarantine.to_string()).unwrap_or_default(),
        text(row.weights.as_deref().unwrap_or_default()),
        text(row.weights_id.as_deref().unwrap_or_default()),
        text(&row.would_not_notice.as_deref().unwrap_or_default().join("; ")),
        text(&row.first_differs.as_ref().map(|first| first.module.clone()).unwrap_or_default()),
        text(&row.isolation),
        text(&row.devices.join("; ")),
        number(row.cases.map(|cases| cases.total)),
        number(row.cases.map(|cases| cases.passed)),
        number(row.cases.map(|cases| cases.failed)),
        number(row.cases.map(|cases| cases.errors)),
        number(row.cases.map(|cases| cases.skipped)),
    ]
}

fn figures(metric: Option<&MetricSummary>) -> [String; 7] {
    let known = |value: Option<f64>| value.map(number).unwrap_or_default();
    match metric {
        Some(m) => [
            m.count.to_string(),
            known(m.spread),
            number(m.min),
            number(m.p50),
            known(m.p90),
            known(m.p99),
            number(m.max),
        ],
        None => Default::default(),
    }
}

/// A number that reads back the same: with an exponent if it would have many zeros.
fn number(value: f64) -> String {
    if value == 0.0 || (1e-6..1e16).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

fn end_line(out: &mut String, fields: &[String]) {
    out.push_str(&fields.join(","));
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::{number, text};

    #[test]
    fn long_numbers_have_an_exponent() {
        let texts = [0.0, 0.0421, 123_456_789.0, 1e308, -1e308, 2.5e-9].map(number);
        assert_eq!(texts, ["0", "0.0421", "123456789", "1e308", "-1e308", "2.5e-9"]);
    }

    #[test]
    fn fields_are_quoted_and_formulas_defused() {
        assert_eq!(text("plain text"), "plain text");
        assert_eq!(text(r#"a "b", c"#), r#""a ""b"", c""#);
        assert_eq!(text("two\nlines"), "\"two\nlines\"");
        assert_eq!(text("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(text("=HYPERLINK(\"x\")"), r#""'=HYPERLINK(""x"")""#);
        for formula in ["+1", "-1", "@x", "\t=1", "\r=1"] {
            assert!(text(formula).starts_with("\"'"), "{formula:?}");
        }
    }
}
