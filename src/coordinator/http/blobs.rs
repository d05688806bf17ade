//! Files by content. Bodies go to the disk as they come.

use crate::api::MAX_BLOB_BYTES;
use crate::api::error::Code;
use crate::api::schema;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::Id;
use crate::coordinator::http::respond::ApiError;
use crate::domain::digest::{hexadecimal, is_sha256_hex};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::str::FromStr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Read from the disk at once.
const PIECE_BYTES: usize = 64 * 1024;

/// 64 lower-case hexadecimal digits.
pub(crate) struct Sha(String);

impl FromStr for Sha {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_sha256_hex(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("the name of a blob is its SHA-256 in 64 lower-case hexadecimal digits")
        }
    }
}

/// Upload a file.
#[utoipa::path(put, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "stored, or here already"),
        (status = 413, description = "larger than 256 MiB"),
        (status = 422, description = "the content has another digest")))]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Id(Sha(sha256)): Id<Sha>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let name = sha256.clone();
    if app.results(move |r| r.blob_size(&name)).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let io = |error: std::io::Error| ApiError::internal("the file cannot be stored", &error);
    let folder = app.incoming.clone();
    let file = blocking(move || tempfile::NamedTempFile::new_in(folder));
    let (file, path) = file.await?.map_err(io)?.into_parts();
    let found = receive(request, tokio::fs::File::from_std(file)).await?;
    if found != sha256 {
        return Err(ApiError::new(
            Code::Unprocessable,
            format!("the content has the digest {found}"),
        ));
    }
    // The path goes along: it removes the file wherever this ends.
    app.results(move |r| r.keep_blob(&sha256, &path)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes a body to a file; returns its digest.
async fn receive(request: Request, mut file: tokio::fs::File) -> Result<String, ApiError> {
    let io = |error: std::io::Error| ApiError::internal("the file cannot be stored", &error);
    let mut body = request.into_body().into_data_stream();
    let mut hasher = Sha256::new();
    let mut size = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| ApiError::new(Code::BadRequest, error.to_string()))?;
        size += piece.len() as u64;
        if size > MAX_BLOB_BYTES {
            let message = format!("a blob has at most {MAX_BLOB_BYTES} bytes");
            return Err(ApiError::new(Code::TooLarge, message));
        }
        hasher.update(&piece);
        file.write_all(&piece).await.map_err(io)?;
    }
    file.flush().await.map_err(io)?;
    Ok(hexadecimal(&hasher.finalize()))
}

/// Download a file.
#[utoipa::path(get, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "the file")))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(Sha(sha256)): Id<Sha>,
) -> Result<Response, ApiError> {
    let name = sha256.clone();
    let file = app.results(move |r| r.blob(&name)).await?;
    let file = file.ok_or_else(|| ApiError::not_found(format!("blob {sha256}")))?;
    let length =
        file.metadata().map_err(|error| ApiError::internal("the file cannot be read", &error))?;
    let pieces = stream::try_unfold(tokio::fs::File::from_std(file), |mut file| async move {
        let mut piece = vec![0; PIECE_BYTES];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    });
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, length.len().to_string()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Look whether a file was uploaded.
#[utoipa::path(head, path = "/api/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, description = "it is here"), (status = 404, description = "it is not")))]
pub(crate) async fn head(
    State(app): State<Arc<App>>,
    Id(Sha(sha256)): Id<Sha>,
) -> Result<Response, ApiError> {
    let name = sha256.clone();
    let size = app.results(move |r| r.blob_size(&name)).await?;
    let size = size.ok_or_else(|| ApiError::not_found(format!("blob {sha256}")))?;
    Ok([(CONTENT_LENGTH, size.to_string())].into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_blobs_are_digests() {
        assert!("a".repeat(64).parse::<Sha>().is_ok());
        for text in ["", "../../etc/passwd", &"A".repeat(64), &"a".repeat(63), &"g".repeat(64)] {
            assert!(text.parse::<Sha>().is_err(), "{text}");
        }
    }
}
