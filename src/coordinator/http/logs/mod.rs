//! Output of attempts: append to it, read it, follow it.
//!
//! A followed output is a stream of server-sent events. The id of each event is the offset of the
//! next one, so that a client that reconnects with `Last-Event-ID` continues there. The last event
//! is `end`; then the stream closes. A client that reconnects after it receives 204, on which
//! browsers stop reconnecting.

pub(crate) mod events;

use crate::api::error::Code;
use crate::api::schema;
use crate::api::v1::logs::{AppendQuery, Appended, OffsetQuery, OutputPiece};
use crate::blobs::is_full;
use crate::coordinator::files::space::Purpose;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Id, Params, body};
use crate::coordinator::http::logs::events::Follow;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::live::{LiveError, MAX_LIVE_BYTES};
use crate::domain::id::AttemptId;
use crate::domain::test::Phase;
use crate::scheduler::Scheduler;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Interval at which a follower checks whether an attempt without output has begun or ended.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Id of the last event. The ids of the events before it are offsets.
const END: &str = "end";

/// Progress of an attempt, as far as its output is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Running,
    Over,
    /// The attempt has not begun, or does not exist.
    Unknown,
}

/// Append to the output of a running attempt.
#[utoipa::path(post, path = "/api/v1/attempts/{attempt}/log", tag = "logs",
    params(("attempt" = schema::AttemptId, Path), AppendQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Appended, description = "the offset of the next piece"),
        (status = 409, description = "the attempt does not run under this lease, or bytes are missing before the piece"),
        (status = 507, description = "the disk of the coordinator is full or nearly full; try again later")))]
pub(crate) async fn append(
    State(app): State<Arc<App>>,
    Id(attempt): Id<AttemptId>,
    Params(AppendQuery { epoch, offset }): Params<AppendQuery>,
    request: Request,
) -> Result<Json<Appended>, ApiError> {
    let bytes = body(request, &app).await?;
    let live = app.mailbox.ask(move |scheduler, _| {
        let lease = scheduler.test(attempt.test).and_then(|status| status.lease);
        lease.is_some_and(|lease| lease.attempt == attempt && lease.epoch == epoch)
    });
    if !live.await? {
        return Err(ApiError::new(
            Code::Conflict,
            format!("{attempt} does not run under the epoch {epoch}"),
        ));
    }
    let store = Arc::clone(&app);
    let offset = blocking(move || {
        store.space.check(Purpose::Results, bytes.len() as u64)?;
        let appended = store.live.append(attempt, epoch, offset, &bytes);
        if let Err(LiveError::Io { path, source }) = &appended
            && is_full(source)
        {
            store.space.write_failed(&store.health, path, source);
        }
        Ok::<_, ApiError>(appended?)
    })
    .await??;
    Ok(Json(Appended { offset }))
}

/// Read the output of an attempt.
///
/// The output as raw bytes. While the attempt runs, this is the output that has arrived so far.
#[utoipa::path(get, path = "/api/v1/attempts/{attempt}/log", tag = "logs",
    params(("attempt" = schema::AttemptId, Path), OffsetQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream",
            description = "the raw output from `offset` on")))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Id(attempt): Id<AttemptId>,
    Params(query): Params<OffsetQuery>,
) -> Result<Response, ApiError> {
    let whole = whole(&app, attempt, query.offset.unwrap_or(0)).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], whole).into_response())
}

/// Follow the output of an attempt.
///
/// Server-sent events: `output`, each with an `OutputPiece`, and at the end `end`. With the header
/// `Last-Event-ID`, the stream continues after that event.
#[utoipa::path(get, path = "/api/v1/attempts/{attempt}/log/stream", tag = "logs",
    params(("attempt" = schema::AttemptId, Path), OffsetQuery),
    responses((status = 200, body = OutputPiece, content_type = "text/event-stream",
            description = "events `output` (an `OutputPiece`) and at the end `end`; then the stream closes"),
        (status = 204, description = "`Last-Event-ID` is the id of `end`, so there are no more events"),
        (status = 400, description = "`Last-Event-ID` is not the id of an event of this stream")))]
pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    Id(attempt): Id<AttemptId>,
    Params(query): Params<OffsetQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    match progress(&app, attempt).await? {
        Progress::Unknown => return Err(ApiError::not_found(attempt)),
        // An output that is missing or damaged is an error, and not a stream that breaks off.
        Progress::Over => drop(app.output(attempt).await?),
        Progress::Running => {}
    }
    let offset = match events::last_event(&headers).map(HeaderValue::as_bytes) {
        None => query.offset.unwrap_or(0),
        Some(id) if id == END.as_bytes() => return Ok(StatusCode::NO_CONTENT.into_response()),
        Some(id) => {
            std::str::from_utf8(id).ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
                ApiError::new(
                    Code::BadRequest,
                    "Last-Event-ID is not the id of an event of this stream",
                )
            })?
        }
    };
    let follower = Follower { app, attempt, offset, news: None, over: false, done: false };
    Ok(events::answer(follower))
}

/// One client that follows the output of an attempt.
struct Follower {
    app: Arc<App>,
    attempt: AttemptId,
    offset: u64,
    news: Option<watch::Receiver<u64>>,
    /// Whether the attempt has ended, so that no more output follows.
    over: bool,
    done: bool,
}

impl Follow for Follower {
    async fn next(&mut self) -> Option<String> {
        if self.done {
            return None;
        }
        let step = self.step().await.unwrap_or_else(|error| {
            tracing::debug!(?error, attempt = %self.attempt, "the stream of an output is closed");
            None
        });
        self.done |= step.is_none();
        step
    }
}

impl Follower {
    /// Waits for the next event or the time of the next comment.
    ///
    /// # Errors
    /// The output cannot be read. The stream breaks off, and the client may reconnect.
    async fn step(&mut self) -> Result<Option<String>, ApiError> {
        // The subscription precedes the read, so that no output in between is missed.
        if self.news.is_none() {
            self.news = self.app.live.watch(self.attempt);
        }
        if let Some(news) = &mut self.news {
            news.mark_unchanged();
        }
        let piece = self.piece().await?;
        if let Some(event) = self.output(&piece, self.over) {
            return Ok(Some(event));
        }
        if self.over {
            return self.ending().await;
        }
        self.wait().await
    }

    async fn piece(&self) -> Result<Vec<u8>, ApiError> {
        let (logs, attempt, offset) = (Arc::clone(&self.app.live), self.attempt, self.offset);
        Ok(blocking(move || logs.read(attempt, offset)).await??)
    }

    /// The event for `bytes`, and moves the offset past them.
    fn output(&mut self, bytes: &[u8], last: bool) -> Option<String> {
        let (next, event) = events::output(bytes, self.offset, last, |next| next.to_string())?;
        self.offset = next;
        Some(event)
    }

    async fn wait(&mut self) -> Result<Option<String>, ApiError> {
        match &mut self.news {
            Some(news) => match tokio::time::timeout(events::KEEP_ALIVE, news.changed()).await {
                Ok(changed) => self.over = changed.is_err(),
                Err(_) => return Ok(Some(": still running\n\n".to_owned())),
            },
            None if progress(&self.app, self.attempt).await? == Progress::Running => {
                tokio::time::sleep(POLL_INTERVAL).await;
                return Ok(Some(": no output yet\n\n".to_owned()));
            }
            None => self.over = true,
        }
        Ok(Some(String::from(": \n\n")))
    }

    /// The last event, preceded by the rest of the output from the report if it has the same text.
    async fn ending(&mut self) -> Result<Option<String>, ApiError> {
        let mut text = String::new();
        if let Some(output) = self.app.output(self.attempt).await?
            && (output.whole || self.offset == 0)
        {
            let rest = tail(&output.bytes, self.offset);
            text = self.output(&rest, true).unwrap_or_default();
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "event: end\nid: {END}\ndata: {{}}\n\n");
        self.done = true;
        Ok(Some(text))
    }
}

fn tail(bytes: &[u8], from: u64) -> Vec<u8> {
    usize::try_from(from).ok().and_then(|from| bytes.get(from..)).unwrap_or_default().to_vec()
}

async fn live_from(app: &Arc<App>, attempt: AttemptId, from: u64) -> Result<Vec<u8>, ApiError> {
    let logs = Arc::clone(&app.live);
    blocking(move || {
        let mut whole = Vec::new();
        while (whole.len() as u64) < MAX_LIVE_BYTES {
            let piece = logs.read(attempt, from + whole.len() as u64)?;
            if piece.is_empty() {
                break;
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    })
    .await?
}

/// The last `max` bytes of the output of an attempt so far, and the position after them.
///
/// # Errors
/// There is no such attempt, or its output cannot be read.
pub(crate) async fn end(
    app: &Arc<App>,
    attempt: AttemptId,
    max: usize,
) -> Result<(Vec<u8>, u64), ApiError> {
    let whole = whole(app, attempt, 0).await?;
    let length = whole.len() as u64;
    Ok((tail(&whole, length.saturating_sub(max as u64)), length))
}

/// The output of an attempt so far, from a position on.
async fn whole(app: &Arc<App>, attempt: AttemptId, from: u64) -> Result<Vec<u8>, ApiError> {
    match progress(app, attempt).await? {
        Progress::Running => live_from(app, attempt, from).await,
        Progress::Over => match app.output(attempt).await? {
            Some(output) if !output.bytes.is_empty() => Ok(tail(&output.bytes, from)),
            _ => live_from(app, attempt, from).await,
        },
        Progress::Unknown => Err(ApiError::not_found(attempt)),
    }
}

async fn progress(app: &App, attempt: AttemptId) -> Result<Progress, ApiError> {
    let progress = app
        .mailbox
        .ask(move |scheduler: &Scheduler, _| match scheduler.test(attempt.test) {
            Some(status) if attempt.number > status.attempts => Some(Progress::Unknown),
            Some(status) if attempt.number < status.attempts => Some(Progress::Over),
            Some(status) if status.phase == Phase::Leased => Some(Progress::Running),
            Some(_) => Some(Progress::Over),
            None => None,
        })
        .await?;
    if let Some(progress) = progress {
        return Ok(progress);
    }
    let known = app.attempt(attempt).await?.is_some();
    Ok(if known { Progress::Over } else { Progress::Unknown })
}
