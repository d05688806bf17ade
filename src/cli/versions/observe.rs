//! The results of a run, in the form in which sides are compared.

use crate::api::v1::reports::ReportQuery;
use crate::api::v1::test_views::{
    AttemptDetail, AttemptQuery, AttemptView, Better, TestQuery, TestView,
};
use crate::cli::error::CliError;
use crate::client::Client;
use crate::domain::id::RunId;
use crate::domain::outcome::{Blame, Outcome};
use crate::trends::limits;
use crate::trends::robust::median;
use crate::trends::upgrade::{Ending, SideRun, Sketch, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Number of entries of one page of results. Details of attempts are large.
const PAGE: u32 = 500;
/// Maximum number of numeric errors of one test that are compared.
const MAX_ERRORS: usize = 200;
/// Field of the result with the projection of the output, and its parts.
const SKETCH: &str = "output_sketch";
/// Maximum number of values of a projection.
const MAX_SKETCH: usize = 256;

/// A test of a run and its result.
#[derive(Debug, Clone)]
pub struct Observed {
    pub name: String,
    pub run: SideRun,
    /// It is in quarantine, so that it does not count in the verdict.
    pub is_quarantined: bool,
    /// Versions of its packages, if it was started.
    pub packages: BTreeMap<String, String>,
}

/// The results of every test of a run, in its order. `expected` is the number of its tests.
///
/// # Errors
/// The coordinator does not answer, or has other tests.
pub async fn run(client: &Client, run: RunId, expected: usize) -> Result<Vec<Observed>, CliError> {
    let mut last: BTreeMap<u32, AttemptView> = BTreeMap::new();
    let mut cursor = None;
    loop {
        let query = AttemptQuery {
            run: Some(run),
            cursor: cursor.take(),
            limit: Some(PAGE),
            ..AttemptQuery::default()
        };
        let page = client.attempts(&query).await?;
        for attempt in page.items {
            let known = last.get(&attempt.attempt.test.index);
            if known.is_none_or(|known| known.attempt.number < attempt.attempt.number) {
                last.insert(attempt.attempt.test.index, attempt);
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let all = ReportQuery { run: Some(run), ..ReportQuery::default() };
    let rows = client.report_view(&all).await?.rows;
    let quarantined = rows.iter().filter(|row| row.quarantined.is_some());
    let quarantined: BTreeSet<u32> = quarantined.map(|row| row.test.index).collect();
    let mut observed = Vec::new();
    loop {
        let query = TestQuery {
            run: Some(run),
            cursor: cursor.take(),
            limit: Some(PAGE),
            ..TestQuery::default()
        };
        let page = client.tests(&query).await?;
        for test in page.items {
            let attempt = last.remove(&test.test.index);
            let detail = attempt.map(|attempt| attempt.detail).unwrap_or_default();
            let is_quarantined = quarantined.contains(&test.test.index);
            observed.push(Observed { is_quarantined, ..of(test, detail) });
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None if observed.len() == expected => return Ok(observed),
            None => {
                let tests = observed.len();
                let message = format!("{run} has results of {tests} tests, expected {expected}");
                return Err(CliError::new(message));
            }
        }
    }
}

fn of(test: TestView, detail: AttemptDetail) -> Observed {
    let ending = ending(&test);
    // A script reports the versions of its packages, the worker those of the requirements.
    let packages = ["distributions", "packages"]
        .into_iter()
        .filter_map(|field| detail.environment.get(field)?.as_object())
        .flatten();
    let packages = packages
        .filter_map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned())))
        .collect();
    let run = SideRun {
        ending,
        flaky: test.flaky,
        metrics: metrics(&detail),
        errors: errors(&detail),
        sketch: sketch(&detail),
    };
    Observed { name: test.name, run, is_quarantined: false, packages }
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
    let value = |metric: &crate::api::v1::test_views::Metric| {
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
