//! Changes of tests and metrics, for the pages that compare.

use crate::api::v1::changes::{
    ChangesView, MetricChange, MetricMovement, MissingMetric, TestChange, WorkerEvent,
};
use crate::coordinator::pages::page::Table;
use crate::coordinator::pages::text::{Link, State as Word, relative, shown};
use crate::domain::id::TestId;
use crate::results::render::figures::{counted, grouped, with_unit};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::StatusChange;
use serde_json::{Value, json};

/// Maximum number of tests in one table of a page. The twins have all.
pub(super) const MAX_LISTED: usize = 500;

/// The status changes that a page lists, each with its heading, the most urgent first.
const STATUS: [(StatusChange, &str); 7] = [
    (StatusChange::NewlyFailing, "Newly failing"),
    (StatusChange::NewlyNotRun, "Newly not run"),
    (StatusChange::Flaky, "Flaky"),
    (StatusChange::StillFailing, "Still failing"),
    (StatusChange::StillNotRun, "Still not run"),
    (StatusChange::Fixed, "Fixed"),
    (StatusChange::New, "New"),
];

/// The word and the colour of a status change.
fn status(change: StatusChange) -> Word {
    let kind = match change {
        StatusChange::NewlyFailing | StatusChange::StillFailing => "bad",
        StatusChange::Flaky | StatusChange::NewlyNotRun => "warn",
        StatusChange::Fixed | StatusChange::Steady => "ok",
        StatusChange::StillNotRun | StatusChange::New => "idle",
    };
    Word::new(change.name().replace('_', " "), kind)
}

/// The word and the colour of the verdict about a metric.
fn verdict(change: &MetricChange) -> Word {
    let kind = match (change.verdict, change.direction) {
        (Verdict::Confirmed, Direction::Worse) => "bad",
        (Verdict::Suspect, Direction::Worse) | (Verdict::WorkerEvent, _) => "warn",
        (Verdict::Confirmed | Verdict::Suspect, Direction::Better) => "ok",
        _ => "idle",
    };
    Word::new(change.verdict.name().replace('_', " "), kind)
}

/// Whether a metric changed to the worse and nobody has accepted it.
pub(super) fn is_regression(change: &MetricChange) -> bool {
    change.direction == Direction::Worse
        && matches!(change.verdict, Verdict::Suspect | Verdict::Confirmed)
}

/// Counts for the head of a page.
pub(super) fn totals(view: &ChangesView) -> Vec<Value> {
    let totals = &view.totals;
    let mut shown = vec![json!({ "name": "Tests", "value": grouped(totals.tests), "kind": null })];
    for (change, name) in STATUS {
        let count = totals.status.get(&change).copied().unwrap_or(0);
        let newly_failing = change == StatusChange::NewlyFailing;
        let is_bad = newly_failing && view.tests.iter().any(|t| t.status == change && is_bad(t));
        let kind = is_bad.then_some("bad");
        shown.push(json!({ "name": name, "value": grouped(count), "kind": kind }));
    }
    let held = grouped(totals.quarantined);
    shown.push(json!({ "name": "In quarantine", "value": held, "kind": null }));
    let kind = (totals.regressions > 0).then_some("bad");
    shown
        .push(json!({ "name": "Regressions", "value": grouped(totals.regressions), "kind": kind }));
    let better = grouped(totals.improvements);
    shown.push(json!({ "name": "Improvements", "value": better, "kind": null }));
    shown
}

/// The tests whose status changed, one group for each kind of change.
pub(super) fn groups(view: &ChangesView) -> Vec<Value> {
    let group = |id: &str, name: &str, is_part: &dyn Fn(&TestChange) -> bool| {
        let all: Vec<&TestChange> = view.tests.iter().filter(|test| is_part(test)).collect();
        let cut = all.len().saturating_sub(MAX_LISTED);
        json!({
            "id": id,
            "name": name,
            "tests": all.iter().take(MAX_LISTED).map(|test| test_change(test)).collect::<Vec<_>>(),
            "cut": (cut > 0).then(|| counted(cut as u64, "more test")),
        })
    };
    let of_status = |(change, name): &(StatusChange, &str)| {
        let is_part = |test: &TestChange| test.quarantined.is_none() && test.status == *change;
        group(change.name(), name, &is_part)
    };
    let mut groups: Vec<Value> = STATUS.iter().map(of_status).collect();
    groups.push(group("quarantined", "In quarantine", &|test| test.quarantined.is_some()));
    groups
}

fn test_change(test: &TestChange) -> Value {
    json!({
        "test": test_link(test),
        "state": state(test),
        "quarantine": quarantine(test),
        "before": test.test_before.map(|before| {
            Link::new(format!("/tests/{before}"), &before.to_string())
        }),
        "message": shown(&test.message),
        "worker": test.worker.as_deref().map(shown),
    })
}

/// The word and the colour of the status of a test.
fn state(test: &TestChange) -> Word {
    status(test.status).unless_quarantined(test.quarantined.is_some())
}

/// Whether a test fails, and counts.
pub(super) fn is_bad(test: &TestChange) -> bool {
    state(test).kind == "bad"
}

fn quarantine(test: &TestChange) -> Option<String> {
    test.quarantined.as_ref().map(|known| known.quarantine.to_string())
}

/// A link to the test that is judged, or to the one before if it is missing on that side.
fn test_link(test: &TestChange) -> Link {
    match test.test.or(test.test_before) {
        Some(id) => Link::new(format!("/tests/{id}"), &test.name),
        None => Link::new("#", &test.name),
    }
}

/// The metrics of all tests that a filter selects, with what a page shows of each.
pub(super) fn metrics(view: &ChangesView, selects: impl Fn(&MetricChange) -> bool) -> Value {
    let all = view.tests.iter().flat_map(|test| {
        test.metrics.iter().filter(|metric| selects(metric)).map(move |metric| (test, metric))
    });
    let all: Vec<_> = all.collect();
    let cut = all.len().saturating_sub(MAX_LISTED);
    let rows = all.iter().take(MAX_LISTED).map(|(test, change)| metric(test, change));
    json!({
        "rows": rows.collect::<Vec<_>>(),
        "cut": (cut > 0).then(|| counted(cut as u64, "more metric")),
    })
}

fn metric(test: &TestChange, change: &MetricChange) -> Value {
    let value = |value: Option<f64>| {
        value.map_or_else(|| "unknown".to_owned(), |value| with_unit(value, &change.unit))
    };
    json!({
        "test": test_link(test),
        "id": test.test.map(|test| test.to_string()),
        "name": test.name,
        "metric": shown(&change.metric),
        // The forms name the metric itself, of which a page shows a plain form.
        "metric_name": change.metric,
        "quarantine": quarantine(test),
        "verdict": verdict(change),
        "change": change.change.map_or_else(|| "unknown".to_owned(), relative),
        "worse": change.direction == Direction::Worse,
        "before": value(change.before),
        "after": value(change.after),
        "z": change.z.map(|z| format!("{z:.1}")),
        "values": format!("{} / {}", change.n_before, change.n_after),
        "since": change.since.map(|run| Link::new(format!("/runs/{run}"), &run.to_string())),
    })
}

/// Events of workers.
pub(super) fn workers(view: &ChangesView) -> Vec<Value> {
    let event = |event: &WorkerEvent| json!({ "worker": shown(&event.worker), "reason": shown(&event.reason) });
    view.workers.iter().map(event).collect()
}

/// The metrics that are not measured any more.
pub(super) fn not_measured(view: &ChangesView) -> Vec<Value> {
    let missing = |missing: &MissingMetric| {
        json!({
            "metric": shown(&missing.metric),
            "test": Link::new(format!("/tests/{}", missing.test), &missing.test.to_string()),
            "tests": missing.tests,
        })
    };
    view.not_measured.iter().map(missing).collect()
}

/// The mean movement of each metric.
pub(super) fn movers(view: &ChangesView) -> Vec<Value> {
    let mover = |mover: &MetricMovement| {
        json!({
            "metric": shown(&mover.metric),
            "series": mover.series,
            "mean": relative(mover.geometric_mean),
        })
    };
    view.movers.iter().map(mover).collect()
}

/// One row for each test and each of its metrics.
pub(super) fn table(view: &ChangesView) -> Table {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let mut rows = Vec::new();
    for test in &view.tests {
        let id = |test: Option<TestId>| test.map_or_else(String::new, |test| test.to_string());
        let first = [
            test.name.clone(),
            test.status.name().to_owned(),
            quarantine(test).unwrap_or_default(),
            id(test.test),
            id(test.test_before),
        ];
        if test.metrics.is_empty() {
            rows.push(first.iter().cloned().chain(vec![String::new(); 6]).collect());
        }
        for metric in &test.metrics {
            let rest = [
                metric.metric.clone(),
                metric.verdict.name().to_owned(),
                number(metric.before),
                number(metric.after),
                number(metric.change),
                number(metric.z),
            ];
            rows.push(first.iter().cloned().chain(rest).collect());
        }
    }
    Table {
        head: vec![
            "name",
            "status",
            "quarantine",
            "test",
            "test_before",
            "metric",
            "verdict",
            "before",
            "after",
            "change",
            "z",
        ],
        rows,
    }
}
