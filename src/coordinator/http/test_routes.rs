//! Tests: list, get, explain. Ended tests come from the results database, others from the scheduler.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::page::Page;
use crate::api::schema;
use crate::api::v1::test_views::{SpecView, TestQuery, TestView, Why, WhyWorker};
use crate::coordinator::again::specs;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Id, Params};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::{cursor, page_size};
use crate::domain::id::TestId;
use crate::domain::test::Phase;
use crate::log::LogError;
use crate::results::render::figures::{bytes, counted};
use crate::scheduler::{Explanation, Scheduler, TestStatus, WorkerFit};
use axum::Json;
use axum::extract::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Maximum number of queries of the database for one page of a filtered list.
const MAX_ROUNDS: usize = 20;

/// List tests in the order of their ids.
#[utoipa::path(get, path = "/api/v1/tests", tag = "tests", params(TestQuery),
    responses((status = 200, body = Page<TestView>, description = "tests in the order of their ids")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<TestQuery>,
) -> Result<Json<Page<TestView>>, ApiError> {
    let mut after: Option<TestId> = cursor(query.cursor.as_deref())?;
    let size = page_size(query.limit)?;
    app.settled().await?;
    let mut items: Vec<TestView> = Vec::new();
    let mut more = true;
    for _ in 0..MAX_ROUNDS {
        let wanted = size + 1 - items.len();
        let filter = query.clone();
        let mut tests = app.results(move |r| r.tests(&filter, after, wanted)).await?;
        more = tests.len() == wanted;
        after = tests.last().map(|test| test.test).or(after);
        refresh(&app, &mut tests).await?;
        items.extend(
            tests.into_iter().filter(|test| query.phase.is_none_or(|phase| phase == test.phase)),
        );
        if !more || items.len() > size {
            break;
        }
    }
    // If the filter left a page short, the next one begins after the last test that was read.
    let next = if items.len() > size {
        items.truncate(size);
        items.last().map(|test| test.test)
    } else {
        after.filter(|_| more)
    };
    Ok(Json(Page { schema: SCHEMA, items, next: next.map(|test| test.to_string()) }))
}

/// Get a test.
#[utoipa::path(get, path = "/api/v1/tests/{test}", tag = "tests",
    params(("test" = schema::TestId, Path)),
    responses((status = 200, body = TestView, description = "the test")))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(test): Id<TestId>,
) -> Result<Json<TestView>, ApiError> {
    Ok(Json(find(&app, test).await?))
}

async fn find(app: &App, test: TestId) -> Result<TestView, ApiError> {
    app.settled().await?;
    let view = app.results(move |r| r.test(test)).await?;
    let mut tests = vec![view.ok_or_else(|| ApiError::not_found(test))?];
    refresh(app, &mut tests).await?;
    tests.pop().ok_or_else(|| ApiError::not_found(test))
}

/// Updates the tests that have not ended with the state that the scheduler knows.
async fn refresh(app: &App, tests: &mut [TestView]) -> Result<(), ApiError> {
    let open: Vec<TestId> =
        tests.iter().filter(|test| test.outcome.is_none()).map(|test| test.test).collect();
    if open.is_empty() {
        return Ok(());
    }
    let inspect = move |scheduler: &Scheduler, _| {
        open.into_iter().map(|test| scheduler.test(test)).collect::<Vec<_>>()
    };
    let known = app.mailbox.ask(inspect).await?;
    let open = tests.iter_mut().filter(|test| test.outcome.is_none());
    for (test, status) in open.zip(known) {
        if let Some(TestStatus { phase, outcome, flaky, attempts, .. }) = status {
            (test.phase, test.outcome, test.flaky) = (phase, outcome, flaky);
            test.attempts = attempts;
        }
    }
    Ok(())
}

/// Get the specification of a test, as it was submitted.
#[utoipa::path(get, path = "/api/v1/tests/{test}/spec", tag = "tests",
    params(("test" = schema::TestId, Path)),
    responses((status = 200, body = SpecView, description = "the specification"),
        (status = 404, description = "there is no such test, or the event log does not have it any more")))]
pub(crate) async fn spec(
    State(app): State<Arc<App>>,
    Id(test): Id<TestId>,
) -> Result<Json<SpecView>, ApiError> {
    app.settled().await?;
    let run = app.results(move |results| results.run(test.run)).await?;
    let submitted = run.ok_or_else(|| ApiError::not_found(test))?.submitted_at;
    let (log, last) = (Arc::clone(&app.log), app.progress.committed());
    let base = app.metrics.log_base.load(Relaxed);
    let read = blocking(move || specs::find(&*log, base, last, submitted, test)).await?;
    match read {
        Ok(Some(spec)) => Ok(Json(SpecView { schema: SCHEMA, test, spec })),
        Ok(None) | Err(LogError::Compacted { .. }) => Err(ApiError::new(
            Code::NotFound,
            format!("the event log does not have {test} any more"),
        )
        .hint("submit its plan again: the specifications of old tests are removed")),
        Err(error) => Err(ApiError::internal("the event log cannot be read", &error)),
    }
}

/// Explain why a test waits, was skipped, or ended as it did.
#[utoipa::path(get, path = "/api/v1/tests/{test}/why", tag = "tests",
    params(("test" = schema::TestId, Path)),
    responses((status = 200, body = Why, description = "the state of the test, and the reason for it")))]
pub(crate) async fn why(
    State(app): State<Arc<App>>,
    Id(test): Id<TestId>,
) -> Result<Json<Why>, ApiError> {
    let explain = move |scheduler: &Scheduler, now| {
        scheduler.why(test).map(|explanation| {
            let waited = explanation.waited(now).map(|waited| waited.0);
            (explanation, waited)
        })
    };
    match app.mailbox.ask(explain).await? {
        Some((explanation, waited_ms)) if explanation.status.phase != Phase::Done => {
            Ok(Json(view(test, explanation, waited_ms)))
        }
        // The scheduler does not keep how a test ended.
        _ => {
            app.settled().await?;
            let why = app.results(move |results| results.why(test)).await?;
            why.map(Json).ok_or_else(|| ApiError::not_found(test))
        }
    }
}

fn view(test: TestId, explanation: Explanation, waited_ms: Option<u64>) -> Why {
    let summary = sentence(&explanation, waited_ms);
    let size_bytes = explanation.status.spec.requirement.weights.as_ref();
    let size_bytes = size_bytes.and_then(|need| need.size_bytes);
    let workers = explanation.workers.into_iter();
    Why {
        schema: SCHEMA,
        test,
        name: explanation.status.spec.name.to_string(),
        phase: explanation.status.phase,
        summary,
        weights: None,
        weights_id: None,
        would_not_notice: None,
        first_differs: None,
        reproduce: None,
        packages: BTreeMap::new(),
        blocked_by: explanation.blocked_by,
        measured: None,
        workers: workers
            .map(|fit| WhyWorker {
                worker: fit.worker,
                explanation: words(&fit, size_bytes),
                name: fit.name.into(),
                lacks: fit.lacks,
                has_weights: fit.has_weights,
            })
            .collect(),
    }
}

/// Why a worker does not run a waiting test now, whose weights have this size.
fn words(fit: &WorkerFit, size_bytes: Option<u64>) -> String {
    if let Some(lacks) = &fit.lacks {
        return lacks.to_string();
    }
    let busy = "can run it, but is busy";
    let size = size_bytes.map(|size| format!(" of {}", bytes(size as f64))).unwrap_or_default();
    match fit.has_weights {
        None => busy.to_owned(),
        Some(true) => format!("{busy}; it has the weights"),
        Some(false) if fit.is_cache_full => {
            format!(
                "can run it, but the weights of its running tests leave no room for weights{size}"
            )
        }
        Some(false) => format!("{busy}; it does not have the weights{size}"),
    }
}

fn sentence(explanation: &Explanation, waited_ms: Option<u64>) -> String {
    let status = &explanation.status;
    match status.phase {
        Phase::Blocked => {
            format!("waiting for {} to end", counted(explanation.blocked_by.len() as u64, "test"))
        }
        Phase::Leased => match status.worker {
            Some(worker) => format!("running on {worker} (attempt {})", status.attempts),
            None => "running".to_owned(),
        },
        Phase::Done => "done".to_owned(),
        Phase::Waiting => {
            let seconds = waited_ms.unwrap_or(0) / 1000;
            format!("waiting for {seconds} s: {}", reason_to_wait(explanation))
        }
    }
}

/// The reason why a waiting test waits.
pub(crate) fn reason_to_wait(explanation: &Explanation) -> String {
    let suitable = explanation.workers.iter().filter(|fit| fit.lacks.is_none()).count();
    let workers = counted(explanation.workers.len() as u64, "worker");
    match (explanation.workers.len(), suitable) {
        (0, _) => "no worker has registered".to_owned(),
        (_, 0) => match explanation.alike {
            0 | 1 => format!("none of {workers} can run it"),
            waiting => format!(
                "none of {workers} can run it or the other {} with the same requirement",
                counted(waiting - 1, "test"),
            ),
        },
        (_, suitable) => format!(
            "{suitable} of {workers} can run it, but {} busy; {} ahead in the same queue",
            if suitable == 1 { "is" } else { "are" },
            counted(explanation.before, "test"),
        ),
    }
}
