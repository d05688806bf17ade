//! The matrix of a report, and the summary of the slowest tests and of the workers.

use crate::api::v1::matrix::{MatrixView, SummaryView};
use crate::api::v1::reports::{MAX_ROWS, ReportQuery};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::limit;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Get the matrix of a report: groups of tests, such as models, on each kind of hardware.
#[utoipa::path(get, path = "/api/v1/matrix", tag = "reports", params(ReportQuery),
    responses((status = 200, body = MatrixView,
        description = "the cells in the order of rows and columns; empty without a test")))]
pub(crate) async fn matrix(
    State(app): State<Arc<App>>,
    Params(query): Params<ReportQuery>,
) -> Result<Json<MatrixView>, ApiError> {
    limit(query.limit.unwrap_or(MAX_ROWS), MAX_ROWS)?;
    app.settled().await?;
    Ok(Json(app.results(move |results| results.matrix(&query)).await?))
}

/// Get the slowest tests of a report, and the workers that ran its tests.
#[utoipa::path(get, path = "/api/v1/summary", tag = "reports", params(ReportQuery),
    responses((status = 200, body = SummaryView,
        description = "the slowest tests first, and the workers in the order of their names")))]
pub(crate) async fn summary(
    State(app): State<Arc<App>>,
    Params(query): Params<ReportQuery>,
) -> Result<Json<SummaryView>, ApiError> {
    limit(query.limit.unwrap_or(MAX_ROWS), MAX_ROWS)?;
    app.settled().await?;
    Ok(Json(app.results(move |results| results.summary(&query)).await?))
}
