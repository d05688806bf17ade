//! The verdicts about the metrics of the judged side.

use crate::api::v1::changes::{MetricChange, MetricMovement, WorkerEvent};
use crate::domain::added::marks::AcceptedSeries;
use crate::domain::causes::with_causes;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::series::{CaseId, SeriesId};
use crate::results::changes::drift;
use crate::results::known::{KnownVerdicts, Unknown};
use crate::results::reader::Reader;
use crate::store::reports::judged::{JudgedSeries, SeriesMetric};
use crate::store::reports::marks::AcceptedRuns;
use crate::store::reports::values::{Histories, SeriesAttempts, ValuesRow};
use crate::store::reports::verdicts::Judged;
use crate::store::{Store, StoreError};
use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::limits::{Better, Kind, Limits};
use crate::trends::online;
use crate::trends::robust::geometric_mean;
use crate::trends::workers::{Measured, SharedShift, shared_shifts};
use std::collections::{BTreeMap, HashMap};
use std::panic::resume_unwind;
use std::thread::ScopedJoinHandle;

/// Maximum number of threads that judge, and minimum number of series for each.
const MAX_THREADS: usize = 8;
const MIN_PER_THREAD: usize = 20;
/// Maximum number of series whose stored verdicts are read at once.
const MAX_READ: usize = 2_000;
/// Maximum number of series whose histories are read at once: each part of them reads the medians of all runs. Those
/// of two parts are in memory together: 62 MB with 25 metrics of 256 values for each series.
const MAX_AT_ONCE: usize = 500;

/// The judged metrics of all series.
#[derive(Default)]
pub struct JudgedMetrics {
    /// The changed metrics of each case.
    pub changed: HashMap<CaseId, Vec<MetricChange>>,
    pub verdicts: BTreeMap<Verdict, u64>,
    pub workers: Vec<WorkerEvent>,
    pub movers: Vec<MetricMovement>,
}

/// A metric of a test that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    pub test: TestId,
    pub series: AcceptedSeries,
    /// Whether the test was started to confirm a change.
    pub is_confirmation: bool,
    pub judgement: Judgement,
}

impl Changed {
    /// Whether another value would decide if the change to the worse is real.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        let Judgement { verdict, direction, .. } = self.judgement;
        !self.is_confirmation && verdict == Verdict::Suspect && direction == Direction::Worse
    }
}

impl Reader {
    /// Lists the changed metrics of a run, as [`Reader::changes`] judges them: suspected and confirmed ones, and
    /// those that many tests of a worker share.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn changed(&self, run: RunId) -> Result<Vec<Changed>, StoreError> {
        let (store, known) = self.with_verdicts();
        let repetitions = store.repetitions(run)?;
        let (metrics, _) = judgements(&store, &known, (run, run))?;
        let changed = metrics.into_iter().filter_map(|Judged { of, newest, judgement, .. }| {
            let series =
                AcceptedSeries { case: of.case, series: of.series, metric: Some(of.metric.into()) };
            let is_confirmation = repetitions.contains(&newest);
            let is_changed = judgement.is_change() || judgement.verdict == Verdict::WorkerEvent;
            is_changed.then_some(Changed { test: newest, series, is_confirmation, judgement })
        });
        Ok(changed.collect())
    }
}

/// The verdicts about the newest values of the judged runs, in the order of the series and the names, and the
/// shifts that workers explain.
fn judgements(
    store: &Store,
    known: &KnownVerdicts,
    to: (RunId, RunId),
) -> Result<(Vec<Judged>, BTreeMap<u32, SharedShift>), StoreError> {
    let accepted = store.accepted_runs()?;
    let series = store.judged_series(to, &accepted)?;
    let mut metrics = Vec::new();
    let of_series: Vec<(SeriesId, &JudgedSeries)> =
        series.iter().map(|(id, judged)| (*id, judged)).collect();
    let mut unknown = find(store, known, &of_series, &mut metrics)?;
    if !unknown.is_empty() {
        let (_turn, has_waited) = known.turn();
        if has_waited {
            unknown = find(store, known, &unknown, &mut metrics)?;
        }
        judge_unknown(store, known, &accepted, &unknown, &mut metrics)?;
    }
    metrics.retain(|metric| metric.newest.run >= to.0);
    metrics.sort_unstable_by(|one, other| {
        let place = |of: &SeriesMetric| (of.series.0, of.is_figure);
        place(&one.of).cmp(&place(&other.of)).then_with(|| one.of.metric.cmp(&other.of.metric))
    });
    let mut measured: Vec<Measured<'_>> = metrics
        .iter_mut()
        // Other hardware does not change results of numeric checks.
        .filter(|metric| !metric.of.is_figure)
        .map(|Judged { of, judgement, .. }| Measured {
            worker: of.worker.0,
            series: of.series.0,
            judgement,
        })
        .collect();
    let shifts = shared_shifts(&mut measured);
    Ok((metrics, shifts))
}

/// Adds the verdicts about these series. While one part of them is judged, the next one is read.
fn judge_unknown(
    store: &Store,
    known: &KnownVerdicts,
    accepted: &AcceptedRuns,
    series: &[(SeriesId, &JudgedSeries)],
    verdicts: &mut Vec<Judged>,
) -> Result<(), StoreError> {
    let mut may_store = true;
    let mut finish = |part: &Unknown<'_>, judged: Vec<Judged>, verdicts: &mut Vec<Judged>| {
        known.keep(part, &judged);
        may_store = may_store && store_verdicts(store, part, &judged)?;
        verdicts.extend(judged);
        Ok::<_, StoreError>(())
    };
    std::thread::scope(|scope| {
        let mut judging: Option<ScopedJoinHandle<'_, (Unknown<'_>, Vec<Judged>)>> = None;
        for part in series.chunks(MAX_AT_ONCE) {
            let part: Unknown<'_> = part.iter().copied().collect();
            let histories = store.histories(&part)?;
            if let Some((part, judged)) = judging.take().map(joined) {
                finish(&part, judged, verdicts)?;
            }
            judging = Some(scope.spawn(move || {
                let judged = judged_in_threads(&histories, &part, accepted);
                (part, judged)
            }));
        }
        match judging.map(joined) {
            Some((part, judged)) => finish(&part, judged, verdicts),
            None => Ok(()),
        }
    })
}

/// The result of a thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Adds the known and the stored verdicts about these series, and returns the other series, in the order of their ids.
fn find<'s>(
    store: &Store,
    known: &KnownVerdicts,
    series: &[(SeriesId, &'s JudgedSeries)],
    verdicts: &mut Vec<Judged>,
) -> Result<Vec<(SeriesId, &'s JudgedSeries)>, StoreError> {
    let mut unknown = Vec::new();
    for part in series.chunks(MAX_READ) {
        let mut part: Unknown<'_> = part.iter().copied().collect();
        known.find(store, &mut part, verdicts)?;
        let stored = store.verdicts(&part)?;
        let (read, left): (Unknown<'_>, Unknown<'_>) =
            part.into_iter().partition(|(id, _)| stored.contains_key(id));
        let first = verdicts.len();
        verdicts.extend(stored.into_values().flatten());
        known.keep(&read, &verdicts[first..]);
        unknown.extend(left);
    }
    unknown.sort_unstable_by_key(|(series, _)| series.0);
    Ok(unknown)
}

/// Stores verdicts. Returns false if that fails, which only means that they will be judged again.
fn store_verdicts(
    store: &Store,
    series: &Unknown<'_>,
    verdicts: &[Judged],
) -> Result<bool, StoreError> {
    match store.keep_verdicts(series, verdicts) {
        Err(error) if !error.needs_reopening() => {
            let reason = with_causes(&error);
            tracing::warn!(reason, "verdicts are not stored, and will be judged again");
            Ok(false)
        }
        stored => stored.map(|()| true),
    }
}

/// Judges the newest value of each metric of the judged runs.
///
/// # Errors
/// The database cannot be read.
pub fn judge(
    store: &Store,
    known: &KnownVerdicts,
    to: (RunId, RunId),
) -> Result<JudgedMetrics, StoreError> {
    let (judged, shifts) = judgements(store, known, to)?;
    let names = store.worker_names()?;
    let mut metrics = JudgedMetrics { movers: movers(&judged), ..Default::default() };
    for (worker, shift) in shifts {
        let name = names.get(&WorkerId(worker)).cloned();
        metrics.workers.push(event(name.unwrap_or_else(|| WorkerId(worker).to_string()), &shift));
    }
    metrics.workers.extend(drift::events(store, to, &names)?);
    for judged in &judged {
        let verdict = judged.judgement.verdict;
        *metrics.verdicts.entry(verdict).or_default() += 1;
        if !matches!(verdict, Verdict::Steady | Verdict::InsufficientData) {
            let worker = names.get(&judged.of.worker).cloned();
            let change = MetricChange { worker, ..metric_change(judged) };
            metrics.changed.entry(judged.of.case).or_default().push(change);
        }
    }
    Ok(metrics)
}

/// The verdicts about the last values of all metrics. A run of 1,000 tests may have 25,000 metrics.
fn judged_in_threads(
    histories: &Histories,
    series: &Unknown<'_>,
    accepted: &AcceptedRuns,
) -> Vec<Judged> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let size = histories.series.len().div_ceil(threads).max(MIN_PER_THREAD);
    let judge = |part: &[SeriesAttempts]| -> Vec<Judged> {
        let known = part.iter().filter_map(|of| Some((of, series.get(&of.series)?)));
        let metrics = known.flat_map(|(of, judged)| histories.metrics(of, judged));
        metrics.filter_map(|metric| judged(&metric, accepted)).collect()
    };
    let judge = &judge;
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            histories.series.chunks(size).map(|part| scope.spawn(move || judge(part))).collect();
        parts.into_iter().flat_map(joined).collect()
    })
}

/// The verdict about the last value of a row. `None` for a row without values.
pub fn judged(row: &ValuesRow, accepted: &AcceptedRuns) -> Option<Judged> {
    let newest = row.values.last()?.test;
    let starts = accepted_starts(row, accepted);
    let values: Vec<f64> = row.values.iter().map(|value| value.value).collect();
    let judgement = online::newest(&values, &starts, Better::of(&row.of.better), limits(&row.of));
    let since = judgement.since.and_then(|at| Some(row.values.get(at)?.test.run));
    Some(Judged { of: row.of.clone(), newest, since, judgement })
}

/// The positions of the values at which a change was accepted.
pub fn accepted_starts(row: &ValuesRow, accepted: &AcceptedRuns) -> Vec<usize> {
    let of_series = accepted.get(&row.of.series).into_iter().flatten();
    of_series
        .filter(|(metric, _)| metric.as_ref().is_none_or(|metric| *metric == row.of.metric))
        .filter_map(|(_, run)| row.values.iter().position(|value| value.test.run >= *run))
        .collect()
}

/// The limits of a metric, which its test may set.
pub fn limits(of: &SeriesMetric) -> Limits {
    let kind = if of.is_figure { Kind::NumericError } else { Kind::of_unit(&of.unit) };
    Limits::of_metric(kind, &of.metric, &of.limits)
}

pub fn metric_change(judged: &Judged) -> MetricChange {
    let Judged { of, since, judgement, .. } = judged;
    let Judgement { verdict, direction, before, after, change, z, n_before, n_after, .. } =
        *judgement;
    let limits = limits(of);
    MetricChange {
        metric: of.metric.clone(),
        unit: of.unit.clone(),
        worker: None,
        verdict,
        direction,
        before,
        after,
        change,
        z,
        limit_change: Some(limits.change),
        limit_z: Some(limits.z),
        n_before: n_before as u64,
        n_after: n_after as u64,
        since: *since,
    }
}

fn event(worker: String, shift: &SharedShift) -> WorkerEvent {
    let direction = match shift.direction {
        Direction::None => "different",
        named => named.name(),
    };
    let (changed, compared) = (shift.changed, shift.compared);
    WorkerEvent {
        worker,
        reason: format!("{changed} of {compared} tests on this worker became {direction} together"),
        compared: compared as u64,
        changed: changed as u64,
        change: shift.change,
    }
}

/// The geometric mean of the ratios of each measured metric, in the order of their names.
fn movers(metrics: &[Judged]) -> Vec<MetricMovement> {
    let mut ratios: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for Judged { of, judgement, .. } in metrics {
        let ratio = judgement.change.filter(|ratio| *ratio > 0.0 && !of.is_figure);
        if let Some(ratio) = ratio {
            ratios.entry(&of.metric).or_default().push(ratio);
        }
    }
    let movement = |(metric, ratios): (&str, Vec<f64>)| {
        Some(MetricMovement {
            metric: metric.to_owned(),
            series: ratios.len() as u64,
            geometric_mean: geometric_mean(&ratios)?,
        })
    };
    ratios.into_iter().filter_map(movement).collect()
}
