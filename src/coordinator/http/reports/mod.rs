//! Reports, and the state of the coordinator.

pub(crate) mod changes;
pub(crate) mod flaky;
pub(crate) mod grid;
pub(crate) mod marks;
pub(crate) mod matrix;
pub(crate) mod snapshot;
pub(crate) mod upgrade;

use crate::api::SCHEMA;
use crate::api::v1::history::{HistoryQuery, HistoryView};
use crate::api::v1::reports::{MAX_ROWS, ReportQuery, ReportRow, ReportView};
use crate::api::v1::status::StatusView;
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::limit;
use crate::domain::id::TestId;
use crate::scheduler::{Explanation, Scheduler};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Get the report of a run, or of all runs since a time.
///
/// The report contains everything that was acknowledged before the request.
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
    add_phases(&app, &mut report.rows).await?;
    Ok(Json(report))
}

/// Maximum number of waiting tests of one report for which the reason is determined why no worker can
/// run them.
const MAX_EXPLAINED: usize = 100;
/// Maximum number of tests about which the scheduler is asked at once: other requests have their turn in
/// between.
const MAX_ASKED: usize = 2_000;

/// Adds from the scheduler the phases of tests that have not ended. If no worker can run a waiting
/// test, its message becomes the reason.
async fn add_phases(app: &App, rows: &mut [ReportRow]) -> Result<(), ApiError> {
    let mut open: Vec<_> = rows.iter_mut().filter(|row| row.outcome.is_none()).collect();
    let mut room = MAX_EXPLAINED;
    for open in open.chunks_mut(MAX_ASKED) {
        let tests: Vec<TestId> = open.iter().map(|row| row.test).collect();
        let inspect = move |scheduler: &Scheduler, _| {
            let mut state = |test| {
                let phase = scheduler.test(test)?.phase;
                let mut reason = None;
                if room > 0 && scheduler.is_stuck(test) {
                    room -= 1;
                    reason = scheduler.why(test).as_ref().and_then(unschedulable);
                }
                Some((phase, reason))
            };
            (tests.into_iter().map(&mut state).collect::<Vec<_>>(), room)
        };
        let (states, left) = app.mailbox.ask(inspect).await?;
        room = left;
        for (row, state) in open.iter_mut().zip(states) {
            let Some((phase, reason)) = state else { continue };
            row.phase = Some(phase);
            row.message = reason.unwrap_or_else(|| std::mem::take(&mut row.message));
        }
    }
    Ok(())
}

/// The reason why no worker can run a waiting test. `None` if a worker can run it.
pub(crate) fn unschedulable(explanation: &Explanation) -> Option<String> {
    let mut lacks = Vec::new();
    for fit in &explanation.workers {
        lacks.push((fit.lacks.as_ref()?, &fit.name));
    }
    let nearest = lacks.into_iter().min_by(|(one, _), (other, _)| one.nearest_first(other));
    Some(match nearest {
        Some((lack, name)) => format!("no worker can run it: {name} {lack}"),
        None => "no worker can run it: none has registered".to_owned(),
    })
}

/// Get the results of earlier tests of a model.
#[utoipa::path(get, path = "/api/v1/history", tag = "reports", params(HistoryQuery),
    responses((status = 200, body = HistoryView, description = "the tests in the order of their names, and the attempts that ran out of memory")))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<HistoryView>, ApiError> {
    app.settled().await?;
    Ok(Json(app.results(move |results| results.history(&query)).await?))
}

/// Get the state of the coordinator.
#[utoipa::path(get, path = "/api/v1/status", tag = "reports",
    responses((status = 200, body = StatusView, description = "the state of the coordinator, with counts of workers, runs and tests")))]
pub(crate) async fn status(State(app): State<Arc<App>>) -> Result<Json<StatusView>, ApiError> {
    let inspect = |scheduler: &Scheduler, now| (scheduler.overview(), scheduler.quarantines(now));
    let (overview, quarantines) = app.mailbox.ask(inspect).await?;
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
        quarantines,
        classes: overview.classes,
        log_sequence: app.progress.committed(),
        projected_sequence: app.progress.projected(),
    }))
}
