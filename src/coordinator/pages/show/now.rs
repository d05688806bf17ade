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
use std::collections::BTreeMap;
use std::sync::Arc;

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    viewer.without_params()?;
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
    let is_cut = (running as u64) < view.tests_running;
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
            "more_running": is_cut.then(|| unlisted(running, "running tests")),
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
    let total = |name: &str, value: u64, kind: Option<&str>, href: Option<&str>| json!({ "name": name, "value": grouped(value), "kind": kind, "href": href });
    let bad = |count: u64| (count > 0).then_some("bad");
    let ahead = status.tests_leased.saturating_sub(view.tests_running);
    vec![
        total("Running", view.tests_running, None, None),
        total("Granted ahead", ahead, None, None),
        total("Waiting", status.tests_waiting, None, None),
        total("Of them stuck", view.tests_stuck, bad(view.tests_stuck), None),
        total("Blocked", status.tests_blocked, None, None),
        total("Open runs", status.runs_open.into(), None, None),
        total("Active workers", status.workers_active.into(), None, Some("/workers")),
        total(
            "Lost workers",
            status.workers_lost.into(),
            bad(status.workers_lost.into()),
            Some("/workers"),
        ),
        total("Quarantines", status.quarantines.into(), None, Some("/flaky#quarantines-title")),
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

/// The state of a run in one word. Tests in quarantine do not count.
pub(super) fn run_state(view: &RunView) -> Word {
    let counts = &view.counts;
    let exempt = |outcome| {
        counts.quarantined.as_ref().and_then(|known| known.get(&outcome)).copied().unwrap_or(0)
    };
    let of =
        |outcome| counts.done.get(&outcome).copied().unwrap_or(0).saturating_sub(exempt(outcome));
    let bad = [Outcome::Failed, Outcome::Error, Outcome::TimedOut, Outcome::ReducedPrecision];
    let bad: u32 = bad.into_iter().map(of).sum();
    let counted = counts.total.saturating_sub(Outcome::ALL.into_iter().map(exempt).sum());
    match (view.finished_at.is_some(), view.cancelled) {
        (_, true) => Word::new("cancelled", "idle"),
        (false, _) if counts.leased > 0 => Word::new("running", "busy"),
        (false, _) if counts.unschedulable > 0 => Word::new("stuck", "bad"),
        (false, _) => Word::new("waiting", "idle"),
        (true, _) if counts.total == 0 => Word::new("empty", "idle"),
        (true, _) if bad > 0 && counts.quarantined.is_none() => {
            Word::new("failed, unless in quarantine", "warn")
        }
        (true, _) if bad > 0 => Word::new("failed", "bad"),
        (true, _) if of(Outcome::Passed) == counted => Word::new("passed", "ok"),
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
        (counts.quarantined.iter().flat_map(BTreeMap::values).sum(), "in quarantine"),
        (counts.leased, "running or granted ahead"),
        (counts.waiting, "waiting"),
        (counts.unschedulable, "of them stuck"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;
    use crate::domain::time::Timestamp;

    #[test]
    fn tests_in_quarantine_do_not_turn_a_run_red() {
        let mut view = RunView {
            schema: 1,
            run: RunId(1),
            name: "nightly".into(),
            user: "anna".into(),
            submitted_at: Timestamp(0),
            finished_at: Some(Timestamp(1)),
            cancelled: false,
            counts: RunCounts {
                total: 3,
                done: [(Outcome::Passed, 2), (Outcome::Failed, 1)].into(),
                quarantined: Some(BTreeMap::new()),
                ..RunCounts::default()
            },
        };
        assert_eq!(run_state(&view), Word::new("failed", "bad"));
        view.counts.quarantined = Some([(Outcome::Failed, 1)].into());
        assert_eq!(run_state(&view), Word::new("passed", "ok"));
        assert_eq!(counts(&view.counts), "3 tests, 2 passed, 1 failed, 1 in quarantine");
        view.counts.quarantined = None;
        assert_eq!(run_state(&view).kind, "warn", "whether it is in quarantine is not known");
        view.finished_at = None;
        (view.counts.waiting, view.counts.unschedulable, view.counts.leased) = (2, 2, 1);
        assert_eq!(run_state(&view).word, "running", "the other test runs");
        view.counts.leased = 0;
        assert_eq!(run_state(&view), Word::new("stuck", "bad"));
    }
}
