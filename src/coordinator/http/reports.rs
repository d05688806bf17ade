//! Report and status.

use crate::api::SCHEMA;
use crate::api::v1::history::{HistoryQuery, HistoryView};
use crate::api::v1::reports::{MAX_ROWS, ReportQuery, ReportRow, ReportView};
use crate::api::v1::status::StatusView;
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::limit;
use crate::domain::id::TestId;
use crate::domain::test::Phase;
use crate::scheduler::Scheduler;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Get the report of a run, or of all runs since a time.
///
/// It holds everything that was acknowledged before the request.
#[utoipa::path(get, path = "/api/v1/report", tag = "reports", params(ReportQuery),
    responses((status = 200, body = ReportView,
        description = "the report"),
        (status = 404, description = "there is no such run")))]
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    Params(query): Params<ReportQuery>,
) -> Result<Json<ReportView>, ApiError> {
    limit(query.limit.unwrap_or(MAX_ROWS), MAX_ROWS)?;
    let run = query.run;
    app.settled().await?;
    let mut report = app.results(move |results| results.report(&query)).await?;
    if let Some(run) = run.filter(|_| report.runs.is_empty()) {
        return Err(ApiError::not_found(run));
    }
    tell_phases(&app, &mut report.rows).await?;
    Ok(Json(report))
}

/// Waiting tests of one report that are looked at for a worker that could run them.
const MAX_EXPLAINED: usize = 100;

/// Where those tests stand that are not done, as the scheduler knows it, and of those that wait
/// for nobody why no worker can run them.
async fn tell_phases(app: &App, rows: &mut [ReportRow]) -> Result<(), ApiError> {
    let mut open: Vec<_> = rows.iter_mut().filter(|row| row.outcome.is_none()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let tests: Vec<TestId> = open.iter().map(|row| row.test).collect();
    let look = move |scheduler: &Scheduler, _| {
        let mut explained = 0;
        let mut stand = |test| {
            let phase = scheduler.test(test)?.phase;
            let look = phase == Phase::Waiting && explained < MAX_EXPLAINED;
            explained += usize::from(look);
            Some((phase, if look { nobody(scheduler, test) } else { None }))
        };
        tests.into_iter().map(&mut stand).collect::<Vec<_>>()
    };
    for (row, stands) in open.iter_mut().zip(app.mailbox.ask(look).await?) {
        let Some((phase, nobody)) = stands else { continue };
        row.phase = Some(phase);
        row.message = nobody.unwrap_or_else(|| std::mem::take(&mut row.message));
    }
    Ok(())
}

/// Why no worker can run a waiting test; `None` where one can.
fn nobody(scheduler: &Scheduler, test: TestId) -> Option<String> {
    let mut lacks = Vec::new();
    for (_, name, lack) in scheduler.why(test)?.workers {
        lacks.push((lack?, name));
    }
    let nearest = lacks.into_iter().min_by(|(one, _), (other, _)| one.nearest_first(other));
    Some(match nearest {
        Some((lack, name)) => format!("no worker can run it: {name} {lack}"),
        None => "no worker can run it: none has registered".to_owned(),
    })
}

/// Get what became of earlier tests of a model.
#[utoipa::path(get, path = "/api/v1/history", tag = "reports", params(HistoryQuery),
    responses((status = 200, body = HistoryView, description = "tests in the order of their names")))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<HistoryView>, ApiError> {
    app.settled().await?;
    Ok(Json(app.results(move |results| results.history(&query)).await?))
}

/// Get the state of the coordinator.
#[utoipa::path(get, path = "/api/v1/status", tag = "reports",
    responses((status = 200, body = StatusView, description = "counts of workers, runs and tests")))]
pub(crate) async fn status(State(app): State<Arc<App>>) -> Result<Json<StatusView>, ApiError> {
    let overview = app.mailbox.ask(|scheduler: &Scheduler, _| scheduler.overview()).await?;
    Ok(Json(StatusView {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        coordinator: app.identity.clone(),
        uptime_ms: app.clock.uptime().0,
        workers_active: overview.workers_active,
        workers_draining: overview.workers_draining,
        workers_lost: overview.workers_lost,
        runs_open: overview.runs_open,
        tests_blocked: overview.tests_blocked,
        tests_waiting: overview.tests_waiting,
        tests_leased: overview.tests_leased,
        classes: overview.classes,
        log_sequence: app.progress.committed(),
        projected_sequence: app.progress.projected(),
    }))
}
