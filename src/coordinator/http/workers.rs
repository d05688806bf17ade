//! Workers: sign on, sign of life, sign off; the list for people.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::page::{Page, PageQuery};
use crate::api::v1::workers::{
    Heartbeat, HeartbeatAnswer, Leave, MAX_PLACE_BYTES, Register, Registered, WorkerState,
    WorkerView,
};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{Body, Id, Params};
use crate::coordinator::http::respond::Problem;
use crate::coordinator::http::runs::{cursor, page_size};
use crate::domain::id::WorkerId;
use crate::scheduler::{
    Answer, Availability, Command, HEARTBEAT, Identity, LEASE, Scheduler, WorkerStatus,
};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

#[utoipa::path(post, path = "/api/v1/workers", tag = "workers", request_body = Register,
    responses((status = 200, body = Registered),
        (status = 409, body = crate::api::error::ErrorBody, description = "another process with this key is active"),
        (status = 422, body = crate::api::error::ErrorBody, description = "a size that no machine has")))]
pub(crate) async fn register(
    State(app): State<Arc<App>>,
    Body(worker): Body<Register>,
) -> Result<Json<Registered>, Problem> {
    let Register { key, incarnation, place, name, capability, holding, version } = worker;
    if place.len() > MAX_PLACE_BYTES {
        let message = format!("a place has at most {MAX_PLACE_BYTES} bytes");
        return Err(Problem::new(Code::Unprocessable, message));
    }
    tracing::info!(%name, %version, holding = holding.len(), "a worker registers");
    let identity = Identity { key, incarnation, place };
    let command = Command::Register { identity, name, capability, holding };
    match app.mailbox.act(command).await? {
        Answer::Registered { worker, epoch, kept, stale } => Ok(Json(Registered {
            worker,
            heartbeat_ms: HEARTBEAT,
            lease_ms: LEASE,
            epoch,
            stale,
            kept,
        })),
        other => Err(Problem::unexpected(&other)),
    }
}

#[utoipa::path(post, path = "/api/v1/workers/{worker}/heartbeat", tag = "workers",
    params(("worker" = String, Path, example = "w4")), request_body = Heartbeat,
    responses((status = 200, body = HeartbeatAnswer),
        (status = 404, body = crate::api::error::ErrorBody, description = "register first"),
        (status = 409, body = crate::api::error::ErrorBody, description = "another process took over")))]
pub(crate) async fn heartbeat(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
    Body(heartbeat): Body<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, Problem> {
    let Heartbeat { incarnation, received, holding, draining } = heartbeat;
    let command = Command::Heartbeat { worker, incarnation, received, holding };
    let stale = match app.mailbox.act(command).await? {
        Answer::Heartbeat { stale } => stale,
        other => return Err(Problem::unexpected(&other)),
    };
    // The heartbeat was accepted, so this is the worker's own process.
    if draining {
        app.mailbox.act(Command::Drain { worker }).await?;
    }
    Ok(Json(HeartbeatAnswer { stale }))
}

#[utoipa::path(post, path = "/api/v1/workers/{worker}/drain", tag = "workers",
    params(("worker" = String, Path, example = "w4")),
    responses((status = 200, body = WorkerView)))]
pub(crate) async fn drain(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
) -> Result<Json<WorkerView>, Problem> {
    app.mailbox.act(Command::Drain { worker }).await?;
    find(&app, worker).await
}

#[utoipa::path(post, path = "/api/v1/workers/{worker}/leave", tag = "workers",
    params(("worker" = String, Path, example = "w4")), request_body = Leave,
    responses((status = 200, body = WorkerView)))]
pub(crate) async fn leave(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
    Body(Leave { incarnation }): Body<Leave>,
) -> Result<Json<WorkerView>, Problem> {
    app.mailbox.act(Command::Leave { worker, incarnation }).await?;
    find(&app, worker).await
}

#[utoipa::path(get, path = "/api/v1/workers", tag = "workers", params(PageQuery),
    responses((status = 200, body = Page<WorkerView>, description = "in order of their ids")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<WorkerView>>, Problem> {
    let after: Option<WorkerId> = cursor(query.cursor.as_deref())?;
    let size = page_size(query.limit);
    let page = move |scheduler: &Scheduler, _| {
        scheduler.workers(after).take(size + 1).map(view).collect::<Vec<_>>()
    };
    let mut items = app.mailbox.ask(page).await?;
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|view| view.worker.to_string());
    Ok(Json(Page { schema: SCHEMA, items, next }))
}

#[utoipa::path(get, path = "/api/v1/workers/{worker}", tag = "workers",
    params(("worker" = String, Path, example = "w4")),
    responses((status = 200, body = WorkerView), (status = 404, body = crate::api::error::ErrorBody)))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
) -> Result<Json<WorkerView>, Problem> {
    find(&app, worker).await
}

async fn find(app: &App, worker: WorkerId) -> Result<Json<WorkerView>, Problem> {
    let find = move |scheduler: &Scheduler, _| scheduler.worker(worker);
    let found = app.mailbox.ask(find).await?;
    found.map(|status| Json(view(status))).ok_or_else(|| Problem::not_found(worker))
}

fn view(status: WorkerStatus) -> WorkerView {
    WorkerView {
        worker: status.worker,
        name: status.name.into(),
        state: match status.availability {
            Availability::Active => WorkerState::Active,
            Availability::Draining => WorkerState::Draining,
            Availability::Lost => WorkerState::Lost,
            Availability::Gone => WorkerState::Gone,
        },
        capability: status.capability,
        running: status.running,
        ahead: status.ahead,
        last_seen: status.last_seen,
        registered_at: status.registered_at,
    }
}
