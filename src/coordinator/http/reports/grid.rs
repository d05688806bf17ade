//! Tests over the newest runs, and the use of workers.

use crate::api::v1::grid::{
    DEFAULT_RUNS, GridQuery, GridView, MAX_HOURS, MAX_RUNS, UtilisationQuery, UtilisationView,
};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::limit;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Length of the period of the use of workers if the request does not specify it, in hours.
const DEFAULT_HOURS: u32 = 24;

/// Get the outcomes of tests with the same name in the newest runs.
#[utoipa::path(get, path = "/api/v1/grid", tag = "reports", params(GridQuery),
    responses((status = 200, body = GridView, description = "the tests in the order of their names")))]
pub(crate) async fn grid(
    State(app): State<Arc<App>>,
    Params(query): Params<GridQuery>,
) -> Result<Json<GridView>, ApiError> {
    limit(query.runs.unwrap_or(DEFAULT_RUNS), MAX_RUNS)?;
    app.settled().await?;
    Ok(Json(app.results(move |results| results.grid(&query)).await?))
}

/// Get how much of each worker was used over a period that ends now.
#[utoipa::path(get, path = "/api/v1/utilisation", tag = "reports", params(UtilisationQuery),
    responses((status = 200, body = UtilisationView, description = "the use of each worker")))]
pub(crate) async fn utilisation(
    State(app): State<Arc<App>>,
    Params(query): Params<UtilisationQuery>,
) -> Result<Json<UtilisationView>, ApiError> {
    let hours = query.hours.unwrap_or(DEFAULT_HOURS);
    limit(hours, MAX_HOURS)?;
    app.settled().await?;
    let now = app.clock.now();
    Ok(Json(app.results(move |results| results.utilisation(now, hours)).await?))
}
