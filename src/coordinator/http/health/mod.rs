//! Liveness, readiness and metrics, and the present work.

mod now;

pub(crate) use now::{__path_now, now};

use crate::api::v1::status::Ready;
use crate::coordinator::http::app::App;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::metrics::Gauges;
use crate::scheduler::Scheduler;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Check whether the process answers.
#[utoipa::path(get, path = "/health/live", tag = "health",
    responses((status = 200, body = String, content_type = "text/plain", description = "the process answers")))]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Check whether the coordinator accepts work.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200, body = Ready, description = "the coordinator accepts work"), (status = 503, body = Ready, description = "the coordinator does not accept work; the answer states the reason")))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let reason = app.health.reason();
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready: reason.is_none(), reason })).into_response()
}

/// Get metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "text/plain", description = "metrics in the text format of Prometheus")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let overview = app.mailbox.ask(|scheduler: &Scheduler, _| scheduler.overview()).await?;
    let gauges = Gauges {
        overview,
        mailbox_depth: app.mailbox.depth(),
        log_sequence: app.progress.committed(),
        projected_sequence: app.progress.projected(),
        connections: app.connections.load(Relaxed),
        data_bytes: app.space.used(),
        disk_free_bytes: app.space.free(),
        ready: app.health.reason().is_none(),
    };
    let text = app.metrics.text(&gauges);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
