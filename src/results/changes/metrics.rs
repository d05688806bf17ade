//! The verdicts about the metrics of the judged side.

use crate::api::v1::changes::{MetricChange, MetricMovement, WorkerEvent};
use crate::domain::id::{RunId, WorkerId};
use crate::domain::series::SeriesId;
use crate::store::reports::changes::{Sides, ValuesRow};
use crate::store::reports::marks::AcceptanceRow;
use crate::store::{Store, StoreError};
use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::limits::{Better, Kind, Limits};
use crate::trends::online;
use crate::trends::robust::geometric_mean;
use crate::trends::workers::{Measured, SharedShift, shared_shifts};
use std::collections::{BTreeMap, HashMap};

/// The judged metrics of all series.
#[derive(Default)]
pub struct JudgedMetrics {
    /// The changed metrics of each series.
    changed: HashMap<SeriesId, Vec<MetricChange>>,
    pub verdicts: BTreeMap<Verdict, u64>,
    pub workers: Vec<WorkerEvent>,
    pub movers: Vec<MetricMovement>,
}

impl JudgedMetrics {
    /// The changed metrics of a series, which are removed.
    pub fn take(&mut self, series: SeriesId) -> Vec<MetricChange> {
        self.changed.remove(&series).unwrap_or_default()
    }

    pub fn changes(&self) -> impl Iterator<Item = &MetricChange> {
        self.changed.values().flatten()
    }
}

/// Judges the newest value of each metric.
///
/// # Errors
/// The database cannot be read.
pub fn judge(store: &Store, sides: Sides) -> Result<JudgedMetrics, StoreError> {
    let accepted = store.acceptances(false)?;
    let mut rows = store.values_of_sides(sides)?;
    rows.retain(|row| row.values.last().is_some_and(|last| last.is_after));
    let mut judgements: Vec<Judgement> = rows.iter().map(|row| judged(row, &accepted)).collect();
    let worker_of = |row: &ValuesRow| row.values.last().map_or(0, |last| last.worker.0);
    let mut measured: Vec<Measured<'_>> = rows
        .iter()
        .zip(&mut judgements)
        // Other hardware does not change results of numeric checks.
        .filter(|(row, _)| !row.is_figure)
        .map(|(row, judgement)| Measured {
            worker: worker_of(row),
            series: row.series.0,
            judgement,
        })
        .collect();
    let shifts = shared_shifts(&mut measured);
    let names = store.worker_names()?;
    let mut metrics = JudgedMetrics { movers: movers(&rows, &judgements), ..Default::default() };
    for (worker, shift) in shifts {
        let name = names.get(&WorkerId(worker)).cloned();
        metrics.workers.push(event(name.unwrap_or_else(|| WorkerId(worker).to_string()), &shift));
    }
    for (row, judgement) in rows.iter().zip(&judgements) {
        *metrics.verdicts.entry(judgement.verdict).or_default() += 1;
        if !matches!(judgement.verdict, Verdict::Steady | Verdict::InsufficientData) {
            let change = metric_change(row, judgement);
            metrics.changed.entry(row.series).or_default().push(change);
        }
    }
    Ok(metrics)
}

/// The verdict about the last value of a row.
pub fn judged(row: &ValuesRow, accepted: &[AcceptanceRow]) -> Judgement {
    let starts: Vec<usize> = accepted
        .iter()
        .filter(|known| known.series == row.series)
        .filter(|known| known.metric.as_ref().is_none_or(|metric| *metric == row.metric))
        .filter_map(|known| row.values.iter().position(|value| value.test.run >= known.run))
        .collect();
    let values: Vec<f64> = row.values.iter().map(|value| value.value).collect();
    online::newest(&values, &starts, Better::of(&row.better), limits(row))
}

pub fn limits(row: &ValuesRow) -> Limits {
    Limits::of(if row.is_figure { Kind::NumericError } else { Kind::of_unit(&row.unit) })
}

pub fn metric_change(row: &ValuesRow, judgement: &Judgement) -> MetricChange {
    let Judgement { verdict, direction, before, after, change, z, n_before, n_after, since } =
        *judgement;
    let run_at = |at: usize| -> Option<RunId> { Some(row.values.get(at)?.test.run) };
    MetricChange {
        metric: row.metric.clone(),
        unit: row.unit.clone(),
        verdict,
        direction,
        before,
        after,
        change,
        z,
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
