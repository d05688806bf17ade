//! A copy of the results database, for queries that the coordinator must not notice.
//!
//! Limits: one copy is written or sent at a time, of at most [`MAX_BYTES`], and only while the disk has
//! room for it. It is removed when it is sent, or when the client goes away.

use crate::api::error::Code;
use crate::blobs::Blob;
use crate::coordinator::files::room::make_room;
use crate::coordinator::files::space::Purpose;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blobs::send;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::respond::ApiError;
use axum::extract::State;
use axum::response::Response;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::OwnedSemaphorePermit;

/// Maximum size of a database of which a copy is sent, in bytes.
const MAX_BYTES: u64 = 64 << 30;
/// A copy needs this multiple of the size of the database while it is written.
const ROOM: u64 = 2;

/// Download a copy of the results database.
///
/// A DuckDB file with everything that was acknowledged before the request. The coordinator sends one copy
/// at a time.
#[utoipa::path(get, path = "/api/v1/results/snapshot", tag = "reports",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream",
        description = "the file"),
        (status = 503, description = "another copy is being sent; try again later"),
        (status = 507, description = "the disk of the coordinator has no room for a copy")))]
pub(crate) async fn snapshot(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let permit = Arc::clone(&app.snapshots).try_acquire_owned().map_err(|_| {
        ApiError::new(Code::Unavailable, "another copy of the results database is being sent")
            .hint("try again when it is complete")
    })?;
    app.settled().await?;
    let size = app.results(|results| results.store().used_bytes()).await?;
    if size > MAX_BYTES {
        let message = format!(
            "the results database is too large to be sent ({size} bytes, maximum {MAX_BYTES})"
        );
        return Err(ApiError::new(Code::Unprocessable, message)
            .hint("stop the coordinator, and use --data-dir on its machine"));
    }
    make_room(&app, Purpose::Work, size.saturating_mul(ROOM)).await?;
    let (results, now, incoming) = (app.results.clone(), app.clock.now(), app.incoming.clone());
    let copied = blocking(move || -> io::Result<Copied> {
        let directory = TempDir::new_in(incoming)?;
        let path = results.store().snapshot(directory.path(), now).map_err(io::Error::other)?;
        Ok(Copied { file: File::open(path)?, _directory: directory, _permit: permit })
    });
    let copied = copied.await?;
    let copied = copied
        .map_err(|error| ApiError::internal("the results database cannot be copied", &error))?;
    let size = copied.file.metadata().map_or(0, |file| file.len());
    Ok(send(Blob { size, content: Box::new(copied) }, None, |error| {
        tracing::error!(%error, "a copy of the results database cannot be read");
    }))
}

/// The file, its directory, and the right to have it. The fields are dropped in this order.
struct Copied {
    file: File,
    _directory: TempDir,
    _permit: OwnedSemaphorePermit,
}

impl Read for Copied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}
