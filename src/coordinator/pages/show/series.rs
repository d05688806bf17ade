//! The history of a test as charts.

use crate::api::v1::changes::{SeriesPoint, SeriesView};
use crate::coordinator::pages::text::{shown, time};
use crate::domain::outcome::Outcome;
use crate::results::render::figures::{counted, with_unit};
use crate::text::chart::{self, Level, Point};
use serde_json::{Value, json};

/// A chart of one metric over time, with the median of each segment. `None` if no point has a value.
pub(super) fn chart(view: &SeriesView) -> Option<Value> {
    let metric = view.metric.as_deref()?;
    let points: Vec<Point> = view.points.iter().map(|at| point(view, at)).collect();
    let levels: Vec<Level> = view
        .segments
        .iter()
        .map(|segment| Level {
            from: usize::try_from(segment.from).unwrap_or(usize::MAX),
            to: usize::try_from(segment.to).map_or(usize::MAX, |to| to.saturating_add(1)),
            value: segment.median,
        })
        .collect();
    let values = view.points.iter().filter(|point| point.value.is_some()).count();
    let mut caption = format!("{metric}, {}", counted(values as u64, "value"));
    if view.segments.len() > 1 {
        caption.push_str(&format!(" in {} segments", view.segments.len()));
    }
    let svg = chart::line(&shown(&caption), &points, &levels, &|v| with_unit(v, &view.unit));
    (!svg.is_empty()).then(|| json!({ "svg": svg, "caption": shown(&caption) }))
}

fn point(view: &SeriesView, point: &SeriesPoint) -> Point {
    let value = point.value.unwrap_or(f64::NAN);
    let title = format!(
        "{}: {}, {} on {}",
        point.test,
        with_unit(value, &view.unit),
        time(point.finished_at),
        shown(&point.worker)
    );
    let is_bad = point.outcome != Outcome::Passed;
    Point { value, is_bad, title, href: format!("/tests/{}", point.test) }
}
