//! The table of routes: every operation with its id, method, path, permission, budget and handler.
//!
//! The router and the OpenAPI document are made from this table. So a route without a permission
//! cannot be written, and a route that is served cannot lack its description.

use crate::api::error::ErrorBody;
use crate::api::{MAX_BLOB_BYTES, MAX_BODY_BYTES, transfer_time};
use crate::coordinator::http::app::App;
use crate::coordinator::http::permissions::Permission;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use std::sync::Arc;
use std::time::Duration;
use utoipa::OpenApi;

/// Time limit until the answer begins, for plain requests.
const PLAIN: Duration = Duration::from_secs(30);
/// Time limit for requests with large bodies, and for claims, which wait on purpose.
const LONG: Duration = Duration::from_secs(120);
const BLOB_TIME: Duration = LONG.saturating_add(transfer_time(MAX_BLOB_BYTES));
/// Maximum size of the body of a plain request, in bytes.
const MAX_SMALL_BODY_BYTES: usize = 1024 * 1024;

/// The resources that a request to a route may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Maximum size of the body, in bytes.
    pub body: usize,
    /// Time limit until the answer begins.
    pub time: Duration,
    /// Whether the request holds a large body in memory. Few of these run at a time.
    pub heavy: bool,
}

const SMALL: Budget = Budget { body: MAX_SMALL_BODY_BYTES, time: PLAIN, heavy: false };
const WAITING: Budget = Budget { body: MAX_SMALL_BODY_BYTES, time: LONG, heavy: false };
const LARGE: Budget = Budget { body: MAX_BODY_BYTES, time: LONG, heavy: true };
const REPORTS: Budget = Budget { body: MAX_BODY_BYTES, time: LONG, heavy: false };
/// The body is streamed to disk, so its size costs no memory; the handler counts the bytes.
const BLOB: Budget = Budget { body: usize::MAX, time: BLOB_TIME, heavy: false };

/// One row of the table.
pub(crate) struct Route {
    /// Unique name of the operation in the OpenAPI document.
    pub id: &'static str,
    pub method: Method,
    pub path: &'static str,
    pub permission: Permission,
    pub budget: Budget,
    pub handler: MethodRouter<Arc<App>>,
}

fn handled<H, T>(method: &Method, handler: H) -> MethodRouter<Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let filter = match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::HEAD => MethodFilter::HEAD,
        _ => MethodFilter::GET,
    };
    on(filter, handler)
}

/// Turns the table into [`table`] and the operations of the OpenAPI document.
macro_rules! routes {
    ($($id:literal $method:ident $path:literal, $permission:ident, $budget:ident,
        $module:ident::$handler:ident;)*) => {
        /// The whole API.
        pub(crate) fn table() -> Vec<Route> {
            vec![$(Route {
                id: $id,
                method: Method::$method,
                path: $path,
                permission: Permission::$permission,
                budget: $budget,
                handler: handled(&Method::$method, super::$module::$handler),
            }),*]
        }

        #[derive(OpenApi)]
        #[openapi(
            info(title = "dtf", description = "The coordinator of dtf. It accepts runs of tests of AI models, \
                distributes the tests to workers, and reports the results."),
            tags(
                (name = "runs", description = "Submit and cancel runs"),
                (name = "tests", description = "Tests of a run and their attempts"),
                (name = "logs", description = "Output of attempts"),
                (name = "blobs", description = "Files, named by the SHA-256 of their content"),
                (name = "templates", description = "Test templates that users added to the coordinator"),
                (name = "workers", description = "Machines that run tests"),
                (name = "leases", description = "Tests that a worker holds, and their results"),
                (name = "reports", description = "Results of runs"),
                (name = "health", description = "State and metrics of the coordinator")
            ),
            components(schemas(ErrorBody)),
            paths($(super::$module::$handler),*)
        )]
        struct Document;
    };
}

/// The operations as their handlers describe them, without what the table knows.
pub(super) fn operations() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[rustfmt::skip]
routes! {
    "submit_run" POST "/api/v1/runs", Submit, LARGE, submit::submit;
    "list_runs" GET "/api/v1/runs", View, SMALL, runs::list;
    "get_run" GET "/api/v1/runs/{run}", View, SMALL, runs::get;
    "add_tests" POST "/api/v1/runs/{run}/tests", Submit, LARGE, submit::add_tests;
    "cancel_run" POST "/api/v1/runs/{run}/cancel", Submit, SMALL, runs::cancel;
    "list_tests" GET "/api/v1/tests", View, SMALL, test_routes::list;
    "get_test" GET "/api/v1/tests/{test}", View, SMALL, test_routes::get;
    "explain_test" GET "/api/v1/tests/{test}/why", View, SMALL, test_routes::why;
    "list_attempts" GET "/api/v1/attempts", View, SMALL, attempts::list;
    "get_attempt" GET "/api/v1/attempts/{attempt}", View, SMALL, attempts::get;
    "append_log" POST "/api/v1/attempts/{attempt}/log", Work, SMALL, logs::append;
    "read_log" GET "/api/v1/attempts/{attempt}/log", View, SMALL, logs::read;
    "follow_log" GET "/api/v1/attempts/{attempt}/log/stream", View, SMALL, logs::follow;
    "upload_blob" PUT "/api/v1/blobs/{sha256}", Upload, BLOB, blobs::put;
    "download_blob" GET "/api/v1/blobs/{sha256}", View, SMALL, blobs::get;
    "find_blob" HEAD "/api/v1/blobs/{sha256}", View, SMALL, blobs::head;
    "add_templates" POST "/api/v1/templates", Manage, LARGE, templates::add;
    "list_templates" GET "/api/v1/templates", View, SMALL, templates::list;
    "list_template_versions" GET "/api/v1/templates/history", View, SMALL, templates::history;
    "register_worker" POST "/api/v1/workers", Work, SMALL, workers::register;
    "list_workers" GET "/api/v1/workers", View, SMALL, workers::list;
    "get_worker" GET "/api/v1/workers/{worker}", View, SMALL, workers::get;
    "send_heartbeat" POST "/api/v1/workers/{worker}/heartbeat", Work, SMALL, workers::heartbeat;
    "drain_worker" POST "/api/v1/workers/{worker}/drain", Manage, SMALL, workers::drain;
    "resume_worker" POST "/api/v1/workers/{worker}/resume", Manage, SMALL, workers::resume;
    "sign_off_worker" POST "/api/v1/workers/{worker}/leave", Work, SMALL, workers::leave;
    "claim_leases" POST "/api/v1/workers/{worker}/claim", Work, WAITING, leases::claim;
    "report_results" POST "/api/v1/workers/{worker}/reports", Work, REPORTS, leases::report;
    "get_report" GET "/api/v1/report", View, WAITING, reports::report;
    "get_history" GET "/api/v1/history", View, WAITING, reports::history;
    "get_status" GET "/api/v1/status", View, SMALL, reports::status;
    "get_openapi" GET "/api/v1/openapi.json", Public, SMALL, openapi::serve;
    "get_metrics" GET "/metrics", View, SMALL, health::metrics;
    "get_liveness" GET "/health/live", Public, SMALL, health::live;
    "get_readiness" GET "/health/ready", Public, SMALL, health::ready;
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
}
