//! The report about the tests of runs, as a document of the API.

use crate::api;
use crate::api::v1::reports::{
    Cases, EarlierAttempt, Environment, MAX_ROWS, MAX_SAMPLES, MetricSummary, PastResult,
    ReportQuery, ReportRow, ReportView, Totals,
};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::results::quarantined;
use crate::results::reader::Reader;
use crate::results::reproduce;
use crate::store::reports::details::{DetailRows, EarlierRow, PastRow};
use crate::store::reports::run_report as rows;
use crate::store::reports::selection::Selection;
use crate::store::{MAX_SPREAD, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

/// Name of the metric for the memory that the worker measured. Tests may measure memory themselves,
/// under other names.
pub(super) const PEAK_MEMORY: &str = "peak_memory_bytes";

impl Reader {
    /// Reports the tests that `query` selects. The database does not know the phases of tests that have
    /// not ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn report(&self, query: &ReportQuery) -> Result<ReportView, StoreError> {
        let limit = query.limit.unwrap_or(MAX_ROWS) as usize;
        let (store, selection) = (self.store(), selection(query));
        let mut view = report_view(store.run_report(selection.clone(), limit)?);
        view.until = selection.until;
        if query.details {
            let mut details = store.details(&selection, limit, query.metric())?;
            for row in &mut view.rows {
                if let Some(of_row) = details.remove(&row.test) {
                    add_details(row, of_row, query.metric());
                }
            }
        }
        Ok(view)
    }
}

/// The tests that a query selects. A run is selected whatever the period is.
pub(super) fn selection(query: &ReportQuery) -> Selection {
    let time = |ms: Option<u64>| ms.filter(|_| query.run.is_none()).map(Timestamp);
    Selection {
        run: query.run,
        since: time(query.since_ms),
        until: time(query.until_ms),
        from_run: query.from_run,
        to_run: query.to_run,
        model: query.model.clone(),
        hw: query.hw.clone(),
        worker: query.worker.clone(),
        family: query.family.clone(),
        status: query.status.clone(),
    }
}

fn add_details(row: &mut ReportRow, details: DetailRows, metric: &str) {
    let DetailRows { earlier, past, samples } = details;
    let attempt = |earlier: EarlierRow| EarlierAttempt {
        number: earlier.number,
        outcome: earlier.outcome,
        class: earlier.class,
        message: earlier.message,
        worker: earlier.worker,
        duration_ms: earlier.duration,
        finished_at: earlier.finished_at,
    };
    let result = |past: PastRow| PastResult {
        test: past.test,
        outcome: past.outcome,
        flaky: past.flaky,
        finished_at: past.finished_at,
        worker: past.worker,
        value: past.value,
    };
    row.earlier = earlier.into_iter().map(attempt).collect();
    row.past = past.into_iter().map(result).collect();
    if let Some(metric) = row.metrics.iter_mut().find(|of_row| *of_row.name == *metric) {
        metric.samples = spread_evenly(&samples);
    }
}

/// At most [`MAX_SAMPLES`] of the values, which are in ascending order, with the first and the last one.
fn spread_evenly(values: &[f64]) -> Vec<f64> {
    let (last, count) = (values.len().saturating_sub(1), MAX_SAMPLES - 1);
    if values.len() <= MAX_SAMPLES {
        return values.to_vec();
    }
    (0..=count).map(|position| values[position * last / count]).collect()
}

fn report_view(report: rows::ReportRows) -> ReportView {
    let rows::ReportRows { since, runs, totals, rows, truncated } = report;
    let mut environments = Environments::new();
    ReportView {
        schema: api::SCHEMA,
        since,
        until: None,
        runs,
        totals: Totals {
            tests: totals.tests,
            outcomes: totals.outcomes,
            errors: totals.errors,
            flaky: totals.flaky,
            pending: totals.pending,
            attempts: totals.attempts,
            late_results: totals.late_results,
            all_skipped: totals.all_skipped,
            cases: (totals.tests_with_cases > 0).then(|| cases(totals.cases)),
            tests_with_cases: totals.tests_with_cases,
            noisy: totals.noisy,
            quarantined: quarantined::totals(totals.quarantined),
        },
        rows: rows.into_iter().map(|of_test| row(of_test, &mut environments)).collect(),
        truncated,
    }
}

/// The environments by their JSON. Tests of one worker usually have the same one.
type Environments = HashMap<String, Arc<Environment>>;

fn row(row: rows::ReportRow, environments: &mut Environments) -> ReportRow {
    let rows::ReportRow {
        test,
        worker,
        duration,
        peak_memory_bytes,
        weights,
        weights_id,
        would_not_notice,
        first_differs,
        first_attempt,
        isolation,
        environment,
        devices,
        cases: counts,
        metrics: of_test,
    } = row;
    // A database of another program may have other values.
    let is_finite = |m: &rows::MetricRow| [m.min, m.p50, m.max].iter().all(|v| v.is_finite());
    let mut metrics = Vec::with_capacity(of_test.len() + 1);
    metrics.extend(of_test.into_iter().filter(is_finite).map(summary));
    if let Some(bytes) = peak_memory_bytes
        && let Err(position) = metrics.binary_search_by(|metric| (*metric.name).cmp(PEAK_MEMORY))
    {
        metrics.insert(position, one(PEAK_MEMORY, "bytes", bytes as f64));
    }
    let environment = shared(environments, environment.unwrap_or_default());
    ReportRow {
        reproduce: reproduce::command(test.test, test.outcome, &environment),
        noisy: metrics.iter().any(|metric| metric.noisy),
        test: test.test,
        name: test.name,
        outcome: test.outcome,
        phase: None,
        class: test.class,
        flaky: test.flaky,
        quarantined: test.quarantined.map(quarantined::reference),
        attempts: test.attempts,
        worker,
        duration_ms: duration,
        finished_at: test.finished_at,
        message: test.message,
        first_attempt: first_attempt.map(first),
        cases: counts.map(cases),
        weights,
        weights_id,
        would_not_notice: json(would_not_notice),
        first_differs: json(first_differs),
        labels: test.labels,
        isolation,
        devices: json(devices),
        environment,
        metrics,
        earlier: Vec::new(),
        past: Vec::new(),
    }
}

/// The environment with this JSON, which is parsed once.
fn shared(environments: &mut Environments, text: String) -> Arc<Environment> {
    if let Some(known) = environments.get(&text) {
        return Arc::clone(known);
    }
    let parsed: Arc<Environment> = json(Some(text.clone()));
    environments.insert(text, Arc::clone(&parsed));
    parsed
}

/// Parses a part of a detail. The coordinator checked it when it was reported; a part that cannot be
/// parsed in spite of that is left out.
fn json<T: serde::de::DeserializeOwned + Default>(text: Option<String>) -> T {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Describes the first attempt, e.g. `worker b was lost` or `failed: exit code 3`.
fn first(rows::FirstRow { outcome, message, worker }: rows::FirstRow) -> String {
    match (outcome, &*message) {
        (Outcome::WorkerLost, "") => format!("worker {worker} was lost"),
        (Outcome::WorkerLost, message) => format!("worker {worker} was lost: {message}"),
        (_, "") => outcome.words().to_owned(),
        (_, message) => format!("{}: {message}", outcome.words()),
    }
}

fn cases(counts: rows::CaseRows) -> Cases {
    let rows::CaseRows { total, failed, errors, skipped, flaky } = counts;
    let passed = total.saturating_sub(failed).saturating_sub(errors).saturating_sub(skipped);
    Cases { total, passed, failed, errors, skipped, flaky }
}

fn summary(metric: rows::MetricRow) -> MetricSummary {
    let rows::MetricRow { of, count, spread, threads, min, p50, p90, p99, max } = metric;
    let noisy = spread.is_some_and(|spread| spread > MAX_SPREAD);
    MetricSummary {
        name: Arc::clone(&of.name),
        unit: Arc::clone(&of.unit),
        count,
        spread,
        noisy,
        threads,
        min,
        p50,
        p90,
        p99,
        max,
        samples: Vec::new(),
    }
}

/// Summary of a metric that was measured once.
fn one(name: &str, unit: &str, value: f64) -> MetricSummary {
    MetricSummary {
        name: name.into(),
        unit: unit.into(),
        count: 1,
        spread: None,
        noisy: false,
        threads: None,
        min: value,
        p50: value,
        p90: None,
        p99: None,
        max: value,
        samples: Vec::new(),
    }
}
