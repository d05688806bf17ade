//! Weights: which chunks are missing, upload and download of chunks and manifests, list, verification
//! and removal.
//!
//! Promises: weights are stored with all their chunks or not at all; an upload that does not fit is
//! refused with the weights that take the space, after those that no open test needs were removed;
//! a chunk is compared with its digest while it is received, and whenever it is read.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::schema;
use crate::api::v1::weights::{
    MAX_NAME_BYTES, MAX_VERIFIED, MissingChunks, PushQuery, RemovedWeights, VerifiedChunks,
    VerifyChunks, WeightsList, WeightsView,
};
use crate::blobs::{Blob, BlobDigest, BlobError};
use crate::coordinator::files::room::{self, displace, key, needed};
use crate::coordinator::files::space::Purpose;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blobs::{not_stored, receive, send};
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Body, Id, Params, body};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::weights::record::Record;
use crate::coordinator::weights::{Chunk, WeightsError, WeightsStore};
use crate::domain::access::Principal;
use crate::domain::weights::{CHUNK_BYTES, Manifest, WeightsKey};
use crate::results::render::figures::bytes;
use axum::Json;
use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Number of weights that a refusal for lack of space names.
const MAX_NAMED: usize = 5;

/// List the stored weights.
#[utoipa::path(get, path = "/api/v1/weights", tag = "weights",
    responses((status = 200, body = WeightsList, description = "the weights, those that were used last first")))]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<WeightsList>, ApiError> {
    let needed = needed(&app).await?;
    let mut items: Vec<_> = app
        .weights
        .list()
        .into_iter()
        .map(|(digest, record)| {
            let Record { name, user, pushed_at, used_at, size_bytes, files, in_place } = record;
            let needed = needed.contains(&key(&digest));
            let sha256 = digest.to_string();
            WeightsView {
                sha256,
                name,
                user,
                pushed_at,
                used_at,
                size_bytes,
                files,
                in_place,
                needed,
            }
        })
        .collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.used_at));
    let (used_bytes, max_bytes) = (app.weights.used(), app.space.max_weights());
    Ok(Json(WeightsList { schema: SCHEMA, items, used_bytes, max_bytes }))
}

/// Find the chunks of a manifest that are not stored.
///
/// Also refuses weights for which there is no room, before they are sent.
#[utoipa::path(post, path = "/api/v1/weights/{sha256}/missing", tag = "weights",
    params(("sha256" = schema::Sha256, Path)),
    request_body(content = Object, description = "the manifest, in its canonical form"),
    responses((status = 200, body = MissingChunks, description = "the chunks to send"),
        (status = 422, description = "this is not a manifest, or has another digest"),
        (status = 507, description = "there is no room for the weights")))]
pub(crate) async fn missing(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
    request: Request,
) -> Result<Json<MissingChunks>, ApiError> {
    let text = body(request, &app).await?;
    let missing = work(&app, move |store| {
        let manifest = parse(&text, &digest)?;
        store.missing(&manifest).map_err(|error| Failed::Store(error.into()))
    })
    .await?;
    let size_bytes = missing.iter().map(|chunk| chunk.size).sum();
    make_room(&app, size_bytes).await?;
    let chunks = missing.into_iter().map(|Chunk { digest, .. }| digest.to_string()).collect();
    Ok(Json(MissingChunks { schema: SCHEMA, chunks, size_bytes }))
}

/// Upload a chunk.
#[utoipa::path(put, path = "/api/v1/weights/chunks/{sha256}", tag = "weights",
    params(("sha256" = schema::Sha256, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "the chunk is stored, now or already before"),
        (status = 413, description = "the chunk is larger than 16 MiB"),
        (status = 422, description = "the content does not match the digest"),
        (status = 507, description = "there is no room for the chunk")))]
pub(crate) async fn put_chunk(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let wanted = digest.clone();
    let is_stored = work(&app, move |store| {
        store.has_chunk(&wanted).map_err(|error| Failed::Store(error.into()))
    });
    if is_stored.await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let announced = request.body().size_hint().lower();
    make_room(&app, announced).await?;
    let mut upload = app.space.upload(Purpose::Work, announced)?;
    let directory = app.incoming.clone();
    let file = blocking(move || tempfile::NamedTempFile::new_in(directory)).await?;
    let (file, path) = file.map_err(|error| not_stored(&app, error))?.into_parts();
    let (actual, _) = receive(&app, request, file, CHUNK_BYTES, &mut upload).await?;
    if actual != digest {
        let message = format!("the content has the digest {actual}, not {digest}");
        return Err(ApiError::new(Code::Unprocessable, message));
    }
    work(&app, move |store| {
        store.put_chunk(&digest, path).map_err(|error| Failed::Store(error.into()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Store weights whose chunks were uploaded.
#[utoipa::path(put, path = "/api/v1/weights/{sha256}", tag = "weights",
    params(("sha256" = schema::Sha256, Path), PushQuery),
    request_body(content = Object, description = "the manifest, in its canonical form"),
    responses((status = 204, description = "the weights are stored, now or already before"),
        (status = 422, description = "chunks are missing, or this is not a manifest or has another digest"),
        (status = 507, description = "there is no room for the manifest")))]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
    Params(PushQuery { name, in_place }): Params<PushQuery>,
    principal: Principal,
    request: Request,
) -> Result<StatusCode, ApiError> {
    if name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        let message = format!("the name is not one line of at most {MAX_NAME_BYTES} bytes");
        return Err(ApiError::new(Code::Unprocessable, message));
    }
    let text = body(request, &app).await?;
    make_room(&app, text.len() as u64).await?;
    let now = app.clock.now();
    work(&app, move |store| {
        let manifest = parse(&text, &digest)?;
        let record = Record {
            name,
            user: principal.subject.to_string(),
            pushed_at: now,
            used_at: now,
            size_bytes: manifest.size_bytes(),
            files: u32::try_from(manifest.files.len()).unwrap_or(u32::MAX),
            in_place,
        };
        store.commit(&manifest, &text, record).map_err(Failed::Store)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read the manifest of stored weights.
#[utoipa::path(get, path = "/api/v1/weights/{sha256}", tag = "weights",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, body = Object, description = "the manifest, in its canonical form")))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
) -> Result<Response, ApiError> {
    let (wanted, now) = (digest.clone(), app.clock.now());
    let text = work(&app, move |store| {
        store.manifest(&wanted, now).map_err(|error| Failed::Store(error.into()))
    });
    let text = text.await?.ok_or_else(|| not_found(&digest))?;
    let answer = Response::builder().header(header::CONTENT_TYPE, "application/json");
    answer
        .body(text.into())
        .map_err(|error| ApiError::internal("a manifest cannot be sent", &error))
}

/// Download a chunk.
///
/// With the header `Range: bytes=N-`, the content from byte N.
#[utoipa::path(get, path = "/api/v1/weights/chunks/{sha256}", tag = "weights",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "the chunk"),
        (status = 206, body = Vec<u8>, content_type = "application/octet-stream", description = "the end of the chunk")))]
pub(crate) async fn get_chunk(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wanted = digest.clone();
    let from = first_byte(&headers);
    let opened = work(&app, move |store| {
        let opened = store.open_chunk(&wanted).map_err(|error| Failed::Store(error.into()))?;
        let Some(Blob { size, mut content }) = opened else { return Ok(None) };
        // The bytes before the range are read as well, because the digest covers them.
        let from = from.filter(|from| *from < size);
        let skipped = io::copy(&mut (&mut content).take(from.unwrap_or(0)), &mut io::sink());
        let skipped =
            skipped.map_err(|error| BlobError::of_io("read", wanted.as_str().as_ref(), error));
        skipped.map_err(|error| Failed::Store(error.into()))?;
        Ok(Some((from, Blob { size, content })))
    });
    let (from, blob) = opened.await?.ok_or_else(|| not_found(&digest))?;
    let store = Arc::clone(&app.weights);
    let failed = Arc::clone(&app.metrics);
    Ok(send(blob, from, move |error| {
        failed.damaged_files.fetch_add(1, Relaxed);
        store.note_damaged(&digest);
        tracing::error!(chunk = %digest, %error, "a chunk of weights cannot be read; its download is cut off");
    }))
}

/// The first byte of a range to the end. Other ranges are answered with the whole chunk.
pub(super) fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(header::RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok().filter(|from| *from > 0)
}

/// Read stored chunks and compare them with their digests.
#[utoipa::path(post, path = "/api/v1/weights/verify", tag = "weights", request_body = VerifyChunks,
    responses((status = 200, body = VerifiedChunks, description = "the chunks that are missing or damaged")))]
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    Body(VerifyChunks { chunks }): Body<VerifyChunks>,
) -> Result<Json<VerifiedChunks>, ApiError> {
    if chunks.len() > MAX_VERIFIED {
        let message = format!("{} chunks, maximum {MAX_VERIFIED}", chunks.len());
        return Err(ApiError::new(Code::Unprocessable, message).hint("send several requests"));
    }
    let mut digests = Vec::new();
    for chunk in &chunks {
        let digest = chunk.parse::<BlobDigest>();
        digests
            .push(digest.map_err(|error| ApiError::new(Code::Unprocessable, error.to_string()))?);
    }
    let verified = work(&app, move |store| {
        let mut verified = VerifiedChunks { schema: SCHEMA, missing: vec![], damaged: vec![] };
        for digest in digests {
            match store.reread(&digest) {
                Ok(true) => {}
                Ok(false) => verified.missing.push(digest.to_string()),
                Err(BlobError::Damaged { .. }) => verified.damaged.push(digest.to_string()),
                Err(error) => return Err(Failed::Store(error.into())),
            }
        }
        Ok(verified)
    });
    Ok(Json(verified.await?))
}

/// Remove stored weights.
#[utoipa::path(delete, path = "/api/v1/weights/{sha256}", tag = "weights",
    params(("sha256" = schema::Sha256, Path)),
    responses((status = 200, body = RemovedWeights, description = "the weights are removed"),
        (status = 409, description = "a test that has not ended needs them, or they were just used")))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Id(digest): Id<BlobDigest>,
) -> Result<Json<RemovedWeights>, ApiError> {
    if needed(&app).await?.contains(&key(&digest)) {
        let message = format!("tests that have not ended need the weights {digest}");
        return Err(ApiError::new(Code::Conflict, message)
            .hint("wait for them, or cancel their run with `dtf cancel`"));
    }
    let (removed, now) = (digest.clone(), app.clock.now());
    let freed = work(&app, move |store| store.remove(&removed, now).map_err(Failed::Store)).await?;
    let freed_bytes = freed.ok_or_else(|| not_found(&digest))?;
    Ok(Json(RemovedWeights { schema: SCHEMA, freed_bytes }))
}

fn not_found(digest: &BlobDigest) -> ApiError {
    ApiError::not_found(format!("sha256:{digest}"))
        .hint("`dtf weights list` shows the stored weights; submit the plan again to push them")
}

/// Checks that there is room for `more` bytes of weights, and for a record of them. If there is not,
/// removes weights that no open test needs.
async fn make_room(app: &Arc<App>, more: u64) -> Result<(), ApiError> {
    let space = Arc::clone(&app.space);
    let fits = move |store: &WeightsStore| store.takes_more() && space.check_weights(more).is_ok();
    let Some(needed) = displace(app, fits).await? else { return Ok(()) };
    let Err(reason) = app.space.check_weights(more) else { return Ok(()) };
    let before = format!("there is no room for {} of weights: ", bytes(more as f64));
    Err(ApiError::from(reason).within(&before, &takers(&app.weights, &needed)))
}

/// The largest weights that are stored, for a refusal.
fn takers(store: &WeightsStore, needed: &BTreeSet<WeightsKey>) -> String {
    let mut stored = store.list();
    stored.retain(|(_, record)| !record.in_place);
    stored.sort_by_key(|(_, record)| std::cmp::Reverse(record.size_bytes));
    let named = stored.iter().take(MAX_NAMED).map(|(digest, record)| {
        let state =
            if needed.contains(&key(digest)) { "needed by open tests" } else { "used just now" };
        let short = digest.as_str().get(..12).unwrap_or_default();
        format!("{} (sha256:{short}, {}, {state})", record.name, bytes(record.size_bytes as f64))
    });
    let named: Vec<String> = named.collect();
    match (named.is_empty(), stored.len().saturating_sub(MAX_NAMED)) {
        (true, _) => "; no weights are stored".to_owned(),
        (false, 0) => format!("; stored weights: {}", named.join(", ")),
        (false, more) => format!("; stored weights: {}, and {more} more", named.join(", ")),
    }
}

/// The reason why work on the stored weights failed.
enum Failed {
    Store(WeightsError),
    Request(ApiError),
}

/// Reads a manifest and compares it with its digest.
fn parse(text: &[u8], digest: &BlobDigest) -> Result<Manifest, Failed> {
    let refuse = |message: String| Failed::Request(ApiError::new(Code::Unprocessable, message));
    let actual = BlobDigest::of(text);
    if actual != *digest {
        return Err(refuse(format!("the manifest has the digest {actual}, not {digest}")));
    }
    Manifest::parse(text).map_err(|error| refuse(error.to_string()))
}

/// Uses the stored weights, off the threads that serve connections.
async fn work<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&WeightsStore) -> Result<T, Failed> + Send + 'static,
) -> Result<T, ApiError> {
    let store = Arc::clone(&app.weights);
    blocking(move || work(&store)).await?.map_err(|error| match error {
        Failed::Request(error) => error,
        Failed::Store(error) => room::refused(app, error),
    })
}
