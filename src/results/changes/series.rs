//! The history of one metric of one series with its segments.

use crate::api::SCHEMA;
use crate::api::v1::changes::{MAX_POINTS, Segment, SeriesPoint, SeriesQuery, SeriesView};
use crate::domain::added::change_limits::{CHANGE_LIMITS, parse};
use crate::domain::id::{TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::results::changes::metrics::{accepted_starts, judged, limits, metric_change};
use crate::results::reader::Reader;
use crate::store::reports::judged::SeriesMetric;
use crate::store::reports::marks::AcceptedRuns;
use crate::store::reports::series::{PointRow, SeriesMetricRow, SeriesRow};
use crate::store::reports::values::{ValueRow, ValuesRow};
use crate::store::{MAX_SPREAD, Store, StoreError};
use crate::trends::robust::median;
use crate::trends::segments::{Certainty, shifts};

/// The metric that is shown if none is named.
const USUAL_METRIC: &str = "latency_seconds";

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
        let named = |name: &str| metrics.iter().find(|metric| metric.metric == name);
        let metric = match &query.metric {
            Some(name) => match named(name) {
                Some(metric) => Some(metric),
                None => return Ok(None),
            },
            None => named(USUAL_METRIC).or(metrics.first()),
        };
        let none = SeriesMetricRow {
            metric: String::new(),
            unit: String::new(),
            better: String::new(),
            is_figure: false,
        };
        let mut views = histories(&store, &series, &metrics, &[metric.unwrap_or(&none)])?;
        Ok(views.pop())
    }

    /// Reports the histories of at most `most` metrics of the series of a test, the usual one first; none if it
    /// has no series.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn histories(&self, test: TestId, most: usize) -> Result<Vec<SeriesView>, StoreError> {
        let store = self.store();
        let Some(series) = store.series(None, Some(test))? else { return Ok(Vec::new()) };
        let metrics = store.series_metrics(series.series)?;
        let is_usual = |metric: &&SeriesMetricRow| metric.metric == USUAL_METRIC;
        let (usual, others): (Vec<_>, Vec<_>) = metrics.iter().partition(is_usual);
        let shown: Vec<&SeriesMetricRow> = usual.into_iter().chain(others).take(most).collect();
        histories(&store, &series, &metrics, &shown)
    }
}

/// The histories of some of the metrics of a series.
fn histories(
    store: &Store,
    series: &SeriesRow,
    metrics: &[SeriesMetricRow],
    shown: &[&SeriesMetricRow],
) -> Result<Vec<SeriesView>, StoreError> {
    let points = store.series_points(series.series, shown, MAX_POINTS)?;
    let accepted = store.accepted_runs()?;
    let view = |(metric, points): (&&SeriesMetricRow, Vec<PointRow>)| {
        let mut view = SeriesView {
            schema: SCHEMA,
            case: series.case,
            series: series.series,
            name: series.name.clone(),
            labels: series.labels.clone(),
            metric: Some(metric.metric.clone()).filter(|name| !name.is_empty()),
            metrics: metrics.iter().map(|metric| metric.metric.clone()).collect(),
            unit: metric.unit.clone(),
            points: points.iter().map(point).collect(),
            segments: Vec::new(),
            newest: None,
        };
        divide(&mut view, metric, &points, &accepted);
        view
    };
    Ok(shown.iter().zip(points).map(view).collect())
}

fn point(row: &PointRow) -> SeriesPoint {
    SeriesPoint {
        test: row.attempt.test,
        finished_at: row.finished_at,
        outcome: row.outcome,
        attempt: row.attempt.number,
        value: row.value,
        n: row.count,
        spread: row.spread,
        noisy: row.spread.is_some_and(|spread| spread > MAX_SPREAD),
        worker: row.worker.clone(),
        segment: None,
    }
}

/// Divides the points of passed tests with values into segments, and judges the newest.
fn divide(
    view: &mut SeriesView,
    metric: &SeriesMetricRow,
    points: &[PointRow],
    accepted: &AcceptedRuns,
) {
    let placed: Vec<(usize, &PointRow, f64)> = points
        .iter()
        .enumerate()
        .filter(|(_, point)| point.outcome == Outcome::Passed)
        .filter_map(|(at, point)| Some((at, point, point.value.filter(|v| v.is_finite())?)))
        .collect();
    let value = |(_, point, value): &(usize, &PointRow, f64)| ValueRow {
        test: point.attempt.test,
        value: *value,
    };
    let limits = view.labels.get(CHANGE_LIMITS).and_then(|text| parse(text).ok());
    let of = SeriesMetric {
        case: view.case,
        series: view.series,
        metric: metric.metric.clone(),
        unit: metric.unit.clone(),
        better: metric.better.clone(),
        is_figure: metric.is_figure,
        limits: limits.unwrap_or_default(),
        // The judgement of one series does not depend on the worker.
        worker: WorkerId(0),
    };
    let row = ValuesRow { of, values: placed.iter().map(value).collect() };
    view.newest = judged(&row, accepted).map(|judged| metric_change(&judged));
    for (number, (start, end, reason)) in segments(&row, accepted).into_iter().enumerate() {
        let values: Vec<f64> = placed[start..end].iter().map(|(_, _, value)| *value).collect();
        for (at, _, _) in &placed[start..end] {
            view.points[*at].segment = Some(number as u64);
        }
        view.segments.push(Segment {
            from: placed[start].0 as u64,
            to: placed[end - 1].0 as u64,
            median: median(&values).unwrap_or_default(),
            n: values.len() as u64,
            reason: reason.to_owned(),
        });
    }
}

/// Start, end and reason of each segment, as positions of values.
fn segments(row: &ValuesRow, accepted: &AcceptedRuns) -> Vec<(usize, usize, &'static str)> {
    let values: Vec<f64> = row.values.iter().map(|value| value.value).collect();
    let mut starts: Vec<(usize, &'static str)> = vec![(0, "start")];
    let accepted = accepted_starts(row, accepted).into_iter();
    starts.extend(accepted.filter(|at| *at > 0).map(|at| (at, "accepted")));
    starts.sort_unstable();
    starts.dedup_by_key(|(at, _)| *at);
    let ends: Vec<usize> = starts.iter().skip(1).map(|(at, _)| *at).chain([values.len()]).collect();
    let mut segments = Vec::new();
    for ((start, reason), end) in starts.into_iter().zip(ends) {
        let least = limits(&row.of).change / 2.0;
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
