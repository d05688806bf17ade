//! Every route, with its id and what it needs. A route without a permission cannot be written
//! down, and `describe` makes the rest of its description from this table.

use crate::api::error::Code;
use crate::api::{MAX_BLOB_BYTES, MAX_BODY_BYTES, transfer_time};
use crate::coordinator::http::app::App;
use crate::coordinator::http::permissions::{Permission, Principal, Role};
use crate::coordinator::http::refusals::Peer;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::{
    attempts, blobs, document, health, leases, logs, reports, runs, submit, templates, test_routes,
    workers,
};
use crate::coordinator::metrics::Metrics;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Until the answer begins, for plain requests.
const PLAIN: Duration = Duration::from_secs(30);
/// For large bodies, and for claims, which wait on purpose.
const LONG: Duration = Duration::from_secs(120);
const BLOB_TIME: Duration = LONG.saturating_add(transfer_time(MAX_BLOB_BYTES));
/// Largest body of plain requests.
const SMALL_BODY: usize = 1024 * 1024;
/// How long a heavy request waits for its turn.
const HEAVY_PATIENCE: Duration = Duration::from_secs(30);

/// How much a route may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    body: usize,
    time: Duration,
    /// Few of these run at a time: they hold large bodies in memory.
    heavy: bool,
}

const SMALL: Budget = Budget { body: SMALL_BODY, time: PLAIN, heavy: false };
const WAITING: Budget = Budget { body: SMALL_BODY, time: LONG, heavy: false };
const LARGE: Budget = Budget { body: MAX_BODY_BYTES, time: LONG, heavy: true };
const REPORTS: Budget = Budget { body: MAX_BODY_BYTES, time: LONG, heavy: false };
/// Streamed to disk, so the size costs no memory; the handler counts.
const BLOB: Budget = Budget { body: usize::MAX, time: BLOB_TIME, heavy: false };

/// One line of the table.
pub(crate) struct Route {
    /// Name of the operation in the description of the API; unique.
    pub id: &'static str,
    pub method: Method,
    pub path: &'static str,
    pub permission: Permission,
    budget: Budget,
    handler: MethodRouter<Arc<App>>,
}

fn route<H, T>(
    id: &'static str,
    method: Method,
    path: &'static str,
    permission: Permission,
    budget: Budget,
    handler: H,
) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let filter = match method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::HEAD => MethodFilter::HEAD,
        _ => MethodFilter::GET,
    };
    Route { id, method, path, permission, budget, handler: on(filter, handler) }
}

/// The whole API.
#[rustfmt::skip]
pub(crate) fn table() -> Vec<Route> {
    use Permission::{Manage, Public, Submit, Upload, View, Work};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    vec![
        route("submit_run", POST, "/api/v1/runs", Submit, LARGE, submit::submit),
        route("list_runs", GET, "/api/v1/runs", View, SMALL, runs::list),
        route("get_run", GET, "/api/v1/runs/{run}", View, SMALL, runs::get),
        route("add_tests", POST, "/api/v1/runs/{run}/tests", Submit, LARGE, submit::add_tests),
        route("cancel_run", POST, "/api/v1/runs/{run}/cancel", Submit, SMALL, runs::cancel),
        route("list_tests", GET, "/api/v1/tests", View, SMALL, test_routes::list),
        route("get_test", GET, "/api/v1/tests/{test}", View, SMALL, test_routes::get),
        route("explain_test", GET, "/api/v1/tests/{test}/why", View, SMALL, test_routes::why),
        route("list_attempts", GET, "/api/v1/attempts", View, SMALL, attempts::list),
        route("get_attempt", GET, "/api/v1/attempts/{attempt}", View, SMALL, attempts::get),
        route("append_log", POST, "/api/v1/attempts/{attempt}/log", Work, SMALL, logs::append),
        route("read_log", GET, "/api/v1/attempts/{attempt}/log", View, SMALL, logs::read),
        route("follow_log", GET, "/api/v1/attempts/{attempt}/log/stream", View, SMALL, logs::follow),
        route("upload_blob", Method::PUT, "/api/v1/blobs/{sha256}", Upload, BLOB, blobs::put),
        route("download_blob", GET, "/api/v1/blobs/{sha256}", View, SMALL, blobs::get),
        route("find_blob", Method::HEAD, "/api/v1/blobs/{sha256}", View, SMALL, blobs::head),
        route("add_templates", POST, "/api/v1/templates", Manage, LARGE, templates::add),
        route("list_templates", GET, "/api/v1/templates", View, SMALL, templates::list),
        route("list_template_versions", GET, "/api/v1/templates/history", View, SMALL, templates::history),
        route("register_worker", POST, "/api/v1/workers", Work, SMALL, workers::register),
        route("list_workers", GET, "/api/v1/workers", View, SMALL, workers::list),
        route("get_worker", GET, "/api/v1/workers/{worker}", View, SMALL, workers::get),
        route("send_heartbeat", POST, "/api/v1/workers/{worker}/heartbeat", Work, SMALL, workers::heartbeat),
        route("drain_worker", POST, "/api/v1/workers/{worker}/drain", Manage, SMALL, workers::drain),
        route("resume_worker", POST, "/api/v1/workers/{worker}/resume", Manage, SMALL, workers::resume),
        route("sign_off_worker", POST, "/api/v1/workers/{worker}/leave", Work, SMALL, workers::leave),
        route("claim_leases", POST, "/api/v1/workers/{worker}/claim", Work, WAITING, leases::claim),
        route("report_results", POST, "/api/v1/workers/{worker}/reports", Work, REPORTS, leases::report),
        route("get_report", GET, "/api/v1/report", View, WAITING, reports::report),
        route("get_history", GET, "/api/v1/history", View, WAITING, reports::history),
        route("get_status", GET, "/api/v1/status", View, SMALL, reports::status),
        route("get_openapi", GET, "/api/v1/openapi.json", Public, SMALL, document::serve),
        route("get_metrics", GET, "/metrics", View, SMALL, health::metrics),
        route("get_liveness", GET, "/health/live", Public, SMALL, health::live),
        route("get_readiness", GET, "/health/ready", Public, SMALL, health::ready),
    ]
}

/// Whether a request of this connection was let in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<AtomicBool>);

impl Known {
    fn set(&self) {
        self.0.store(true, Relaxed);
    }

    pub fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// What the guard of one route knows.
#[derive(Clone)]
struct Guard {
    app: Arc<App>,
    permission: Permission,
    budget: Budget,
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for Route { id, method, path, permission, budget, handler } in table() {
        tracing::trace!(id, %method, path, ?permission, "route");
        let guard = Guard { app: Arc::clone(&app), permission, budget };
        let watched: MethodRouter<Arc<App>> = handler.layer(from_fn_with_state(guard, watch_over));
        router = router.route(path, watched.layer(DefaultBodyLimit::max(budget.body)));
    }
    router.fallback(unknown).method_not_allowed_fallback(wrong_method).with_state(app)
}

async fn watch_over(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let app = Arc::clone(&guard.app);
    answered(&app.metrics, admit(guard, request, next)).await
}

/// Counts, and turns panics, refusals and lateness into answers.
async fn answered(
    metrics: &Metrics,
    answer: impl Future<Output = Result<Response, ApiError>>,
) -> Response {
    let answer = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => error.into_response(),
        Err(_) => {
            metrics.panics.fetch_add(1, Relaxed);
            ApiError::internal("this request met a bug in dtf", &"a handler panicked")
                .hint("the coordinator's log has the details; please report it")
                .into_response()
        }
    };
    metrics.requests.fetch_add(1, Relaxed);
    if answer.status().is_server_error() {
        metrics.requests_failed.fetch_add(1, Relaxed);
    }
    answer
}

async fn admit(guard: Guard, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let Guard { app, permission, budget } = guard;
    if permission != Permission::Public {
        let sender = app.authenticator.authenticate(request.headers()).map_err(ApiError::from);
        if let (Ok(_), Some(known)) = (&sender, request.extensions().get::<Known>()) {
            known.set();
        }
        let allowed = sender.and_then(|principal| may(principal, permission));
        let principal = allowed.inspect_err(|error| {
            app.refusals.note(request.extensions().get::<Peer>(), error.message());
        })?;
        request.extensions_mut().insert(principal);
    }
    let _turn = if budget.heavy {
        let turn = tokio::time::timeout(HEAVY_PATIENCE, app.heavy.acquire()).await;
        Some(turn.map_err(|_| ApiError::new(Code::Busy, "too many large requests at a time"))?)
    } else {
        None
    };
    tokio::time::timeout(budget.time, next.run(request))
        .await
        .map_err(|_| ApiError::new(Code::Unavailable, "the request took too long"))
}

/// Lets those through whose role allows it.
fn may(principal: Principal, permission: Permission) -> Result<Principal, ApiError> {
    if principal.role.allows(permission) {
        return Ok(principal);
    }
    let (user, role) = (&principal.user, principal.role.name());
    let needed = Role::that_may(permission);
    let message = format!("{user} has the role {role}, and this needs {needed}");
    Err(ApiError::new(Code::Forbidden, message)
        .hint(format!("use a token of the role {needed}, or ask whoever runs the coordinator")))
}

async fn unknown(request: Request) -> ApiError {
    let path: String = request.uri().path().chars().take(200).collect();
    ApiError::new(Code::NotFound, format!("no route {path}"))
        .hint("GET /api/v1/openapi.json lists the routes")
}

async fn wrong_method(request: Request) -> Response {
    let error =
        ApiError::new(Code::BadRequest, format!("{} is not possible here", request.method()))
            .hint("GET /api/v1/openapi.json lists the routes");
    let mut answer = error.into_response();
    *answer.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_health_and_the_document_are_public() {
        let public: Vec<_> = table()
            .iter()
            .filter(|route| route.permission == Permission::Public)
            .map(|route| route.path)
            .collect();
        assert_eq!(public, ["/api/v1/openapi.json", "/health/live", "/health/ready"]);
    }
    #[tokio::test]
    async fn a_panic_is_an_answer_and_is_counted() {
        let metrics = Metrics::default();
        let answer = answered(&metrics, async { panic!("a bug") }).await;
        assert_eq!(answer.status(), axum::http::StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(metrics.panics.load(Relaxed), 1);
        assert_eq!(metrics.requests_failed.load(Relaxed), 1);
    }
}
