//! The style sheet, the script and the icon of the pages, which the binary contains.

use crate::assets;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::page::tagged;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

/// Serves a file. Everybody may get it: it is a part of the program.
pub(super) async fn get(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shown: String = name.chars().take(100).collect();
    let content = assets::page_file(&name).zip(kind(&name));
    let (text, kind) = content.ok_or_else(|| ApiError::not_found(format!("the file {shown}")))?;
    Ok(tagged(&headers, HeaderValue::from_static(kind), text.into()))
}

fn kind(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}
