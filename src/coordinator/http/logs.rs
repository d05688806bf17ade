//! Output of attempts: append while they run, read, follow.
//!
//! A followed output is a stream of server-sent events, as browsers read them: each carries where
//! the next one begins as its id, so that whoever comes back with `Last-Event-ID` goes on there.
//! The last one is `end`, and then the stream is closed. Whoever comes back after it is answered
//! 204, on which browsers stop to ask.

use crate::api::error::Code;
use crate::api::schema;
use crate::api::v1::logs::{AppendQuery, Appended, OffsetQuery, OutputPiece};
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Id, Params, body};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::live::MAX_LIVE_BYTES;
use crate::domain::id::AttemptId;
use crate::domain::test::Phase;
use crate::scheduler::Scheduler;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A follower hears at least a comment this often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a follower looks whether an attempt without output has begun or ended.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Id of the last event; those before it have the offset that follows them.
const END: &str = "end";
/// Tells nginx and others who read this header to pass on each piece as it comes.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// Where an attempt stands, for its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Running,
    Over,
    /// Not begun, or never heard of.
    Unknown,
}

/// Append to the output of a running attempt.
#[utoipa::path(post, path = "/api/v1/attempts/{attempt}/log", tag = "logs",
    params(("attempt" = schema::AttemptId, Path), AppendQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Appended, description = "where the next piece belongs"),
        (status = 409, description = "not the live lease, or a gap before the piece")))]
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
        return Err(ApiError::new(Code::Conflict, format!("{attempt} is not held under {epoch}")));
    }
    let logs = Arc::clone(&app.live);
    let offset = blocking(move || logs.append(attempt, epoch, offset, &bytes)).await??;
    Ok(Json(Appended { offset }))
}

/// Read the output of an attempt.
///
/// Raw bytes. While the attempt runs, this is what has arrived so far.
#[utoipa::path(get, path = "/api/v1/attempts/{attempt}/log", tag = "logs",
    params(("attempt" = schema::AttemptId, Path), OffsetQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream",
            description = "raw output from `offset` on; while the attempt runs, what has arrived so far")))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Id(attempt): Id<AttemptId>,
    Params(query): Params<OffsetQuery>,
) -> Result<Response, ApiError> {
    let from = query.offset.unwrap_or(0);
    let whole = match standing(&app, attempt).await? {
        Standing::Running => live_from(&app, attempt, from).await?,
        Standing::Over => match app.output(attempt).await? {
            Some(output) if !output.bytes.is_empty() => tail(&output.bytes, from),
            _ => live_from(&app, attempt, from).await?,
        },
        Standing::Unknown => return Err(ApiError::not_found(attempt)),
    };
    Ok(([(CONTENT_TYPE, "application/octet-stream")], whole).into_response())
}

/// Follow the output of an attempt.
///
/// Server-sent events: `output`, each with an `OutputPiece`, and at last `end`.
#[utoipa::path(get, path = "/api/v1/attempts/{attempt}/log/stream", tag = "logs",
    params(("attempt" = schema::AttemptId, Path), OffsetQuery),
    responses((status = 200, body = OutputPiece, content_type = "text/event-stream",
            description = "events `output` (an `OutputPiece`) and at last `end`, then the stream closes; with the header `Last-Event-ID`, what follows that event"),
        (status = 204, description = "`Last-Event-ID` is that of `end`: there is nothing more"),
        (status = 400, description = "`Last-Event-ID` is not one of this stream")))]
pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    Id(attempt): Id<AttemptId>,
    Params(query): Params<OffsetQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if standing(&app, attempt).await? == Standing::Unknown {
        return Err(ApiError::not_found(attempt));
    }
    let offset = match headers.get(LAST_EVENT).map(HeaderValue::as_bytes) {
        // A browser has none before the first event.
        None | Some(b"") => query.offset.unwrap_or(0),
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
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(event)), follower))
    });
    let headers =
        [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (BUFFERING, "no")];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// One reader of a growing output.
struct Follower {
    app: Arc<App>,
    attempt: AttemptId,
    offset: u64,
    news: Option<watch::Receiver<u64>>,
    /// The attempt has ended; what is stored is all there is.
    over: bool,
    done: bool,
}

impl Follower {
    /// Text of the next event; `None` after the last one.
    async fn next(&mut self) -> Option<String> {
        if self.done {
            return None;
        }
        let step = self.step().await.unwrap_or_else(|error| {
            tracing::debug!(?error, attempt = %self.attempt, "a follower is let go");
            None
        });
        self.done |= step.is_none();
        step
    }

    /// `None`: the stream breaks off, and the client follows again.
    async fn step(&mut self) -> Result<Option<String>, ApiError> {
        // Subscribed before reading, so that nothing falls in between.
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

    /// Moves past `bytes`, or past their whole characters while more may come.
    fn output(&mut self, bytes: &[u8], last: bool) -> Option<String> {
        let (text, length) = text_of(bytes, last);
        if length == 0 {
            return None;
        }
        let (offset, next) = (self.offset, self.offset + length as u64);
        let data = serde_json::to_string(&OutputPiece { offset, next, text }).ok()?;
        self.offset = next;
        Some(format!("event: output\nid: {next}\ndata: {data}\n\n"))
    }

    async fn wait(&mut self) -> Result<Option<String>, ApiError> {
        match &mut self.news {
            Some(news) => match tokio::time::timeout(KEEP_ALIVE, news.changed()).await {
                Ok(changed) => self.over = changed.is_err(),
                Err(_) => return Ok(Some(": still running\n\n".to_owned())),
            },
            None if standing(&self.app, self.attempt).await? == Standing::Running => {
                tokio::time::sleep(LOOK_AGAIN).await;
                return Ok(Some(": no output yet\n\n".to_owned()));
            }
            None => self.over = true,
        }
        Ok(Some(String::from(": \n\n")))
    }

    /// The rest out of the final log, where that is the same text, and the end.
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

/// Text of `bytes` and how many of them it stands for: a character that is cut at the
/// end waits for its rest unless nothing follows.
fn text_of(bytes: &[u8], last: bool) -> (String, usize) {
    let cut = (1..=3.min(bytes.len())).find(|back| {
        let tail = bytes.get(bytes.len() - back..).unwrap_or_default();
        matches!(std::str::from_utf8(tail), Err(error) if error.valid_up_to() == 0 && error.error_len().is_none())
    });
    let length = if last { bytes.len() } else { bytes.len() - cut.unwrap_or(0) };
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
    (text.into_owned(), length)
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

async fn standing(app: &App, attempt: AttemptId) -> Result<Standing, ApiError> {
    let standing = app
        .mailbox
        .ask(move |scheduler: &Scheduler, _| match scheduler.test(attempt.test) {
            Some(status) if attempt.number > status.attempts => Some(Standing::Unknown),
            Some(status) if attempt.number < status.attempts => Some(Standing::Over),
            Some(status) if status.phase == Phase::Leased => Some(Standing::Running),
            Some(_) => Some(Standing::Over),
            None => None,
        })
        .await?;
    if let Some(standing) = standing {
        return Ok(standing);
    }
    let known = app.attempt(attempt).await?.is_some();
    Ok(if known { Standing::Over } else { Standing::Unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        let text = "a€b";
        for cut in 0..=text.len() {
            let (head, length) = text_of(&text.as_bytes()[..cut], false);
            let (rest, _) = text_of(&text.as_bytes()[length..], true);
            assert_eq!(format!("{head}{rest}"), text, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_text_is_shown_all_the_same() {
        assert_eq!(text_of(b"\xff\xfeok", false), ("\u{fffd}\u{fffd}ok".into(), 4));
        assert_eq!(text_of(b"ok\xe2\x82", true).1, 4);
        assert_eq!(text_of(b"ok\xe2\x82", false), ("ok".into(), 2));
    }
}
