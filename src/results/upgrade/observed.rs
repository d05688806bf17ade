//! The result of one test of a run, in the form in which the sides of an upgrade are compared.

use crate::api::v1::test_views::{AttemptDetail, Better, Metric, TestView};
use crate::domain::id::TestId;
use crate::domain::outcome::{Blame, Outcome};
use crate::trends::limits;
use crate::trends::robust::median;
use crate::trends::upgrade::{Ending, SideRun, Sketch, Value};
use std::collections::BTreeMap;

/// Maximum number of numeric errors of one test that are compared.
const MAX_ERRORS: usize = 200;
/// Field of the result with the projection of the output, and its parts.
const SKETCH: &str = "output_sketch";
/// Maximum number of values of a projection.
const MAX_SKETCH: usize = 256;

/// A test of a run and its result.
#[derive(Debug, Clone)]
pub struct Observed {
    pub test: TestId,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub run: SideRun,
    /// It is in quarantine, so that it does not count in the verdict.
    pub is_quarantined: bool,
    /// Versions of its packages, if it was started.
    pub packages: BTreeMap<String, String>,
}

impl Observed {
    /// The result of a test with the detail of its last attempt.
    #[must_use]
    pub fn of(test: TestView, detail: &AttemptDetail) -> Self {
        // A script reports the versions of its packages, the worker those of the requirements.
        let packages = ["distributions", "packages"]
            .into_iter()
            .filter_map(|field| detail.environment.get(field)?.as_object())
            .flatten();
        let packages = packages
            .filter_map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned())))
            .collect();
        let run = SideRun {
            ending: ending(&test),
            flaky: test.flaky,
            metrics: metrics(detail),
            errors: errors(detail),
            sketch: sketch(detail),
        };
        let TestView { test, name, labels, quarantined, .. } = test;
        Self { test, name, labels, run, is_quarantined: quarantined.is_some(), packages }
    }
}

fn ending(test: &TestView) -> Ending {
    let message = test.message.clone().unwrap_or_default();
    let with = |words: &str| match message.as_str() {
        "" => words.to_owned(),
        message => message.to_owned(),
    };
    match (test.outcome, test.outcome.map(|outcome| outcome.blame(test.class))) {
        (Some(Outcome::Passed), _) => Ending::Passed,
        (Some(outcome), Some(Blame::Test)) => Ending::Failed(with(outcome.words())),
        (Some(outcome), _) => Ending::NotRun(with(outcome.words())),
        (None, _) => Ending::NotRun("it has not ended".to_owned()),
    }
}

fn metrics(detail: &AttemptDetail) -> BTreeMap<String, Value> {
    let value = |metric: &Metric| {
        let better = match metric.better {
            Better::Lower => limits::Better::Lower,
            Better::Higher => limits::Better::Higher,
        };
        let median = median(&metric.values)?;
        Some((metric.name.clone(), Value { median, unit: metric.unit.clone(), better }))
    };
    detail.metrics.iter().filter_map(value).collect()
}

/// The values of checks that are errors: those with a tolerance, as `CHECK.STATISTIC`.
fn errors(detail: &AttemptDetail) -> BTreeMap<String, f64> {
    let checks = detail.checks.iter().flat_map(|check| {
        let is_error = |name: &str| {
            let plain = name.strip_suffix("_ratio").unwrap_or(name);
            check.tolerance.contains_key(plain) || check.tolerance.contains_key(name)
        };
        let values = check.values.iter().filter(move |(name, _)| is_error(name));
        values.map(|(name, value)| (format!("{}.{name}", check.name), *value))
    });
    checks.take(MAX_ERRORS).collect()
}

fn sketch(detail: &AttemptDetail) -> Option<Sketch> {
    let sketch = detail.result.get(SKETCH)?.as_object()?;
    let shape = sketch.get("shape")?.as_array()?;
    let values = sketch.get("values")?.as_array()?;
    let shape: Option<Vec<u64>> =
        shape.iter().take(MAX_SKETCH).map(serde_json::Value::as_u64).collect();
    let values: Option<Vec<f64>> =
        values.iter().take(MAX_SKETCH).map(serde_json::Value::as_f64).collect();
    Some(Sketch { shape: shape?, values: values? })
}
