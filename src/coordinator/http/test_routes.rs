//! Tests: list, look, why. What is over comes from the results database, what is not
//! from the scheduler.

use crate::api::SCHEMA;
use crate::api::page::Page;
use crate::api::schema;
use crate::api::v1::test_views::{TestQuery, TestView, Why, WhyWorker};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{Id, Params};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::{cursor, page_size};
use crate::domain::id::TestId;
use crate::domain::test::Phase;
use crate::scheduler::{Explanation, Scheduler, TestStatus};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Most entries of the lists in an explanation.
const MAX_WORKERS: usize = 1000;
/// Pages of the database that one page of a filtered list may cost.
const MAX_ROUNDS: usize = 20;

/// List tests in the order of their ids.
#[utoipa::path(get, path = "/api/v1/tests", tag = "tests", params(TestQuery),
    responses((status = 200, body = Page<TestView>, description = "in order of their ids")))]
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
        let mut found = app.results(move |r| r.tests(&filter, after, wanted)).await?;
        more = found.len() == wanted;
        after = found.last().map(|test| test.test).or(after);
        refresh(&app, &mut found).await?;
        items.extend(
            found.into_iter().filter(|test| query.phase.is_none_or(|phase| phase == test.phase)),
        );
        if !more || items.len() > size {
            break;
        }
    }
    // A page that the filter left short goes on after the last test that was looked at.
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
    let found = app.results(move |r| r.test(test)).await?;
    let mut found = vec![found.ok_or_else(|| ApiError::not_found(test))?];
    refresh(app, &mut found).await?;
    found.pop().ok_or_else(|| ApiError::not_found(test))
}

/// Phases and attempts of what is not over, as the scheduler knows them.
async fn refresh(app: &App, tests: &mut [TestView]) -> Result<(), ApiError> {
    let open: Vec<TestId> =
        tests.iter().filter(|test| test.outcome.is_none()).map(|test| test.test).collect();
    if open.is_empty() {
        return Ok(());
    }
    let look = move |scheduler: &Scheduler, _| {
        open.into_iter().map(|test| scheduler.test(test)).collect::<Vec<_>>()
    };
    let known = app.mailbox.ask(look).await?;
    let open = tests.iter_mut().filter(|test| test.outcome.is_none());
    for (test, status) in open.zip(known) {
        if let Some(TestStatus { phase, outcome, flaky, attempts, .. }) = status {
            (test.phase, test.outcome, test.flaky) = (phase, outcome, flaky);
            test.attempts = attempts;
        }
    }
    Ok(())
}

/// Explain why a test waits, was skipped, or ended as it did.
#[utoipa::path(get, path = "/api/v1/tests/{test}/why", tag = "tests",
    params(("test" = schema::TestId, Path)),
    responses((status = 200, body = Why, description = "where the test stands, and why")))]
pub(crate) async fn why(
    State(app): State<Arc<App>>,
    Id(test): Id<TestId>,
) -> Result<Json<Why>, ApiError> {
    let explain = move |scheduler: &Scheduler, now| {
        scheduler.why(test).map(|found| {
            let waited = found.waited(now).map(|waited| waited.0);
            (found, waited)
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
    let waiting = explanation.status.phase == Phase::Waiting;
    let workers = explanation.workers.into_iter().filter(|_| waiting).take(MAX_WORKERS);
    Why {
        schema: SCHEMA,
        test,
        name: explanation.status.spec.name.to_string(),
        phase: explanation.status.phase,
        summary,
        blocked_by: explanation.blocked_by,
        workers: workers
            .map(|(worker, name, lacks)| WhyWorker {
                worker,
                name: name.into(),
                explanation: lacks
                    .as_ref()
                    .map_or_else(|| "suitable, but busy".to_owned(), ToString::to_string),
                lacks,
            })
            .collect(),
    }
}

fn sentence(explanation: &Explanation, waited_ms: Option<u64>) -> String {
    let status = &explanation.status;
    match status.phase {
        Phase::Blocked => {
            let count = explanation.blocked_by.len();
            format!("waiting for {count} {} to end", plural(count, "test"))
        }
        Phase::Leased => match status.worker {
            Some(worker) => format!("running on {worker} (attempt {})", status.attempts),
            None => "running".to_owned(),
        },
        Phase::Done => "done".to_owned(),
        Phase::Waiting => {
            let suits = explanation.workers.iter().filter(|(_, _, lacks)| lacks.is_none()).count();
            let known = explanation.workers.len();
            let seconds = waited_ms.unwrap_or(0) / 1000;
            if known == 0 {
                format!("waiting for {seconds} s: no worker has registered")
            } else if suits == 0 {
                format!(
                    "waiting for {seconds} s: none of {known} {} can run it",
                    plural(known, "worker")
                )
            } else {
                let before = explanation.before;
                format!(
                    "waiting for {seconds} s: {suits} of {known} {} can run it and {} busy; {before} {} first",
                    plural(known, "worker"),
                    if suits == 1 { "is" } else { "are" },
                    if before == 1 { "test of its kind comes" } else { "tests of its kind come" },
                )
            }
        }
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
