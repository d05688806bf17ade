//! Flaky tests.

use crate::api::v1::flaky::{FlakyQuery, FlakyView, MAX_TESTS};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::limit;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Get flaky tests, and the rates of workers and back-ends.
#[utoipa::path(get, path = "/api/v1/flaky", tag = "reports", params(FlakyQuery),
    responses((status = 200, body = FlakyView, description = "tests with failed attempts, the flaky ones first"),
        (status = 404, description = "there is no such run")))]
pub(crate) async fn flaky(
    State(app): State<Arc<App>>,
    Params(query): Params<FlakyQuery>,
) -> Result<Json<FlakyView>, ApiError> {
    limit(query.limit.unwrap_or(MAX_TESTS), MAX_TESTS)?;
    app.settled().await?;
    let now = app.clock.now();
    let view = app.results(move |results| match query.run {
        Some(run) if !results.has_run(run)? => Ok(None),
        _ => results.flaky(&query, now).map(Some),
    });
    view.await?.map(Json).ok_or_else(|| ApiError::not_found("such a run"))
}
