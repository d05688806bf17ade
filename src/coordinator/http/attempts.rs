//! Attempts that have ended, from the results database.

use crate::api::SCHEMA;
use crate::api::page::Page;
use crate::api::schema;
use crate::api::v1::test_views::{AttemptQuery, AttemptView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{Id, Params};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs::{cursor, page_size};
use crate::domain::id::AttemptId;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// List attempts that have ended, in the order of their ids.
///
/// A page has fewer entries than its limit if their details are larger than 16 MiB.
#[utoipa::path(get, path = "/api/v1/attempts", tag = "tests", params(AttemptQuery),
    responses((status = 200, body = Page<AttemptView>, description = "attempts in the order of their ids")))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<AttemptQuery>,
) -> Result<Json<Page<AttemptView>>, ApiError> {
    let after: Option<AttemptId> = cursor(query.cursor.as_deref())?;
    let size = page_size(query.limit)?;
    app.settled().await?;
    let (mut items, cut) = app.results(move |r| r.attempts(&query, after, size + 1)).await?;
    let more = cut || items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|attempt| attempt.attempt.to_string());
    Ok(Json(Page { schema: SCHEMA, items, next }))
}

/// Get an attempt that has ended.
#[utoipa::path(get, path = "/api/v1/attempts/{attempt}", tag = "tests",
    params(("attempt" = schema::AttemptId, Path)),
    responses((status = 200, body = AttemptView, description = "the attempt"),
        (status = 404, description = "there is no such attempt, or it has not ended")))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(attempt): Id<AttemptId>,
) -> Result<Json<AttemptView>, ApiError> {
    let view = app.attempt(attempt).await?;
    view.map(Json)
        .ok_or_else(|| ApiError::not_found(attempt).hint("an attempt is listed when it has ended"))
}
