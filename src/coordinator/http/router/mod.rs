//! Serves the table of routes: authenticates each request, checks its permission, receives its body,
//! and enforces the budget of its route.
//!
//! Promises: every request to a route is counted; a panic of a handler becomes status 500, a request
//! that exceeds its time limit status 503. No body is received before the guard has admitted its sender.

pub(crate) mod bodies;
mod memory;

use crate::api::error::Code;
use crate::coordinator::http::app::App;
use crate::coordinator::http::guard::{self, Access};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::router::bodies::{Budget, Incomplete, Kind};
use crate::coordinator::http::routes::{Route, table};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::pages;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// State of the middleware of one route.
#[derive(Clone)]
struct Middleware {
    app: Arc<App>,
    access: Access,
    budget: Budget,
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in table() {
        let (path, handler) = guarded(&app, route);
        router = router.route(path, handler);
    }
    for route in pages::table() {
        let (path, handler) = guarded(&app, route);
        router = router.route(path, handler.layer(from_fn(pages::as_page)));
    }
    // The size of each body is limited where it is received.
    router = router.layer(DefaultBodyLimit::disable());
    let unknown = unknown.layer(from_fn(pages::as_page));
    router.fallback(unknown).method_not_allowed_fallback(wrong_method).with_state(app)
}

/// A route behind the guard and within its budget.
fn guarded(app: &Arc<App>, route: Route) -> (&'static str, MethodRouter<Arc<App>>) {
    let Route { id, method, path, access, budget, handler } = route;
    tracing::trace!(id, %method, path, permission = ?access.permission(), "route");
    let middleware = Middleware { app: Arc::clone(app), access, budget };
    (path, handler.layer(from_fn_with_state(middleware, watch_over)))
}

async fn watch_over(
    State(middleware): State<Middleware>,
    request: Request,
    next: Next,
) -> Response {
    let app = Arc::clone(&middleware.app);
    answered(&app.metrics, perform(middleware, request, next)).await
}

/// Counts the request, and turns an error or a panic into an answer.
async fn answered(
    metrics: &Metrics,
    answer: impl Future<Output = Result<Response, ApiError>>,
) -> Response {
    let mut answer = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => error.into_response(),
        Err(_) => {
            metrics.panics.fetch_add(1, Relaxed);
            ApiError::bug(
                "internal error: the handler of this request panicked",
                "see the panic above",
            )
            .into_response()
        }
    };
    metrics.requests.fetch_add(1, Relaxed);
    // Browsers must not take a file or the output of a test for a page of the coordinator.
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if answer.status().is_server_error() {
        metrics.requests_failed.fetch_add(1, Relaxed);
    }
    answer
}

/// Lets the guard check the request, receives its body, and runs its handler.
async fn perform(
    middleware: Middleware,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Middleware { app, access, budget } = middleware;
    let too_slow = |_| ApiError::new(Code::Unavailable, "the request exceeded its time limit");
    let (mut head, body) = request.into_parts();
    let admitted = tokio::time::timeout(budget.time, guard::admit(&app, access, &mut head));
    admitted.await.map_err(too_slow)??;
    let (body, _admission) = app.bodies.receive(body, budget).await?;
    if let Some(incomplete) = head.extensions.get::<Incomplete>() {
        incomplete.set(!body.is_end_stream() && budget.kind == Kind::Streamed);
    }
    let request = Request::from_parts(head, body);
    tokio::time::timeout(budget.time, next.run(request)).await.map_err(too_slow)
}

async fn unknown(request: Request) -> ApiError {
    let path: String = request.uri().path().chars().take(200).collect();
    ApiError::new(Code::NotFound, format!("there is no route {path}"))
        .hint("GET /api/v1/openapi.json lists the routes")
}

async fn wrong_method(request: Request) -> Response {
    let error = ApiError::new(
        Code::BadRequest,
        format!("this route does not support {}", request.method()),
    )
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
        let sniffing = answer.headers().get(X_CONTENT_TYPE_OPTIONS);
        assert_eq!(sniffing, Some(&HeaderValue::from_static("nosniff")));
        assert_eq!(metrics.panics.load(Relaxed), 1);
        assert_eq!(metrics.requests_failed.load(Relaxed), 1);
    }
}
