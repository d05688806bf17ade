//! The route that serves the OpenAPI document.

use crate::coordinator::http::app::App;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Get this document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health",
    responses((status = 200, body = Object, description = "the OpenAPI document of this coordinator")))]
pub(crate) async fn serve(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], (app.openapi)()).into_response()
}
