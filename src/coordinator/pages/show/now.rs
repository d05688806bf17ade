//! The first page: what waits and why, what runs, and the newest runs.

use crate::api::v1::now::{NowView, Queue, Running};
use crate::api::v1::runs::{RunCounts, RunView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::health;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::text::{Link, State as Word, duration, shown, time};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::outcome::Outcome;
use crate::results::render::figures::{counted, grouped};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let Json(view) = health::now(State(app)).await?;
    let page = page(&view);
    answer(&viewer, &view, page)
}

fn page(view: &NowView) -> Page {
    let status = &view.status;
    let unlisted =
        |listed: usize, what: &str| format!("Only the first {listed} {what} are listed.");
    let listed: u64 = view.waiting.iter().map(|queue| queue.tests).sum();
    let running = view.running.len();
    let is_full = running == crate::api::v1::now::MAX_RUNNING;
    Page {
        template: "now.html",
        title: "Now".into(),
        next: next(view),
        live: Some(String::new()),
        values: json!({
            "totals": totals(view),
            "waiting": view.waiting.iter().map(waiting).collect::<Vec<_>>(),
            "more_waiting": (listed < status.tests_waiting)
                .then(|| unlisted(view.waiting.len(), "queues")),
            "running": view.running.iter().map(running_test).collect::<Vec<_>>(),
            "more_running": is_full.then(|| unlisted(running, "running tests")),
            "runs": view.runs.iter().map(run).collect::<Vec<_>>(),
        }),
        table: table(view),
    }
}

/// Stuck tests precede new runs.
fn next(view: &NowView) -> Option<Link> {
    if let Some(stuck) = view.waiting.iter().find(|queue| queue.stuck) {
        return Some(Link::new(why(stuck), "Find out why tests are stuck"));
    }
    let open = view.runs.iter().find(|run| run.finished_at.is_none());
    let newest = open.or(view.runs.first())?;
    Some(Link::new(format!("/runs/{}", newest.run), &format!("Show run {}", newest.run)))
}

fn totals(view: &NowView) -> Vec<Value> {
    let status = &view.status;
    let stuck: u64 = view.waiting.iter().filter(|queue| queue.stuck).map(|queue| queue.tests).sum();
    let total = |name: &str, value: u64, kind: Option<&str>| json!({ "name": name, "value": grouped(value), "kind": kind });
    vec![
        total("Running", status.tests_leased, None),
        total("Waiting", status.tests_waiting, None),
        total("Stuck", stuck, (stuck > 0).then_some("bad")),
        total("Blocked", status.tests_blocked, None),
        total("Open runs", status.runs_open.into(), None),
        total("Active workers", status.workers_active.into(), None),
        total(
            "Lost workers",
            status.workers_lost.into(),
            (status.workers_lost > 0).then_some("bad"),
        ),
    ]
}

fn why(queue: &Queue) -> String {
    format!("/tests/{}/why", queue.first)
}

fn waiting(queue: &Queue) -> Value {
    let state = if queue.stuck { Word::new("stuck", "bad") } else { Word::new("waiting", "idle") };
    json!({
        "first": Link::new(format!("/tests/{}", queue.first), &queue.name),
        "state": state,
        "tests": grouped(queue.tests),
        "waited": duration(queue.waited_ms),
        "reason": shown(&queue.reason),
        "why": why(queue),
    })
}

fn running_test(running: &Running) -> Value {
    json!({
        "test": Link::new(format!("/tests/{}", running.attempt.test), &running.name),
        "worker": Link::new(format!("/workers#{}", running.worker), &running.worker_name),
        "attempt": running.attempt.number,
        "since": duration(running.since_ms),
    })
}

fn run(view: &RunView) -> Value {
    json!({
        "run": Link::new(format!("/runs/{}", view.run), &view.run.to_string()),
        "name": shown(&view.name),
        "user": shown(&view.user),
        "state": run_state(view),
        "counts": counts(&view.counts),
        "submitted": time(view.submitted_at),
    })
}

/// The state of a run in one word.
pub(super) fn run_state(view: &RunView) -> Word {
    let of = |outcome| view.counts.done.get(&outcome).copied().unwrap_or(0);
    let bad = [Outcome::Failed, Outcome::Error, Outcome::TimedOut, Outcome::ReducedPrecision];
    let bad: u32 = bad.into_iter().map(of).sum();
    match (view.finished_at.is_some(), view.cancelled) {
        (_, true) => Word::new("cancelled", "idle"),
        (false, _) if view.counts.unschedulable > 0 => Word::new("stuck", "bad"),
        (false, _) => Word::new("running", "busy"),
        (true, _) if bad > 0 => Word::new("failed", "bad"),
        (true, _) if of(Outcome::Passed) == view.counts.total => Word::new("passed", "ok"),
        (true, _) => Word::new("incomplete", "warn"),
    }
}

/// The numbers of tests of a run, in words.
pub(super) fn counts(counts: &RunCounts) -> String {
    let mut parts = vec![counted(counts.total.into(), "test")];
    for (outcome, count) in &counts.done {
        parts.push(format!("{count} {}", outcome.words()));
    }
    for (count, word) in [
        (counts.flaky, "flaky"),
        (counts.leased, "running"),
        (counts.waiting, "waiting"),
        (counts.blocked, "blocked"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

fn table(view: &NowView) -> Table {
    let state = |queue: &Queue| if queue.stuck { "stuck" } else { "waiting" }.to_owned();
    let waiting = view.waiting.iter().map(|queue| {
        let (first, waited) = (queue.first.to_string(), queue.waited_ms.0.to_string());
        let (name, reason) = (queue.name.clone(), queue.reason.clone());
        vec![state(queue), first, name, queue.tests.to_string(), waited, String::new(), reason]
    });
    let running = view.running.iter().map(|running| {
        let (test, since) = (running.attempt.test.to_string(), running.since_ms.0.to_string());
        let (name, worker) = (running.name.clone(), running.worker_name.clone());
        vec!["running".into(), test, name, "1".into(), since, worker, String::new()]
    });
    Table {
        head: vec!["state", "test", "name", "tests", "for_ms", "worker", "reason"],
        rows: waiting.chain(running).collect(),
    }
}
