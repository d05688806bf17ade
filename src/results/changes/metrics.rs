//! The verdicts about the metrics of the judged side.

use crate::api::v1::changes::{MetricChange, MetricMovement, WorkerEvent};
use crate::domain::added::marks::AcceptedSeries;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::series::CaseId;
use crate::results::changes::drift;
use crate::results::reader::Reader;
use crate::store::reports::marks::AcceptedRuns;
use crate::store::reports::values::ValuesRow;
use crate::store::{Store, StoreError};
use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::limits::{Better, Kind, Limits};
use crate::trends::online;
use crate::trends::robust::geometric_mean;
use crate::trends::workers::{Measured, SharedShift, shared_shifts};
use std::collections::{BTreeMap, HashMap};
use std::panic::resume_unwind;

/// Maximum number of threads that judge, and minimum number of metrics for each.
const MAX_THREADS: usize = 8;
const MIN_PER_THREAD: usize = 500;

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
        let store = self.store();
        let repetitions = store.repetitions(run)?;
        let (rows, judgements, _) = judgements(&store, (run, run))?;
        let changed = rows.into_iter().zip(judgements).filter_map(|(row, judgement)| {
            let test = row.values.last()?.test;
            let metric = Some(row.metric.into());
            let series = AcceptedSeries { case: row.case, series: row.series, metric };
            let is_confirmation = repetitions.contains(&test);
            let is_changed = judgement.is_change() || judgement.verdict == Verdict::WorkerEvent;
            is_changed.then_some(Changed { test, series, is_confirmation, judgement })
        });
        Ok(changed.collect())
    }
}

/// The metrics of the judged runs with the verdicts about their newest values, and the shifts that workers
/// explain.
type Judgements = (Vec<ValuesRow>, Vec<Judgement>, BTreeMap<u32, SharedShift>);

fn judgements(store: &Store, to: (RunId, RunId)) -> Result<Judgements, StoreError> {
    let accepted = store.accepted_runs()?;
    let rows = store.values_of(to)?;
    let mut judgements = judged_in_threads(&rows, &accepted);
    let mut measured: Vec<Measured<'_>> = rows
        .iter()
        .zip(&mut judgements)
        // Other hardware does not change results of numeric checks.
        .filter(|(row, _)| !row.is_figure)
        .map(|(row, judgement)| Measured { worker: row.worker.0, series: row.series.0, judgement })
        .collect();
    let shifts = shared_shifts(&mut measured);
    Ok((rows, judgements, shifts))
}

/// Judges the newest value of each metric of the judged runs.
///
/// # Errors
/// The database cannot be read.
pub fn judge(store: &Store, to: (RunId, RunId)) -> Result<JudgedMetrics, StoreError> {
    let (rows, judgements, shifts) = judgements(store, to)?;
    let names = store.worker_names()?;
    let mut metrics = JudgedMetrics { movers: movers(&rows, &judgements), ..Default::default() };
    for (worker, shift) in shifts {
        let name = names.get(&WorkerId(worker)).cloned();
        metrics.workers.push(event(name.unwrap_or_else(|| WorkerId(worker).to_string()), &shift));
    }
    metrics.workers.extend(drift::events(store, to, &names)?);
    for (row, judgement) in rows.iter().zip(&judgements) {
        *metrics.verdicts.entry(judgement.verdict).or_default() += 1;
        if !matches!(judgement.verdict, Verdict::Steady | Verdict::InsufficientData) {
            let worker = names.get(&row.worker).cloned();
            let change = MetricChange { worker, ..metric_change(row, judgement) };
            metrics.changed.entry(row.case).or_default().push(change);
        }
    }
    Ok(metrics)
}

/// The verdicts about the last values of all rows. A run of 1,000 tests may have 25,000 rows.
fn judged_in_threads(rows: &[ValuesRow], accepted: &AcceptedRuns) -> Vec<Judgement> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let size = rows.len().div_ceil(threads).max(MIN_PER_THREAD);
    let judge = |part: &[ValuesRow]| -> Vec<Judgement> {
        part.iter().map(|row| judged(row, accepted)).collect()
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            rows.chunks(size).map(|part| scope.spawn(move || judge(part))).collect();
        let joined =
            parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// The verdict about the last value of a row.
pub fn judged(row: &ValuesRow, accepted: &AcceptedRuns) -> Judgement {
    let starts = accepted_starts(row, accepted);
    let values: Vec<f64> = row.values.iter().map(|value| value.value).collect();
    online::newest(&values, &starts, Better::of(&row.better), limits(row))
}

/// The positions of the values at which a change was accepted.
pub fn accepted_starts(row: &ValuesRow, accepted: &AcceptedRuns) -> Vec<usize> {
    let of_series = accepted.get(&row.series).into_iter().flatten();
    of_series
        .filter(|(metric, _)| metric.as_ref().is_none_or(|metric| *metric == row.metric))
        .filter_map(|(_, run)| row.values.iter().position(|value| value.test.run >= *run))
        .collect()
}

/// The limits of a row, which its test may set.
pub fn limits(row: &ValuesRow) -> Limits {
    let kind = if row.is_figure { Kind::NumericError } else { Kind::of_unit(&row.unit) };
    Limits::of_metric(kind, &row.metric, &row.limits)
}

pub fn metric_change(row: &ValuesRow, judgement: &Judgement) -> MetricChange {
    let Judgement { verdict, direction, before, after, change, z, n_before, n_after, since } =
        *judgement;
    let limits = limits(row);
    let run_at = |at: usize| -> Option<RunId> { Some(row.values.get(at)?.test.run) };
    MetricChange {
        metric: row.metric.clone(),
        unit: row.unit.clone(),
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
        since: since.and_then(run_at),
    }
}

fn event(worker: String, shift: &SharedShift) -> WorkerEvent {
    let direction = match shift.direction {
        Direction::Worse => "worse",
        Direction::Better => "better",
        Direction::None => "different",
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
fn movers(rows: &[ValuesRow], judgements: &[Judgement]) -> Vec<MetricMovement> {
    let mut ratios: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (row, judgement) in rows.iter().zip(judgements) {
        let ratio = judgement.change.filter(|ratio| *ratio > 0.0 && !row.is_figure);
        if let Some(ratio) = ratio {
            ratios.entry(&row.metric).or_default().push(ratio);
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
