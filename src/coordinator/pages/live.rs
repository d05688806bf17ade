//! The stream of events of one page, from which its script learns that there is something new.
//!
//! Events: `changed`, when the event log has new records, and `output`, with the output of a running
//! attempt that the page shows. The id of an event is the position after it; a browser that connects
//! again sends the last one and continues there. Limits: [`MAX_STREAMS`] streams; at most one check in
//! [`INTERVAL`] for each, and [`MAX_CHECKS`] per second for all, so that many open pages do not request
//! themselves again without end; a stream ends after [`LIFETIME`], and the browser connects again, so that a session
//! that has ended is noticed. Promise: a stream does not delay the stop of the coordinator.

use crate::api::error::Code;
use crate::coordinator::health::Part;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::logs::events::{self, Follow};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::streams::MAX_STREAMS;
use crate::domain::id::AttemptId;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// Time between two checks for changes, with few streams.
const INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of checks per second of all streams. A page is requested again after a check.
const MAX_CHECKS: u32 = 20;
/// Time after which a stream ends.
const LIFETIME: Duration = Duration::from_mins(10);
/// Maximum size of the output in one event, in bytes.
const MAX_PIECE: usize = 64 * 1024;
#[derive(Deserialize)]
pub(super) struct Query {
    /// Position after the last event, or the last record that the page shows.
    after: Option<String>,
    /// The attempt whose output the page shows.
    attempt: Option<AttemptId>,
    /// Size of the output that the page shows, in bytes.
    offset: Option<u64>,
}

/// Follows the changes.
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    Params(query): Params<Query>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place = app.streams.place().ok_or_else(full)?;
    let last = events::last_event(&headers).and_then(|id| id.to_str().ok());
    let (sequence, offset) = last.or(query.after.as_deref()).and_then(position).unwrap_or_default();
    let follower = Follower {
        app,
        sequence,
        output: query.attempt.map(|attempt| (attempt, offset.or(query.offset).unwrap_or(0))),
        begun: Instant::now(),
        spoken: Instant::now(),
        is_new: true,
        _place: place,
    };
    Ok(events::answer(follower))
}

fn full() -> ApiError {
    let message = format!("too many pages are live (maximum {MAX_STREAMS})");
    ApiError::new(Code::Busy, message).hint("reload the page for newer data")
}

/// The record and the offset of an id, such as `17` or `17-2048`.
fn position(id: &str) -> Option<(u64, Option<u64>)> {
    match id.split_once('-') {
        Some((sequence, offset)) => Some((sequence.parse().ok()?, Some(offset.parse().ok()?))),
        None => Some((id.parse().ok()?, None)),
    }
}

/// One page that is live.
struct Follower {
    app: Arc<App>,
    /// Last record that the page knows.
    sequence: u64,
    output: Option<(AttemptId, u64)>,
    begun: Instant,
    /// Time of the last event or comment.
    spoken: Instant,
    is_new: bool,
    _place: OwnedSemaphorePermit,
}

impl Follow for Follower {
    async fn next(&mut self) -> Option<String> {
        if std::mem::take(&mut self.is_new) {
            // The headers are only sent with the first bytes.
            return Some(": live\n\n".to_owned());
        }
        loop {
            let is_over = self.begun.elapsed() >= LIFETIME;
            if is_over || self.app.health.has_failed(Part::Stopping) {
                return None;
            }
            if let Some(event) = self.output().await.or_else(|| self.changed()) {
                self.spoken = Instant::now();
                return Some(event);
            }
            if self.spoken.elapsed() >= events::KEEP_ALIVE {
                self.spoken = Instant::now();
                return Some(": nothing new\n\n".to_owned());
            }
            tokio::time::sleep(interval(self.app.streams.count())).await;
        }
    }
}

/// Time between two checks of a stream, when this number of streams is open.
fn interval(streams: usize) -> Duration {
    let streams = u32::try_from(streams).unwrap_or(u32::MAX);
    INTERVAL.max(Duration::from_secs(1) * streams / MAX_CHECKS)
}

impl Follower {
    fn changed(&mut self) -> Option<String> {
        let sequence = self.app.progress.committed();
        if sequence == self.sequence {
            return None;
        }
        self.sequence = sequence;
        Some(format!("event: changed\nid: {}\ndata: {{}}\n\n", self.id()))
    }

    /// The next piece of the output. What cannot be read is left to the page, which shows the reason.
    async fn output(&mut self) -> Option<String> {
        let (attempt, offset) = self.output?;
        let logs = Arc::clone(&self.app.live);
        let bytes = blocking(move || logs.read(attempt, offset)).await.ok()?.ok()?;
        let bytes = bytes.get(..bytes.len().min(MAX_PIECE))?;
        let sequence = self.sequence;
        let id = |next| format!("{sequence}-{next}");
        let (next, event) = events::output(bytes, offset, false, id)?;
        self.output = Some((attempt, next));
        Some(event)
    }

    fn id(&self) -> String {
        match self.output {
            Some((_, offset)) => format!("{}-{offset}", self.sequence),
            None => self.sequence.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_pages_are_checked_less_often() {
        assert_eq!([0, 1, 20].map(interval), [INTERVAL; 3]);
        for streams in [40, MAX_STREAMS] {
            let checks = streams as f64 / interval(streams).as_secs_f64();
            assert!(checks <= f64::from(MAX_CHECKS), "{checks} per second");
        }
    }

    #[test]
    fn an_id_is_a_record_and_perhaps_an_offset() {
        assert_eq!(position("17"), Some((17, None)));
        assert_eq!(position("17-2048"), Some((17, Some(2048))));
        for other in ["", "-", "x", "17-", "17-x", "-1"] {
            assert_eq!(position(other), None, "{other:?}");
        }
    }
}
