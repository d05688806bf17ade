//! Streams of server-sent events.
//!
//! Promise: each event is sent at once, also through proxies that know the header `X-Accel-Buffering`.

use crate::api::v1::logs::OutputPiece;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::convert::Infallible;
use std::time::Duration;

/// Maximum time between two events or comments of a stream.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Makes proxies that know this header, such as nginx, pass on each event at once.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// A client that follows a stream.
pub(crate) trait Follow: Send + 'static {
    /// The text of the next event or comment. `None` at the end of the stream.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
}

/// The stream of a client.
pub(crate) fn answer(follower: impl Follow) -> Response {
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), follower))
    });
    let headers =
        [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (BUFFERING, "no")];
    (headers, Body::from_stream(events)).into_response()
}

/// The id of the last event that the client received. `None` before the first one.
pub(crate) fn last_event(headers: &HeaderMap) -> Option<&HeaderValue> {
    // A browser sends an empty id before the first event.
    headers.get(LAST_EVENT).filter(|id| !id.is_empty())
}

/// The event with the text of `bytes`, which begin at `offset`, and the offset after it. Unless they are
/// the last ones, an incomplete character at their end is left for the next event. `id` gets that offset.
pub(crate) fn output(
    bytes: &[u8],
    offset: u64,
    is_last: bool,
    id: impl FnOnce(u64) -> String,
) -> Option<(u64, String)> {
    let (text, length) = text_of(bytes, is_last);
    if length == 0 {
        return None;
    }
    let next = offset + length as u64;
    let data = serde_json::to_string(&OutputPiece { offset, next, text }).ok()?;
    Some((next, format!("event: output\nid: {}\ndata: {data}\n\n", id(next))))
}

/// The text of `bytes`, and the number of bytes in it. Unless `last` is set, an incomplete character
/// at the end is left out.
fn text_of(bytes: &[u8], last: bool) -> (String, usize) {
    let cut = (1..=3.min(bytes.len())).find(|back| {
        let tail = bytes.get(bytes.len() - back..).unwrap_or_default();
        matches!(std::str::from_utf8(tail), Err(error) if error.valid_up_to() == 0 && error.error_len().is_none())
    });
    let length = if last { bytes.len() } else { bytes.len() - cut.unwrap_or(0) };
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
    (text.into_owned(), length)
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
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(text_of(b"\xff\xfeok", false), ("\u{fffd}\u{fffd}ok".into(), 4));
        assert_eq!(text_of(b"ok\xe2\x82", true).1, 4);
        assert_eq!(text_of(b"ok\xe2\x82", false), ("ok".into(), 2));
    }
}
