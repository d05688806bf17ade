//! Runs: list, get, cancel. Running ones come from the scheduler, old ones from the results database.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::page::{DEFAULT_PAGE, MAX_PAGE, Page, PageQuery};
use crate::api::schema;
use crate::api::v1::runs::{Cancelled, RunCounts, RunView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{Id, Params};
use crate::coordinator::http::respond::ApiError;
use crate::domain::access::Principal;
use crate::domain::id::RunId;
use crate::scheduler::{Answer, Command, RunSummary, Scheduler};
use axum::Json;
use axum::extract::State;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The size of a page: the requested one, or the default.
pub(crate) fn page_size(requested: Option<u32>) -> Result<usize, ApiError> {
    limit(requested.unwrap_or(DEFAULT_PAGE), MAX_PAGE)
}

/// Checks that a requested limit is between 1 and `max`.
pub(crate) fn limit(requested: u32, max: u32) -> Result<usize, ApiError> {
    if (1..=max).contains(&requested) {
        return Ok(requested as usize);
    }
    Err(ApiError::new(Code::Unprocessable, format!("limit is {requested}, but must be 1 to {max}")))
}

/// Parses the id in a cursor.
pub(crate) fn cursor<T: FromStr>(text: Option<&str>) -> Result<Option<T>, ApiError> {
    let bad = |text: &str| {
        let text: String = text.chars().take(80).collect();
        ApiError::new(Code::BadRequest, format!("{text:?} is not a cursor of this list"))
            .hint("pass `next` of the previous page unchanged")
    };
    text.map(|text| text.parse().map_err(|_| bad(text))).transpose()
}

/// List runs, the newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(
        ("cursor" = Option<schema::RunId>, Query, description = "`next` of the previous page."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10_000,
        description = "Maximum number of entries of the page; 100 if absent.")),
    responses((status = 200, body = Page<RunView>, description = "runs, the newest first")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<RunView>>, ApiError> {
    let before: Option<RunId> = cursor(query.cursor.as_deref())?;
    let size = page_size(query.limit)?;
    let page = move |scheduler: &Scheduler, _| {
        let older = scheduler.runs().rev().filter(|run| before.is_none_or(|b| run.run < b));
        let views = older.take(size + 1).map(|run| view(scheduler, run)).collect::<Vec<_>>();
        (views, scheduler.had_quarantines())
    };
    let (mut items, had_quarantines) = app.mailbox.ask(page).await?;
    add_quarantined(&app, &mut items, had_quarantines).await;
    if items.len() <= size {
        // The scheduler only knows recent runs. Older ones come from the results database.
        let before = items.last().map(|run| run.run).or(before);
        let rest = size + 1 - items.len();
        items.extend(app.results(move |r| r.runs(before, rest)).await?);
    }
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|run| run.run.to_string());
    Ok(Json(Page { schema: SCHEMA, items, next }))
}

/// Get a run.
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs",
    params(("run" = schema::RunId, Path)),
    responses((status = 200, body = RunView, description = "the run")))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(run): Id<RunId>,
) -> Result<Json<RunView>, ApiError> {
    let find = move |scheduler: &Scheduler, _| {
        (scheduler.run(run).map(|run| view(scheduler, run)), scheduler.had_quarantines())
    };
    let (view, had_quarantines) = app.mailbox.ask(find).await?;
    if let Some(view) = view {
        let mut views = [view];
        add_quarantined(&app, &mut views, had_quarantines).await;
        let [view] = views;
        return Ok(Json(view));
    }
    let old = app.results(move |r| r.run(run)).await?;
    old.map(Json).ok_or_else(|| ApiError::not_found(run))
}

/// Time limit for the results database to catch up before tests in quarantine are counted.
const QUARANTINED_TIMEOUT: Duration = Duration::from_secs(2);

/// Adds to runs of the scheduler the numbers of tests in quarantine, which the results database alone
/// knows. They stay unknown if it cannot be read now.
async fn add_quarantined(app: &App, runs: &mut [RunView], had_quarantines: bool) {
    let ids = || runs.iter().map(|run| run.run);
    let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return };
    let mut known = if !had_quarantines {
        HashMap::new()
    } else if app.progress.wait_projected(QUARANTINED_TIMEOUT).await
        && let Ok(known) = app.results(move |r| r.quarantined_by_run(first, last)).await
    {
        known
    } else {
        return;
    };
    for run in runs {
        run.counts.quarantined = Some(known.remove(&run.run).unwrap_or_default());
    }
}

/// Cancel a run.
///
/// Waiting tests end at once, and running ones are stopped. A repeat is harmless.
#[utoipa::path(post, path = "/api/v1/runs/{run}/cancel", tag = "runs",
    params(("run" = schema::RunId, Path)),
    responses((status = 200, body = Cancelled, description = "the numbers of tests that ended at once and that are being stopped")))]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    principal: Principal,
    Id(run): Id<RunId>,
) -> Result<Json<Cancelled>, ApiError> {
    match app.mailbox.act(Command::CancelRun { run, by: principal.subject }).await? {
        Answer::Cancelled { run, ended, stopping } => {
            Ok(Json(Cancelled { schema: SCHEMA, run, ended, stopping }))
        }
        other => Err(ApiError::unexpected(&other)),
    }
}

fn view(scheduler: &Scheduler, run: RunSummary) -> RunView {
    let open = run.finished_at.is_none() && run.counts.waiting > 0;
    let unschedulable = if open { scheduler.unschedulable(run.run) } else { 0 };
    RunView {
        schema: SCHEMA,
        run: run.run,
        name: run.name.into(),
        user: run.user.into(),
        submitted_at: run.submitted_at,
        finished_at: run.finished_at,
        cancelled: run.cancelled,
        counts: RunCounts {
            total: run.counts.total,
            blocked: run.counts.blocked,
            waiting: run.counts.waiting,
            leased: run.counts.leased,
            done: run.counts.done,
            flaky: run.counts.flaky,
            quarantined: None,
            unschedulable,
        },
    }
}
