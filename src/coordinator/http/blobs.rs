//! Upload and download of files by the digest of their content. Bodies are written to the disk
//! piece by piece as they arrive.
//!
//! Promises: an upload replaces a damaged file; a download with status 200 that is complete has the
//! right content. A file is compared with its digest before the first byte is sent, and again while it
//! is sent: a difference cuts the download off.

use crate::api::MAX_BLOB_BYTES;
use crate::api::error::Code;
use crate::api::schema;
use crate::api::v1::blobs::UploadQuery;
use crate::blobs::{Blob, BlobDigest, BlobError};
use crate::coordinator::files::room::make_room;
use crate::coordinator::files::space::{Purpose, Upload};
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Id, Params};
use crate::coordinator::http::respond::ApiError;
use crate::domain::id::RunId;
use crate::sys::direct::DirectFile;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Size of the pieces in which a blob is sent, in bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// Upload a file.
///
/// A worker names the run of its result, whose quota counts the file.
#[utoipa::path(put, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "the file is stored, now or already before"),
        (status = 413, description = "the file is larger than 256 MiB, or exceeds the quota of the run"),
        (status = 422, description = "the content does not match the digest"),
        (status = 507, description = "the disk of the coordinator is full or nearly full; try again later")))]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
    Params(UploadQuery { run }): Params<UploadQuery>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    if stored(&app, &digest).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let announced = request.body().size_hint().lower();
    if announced > MAX_BLOB_BYTES {
        return Err(too_large(MAX_BLOB_BYTES));
    }
    if let Some(run) = run {
        begin_count(&app, run).await;
        app.run_files.check(Some(run), announced)?;
    }
    let purpose = run.map_or(Purpose::Work, |_| Purpose::Results);
    make_room(&app, purpose, announced).await?;
    let mut upload = app.space.upload(purpose, announced)?;
    let directory = app.incoming.clone();
    let file = blocking(move || tempfile::NamedTempFile::new_in(directory)).await?;
    let (file, path) = file.map_err(|error| not_stored(&app, error))?.into_parts();
    let (actual, size) = receive(&app, request, file, MAX_BLOB_BYTES, &mut upload).await?;
    if actual != digest {
        let message = format!("the content has the digest {actual}, not {digest}");
        return Err(ApiError::new(Code::Unprocessable, message));
    }
    if let Some(run) = run {
        app.run_files.check(Some(run), size)?;
    }
    app.blobs(move |blobs| blobs.put_file(&digest, path)).await?;
    app.space.stored(size);
    if let Some(run) = run {
        app.run_files.add(run, size);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Begins the count of a run of which the coordinator knows none since its start.
pub(super) async fn begin_count(app: &App, run: RunId) {
    if app.run_files.knows(run) {
        return;
    }
    // Without the database the next upload tries again.
    if let Ok(stored) = app.results(move |results| results.size_of_files(run)).await {
        app.run_files.begin(run, stored);
    }
}

fn too_large(limit: u64) -> ApiError {
    ApiError::new(Code::TooLarge, format!("the file is larger than {limit} bytes"))
}

/// The answer when an upload cannot be written.
pub(super) fn not_stored(app: &App, error: io::Error) -> ApiError {
    app.blob_error(BlobError::of_io("write", &app.incoming, error))
}

/// Writes a body of at most `limit` bytes to a file and returns its digest and size. Whole buffers are
/// hashed and written on another thread.
pub(super) async fn receive(
    app: &App,
    request: Request,
    file: File,
    limit: u64,
    upload: &mut Upload<'_>,
) -> Result<(BlobDigest, u64), ApiError> {
    let mut body = request.into_body().into_data_stream();
    let (mut file, mut hasher, mut size) = (DirectFile::new(file), Sha256::new(), 0);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| ApiError::new(Code::BadRequest, error.to_string()))?;
        size += piece.len() as u64;
        if size > limit {
            return Err(too_large(limit));
        }
        upload.grow(size)?;
        let mut left = &piece[..];
        while !left.is_empty() {
            left = &left[file.fill(left)..];
            if file.is_full() {
                let written = blocking(move || {
                    hasher.update(file.buffered());
                    file.write().map(|()| (file, hasher))
                });
                (file, hasher) = written.await?.map_err(|error| not_stored(app, error))?;
            }
        }
    }
    let finished = blocking(move || {
        hasher.update(file.buffered());
        file.finish().map(|_| BlobDigest::from_hash(&hasher.finalize()))
    });
    let digest = finished.await?.map_err(|error| not_stored(app, error))?;
    Ok((digest, size))
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
    Ok(send(blob, None, move |error| {
        app.metrics.damaged_files.fetch_add(1, Relaxed);
        tracing::error!(file = %digest, %error, "a stored file cannot be read; its download is cut off");
    }))
}

/// Sends a blob; with `from`, the content from that byte, which is read next. `failed` is called if it
/// cannot be read.
pub(super) fn send(
    blob: Blob,
    from: Option<u64>,
    failed: impl Fn(&io::Error) + Send + 'static,
) -> Response {
    let Blob { size, content } = blob;
    let pieces = stream::try_unfold(content, next_piece).inspect_err(failed);
    let mut answer = Body::from_stream(pieces).into_response();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size - from.unwrap_or(0)));
    if let Some(from) = from {
        // A text of digits is a valid header.
        if let Ok(range) = HeaderValue::try_from(format!("bytes {from}-{}/{size}", size - 1)) {
            headers.insert(CONTENT_RANGE, range);
        }
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    answer
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

/// Size of a stored file, see [`App::stored_blob`].
async fn stored(app: &Arc<App>, digest: &BlobDigest) -> Result<Option<u64>, ApiError> {
    let (app, digest) = (Arc::clone(app), digest.clone());
    blocking(move || app.stored_blob(&digest)).await?
}

/// Check whether a file was uploaded.
#[utoipa::path(head, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, description = "the file is stored and undamaged, and will be kept for at least 23 hours"),
        (status = 404, description = "the file is not stored, or damaged: upload it")))]
pub(crate) async fn head(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
) -> Result<Response, ApiError> {
    let size = stored(&app, &digest).await?;
    let size = size.ok_or_else(|| ApiError::not_found(format!("blob {digest}")))?;
    Ok([(CONTENT_LENGTH, size.to_string())].into_response())
}
