//! The quality of real weights in a report for people: the numbers of each test, and two checkpoints
//! side by side. Limits: [`MAX_TESTS`] tests and [`MAX_PAIRS`] pairs are shown.

use super::figures::{counted, with_unit};
use super::words::plain;
use crate::api::v1::reports::{MetricSummary, ReportRow, ReportView};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Beginnings of the names of metrics: on the device, of the reference, agreement with another model.
const QUALITY: &str = "quality_";
const REFERENCE: &str = "reference_";
const COMPARED: &str = "compared_";
/// Label with the name of the test of the other checkpoint.
const COMPARED_WITH: &str = "compared_with";
/// Metrics about speed and memory, in the order of the comparison.
const COSTS: [&str; 8] = [
    "latency_seconds",
    "time_to_first_token_seconds",
    "time_per_token_seconds",
    "throughput_tokens_per_second",
    "throughput_samples_per_second",
    "load_seconds",
    "peak_host_memory_bytes",
    "peak_device_memory_bytes",
];
/// Maximum number of tests whose numbers are shown, and of pairs.
const MAX_TESTS: usize = 20;
const MAX_PAIRS: usize = 10;
/// Maximum number of characters of a name.
const MAX_NAME: usize = 120;

/// The lines about the quality of tests, and those about pairs of checkpoints.
pub(super) fn lines(view: &ReportView) -> String {
    let mut out = String::new();
    let measured: Vec<(&ReportRow, String)> =
        view.rows.iter().filter_map(|row| Some((row, numbers(row)?))).collect();
    if !measured.is_empty() {
        out.push_str("\nQuality of real weights:\n");
    }
    for (row, numbers) in measured.iter().take(MAX_TESTS) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "  {}: {numbers}", plain(&row.name, MAX_NAME));
    }
    further(&mut out, measured.len(), MAX_TESTS, "test");
    let pairs: Vec<_> =
        view.rows.iter().filter_map(|row| Some((row, partner(view, row)?))).collect();
    for (row, other) in pairs.iter().take(MAX_PAIRS) {
        pair(&mut out, row, other);
    }
    further(&mut out, pairs.len(), MAX_PAIRS, "comparison");
    out
}

fn further(out: &mut String, all: usize, shown: usize, word: &str) {
    if all > shown {
        let _ =
            writeln!(out, "  … and {}", counted((all - shown) as u64, &format!("further {word}")));
    }
}

/// The numbers of a test, e.g. `kl 0.002, perplexity 12.3 (reference 12.3)`.
fn numbers(row: &ReportRow) -> Option<String> {
    let number = |metric: &MetricSummary| {
        let name = metric.name.strip_prefix(QUALITY)?;
        let reference = find(row, &format!("{REFERENCE}{name}"));
        let reference = reference.map(|of| format!(" (reference {})", value(of)));
        Some(format!("{} {}{}", words(name), value(metric), reference.unwrap_or_default()))
    };
    let numbers: Vec<String> = row.metrics.iter().filter_map(number).collect();
    (!numbers.is_empty()).then(|| numbers.join(", "))
}

/// The test of the other checkpoint, in the same run.
fn partner<'v>(view: &'v ReportView, row: &ReportRow) -> Option<&'v ReportRow> {
    let name = row.labels.get(COMPARED_WITH)?;
    view.rows.iter().find(|other| other.name == *name && other.test.run == row.test.run)
}

/// Two tests side by side: their numbers, speed and memory, then the agreement of their answers.
fn pair(out: &mut String, row: &ReportRow, other: &ReportRow) {
    let name = |row: &ReportRow| plain(&row.name, MAX_NAME);
    let _ = writeln!(out, "\n{} compared with {}:", name(row), name(other));
    let of = |row: &ReportRow| {
        let names = row.metrics.iter().map(|metric| metric.name.to_string());
        names.filter(|name| name.starts_with(QUALITY)).collect::<BTreeSet<String>>()
    };
    let costs = COSTS.iter().map(|name| (*name).to_owned());
    let names: Vec<String> = of(row).union(&of(other)).cloned().chain(costs).collect();
    let cell = |row, name: &str| find(row, name).map_or_else(|| "-".to_owned(), value);
    let models = [other, row].map(|row| row.labels.get("model").map_or("-", String::as_str));
    let mut table = vec![[String::new(), plain(models[0], MAX_NAME), plain(models[1], MAX_NAME)]];
    for name in &names {
        if find(row, name).is_some() || find(other, name).is_some() {
            let about = words(name.strip_prefix(QUALITY).unwrap_or(name));
            table.push([about, cell(other, name), cell(row, name)]);
        }
    }
    let width = |column: usize| table.iter().map(|line| line[column].chars().count()).max();
    let [first, second, third] = [0, 1, 2].map(|column| width(column).unwrap_or(0));
    for [about, theirs, ours] in &table {
        let line = format!("  {about:<first$}  {theirs:>second$}  {ours:>third$}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let agreement = row.metrics.iter().filter_map(|metric| {
        Some(format!("{} {}", words(metric.name.strip_prefix(COMPARED)?), value(metric)))
    });
    let agreement: Vec<String> = agreement.collect();
    let text = match agreement.as_slice() {
        [] => format!("not compared; the output of {} states the reason (dtf logs)", row.test),
        numbers => numbers.join(", "),
    };
    let _ = writeln!(out, "  agreement of their answers: {text}");
}

fn find<'r>(row: &'r ReportRow, name: &str) -> Option<&'r MetricSummary> {
    row.metrics.iter().find(|metric| *metric.name == *name)
}

fn value(metric: &MetricSummary) -> String {
    with_unit(metric.p50, &metric.unit).trim_end().to_owned()
}

/// The name of a metric in words, without its unit.
fn words(name: &str) -> String {
    let name = ["_seconds", "_bytes"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    plain(&name.replace('_', " "), MAX_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn row(test: &str, name: &str, metrics: &[(&str, &str, f64)], labels: &Value) -> Value {
        let metric = |(name, unit, value): &(&str, &str, f64)| json!({"name": name, "unit": unit, "count": 1, "min": value, "p50": value, "max": value});
        let metrics: Vec<Value> = metrics.iter().map(metric).collect();
        json!({"test": test, "name": name, "attempts": 1, "labels": labels, "metrics": metrics})
    }

    fn shown(rows: &[Value]) -> String {
        let totals = json!({"tests": 1, "outcomes": {}, "flaky": 0, "pending": 0, "attempts": 1,
                            "late_results": 0});
        let view = json!({"schema": 1, "runs": ["r1"], "totals": totals, "rows": rows,
                          "truncated": false});
        lines(&serde_json::from_value(view).expect("a report"))
    }

    #[test]
    fn two_checkpoints_are_side_by_side() {
        let base = row(
            "r1.t1",
            "base/cpu/b1",
            &[("latency_seconds", "seconds", 0.03), ("quality_perplexity", "", 20.5)],
            &json!({"model": "./base"}),
        );
        let tuned = row(
            "r1.t2",
            "tuned/cpu/b1",
            &[
                ("compared_kl", "", 0.25),
                ("latency_seconds", "seconds", 0.04),
                ("quality_perplexity", "", 12.5),
                ("reference_perplexity", "", 12.4),
            ],
            &json!({"model": "./tuned", "compared_with": "base/cpu/b1"}),
        );
        let expected = "
Quality of real weights:
  base/cpu/b1: perplexity 20.5
  tuned/cpu/b1: perplexity 12.5 (reference 12.4)

tuned/cpu/b1 compared with base/cpu/b1:
               ./base  ./tuned
  perplexity     20.5     12.5
  latency     30.0 ms  40.0 ms
  agreement of their answers: kl 0.250
";
        assert_eq!(shown(&[base, tuned]), expected);
    }

    #[test]
    fn the_output_of_a_test_states_why_its_answers_are_not_compared() {
        let base = row("r1.t1", "base", &[], &json!({}));
        let tuned = row("r1.t2", "tuned", &[], &json!({"compared_with": "base"}));
        let reason = "not compared; the output of r1.t2 states the reason (dtf logs)";
        assert!(shown(&[base, tuned]).contains(reason));
    }

    #[test]
    fn a_report_without_quality_has_no_such_lines() {
        let plain = row("r1.t1", "a", &[("latency_seconds", "seconds", 1.0)], &json!({}));
        assert_eq!(shown(&[plain]), "");
        let alone = row("r1.t1", "a", &[], &json!({"compared_with": "gone"}));
        assert_eq!(shown(&[alone]), "");
    }
}
