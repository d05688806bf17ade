//! The metrics of a report in the JSON format of Bencher: for each test that passed, the median of each
//! metric with its lowest and highest value. The newest result of a name counts.

use super::report::Report;
use super::words;
use crate::api::v1::reports::MetricSummary;
use crate::domain::outcome::Outcome;
use serde_json::{Map, Value, json};

/// Renders the metrics of a report.
#[must_use]
pub fn bencher(report: &Report) -> String {
    let mut benchmarks = Map::new();
    let passed = report.view.rows.iter().filter(|row| row.outcome == Some(Outcome::Passed));
    // The rows are in the order of their runs.
    for row in passed.filter(|row| !row.metrics.is_empty()) {
        let measures: Map<String, Value> =
            row.metrics.iter().filter(|metric| metric.p50.is_finite()).map(measure).collect();
        benchmarks.insert(row.name.clone(), measures.into());
    }
    words::json(&format!("{:#}", Value::Object(benchmarks))) + "\n"
}

fn measure(metric: &MetricSummary) -> (String, Value) {
    let MetricSummary { name, p50, min, max, .. } = metric;
    (name.to_string(), json!({"value": p50, "lower_value": min, "upper_value": max}))
}
