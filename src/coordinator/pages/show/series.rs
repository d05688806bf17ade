//! The history of a test as charts.

use crate::coordinator::pages::text::{shown, time};
use crate::domain::outcome::Outcome;
use crate::results::History;
use crate::results::render::figures::{counted, with_unit};
use crate::store::reports::series::PointRow;
use crate::text::chart::{self, Level, Point};
use serde_json::{Value, json};

/// A chart of one metric over time, with the median of each segment. `None` if no point has a value.
pub(super) fn chart(history: &History) -> Option<Value> {
    let History { metric, points, segments, .. } = history;
    let shown_points: Vec<Point> = points.iter().map(|row| point(&metric.unit, row)).collect();
    let levels: Vec<Level> = segments
        .iter()
        .map(|segment| Level {
            from: usize::try_from(segment.from).unwrap_or(usize::MAX),
            to: usize::try_from(segment.to).map_or(usize::MAX, |to| to.saturating_add(1)),
            value: segment.median,
        })
        .collect();
    let values = points.iter().filter(|point| point.value.is_some()).count();
    let mut caption = format!("{}, {}", metric.name, counted(values as u64, "value"));
    if segments.len() > 1 {
        caption.push_str(&format!(" in {} segments", segments.len()));
    }
    let caption = shown(&caption);
    let svg = chart::line(&caption, &shown_points, &levels, &|v| with_unit(v, &metric.unit));
    (!svg.is_empty()).then(|| json!({ "svg": svg, "caption": caption }))
}

fn point(unit: &str, row: &PointRow) -> Point {
    let (value, test) = (row.value.unwrap_or(f64::NAN), row.attempt.test);
    let title = format!(
        "{test}: {}, {} on {}",
        with_unit(value, unit),
        time(row.finished_at),
        shown(&row.worker)
    );
    let is_bad = row.outcome != Outcome::Passed;
    Point { value, is_bad, title, href: format!("/tests/{test}") }
}
