//! Marks on results: quarantines of tests, and acceptances of changes.
//!
//! Promises: a mark is durable before it is answered, and names who set it; who may only change own
//! objects removes only own marks.

use crate::api::error::Code;
use crate::api::v1::marks::{
    AcceptChanges, Acceptance, AcceptanceList, AddQuarantine, MarkQuery, Quarantine,
    QuarantineList, QuarantineState,
};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{Body, Id, Params};
use crate::coordinator::http::respond::ApiError;
use crate::domain::access::{Principal, Subject};
use crate::domain::added::marks::{AcceptedSeries, Covered, DEFAULT_QUARANTINE};
use crate::domain::id::{AcceptanceId, QuarantineId, RunId, TestId};
use crate::results::render::words::plain;
use crate::scheduler::{Answer, Command, NewQuarantine};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Maximum number of characters of a name in a message.
const NAME_CHARS: usize = 120;

/// List quarantines, the newest first.
#[utoipa::path(get, path = "/api/v1/quarantines", tag = "reports", params(MarkQuery),
    responses((status = 200, body = QuarantineList, description = "quarantines, with the number of tests that each covered")))]
pub(crate) async fn quarantines(
    State(app): State<Arc<App>>,
    Params(MarkQuery { all }): Params<MarkQuery>,
) -> Result<Json<QuarantineList>, ApiError> {
    app.settled().await?;
    let now = app.clock.now();
    Ok(Json(app.results(move |results| results.quarantines(all, now)).await?))
}

/// Put tests into quarantine.
///
/// Tests that end from now on until it expires do not count in the verdict of their runs.
#[utoipa::path(post, path = "/api/v1/quarantines", tag = "reports", request_body = AddQuarantine,
    responses((status = 200, body = Quarantine, description = "the quarantine"),
        (status = 409, description = "a quarantine covers the same tests"),
        (status = 422, description = "the quarantine is not acceptable")))]
pub(crate) async fn add_quarantine(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(new): Body<AddQuarantine>,
) -> Result<Json<Quarantine>, ApiError> {
    let AddQuarantine { pattern, worker, backend, reason, duration_ms } = new;
    let covered = Covered { pattern, worker, backend };
    let duration = duration_ms.unwrap_or(DEFAULT_QUARANTINE);
    let new = NewQuarantine { covered, reason, duration, by: principal.subject };
    match app.mailbox.act(Command::AddQuarantine(new)).await? {
        Answer::Quarantined(id, known) => Ok(Json(Quarantine {
            quarantine: id,
            pattern: known.covered.pattern.into(),
            worker: known.covered.worker.map(Into::into),
            backend: known.covered.backend.map(Into::into),
            reason: known.reason.into(),
            by: known.by.into(),
            added_at: known.added,
            expires_at: known.expires,
            state: QuarantineState::InForce,
            removed: None,
            tests: 0,
            bad: 0,
        })),
        other => Err(ApiError::unexpected(&other)),
    }
}

/// End a quarantine before it expires.
#[utoipa::path(delete, path = "/api/v1/quarantines/{quarantine}", tag = "reports",
    params(("quarantine" = crate::api::schema::QuarantineId, Path)),
    responses((status = 200, body = QuarantineList, description = "the quarantines that are left"),
        (status = 404, description = "there is no such quarantine in force")))]
pub(crate) async fn remove_quarantine(
    State(app): State<Arc<App>>,
    principal: Principal,
    Id(id): Id<QuarantineId>,
) -> Result<Json<QuarantineList>, ApiError> {
    app.mailbox.act(Command::RemoveQuarantine { id, by: principal.subject }).await?;
    quarantines(State(app), Params(MarkQuery::default())).await
}

/// List acceptances, the newest first.
#[utoipa::path(get, path = "/api/v1/acceptances", tag = "reports", params(MarkQuery),
    responses((status = 200, body = AcceptanceList, description = "acceptances of changes")))]
pub(crate) async fn acceptances(
    State(app): State<Arc<App>>,
    Params(MarkQuery { all }): Params<MarkQuery>,
) -> Result<Json<AcceptanceList>, ApiError> {
    app.settled().await?;
    Ok(Json(app.results(move |results| results.acceptances(all)).await?))
}

/// Accept changes of a test or of a run.
///
/// From the run on, the results of their series are compared among each other.
#[utoipa::path(post, path = "/api/v1/acceptances", tag = "reports", request_body = AcceptChanges,
    responses((status = 200, body = Acceptance, description = "the acceptance"),
        (status = 404, description = "there is no such test or run"),
        (status = 422, description = "there is no change to accept")))]
pub(crate) async fn accept(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(wanted): Body<AcceptChanges>,
) -> Result<Json<Acceptance>, ApiError> {
    let AcceptChanges { test, run, metric, reason } = wanted;
    app.settled().await?;
    let (run, series) = match (test, run) {
        (Some(test), None) => (test.run, of_test(&app, test, metric).await?),
        (None, Some(run)) => (run, of_run(&app, run, metric).await?),
        _ => {
            let message = "give either a test or a run";
            return Err(ApiError::new(Code::Unprocessable, message));
        }
    };
    let command = Command::AcceptSeries { run, series, reason, by: principal.subject };
    let id = match app.mailbox.act(command).await? {
        Answer::Accepted(id) => id,
        other => return Err(ApiError::unexpected(&other)),
    };
    app.settled().await?;
    find(&app, id).await.map(Json)
}

/// Remove an acceptance, which was a mistake.
#[utoipa::path(delete, path = "/api/v1/acceptances/{acceptance}", tag = "reports",
    params(("acceptance" = crate::api::schema::AcceptanceId, Path)),
    responses((status = 200, body = Acceptance, description = "the removed acceptance"),
        (status = 404, description = "there is no such acceptance, or it was removed")))]
pub(crate) async fn remove_acceptance(
    State(app): State<Arc<App>>,
    principal: Principal,
    Id(id): Id<AcceptanceId>,
) -> Result<Json<Acceptance>, ApiError> {
    app.settled().await?;
    let known = find(&app, id).await?;
    if known.removed.is_some() {
        return Err(ApiError::not_found(id));
    }
    if !principal.reaches(&Subject::from(&*known.by)) {
        let message = format!("{id} belongs to {}, and you may only remove your own", known.by);
        return Err(ApiError::new(Code::Forbidden, message));
    }
    app.mailbox.act(Command::RemoveAcceptance { id, by: principal.subject }).await?;
    app.settled().await?;
    find(&app, id).await.map(Json)
}

async fn find(app: &App, id: AcceptanceId) -> Result<Acceptance, ApiError> {
    let all = app.results(|results| results.acceptances(true)).await?.items;
    let found = all.into_iter().find(|acceptance| acceptance.acceptance == id);
    found.ok_or_else(|| ApiError::not_found(id))
}

/// The metric of a test that has run, or those that changed.
async fn of_test(
    app: &App,
    test: TestId,
    metric: Option<Box<str>>,
) -> Result<Vec<AcceptedSeries>, ApiError> {
    let known = app.results(move |results| results.store().series_of(test)).await?;
    let (case, series) = known.ok_or_else(|| {
        ApiError::new(Code::NotFound, format!("{test} has no results that can be compared"))
            .hint("a test needs an attempt that has ended; dtf why shows its state")
    })?;
    let names = app.results(move |results| results.store().metric_names(test)).await?;
    if let Some(wanted) = metric.as_deref()
        && names.iter().all(|name| name != wanted)
    {
        let message = format!("{test} has no metric {:?}", plain(wanted, NAME_CHARS));
        let known: Vec<String> = names.iter().map(|name| plain(name, NAME_CHARS)).collect();
        return Err(ApiError::new(Code::Unprocessable, message)
            .hint(format!("its metrics are: {}", known.join(", "))));
    }
    if metric.is_some() {
        return Ok(vec![AcceptedSeries { case, series, metric }]);
    }
    // A metric that did not change keeps its earlier values.
    let mut changed = of_run(app, test.run, None).await?;
    changed.retain(|of_run| of_run.case == case && of_run.series == series);
    if changed.is_empty() {
        let message = format!("no metric of {test} changed");
        return Err(ApiError::new(Code::Unprocessable, message)
            .hint("name the metric whose later values are to be compared among each other"));
    }
    Ok(changed)
}

/// The changed metrics of a run.
async fn of_run(
    app: &App,
    run: RunId,
    metric: Option<Box<str>>,
) -> Result<Vec<AcceptedSeries>, ApiError> {
    if app.results(move |results| results.run(run)).await?.is_none() {
        return Err(ApiError::not_found(run));
    }
    let changed = app.results(move |results| results.changed(run)).await?;
    let is_wanted = |series: &AcceptedSeries| metric.is_none() || series.metric == metric;
    Ok(changed.into_iter().map(|changed| changed.series).filter(is_wanted).collect())
}
