//! Upload and download of files by the digest of their content. Bodies are written to the disk
//! piece by piece as they arrive.

use crate::api::MAX_BLOB_BYTES;
use crate::api::error::Code;
use crate::api::schema;
use crate::blobs::BlobDigest;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::Id;
use crate::coordinator::http::respond::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Size of the pieces in which a blob is sent, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Upload a file.
#[utoipa::path(put, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "the file is stored, now or already before"),
        (status = 413, description = "the file is larger than 256 MiB"),
        (status = 422, description = "the content does not match the digest")))]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let wanted = digest.clone();
    if app.blobs(move |blobs| blobs.size(&wanted)).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let io = |error: io::Error| ApiError::internal("the file cannot be stored", &error);
    let directory = app.incoming.clone();
    let file = blocking(move || tempfile::NamedTempFile::new_in(directory));
    let (file, path) = file.await?.map_err(io)?.into_parts();
    let actual = receive(request, tokio::fs::File::from_std(file)).await?;
    if actual != digest {
        let message = format!("the content has the digest {actual}, not {digest}");
        return Err(ApiError::new(Code::Unprocessable, message));
    }
    // The closure owns the path, which removes the file when it is dropped.
    let content = move || std::fs::File::open(&path);
    let mut content = blocking(content).await?.map_err(io)?;
    app.blobs(move |blobs| blobs.put(&digest, &mut content, MAX_BLOB_BYTES)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes a body to a file and returns its digest.
async fn receive(request: Request, mut file: tokio::fs::File) -> Result<BlobDigest, ApiError> {
    let io = |error: io::Error| ApiError::internal("the file cannot be stored", &error);
    let mut body = request.into_body().into_data_stream();
    let mut hasher = Sha256::new();
    let mut size = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| ApiError::new(Code::BadRequest, error.to_string()))?;
        size += piece.len() as u64;
        if size > MAX_BLOB_BYTES {
            let message = format!("the file is larger than {MAX_BLOB_BYTES} bytes");
            return Err(ApiError::new(Code::TooLarge, message));
        }
        hasher.update(&piece);
        file.write_all(&piece).await.map_err(io)?;
    }
    file.flush().await.map_err(io)?;
    Ok(BlobDigest::from_hash(&hasher.finalize()))
}

/// Download a file.
#[utoipa::path(get, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "the file")))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
) -> Result<Response, ApiError> {
    let wanted = digest.clone();
    let blob = app.blobs(move |blobs| blobs.open(&wanted)).await?;
    let blob = blob.ok_or_else(|| ApiError::not_found(format!("blob {digest}")))?;
    let pieces = stream::try_unfold(blob.content, next_piece);
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, blob.size.to_string()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// A blob of which a part has been read.
type Content = Box<dyn Read + Send>;

/// Reads the next piece of a blob on a thread that may block. `None` at the end.
async fn next_piece(mut content: Content) -> io::Result<Option<(Bytes, Content)>> {
    let read = tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; PIECE_BYTES];
        let length = content.read(&mut piece)?;
        piece.truncate(length);
        Ok((length > 0).then(|| (Bytes::from(piece), content)))
    });
    read.await.map_err(io::Error::other)?
}

/// Check whether a file was uploaded.
#[utoipa::path(head, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, description = "the file is stored"), (status = 404, description = "the file is not stored")))]
pub(crate) async fn head(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
) -> Result<Response, ApiError> {
    let wanted = digest.clone();
    let size = app.blobs(move |blobs| blobs.size(&wanted)).await?;
    let size = size.ok_or_else(|| ApiError::not_found(format!("blob {digest}")))?;
    Ok([(CONTENT_LENGTH, size.to_string())].into_response())
}
