//! Provides the OpenAPI document of the coordinator, and the program that it runs.
//!
//! Promise: a complete download of a file of the program has the digest in its address.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::schema;
use crate::api::v1::program::{ProgramFileView, ProgramView};
use crate::blobs::{Blob, BlobDigest};
use crate::coordinator::http::app::App;
use crate::coordinator::http::blobs::send;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::Id;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::weights::first_byte;
use crate::sys::program::{ProgramError, ProgramFile};
use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Get this document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health",
    responses((status = 200, body = Object, description = "the OpenAPI document of this coordinator")))]
pub(crate) async fn openapi(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], (app.openapi)()).into_response()
}

/// List the files of the program that this coordinator runs.
///
/// With these files in one directory, a machine with the same system and architecture can run dtf.
#[utoipa::path(get, path = "/api/v1/program", tag = "program",
    responses((status = 200, body = ProgramView, description = "the files, and the machines that can run them"),
        (status = 404, description = "the files are not available, for example after an update that replaced them")))]
pub(crate) async fn program(State(app): State<Arc<App>>) -> Result<Json<ProgramView>, ApiError> {
    let files = digests(&app).await?.into_iter().map(|(sha256, file)| ProgramFileView {
        name: file.name.clone(),
        size: file.size,
        sha256,
    });
    Ok(Json(ProgramView {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").into(),
        os: std::env::consts::OS.into(),
        arch: std::env::consts::ARCH.into(),
        libc: LIBC.into(),
        files: files.collect(),
    }))
}

/// The C library that the program needs.
const LIBC: &str = if cfg!(target_env = "musl") {
    "musl"
} else if cfg!(target_env = "gnu") {
    "gnu"
} else {
    ""
};

/// Download a file of the program that this coordinator runs.
///
/// With the header `Range: bytes=N-`, the content from byte N.
#[utoipa::path(get, path = "/api/v1/program/{sha256}", tag = "program",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "the file; its `ETag` is the digest"),
        (status = 206, body = Vec<u8>, content_type = "application/octet-stream", description = "the end of the file"),
        (status = 404, description = "the program that runs now has no such file")))]
pub(crate) async fn program_file(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let files = digests(&app).await?;
    let file = files.into_iter().find(|(sha256, _)| *sha256 == digest.as_str());
    let Some((_, file)) = file else {
        return Err(ApiError::not_found(format!("a file of the program with the digest {digest}"))
            .hint("the coordinator may have been updated: get the list of files again"));
    };
    let from = first_byte(&headers).filter(|from| *from < file.size);
    let content = Box::new(file.content(from.unwrap_or(0)));
    let mut answer = send(Blob { size: file.size, content }, from, move |error| {
        tracing::error!(file = file.name, %error, "the program cannot be read; its download is cut off");
    });
    // The digits of a digest are a valid header.
    if let Ok(tag) = HeaderValue::try_from(format!("\"{digest}\"")) {
        answer.headers_mut().insert(ETAG, tag);
    }
    Ok(answer)
}

/// The files of the program, each after its SHA-256.
async fn digests(app: &Arc<App>) -> Result<Vec<(String, Arc<ProgramFile>)>, ApiError> {
    let app = Arc::clone(app);
    let hashed = blocking(move || {
        let files = app.program.as_ref().map_err(unavailable)?;
        let hashed = files
            .iter()
            .map(|file| file.sha256().map(|sha256| (sha256.to_owned(), Arc::clone(file))));
        hashed.collect::<Result<_, _>>().map_err(|error| unavailable(&error))
    });
    hashed.await?
}

fn unavailable(error: &ProgramError) -> ApiError {
    let message = format!("the program of this coordinator is not available: {error}");
    ApiError::new(Code::NotFound, message).hint(error.hint())
}
