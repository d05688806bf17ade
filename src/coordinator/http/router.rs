//! Serves the table of routes: authenticates each request, checks its permission, and enforces the
//! budget of its route.
//!
//! Promises: every request is counted; a panic of a handler becomes a 500, a request over its time
//! limit a 503.

use crate::api::error::Code;
use crate::coordinator::http::app::App;
use crate::coordinator::http::permissions::{Permission, Principal, Role};
use crate::coordinator::http::refusals::Peer;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::routes::{Budget, Route, table};
use crate::coordinator::metrics::Metrics;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long a heavy request waits for its turn.
const HEAVY_PATIENCE: Duration = Duration::from_secs(30);

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
    let (user, role) = (&principal.subject, principal.role.name());
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

    #[tokio::test]
    async fn a_panic_is_an_answer_and_is_counted() {
        let metrics = Metrics::default();
        let answer = answered(&metrics, async { panic!("a bug") }).await;
        assert_eq!(answer.status(), axum::http::StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(metrics.panics.load(Relaxed), 1);
        assert_eq!(metrics.requests_failed.load(Relaxed), 1);
    }
}
