//! Workers: register, send heartbeats, sign off; list, drain, resume.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::page::{Page, PageQuery};
use crate::api::schema;
use crate::api::v1::workers::{
    Heartbeat, HeartbeatAnswer, Leave, MAX_PLACE_BYTES, Register, Registered, WorkerChange,
    WorkerSpeed, WorkerState, WorkerView, WorkerWeights,
};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{Body, Id, Params};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::{cursor, page_size};
use crate::domain::access::Principal;
use crate::domain::capability::calibration::noise;
use crate::domain::id::WorkerId;
use crate::domain::time::Timestamp;
use crate::scheduler::{
    Answer, Availability, Command, HEARTBEAT_INTERVAL, Identity, LEASE_TIMEOUT, Scheduler,
    WorkerStatus,
};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Register a worker.
///
/// A worker registers at its start, and again after a restart of the coordinator.
#[utoipa::path(post, path = "/api/v1/workers", tag = "workers", request_body = Register,
    responses((status = 200, body = Registered, description = "the id of the worker, and the leases that it still has"),
        (status = 409, description = "another process with this key is active"),
        (status = 422, description = "a value of the capability is implausible")))]
pub(crate) async fn register(
    State(app): State<Arc<App>>,
    Body(worker): Body<Register>,
) -> Result<Json<Registered>, ApiError> {
    let Register { key, incarnation, place, name, capability, holding, weights, version } = worker;
    if place.len() > MAX_PLACE_BYTES {
        let message = format!("place is too long (maximum {MAX_PLACE_BYTES} bytes)");
        return Err(ApiError::new(Code::Unprocessable, message));
    }
    tracing::debug!(%name, %version, holding = holding.len(), "worker registers");
    let identity = Identity { key, incarnation, place };
    let command = Command::Register { identity, name, capability, holding };
    let registered = match app.mailbox.act(command).await? {
        Answer::Registered { worker, epoch, kept, stale } => Registered {
            worker,
            heartbeat_ms: HEARTBEAT_INTERVAL,
            lease_ms: LEASE_TIMEOUT,
            epoch,
            stale,
            kept,
        },
        other => return Err(ApiError::unexpected(&other)),
    };
    // The worker claims after the answer, so the coordinator knows its weights by then.
    if let Some(report) = weights {
        let worker = registered.worker;
        app.mailbox.act(Command::ReportWeights { worker, incarnation, report }).await?;
    }
    Ok(Json(registered))
}

/// Send a sign of life of a worker.
#[utoipa::path(post, path = "/api/v1/workers/{worker}/heartbeat", tag = "workers",
    params(("worker" = schema::WorkerId, Path)), request_body = Heartbeat,
    responses((status = 200, body = HeartbeatAnswer, description = "the leases that the worker has lost"),
        (status = 404, description = "the worker is not registered"),
        (status = 409, description = "another process has registered as this worker"),
        (status = 422, description = "a value of the capability is implausible")))]
pub(crate) async fn heartbeat(
    State(app): State<Arc<App>>,
    principal: Principal,
    Id(worker): Id<WorkerId>,
    Body(heartbeat): Body<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    let Heartbeat { incarnation, received, holding, capability, calibration, draining, weights } =
        heartbeat;
    if let Some(capability) = capability {
        app.mailbox.act(Command::ChangeCapability { worker, incarnation, capability }).await?;
    }
    if let Some(calibration) = calibration {
        app.mailbox.act(Command::ReportCalibration { worker, incarnation, calibration }).await?;
    }
    if let Some(report) = weights {
        app.mailbox.act(Command::ReportWeights { worker, incarnation, report }).await?;
    }
    let command = Command::Heartbeat { worker, incarnation, received, holding };
    let (stale, weights_revision) = match app.mailbox.act(command).await? {
        Answer::Heartbeat { stale, weights } => (stale, weights),
        other => return Err(ApiError::unexpected(&other)),
    };
    // The heartbeat was accepted, so it is from the current process of the worker.
    if draining {
        app.mailbox.act(Command::Drain { worker, by: principal.subject }).await?;
    }
    Ok(Json(HeartbeatAnswer { stale, weights_revision }))
}

/// Drain a worker.
///
/// The worker finishes its running tests, takes no new ones, and leaves. A repeat is harmless.
#[utoipa::path(post, path = "/api/v1/workers/{worker}/drain", tag = "workers",
    params(("worker" = schema::WorkerId, Path)),
    responses((status = 200, body = WorkerView, description = "the state of the worker")))]
pub(crate) async fn drain(
    State(app): State<Arc<App>>,
    principal: Principal,
    Id(worker): Id<WorkerId>,
) -> Result<Json<WorkerView>, ApiError> {
    app.mailbox.act(Command::Drain { worker, by: principal.subject }).await?;
    find(&app, worker).await
}

/// Let a draining worker take tests again.
///
/// A worker that was stopped on its own machine drains again at once. A repeat is harmless.
#[utoipa::path(post, path = "/api/v1/workers/{worker}/resume", tag = "workers",
    params(("worker" = schema::WorkerId, Path)),
    responses((status = 200, body = WorkerView, description = "the state of the worker"),
        (status = 409, description = "the worker has left")))]
pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    principal: Principal,
    Id(worker): Id<WorkerId>,
) -> Result<Json<WorkerView>, ApiError> {
    app.mailbox.act(Command::Resume { worker, by: principal.subject }).await?;
    find(&app, worker).await
}

/// Sign off a worker.
///
/// Other workers receive the leases that it still has.
#[utoipa::path(post, path = "/api/v1/workers/{worker}/leave", tag = "workers",
    params(("worker" = schema::WorkerId, Path)), request_body = Leave,
    responses((status = 200, body = WorkerView, description = "the state of the worker")))]
pub(crate) async fn leave(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
    Body(Leave { incarnation }): Body<Leave>,
) -> Result<Json<WorkerView>, ApiError> {
    app.mailbox.act(Command::Leave { worker, incarnation }).await?;
    find(&app, worker).await
}

/// List workers in the order of their ids.
#[utoipa::path(get, path = "/api/v1/workers", tag = "workers", params(
        ("cursor" = Option<schema::WorkerId>, Query, description = "`next` of the previous page."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10_000,
        description = "Maximum number of entries of the page; 100 if absent.")),
    responses((status = 200, body = Page<WorkerView>, description = "workers in the order of their ids")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<WorkerView>>, ApiError> {
    let after: Option<WorkerId> = cursor(query.cursor.as_deref())?;
    let size = page_size(query.limit)?;
    let page = move |scheduler: &Scheduler, now| {
        let workers = scheduler.workers(after).take(size + 1);
        workers.map(|worker| view(worker, now)).collect::<Vec<_>>()
    };
    let mut items = app.mailbox.ask(page).await?;
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|view| view.worker.to_string());
    Ok(Json(Page { schema: SCHEMA, items, next }))
}

/// Get a worker.
#[utoipa::path(get, path = "/api/v1/workers/{worker}", tag = "workers",
    params(("worker" = schema::WorkerId, Path)),
    responses((status = 200, body = WorkerView, description = "the state of the worker")))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
) -> Result<Json<WorkerView>, ApiError> {
    find(&app, worker).await
}

async fn find(app: &App, worker: WorkerId) -> Result<Json<WorkerView>, ApiError> {
    let find =
        move |scheduler: &Scheduler, now| scheduler.worker(worker).map(|worker| view(worker, now));
    let view = app.mailbox.ask(find).await?;
    view.map(Json).ok_or_else(|| ApiError::not_found(worker))
}

fn view(status: WorkerStatus, now: Timestamp) -> WorkerView {
    WorkerView {
        worker: status.worker,
        name: status.name.into(),
        state: match status.availability {
            Availability::Active => WorkerState::Active,
            Availability::Draining => WorkerState::Draining,
            Availability::Lost => WorkerState::Lost,
            Availability::Gone => WorkerState::Gone,
        },
        calibrating: status.is_held,
        change: status.change.map(|(at, before)| WorkerChange {
            at,
            since_ms: now.since(at),
            changes: status.capability.changes_since(&before),
            before,
        }),
        speed: status.calibrations.last().map(|(at, latest)| {
            let all = status.calibrations.iter().map(|(_, calibration)| &**calibration);
            WorkerSpeed {
                since_ms: now.since(*at),
                latest: Arc::clone(latest),
                count: u32::try_from(status.calibrations.len()).unwrap_or(u32::MAX),
                noise: noise(all).unwrap_or(0.0),
            }
        }),
        capability: status.capability,
        running: status.running,
        ahead: status.ahead,
        last_seen: status.last_seen,
        silent_ms: now.since(status.last_seen),
        registered_at: status.registered_at,
        weights: status.weights.map(|weights| WorkerWeights {
            held: weights.held,
            capacity_bytes: weights.capacity_bytes,
            used_bytes: weights.used_bytes,
        }),
    }
}
