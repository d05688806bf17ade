//! The table of routes: every operation with its id, method, path, access, budget and handler.
//!
//! The router and the OpenAPI document are made from this table. So a route without a requirement on
//! its sender cannot be written, and a route that is served cannot lack its description.

use crate::api::error::{ErrorBody, Problem};
use crate::api::v1::reports::SNAPSHOT_TIME;
use crate::api::{MAX_BLOB_BYTES, MAX_BODY_BYTES, transfer_time};
use crate::coordinator::http::app::App;
use crate::coordinator::http::guard::{self, Access};
use crate::coordinator::http::router::bodies::{Budget, Kind};
use crate::domain::access::Permission;
use crate::domain::weights::CHUNK_BYTES;
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
const MAX_SMALL_BODY_BYTES: u64 = 1024 * 1024;

/// A plain request.
pub(crate) const SMALL: Budget =
    Budget { body: MAX_SMALL_BODY_BYTES, time: PLAIN, kind: Kind::Light };
/// A request that may wait for the results database.
pub(crate) const WAITING: Budget =
    Budget { body: MAX_SMALL_BODY_BYTES, time: LONG, kind: Kind::Light };
const LARGE: Budget = Budget { body: MAX_BODY_BYTES as u64, time: LONG, kind: Kind::Heavy };
const REPORTS: Budget = Budget { body: MAX_BODY_BYTES as u64, time: LONG, kind: Kind::Light };
/// The answer begins when the copy is complete.
const SNAPSHOT: Budget =
    Budget { body: MAX_SMALL_BODY_BYTES, time: SNAPSHOT_TIME, kind: Kind::Light };
const CHUNK_TIME: Duration = LONG.saturating_add(transfer_time(CHUNK_BYTES));
const VERIFY: Budget = Budget { body: MAX_SMALL_BODY_BYTES, time: CHUNK_TIME, kind: Kind::Light };
const CHUNK: Budget = Budget { body: CHUNK_BYTES, time: CHUNK_TIME, kind: Kind::Streamed };
const BLOB: Budget = Budget { body: MAX_BLOB_BYTES, time: BLOB_TIME, kind: Kind::Streamed };

/// One row of the table.
pub(crate) struct Route {
    /// Unique name of the operation in the OpenAPI document.
    pub id: &'static str,
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub budget: Budget,
    pub handler: MethodRouter<Arc<App>>,
}

/// A handler for one method.
pub(crate) fn handled<H, T>(method: &Method, handler: H) -> MethodRouter<Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let filter = match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::HEAD => MethodFilter::HEAD,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    on(filter, handler)
}

/// The requirement on the sender, in the words of the table.
macro_rules! access {
    (Public) => {
        Access::Public
    };
    ($permission:ident) => {
        Access::Needs(Permission::$permission)
    };
    ($permission:ident of $owner:ident) => {
        Access::NeedsOwned(Permission::$permission, guard::$owner)
    };
}

/// Turns the table into [`table`] and the operations of the OpenAPI document.
macro_rules! routes {
    ($($id:literal $method:ident $path:literal, $permission:ident $(of $owner:ident)?, $budget:ident,
        $module:ident::$handler:ident;)*) => {
        /// The whole API.
        pub(crate) fn table() -> Vec<Route> {
            vec![$(Route {
                id: $id,
                method: Method::$method,
                path: $path,
                access: access!($permission $(of $owner)?),
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
                (name = "weights", description = "Weights of models: manifests, and chunks of their files"),
                (name = "templates", description = "Test templates that users added to the coordinator"),
                (name = "workers", description = "Machines that run tests"),
                (name = "leases", description = "Tests that a worker holds, and their results"),
                (name = "reports", description = "Results of runs"),
                (name = "program", description = "The program of the coordinator, for workers on the same platform"),
                (name = "health", description = "State and metrics of the coordinator")
            ),
            components(schemas(ErrorBody, Problem)),
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
    "submit_run" POST "/api/v1/runs", SubmitRuns, LARGE, submit::submit;
    "list_runs" GET "/api/v1/runs", Read, SMALL, runs::list;
    "get_run" GET "/api/v1/runs/{run}", Read, SMALL, runs::get;
    "add_tests" POST "/api/v1/runs/{run}/tests", SubmitRuns of run_owner, LARGE, submit::add_tests;
    "cancel_run" POST "/api/v1/runs/{run}/cancel", CancelRuns of run_owner, SMALL, runs::cancel;
    "list_tests" GET "/api/v1/tests", Read, SMALL, test_routes::list;
    "get_test" GET "/api/v1/tests/{test}", Read, SMALL, test_routes::get;
    "get_test_spec" GET "/api/v1/tests/{test}/spec", SubmitRuns, SMALL, test_routes::spec;
    "explain_test" GET "/api/v1/tests/{test}/why", Read, SMALL, test_routes::why;
    "list_attempts" GET "/api/v1/attempts", Read, SMALL, attempts::list;
    "get_attempt" GET "/api/v1/attempts/{attempt}", Read, SMALL, attempts::get;
    "append_log" POST "/api/v1/attempts/{attempt}/log", RunTests, SMALL, logs::append;
    "read_log" GET "/api/v1/attempts/{attempt}/log", Read, SMALL, logs::read;
    "follow_log" GET "/api/v1/attempts/{attempt}/log/stream", Read, SMALL, logs::follow;
    "upload_blob" PUT "/api/v1/blobs/{sha256}", UploadFiles, BLOB, blobs::put;
    "download_blob" GET "/api/v1/blobs/{sha256}", Read, SMALL, blobs::get;
    "find_blob" HEAD "/api/v1/blobs/{sha256}", Read, SMALL, blobs::head;
    "list_weights" GET "/api/v1/weights", Read, SMALL, weights::list;
    "verify_weights" POST "/api/v1/weights/verify", UploadFiles, VERIFY, weights::verify;
    "upload_chunk" PUT "/api/v1/weights/chunks/{sha256}", UploadFiles, CHUNK, weights::put_chunk;
    "download_chunk" GET "/api/v1/weights/chunks/{sha256}", Read, SMALL, weights::get_chunk;
    "find_missing_chunks" POST "/api/v1/weights/{sha256}/missing", UploadFiles, LARGE, weights::missing;
    "store_weights" PUT "/api/v1/weights/{sha256}", UploadFiles, LARGE, weights::put;
    "get_weights" GET "/api/v1/weights/{sha256}", Read, SMALL, weights::get;
    "remove_weights" DELETE "/api/v1/weights/{sha256}", ManageWeights, SMALL, weights::remove;
    "add_templates" POST "/api/v1/templates", ManageTemplates, LARGE, templates::add;
    "list_templates" GET "/api/v1/templates", Read, SMALL, templates::list;
    "list_template_versions" GET "/api/v1/templates/history", Read, SMALL, templates::history;
    "register_worker" POST "/api/v1/workers", RunTests, SMALL, workers::register;
    "list_workers" GET "/api/v1/workers", Read, SMALL, workers::list;
    "get_worker" GET "/api/v1/workers/{worker}", Read, SMALL, workers::get;
    "send_heartbeat" POST "/api/v1/workers/{worker}/heartbeat", RunTests, SMALL, workers::heartbeat;
    "drain_worker" POST "/api/v1/workers/{worker}/drain", ManageWorkers, SMALL, workers::drain;
    "resume_worker" POST "/api/v1/workers/{worker}/resume", ManageWorkers, SMALL, workers::resume;
    "sign_off_worker" POST "/api/v1/workers/{worker}/leave", RunTests, SMALL, workers::leave;
    "claim_leases" POST "/api/v1/workers/{worker}/claim", RunTests, WAITING, leases::claim;
    "report_results" POST "/api/v1/workers/{worker}/reports", RunTests, REPORTS, leases::report;
    "get_report" GET "/api/v1/report", Read, WAITING, reports::report;
    "get_matrix" GET "/api/v1/matrix", Read, WAITING, matrix::matrix;
    "get_summary" GET "/api/v1/summary", Read, WAITING, matrix::summary;
    "download_results" GET "/api/v1/results/snapshot", Read, SNAPSHOT, snapshot::snapshot;
    "get_history" GET "/api/v1/history", Read, WAITING, reports::history;
    "make_session_code" POST "/api/v1/sessions", Read, SMALL, login::code;
    "get_grid" GET "/api/v1/grid", Read, WAITING, grid::grid;
    "get_utilisation" GET "/api/v1/utilisation", Read, WAITING, grid::utilisation;
    "get_now" GET "/api/v1/now", Read, SMALL, health::now;
    "get_changes" GET "/api/v1/changes", Read, WAITING, changes::changes;
    "get_series" GET "/api/v1/series", Read, WAITING, changes::series;
    "get_upgrade" GET "/api/v1/upgrade", Read, WAITING, upgrade::upgrade;
    "get_flaky" GET "/api/v1/flaky", Read, WAITING, flaky::flaky;
    "list_quarantines" GET "/api/v1/quarantines", Read, WAITING, marks::quarantines;
    "add_quarantine" POST "/api/v1/quarantines", MarkResults, SMALL, marks::add_quarantine;
    "remove_quarantine" DELETE "/api/v1/quarantines/{quarantine}", MarkResults of quarantine_owner, SMALL, marks::remove_quarantine;
    "list_acceptances" GET "/api/v1/acceptances", Read, WAITING, marks::acceptances;
    "accept_changes" POST "/api/v1/acceptances", MarkResults, SMALL, marks::accept;
    "remove_acceptance" DELETE "/api/v1/acceptances/{acceptance}", MarkResults, SMALL, marks::remove_acceptance;
    "get_status" GET "/api/v1/status", Read, SMALL, reports::status;
    "get_program" GET "/api/v1/program", Read, SMALL, about::program;
    "download_program" GET "/api/v1/program/{sha256}", Read, SMALL, about::program_file;
    "get_openapi" GET "/api/v1/openapi.json", Public, SMALL, about::openapi;
    "get_metrics" GET "/metrics", Read, SMALL, health::metrics;
    "get_liveness" GET "/health/live", Public, SMALL, health::live;
    "get_readiness" GET "/health/ready", Public, SMALL, health::ready;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;

    #[test]
    fn only_health_and_the_document_are_public() {
        let public: Vec<_> = table()
            .iter()
            .filter(|route| route.access.is_public())
            .map(|route| route.path)
            .collect();
        assert_eq!(public, ["/api/v1/openapi.json", "/health/live", "/health/ready"]);
    }

    #[test]
    fn each_operation_is_allowed_to_the_roles_that_need_it() {
        const READERS: &str = "admin submitter worker viewer";
        let expected = [
            ("submit_run", "admin submitter"),
            ("add_tests", "admin submitter"),
            ("cancel_run", "admin submitter"),
            // The environment of a test may contain secrets.
            ("get_test_spec", "admin submitter"),
            // A code has the permissions of its sender.
            ("make_session_code", READERS),
            ("append_log", "admin worker"),
            ("upload_blob", "admin submitter worker"),
            ("verify_weights", "admin submitter worker"),
            ("upload_chunk", "admin submitter worker"),
            ("find_missing_chunks", "admin submitter worker"),
            ("store_weights", "admin submitter worker"),
            ("remove_weights", "admin"),
            ("add_templates", "admin"),
            ("register_worker", "admin worker"),
            ("send_heartbeat", "admin worker"),
            ("drain_worker", "admin"),
            ("resume_worker", "admin"),
            ("sign_off_worker", "admin worker"),
            ("claim_leases", "admin worker"),
            ("report_results", "admin worker"),
            ("add_quarantine", "admin submitter"),
            ("remove_quarantine", "admin submitter"),
            ("accept_changes", "admin submitter"),
            // Its handler asks for the owner, whom only the results database knows.
            ("remove_acceptance", "admin submitter"),
        ];
        let mut found = 0;
        for route in table() {
            let Some(permission) = route.access.permission() else { continue };
            let roles = Role::BUILT_IN.into_iter();
            let roles = roles.filter(|role| role.permissions.contains(permission));
            let roles: Vec<_> = roles.map(|role| role.name).collect();
            let listed = expected.iter().find(|(id, _)| *id == route.id);
            found += usize::from(listed.is_some());
            let only_reads = matches!(route.method, Method::GET | Method::HEAD);
            assert!(listed.is_some() || only_reads, "{}: list what changes something", route.id);
            assert_eq!(
                roles.join(" "),
                listed.map_or(READERS, |(_, roles)| *roles),
                "{}",
                route.id
            );
        }
        assert_eq!(found, expected.len(), "each listed operation is a route");
    }

    #[test]
    fn changes_of_a_run_ask_for_its_owner() {
        let owned = |route: &Route| matches!(route.access, Access::NeedsOwned(..));
        let changes_run = |route: &Route| {
            route.method == Method::POST && route.path.starts_with("/api/v1/runs/{run}")
        };
        for route in table() {
            let is_owned = changes_run(&route) || route.id == "remove_quarantine";
            assert_eq!(owned(&route), is_owned, "{}", route.id);
        }
    }
}
