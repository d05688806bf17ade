//! The work of the coordinator at this moment.

use crate::api::SCHEMA;
use crate::api::page::PageQuery;
use crate::api::v1::now::{MAX_QUEUES, MAX_RUNNING, NowView, Queue, RUNS, Running};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs;
use crate::coordinator::http::test_routes::reason_to_wait;
use crate::domain::id::TestId;
use crate::domain::time::Timestamp;
use crate::scheduler::{Scheduler, WaitingTests};
use axum::Json;
use axum::extract::State;
use std::cmp::Reverse;
use std::sync::Arc;

/// Get the running and waiting tests, and the newest runs.
///
/// The waiting tests that no active worker can run come first, with the reason.
#[utoipa::path(get, path = "/api/v1/now", tag = "reports",
    responses((status = 200, body = NowView, description = "running tests, queues and runs")))]
pub(crate) async fn now(State(app): State<Arc<App>>) -> Result<Json<NowView>, ApiError> {
    let inspect = |scheduler: &Scheduler, now| Present {
        at: now,
        tests_running: scheduler.running().count() as u64,
        running: running(scheduler, now),
        queues: waiting(scheduler, now),
    };
    let Present { at, tests_running, running, queues } = app.mailbox.ask(inspect).await?;
    let newest = PageQuery { limit: u32::try_from(RUNS).ok(), ..PageQuery::default() };
    let Json(page) = runs::list(State(Arc::clone(&app)), Params(newest)).await?;
    let Json(status) = reports::status(State(app)).await?;
    let (tests_stuck, waiting) = queues;
    Ok(Json(NowView {
        schema: SCHEMA,
        at,
        status,
        tests_running,
        tests_stuck,
        running,
        waiting,
        runs: page.items,
    }))
}

/// The part of the answer that the scheduler knows.
struct Present {
    at: Timestamp,
    tests_running: u64,
    running: Vec<Running>,
    /// The number of stuck tests, and the queues that are listed.
    queues: (u64, Vec<Queue>),
}

fn running(scheduler: &Scheduler, now: Timestamp) -> Vec<Running> {
    let tests = scheduler.running().take(MAX_RUNNING).map(|running| Running {
        attempt: running.test.attempt(running.attempt),
        name: running.spec.name.to_string(),
        worker: running.worker,
        worker_name: running.worker_name.into(),
        since_ms: now.since(running.since),
    });
    tests.collect()
}

/// Only the queues that are returned are explained, since that costs time for each worker.
fn waiting(scheduler: &Scheduler, now: Timestamp) -> (u64, Vec<Queue>) {
    let mut queues: Vec<WaitingTests> = scheduler.waiting().collect();
    let stuck = queues.iter().filter(|queue| queue.is_stuck).map(|queue| queue.waiting).sum();
    queues.sort_by_key(|queue| (Reverse(queue.is_stuck), queue.since, queue.first));
    let explained = queues.into_iter().take(MAX_QUEUES).map(|queue| Queue {
        first: queue.first,
        name: queue.name.into(),
        tests: queue.waiting,
        waited_ms: now.since(queue.since),
        stuck: queue.is_stuck,
        reason: reason(scheduler, queue.first),
    });
    (stuck, explained.collect())
}

fn reason(scheduler: &Scheduler, test: TestId) -> String {
    let Some(explanation) = scheduler.why(test) else { return String::new() };
    reports::unschedulable(&explanation).unwrap_or_else(|| reason_to_wait(&explanation))
}
