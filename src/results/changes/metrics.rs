//! The verdicts about the metrics of the judged side.

use crate::api::v1::changes::{MetricChange, MetricMovement, WorkerEvent};
use crate::domain::added::change_limits::ChangeLimit;
use crate::domain::added::marks::AcceptedSeries;
use crate::domain::causes::with_causes;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::series::{CaseId, SeriesId};
use crate::results::changes::drift;
use crate::results::known::{KnownVerdicts, Unknown};
use crate::results::reader::Reader;
use crate::store::reports::judged::JudgedSeries;
use crate::store::reports::marks::{Accepted, AcceptedRuns};
use crate::store::reports::sets::Metric;
use crate::store::reports::values::{Histories, SeriesAttempts, ValuesRow};
use crate::store::reports::verdicts::{Judged, Verdicts, ordered};
use crate::store::{Store, StoreError};
use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::limits::{Better, Kind, Limits};
use crate::trends::online;
use crate::trends::robust::geometric_mean;
use crate::trends::workers::{Measured, SharedShift, shared_shifts};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::resume_unwind;
use std::sync::Arc;
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
    /// The metrics that the newest passed attempts in the judged runs do not have.
    pub missing: HashMap<TestId, Vec<Missing>>,
    /// The cases with a confirmed change to the worse that their worker explains.
    pub explained: HashSet<CaseId>,
    pub workers: Vec<WorkerEvent>,
    pub movers: Vec<MetricMovement>,
}

/// A metric that earlier attempts of a series have.
pub struct Missing {
    pub of: Arc<Metric>,
    /// The run of its newest value.
    pub newest: RunId,
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
        let judgements = Judgements::read(&store, &known, (run, run))?;
        let changed = judgements.newest().filter_map(|Newest { id, series, judged, judgement }| {
            let metric = Some((*judged.of.name).into());
            let series = AcceptedSeries { case: series.case, series: id, metric };
            let test = judged.newest;
            let is_confirmation = repetitions.contains(&test);
            let is_changed = judgement.is_change() || judgement.verdict == Verdict::WorkerEvent;
            is_changed.then_some(Changed { test, series, is_confirmation, judgement })
        });
        Ok(changed.collect())
    }
}

/// The verdicts about the series of the judged runs.
struct Judgements {
    /// In the order of their ids.
    series: Vec<(SeriesId, JudgedSeries)>,
    verdicts: Verdicts,
    /// The first of the judged runs.
    first: RunId,
    /// The shifts that workers explain.
    shifts: Vec<SharedShift>,
}

impl Judgements {
    fn read(store: &Store, known: &KnownVerdicts, to: (RunId, RunId)) -> Result<Self, StoreError> {
        let accepted = store.accepted_runs()?;
        let mut series: Vec<_> = store.judged_series(to, &accepted)?.into_iter().collect();
        series.sort_unstable_by_key(|(id, _)| id.0);
        let of_series: Vec<(SeriesId, &JudgedSeries)> =
            series.iter().map(|(id, judged)| (*id, judged)).collect();
        let mut verdicts = Verdicts::new();
        let mut unknown = find(store, known, &of_series, &mut verdicts)?;
        if !unknown.is_empty() {
            let (_turn, has_waited) = known.turn();
            if has_waited {
                unknown = find(store, known, &unknown, &mut verdicts)?;
            }
            judge_unknown(store, known, &accepted, &unknown, &mut verdicts)?;
        }
        let mut judgements = Self { series, verdicts, first: to.0, shifts: Vec::new() };
        let measured = judgements.newest().filter(|newest| !newest.judged.of.is_figure);
        let measured = measured.map(|Newest { id, series, judgement, .. }| Measured {
            worker: series.worker.0,
            series: id.0,
            judgement,
        });
        judgements.shifts = shared_shifts(measured);
        Ok(judgements)
    }

    /// The verdicts about the newest values in the judged runs, in the order of the series and of [`ordered`].
    fn newest(&self) -> impl Iterator<Item = Newest<'_>> {
        self.series.iter().flat_map(move |(id, series)| {
            let of_series = self.verdicts.get(id).map_or(&[][..], |verdicts| verdicts);
            let newest = of_series.iter().filter(|judged| judged.newest.run >= self.first);
            newest.map(move |judged| Newest {
                id: *id,
                series,
                judged,
                judgement: self.explained(series.worker, judged),
            })
        })
    }

    /// As in [`JudgedMetrics::missing`].
    fn missing(&self) -> HashMap<TestId, Vec<Missing>> {
        let mut missing: HashMap<TestId, Vec<Missing>> = HashMap::new();
        for (id, series) in &self.series {
            let of_series = self.verdicts.get(id).map_or(&[][..], |verdicts| verdicts);
            for judged in of_series.iter().filter(|judged| judged.newest.run < self.first) {
                let metric = Missing { of: Arc::clone(&judged.of), newest: judged.newest.run };
                missing.entry(series.newest.test).or_default().push(metric);
            }
        }
        missing
    }

    /// A verdict. A shift that a worker explains is an event of the worker.
    fn explained(&self, worker: WorkerId, judged: &Judged) -> Judgement {
        let explains = |shift: &SharedShift| shift.explains(worker.0, &judged.judgement);
        // Other hardware does not change results of numeric checks.
        if !judged.of.is_figure && self.shifts.iter().any(explains) {
            return Judgement { verdict: Verdict::WorkerEvent, ..judged.judgement };
        }
        judged.judgement
    }
}

/// The verdict about the newest value of a metric of a series.
struct Newest<'a> {
    id: SeriesId,
    series: &'a JudgedSeries,
    judged: &'a Judged,
    judgement: Judgement,
}

/// Adds the verdicts about these series. While one part of them is judged, the next one is read.
fn judge_unknown(
    store: &Store,
    known: &KnownVerdicts,
    accepted: &AcceptedRuns,
    series: &[(SeriesId, &JudgedSeries)],
    verdicts: &mut Verdicts,
) -> Result<(), StoreError> {
    let mut may_store = true;
    let mut finish = |part: &Unknown<'_>, judged: Verdicts, verdicts: &mut Verdicts| {
        known.keep(part, &judged);
        may_store = may_store && store_verdicts(store, part, &judged)?;
        verdicts.extend(judged);
        Ok::<_, StoreError>(())
    };
    std::thread::scope(|scope| {
        let mut judging: Option<ScopedJoinHandle<'_, (Unknown<'_>, Verdicts)>> = None;
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

/// Adds the known and the stored verdicts about these series, and returns the other series, in the same order.
fn find<'s>(
    store: &Store,
    known: &KnownVerdicts,
    series: &[(SeriesId, &'s JudgedSeries)],
    verdicts: &mut Verdicts,
) -> Result<Vec<(SeriesId, &'s JudgedSeries)>, StoreError> {
    for part in series.chunks(MAX_READ) {
        let mut part: Unknown<'_> = part.iter().copied().collect();
        known.find(store, &mut part, verdicts)?;
        let stored = store.verdicts(&part)?;
        known.keep(&part, &stored);
        verdicts.extend(stored);
    }
    Ok(series.iter().filter(|(id, _)| !verdicts.contains_key(id)).copied().collect())
}

/// Stores verdicts. Returns false if that fails, which only means that they will be judged again.
fn store_verdicts(
    store: &Store,
    series: &Unknown<'_>,
    verdicts: &Verdicts,
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
    let judgements = Judgements::read(store, known, to)?;
    let names = store.worker_names()?;
    let (movers, missing) = (movers(&judgements), judgements.missing());
    let mut metrics = JudgedMetrics { missing, movers, ..Default::default() };
    for shift in &judgements.shifts {
        let worker = WorkerId(shift.worker);
        let name = names.get(&worker).cloned();
        metrics.workers.push(event(name.unwrap_or_else(|| worker.to_string()), shift));
    }
    metrics.workers.extend(drift::events(store, to, &names)?);
    for Newest { series, judged, judgement, .. } in judgements.newest() {
        let verdict = judgement.verdict;
        *metrics.verdicts.entry(verdict).or_default() += 1;
        if !matches!(verdict, Verdict::Steady | Verdict::InsufficientData) {
            let worker = names.get(&series.worker).cloned();
            let own = &judged.judgement;
            if (own.verdict, own.direction) == (Verdict::Confirmed, Direction::Worse)
                && verdict == Verdict::WorkerEvent
            {
                metrics.explained.insert(series.case);
            }
            let change = metric_change(judged, &series.limits);
            let change = MetricChange { worker, verdict, ..change };
            metrics.changed.entry(series.case).or_default().push(change);
        }
    }
    Ok(metrics)
}

/// The verdicts about the last values of all metrics of these series. A run of 1,000 tests may have 25,000 metrics.
fn judged_in_threads(
    histories: &Histories,
    series: &Unknown<'_>,
    accepted: &AcceptedRuns,
) -> Verdicts {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let size = histories.series.len().div_ceil(threads).max(MIN_PER_THREAD);
    let of_series = |of: &SeriesAttempts| {
        let limits = &series.get(&of.series)?.limits;
        let accepted = accepted.get(&of.series).map_or(&[][..], Vec::as_slice);
        let metrics = histories.metrics(of).into_iter();
        let verdicts = metrics.filter_map(|metric| judged(&metric, limits, accepted));
        Some((of.series, ordered(&mut verdicts.collect())))
    };
    let judge = |part: &[SeriesAttempts]| part.iter().filter_map(of_series).collect::<Vec<_>>();
    let judge = &judge;
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            histories.series.chunks(size).map(|part| scope.spawn(move || judge(part))).collect();
        // Series without values have no verdicts, which is known of them, too.
        let mut verdicts: Verdicts = series.keys().map(|id| (*id, Arc::default())).collect();
        verdicts.extend(parts.into_iter().flat_map(joined));
        verdicts
    })
}

/// The verdict about the last value of a row, with the limits that its test sets. `None` for a row without values.
pub fn judged(row: &ValuesRow, own: &[ChangeLimit], accepted: &[Accepted]) -> Option<Judged> {
    let newest = row.values.last()?.test;
    let starts = accepted_starts(row, accepted);
    let values: Vec<f64> = row.values.iter().map(|value| value.value).collect();
    let judgement =
        online::newest(&values, &starts, Better::of(&row.of.better), limits(&row.of, own));
    let since = judgement.since.and_then(|at| Some(row.values.get(at)?.test.run));
    Some(Judged { of: Arc::clone(&row.of), newest, since, judgement })
}

/// The positions of the values at which a change was accepted.
pub fn accepted_starts(row: &ValuesRow, accepted: &[Accepted]) -> Vec<usize> {
    accepted
        .iter()
        .filter(|(metric, _)| metric.as_ref().is_none_or(|metric| **metric == *row.of.name))
        .filter_map(|(_, run)| row.values.iter().position(|value| value.test.run >= *run))
        .collect()
}

/// The limits of a metric, which its test may set.
pub fn limits(of: &Metric, own: &[ChangeLimit]) -> Limits {
    let kind = if of.is_figure { Kind::NumericError } else { Kind::of_unit(&of.unit) };
    Limits::of_metric(kind, &of.name, own)
}

pub fn metric_change(judged: &Judged, own: &[ChangeLimit]) -> MetricChange {
    let Judged { of, since, judgement, .. } = judged;
    let Judgement { verdict, direction, before, after, change, z, n_before, n_after, .. } =
        *judgement;
    let limits = limits(of, own);
    MetricChange {
        metric: of.name.to_string(),
        unit: of.unit.to_string(),
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

/// The geometric mean of the ratios of each measured metric, the largest movement first.
fn movers(judgements: &Judgements) -> Vec<MetricMovement> {
    let mut ratios: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for Newest { judged: Judged { of, .. }, judgement, .. } in judgements.newest() {
        let ratio = judgement.change.filter(|ratio| *ratio > 0.0 && !of.is_figure);
        if let Some(ratio) = ratio {
            ratios.entry(&of.name).or_default().push(ratio);
        }
    }
    let movement = |(metric, ratios): (&str, Vec<f64>)| {
        Some(MetricMovement {
            metric: metric.to_owned(),
            series: ratios.len() as u64,
            geometric_mean: geometric_mean(&ratios)?,
        })
    };
    let mut movers: Vec<MetricMovement> = ratios.into_iter().filter_map(movement).collect();
    let size = |mover: &MetricMovement| mover.geometric_mean.ln().abs();
    movers.sort_by(|one, other| size(other).total_cmp(&size(one)));
    movers
}
