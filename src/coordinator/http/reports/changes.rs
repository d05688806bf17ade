//! Changes between runs, and the history of a series.

use crate::api::v1::changes::{ChangesQuery, ChangesView, MAX_CHANGES, SeriesQuery, SeriesView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::limit;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Get what changed in a run, in the runs since a time, or in the newest test of each case.
#[utoipa::path(get, path = "/api/v1/changes", tag = "reports", params(ChangesQuery),
    responses((status = 200, body = ChangesView, description = "tests whose status or metrics changed"),
        (status = 404, description = "there is no such run")))]
pub(crate) async fn changes(
    State(app): State<Arc<App>>,
    Params(query): Params<ChangesQuery>,
) -> Result<Json<ChangesView>, ApiError> {
    limit(query.limit.unwrap_or(MAX_CHANGES), MAX_CHANGES)?;
    app.settled().await?;
    let view = app.results(move |results| results.changes(&query)).await?;
    view.map(Json).ok_or_else(|| ApiError::not_found("a run on both sides"))
}

/// Get the history of one metric of a series.
#[utoipa::path(get, path = "/api/v1/series", tag = "reports", params(SeriesQuery),
    responses((status = 200, body = SeriesView, description = "its values in the order of time, with segments"),
        (status = 404, description = "there is no such series or metric"),
        (status = 422, description = "the id of the series is malformed")))]
pub(crate) async fn series(
    State(app): State<Arc<App>>,
    Params(query): Params<SeriesQuery>,
) -> Result<Json<SeriesView>, ApiError> {
    app.settled().await?;
    let view = app.results(move |results| results.series(&query)).await?;
    view.map(Json).ok_or_else(|| ApiError::not_found("such a series or metric"))
}
