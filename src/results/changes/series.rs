//! The history of one metric of one series with its segments.

use crate::api::SCHEMA;
use crate::api::v1::changes::{
    MAX_POINTS, MetricChange, Segment, SeriesPoint, SeriesQuery, SeriesView,
};
use crate::domain::added::change_limits::{CHANGE_LIMITS, ChangeLimit, parse};
use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::domain::series::SeriesId;
use crate::results::changes::metrics::{accepted_starts, judged, limits, metric_change};
use crate::results::reader::Reader;
use crate::store::reports::marks::Accepted;
use crate::store::reports::series::{PointRow, SampleRow, SeriesRow};
use crate::store::reports::sets::Metric;
use crate::store::reports::values::{ValueRow, ValuesRow};
use crate::store::{MAX_SPREAD, Store, StoreError};
use crate::trends::robust::median;
use crate::trends::segments::{Certainty, shifts};
use std::sync::Arc;

/// The metric that is shown if none is named.
const USUAL_METRIC: &str = "latency_seconds";

/// The history of one metric of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub metric: Metric,
    /// The attempts, the oldest first.
    pub points: Vec<PointRow>,
    pub segments: Vec<Segment>,
    /// The position of the segment of each point. `None` for one without a value.
    placed: Vec<Option<u64>>,
    newest: Option<MetricChange>,
}

impl Reader {
    /// Reports the history of one metric of a series. `None` if there is no such series or metric.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series(&self, query: &SeriesQuery) -> Result<Option<SeriesView>, StoreError> {
        let store = self.store();
        if query.series.is_none() && query.test.is_none() {
            return Ok(None);
        }
        let Some(series) = store.series(query.series, query.test)? else { return Ok(None) };
        let metrics = store.series_metrics(series.series)?;
        let named = |name: &str| metrics.iter().find(|metric| *metric.name == *name);
        let metric = match &query.metric {
            Some(name) => match named(name) {
                Some(metric) => Some(metric),
                None => return Ok(None),
            },
            None => named(USUAL_METRIC).or(metrics.first()),
        };
        let none = Metric::default();
        let mut histories = histories(&store, &series, &[metric.unwrap_or(&none)])?;
        let Some(history) = histories.pop() else { return Ok(None) };
        let samples = samples(&store, series.series, &history)?;
        Ok(Some(view(series, &metrics, history, samples)))
    }

    /// Reports the histories of at most `most` metrics of the series of a test, the usual one first, and the number of
    /// the other metrics; none if it has no series.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn histories(
        &self,
        test: TestId,
        most: usize,
    ) -> Result<(Vec<History>, usize), StoreError> {
        let store = self.store();
        let Some(series) = store.series(None, Some(test))? else { return Ok((Vec::new(), 0)) };
        let metrics = store.series_metrics(series.series)?;
        let is_usual = |metric: &&Metric| *metric.name == *USUAL_METRIC;
        let (usual, others): (Vec<_>, Vec<_>) = metrics.iter().partition(is_usual);
        let shown: Vec<&Metric> = usual.into_iter().chain(others).take(most).collect();
        Ok((histories(&store, &series, &shown)?, metrics.len() - shown.len()))
    }
}

/// The histories of some of the metrics of a series.
fn histories(
    store: &Store,
    series: &SeriesRow,
    shown: &[&Metric],
) -> Result<Vec<History>, StoreError> {
    let points = store.series_points(series.series, shown, MAX_POINTS)?;
    let accepted = store.accepted_runs()?.remove(&series.series).unwrap_or_default();
    let limits = series.labels.get(CHANGE_LIMITS).and_then(|text| parse(text).ok());
    let limits = limits.unwrap_or_default();
    let shown = shown.iter().zip(points);
    Ok(shown.map(|(metric, points)| divided(metric, points, &limits, &accepted)).collect())
}

/// Number and spread of the values of each point. A figure of a check is one value.
fn samples(
    store: &Store,
    series: SeriesId,
    History { metric, points, .. }: &History,
) -> Result<Vec<SampleRow>, StoreError> {
    let Some(oldest) = points.first() else { return Ok(Vec::new()) };
    if metric.is_figure {
        let sample =
            |point: &PointRow| SampleRow { count: u64::from(point.value.is_some()), spread: None };
        return Ok(points.iter().map(sample).collect());
    }
    let known = store.series_samples(series, &metric.name, oldest.attempt.test.run)?;
    let sample = |point: &PointRow| known.get(&point.attempt).copied().unwrap_or_default();
    Ok(points.iter().map(sample).collect())
}

fn view(
    series: SeriesRow,
    metrics: &[Metric],
    history: History,
    samples: Vec<SampleRow>,
) -> SeriesView {
    let History { metric, points, segments, placed, newest } = history;
    let point = |((row, sample), segment): ((PointRow, SampleRow), Option<u64>)| SeriesPoint {
        test: row.attempt.test,
        finished_at: row.finished_at,
        outcome: row.outcome,
        attempt: row.attempt.number,
        value: row.value,
        n: sample.count,
        spread: sample.spread,
        noisy: sample.spread.is_some_and(|spread| spread > MAX_SPREAD),
        worker: row.worker,
        segment,
    };
    SeriesView {
        schema: SCHEMA,
        case: series.case,
        series: series.series,
        name: series.name,
        labels: series.labels,
        metric: Some(metric.name.to_string()).filter(|name| !name.is_empty()),
        metrics: metrics.iter().map(|metric| metric.name.to_string()).collect(),
        unit: metric.unit.to_string(),
        points: points.into_iter().zip(samples).zip(placed).map(point).collect(),
        segments,
        newest,
    }
}

/// Divides the points of passed tests with values into segments, and judges the newest.
fn divided(
    metric: &Metric,
    points: Vec<PointRow>,
    limits: &[ChangeLimit],
    accepted: &[Accepted],
) -> History {
    let values: Vec<(usize, ValueRow)> = points
        .iter()
        .enumerate()
        .filter(|(_, point)| point.outcome == Outcome::Passed)
        .filter_map(|(at, point)| {
            let value = point.value.filter(|value| value.is_finite())?;
            Some((at, ValueRow { test: point.attempt.test, value }))
        })
        .collect();
    let of_points = values.iter().map(|(_, value)| *value).collect();
    let row = ValuesRow { of: Arc::new(metric.clone()), values: of_points };
    let newest = judged(&row, limits, accepted).map(|judged| metric_change(&judged, limits));
    let mut placed = vec![None; points.len()];
    let mut divided = Vec::new();
    for (number, (start, end, reason)) in (0..).zip(segments(&row, limits, accepted)) {
        for (at, _) in &values[start..end] {
            placed[*at] = Some(number);
        }
        let own: Vec<f64> = row.values[start..end].iter().map(|value| value.value).collect();
        divided.push(Segment {
            from: values[start].0 as u64,
            to: values[end - 1].0 as u64,
            median: median(&own).unwrap_or_default(),
            n: own.len() as u64,
            reason: reason.to_owned(),
        });
    }
    History { metric: metric.clone(), points, segments: divided, placed, newest }
}

/// Start, end and reason of each segment, as positions of values.
fn segments(
    row: &ValuesRow,
    own: &[ChangeLimit],
    accepted: &[Accepted],
) -> Vec<(usize, usize, &'static str)> {
    let values: Vec<f64> = row.values.iter().map(|value| value.value).collect();
    let mut starts: Vec<(usize, &'static str)> = vec![(0, "start")];
    let accepted = accepted_starts(row, accepted).into_iter();
    starts.extend(accepted.filter(|at| *at > 0).map(|at| (at, "accepted")));
    starts.sort_unstable();
    starts.dedup_by_key(|(at, _)| *at);
    let ends: Vec<usize> = starts.iter().skip(1).map(|(at, _)| *at).chain([values.len()]).collect();
    let mut segments = Vec::new();
    for ((start, reason), end) in starts.into_iter().zip(ends) {
        let least = limits(&row.of, own).change / 2.0;
        let found = shifts(&values[start..end], least, Certainty::Proven);
        let mut from = (start, reason);
        for shift in found {
            segments.push((from.0, start + shift.at, from.1));
            from = (start + shift.at, "shift");
        }
        if from.0 < end {
            segments.push((from.0, end, from.1));
        }
    }
    segments
}
