//! Downloads of files of any size over HTTP, from a position on.
//!
//! Limits: [`CONNECT_TIMEOUT`], and `IDLE_TIMEOUT` without new content. There is no limit for a whole
//! file.
//!
//! Promises: a token is sent only to the host of the address, and never from https to http. An answer
//! for another position than the requested one is recognised.

use crate::client::http::{read_limited, reason};
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use std::time::Duration;

/// Time limit of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit between two pieces of content.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of redirections.
const MAX_REDIRECTIONS: usize = 5;
/// Maximum size of the body of an error that is read, in bytes.
const MAX_ERROR_BYTES: usize = 4096;
/// Maximum number of characters of that body in a message.
const MAX_ERROR_CHARS: usize = 200;

/// A client for downloads. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Downloads {
    http: reqwest::Client,
}

/// The reason why a file, or the rest of it, is not provided.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There is no connection, or the content ended early. The request may be repeated.
    #[error("{0}")]
    Interrupted(String),
    /// The server is busy or out of order. The request may be repeated, not before this time.
    #[error("the server responded with status {status}{}", after(*retry_after))]
    Busy { status: u16, retry_after: Option<Duration> },
    /// Repeating the request is useless.
    #[error("the server responded with status {status}{body}")]
    Refused { status: StatusCode, headers: Box<HeaderMap>, body: String },
}

impl DownloadError {
    /// The pause that the server asks for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            Self::Interrupted(_) | Self::Refused { .. } => None,
        }
    }
}

fn after(retry_after: Option<Duration>) -> String {
    let seconds = retry_after.map(|span| span.as_secs());
    seconds.map(|seconds| format!(" and asks to wait {seconds} s")).unwrap_or_default()
}

/// The content of a file from a position on.
#[derive(Debug)]
pub struct Content {
    response: Response,
    /// The position of the first byte.
    pub from: u64,
    /// Size of the whole file, in bytes, if the server gives it.
    pub size: Option<u64>,
}

impl Downloads {
    /// # Errors
    /// The client cannot be built, for example without certificates.
    pub fn new() -> Result<Self, DownloadError> {
        let redirect = Policy::custom(|attempt| {
            let is_weaker = attempt.previous().last().is_some_and(|from| from.scheme() == "https")
                && attempt.url().scheme() != "https";
            if is_weaker {
                attempt.error("the server redirects from https to http")
            } else if attempt.previous().len() > MAX_REDIRECTIONS {
                attempt.error("the server redirects too often")
            } else {
                attempt.follow()
            }
        });
        let http = reqwest::Client::builder()
            .user_agent(concat!("dtf/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(IDLE_TIMEOUT)
            .redirect(redirect)
            .build()
            .map_err(|error| DownloadError::Interrupted(reason(&error)))?;
        Ok(Self { http })
    }

    /// Requests the content of a file from a position on. A server that does not support positions
    /// sends the whole file: compare [`Content::from`].
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub async fn open(
        &self,
        url: &Url,
        token: Option<&HeaderValue>,
        from: u64,
    ) -> Result<Content, DownloadError> {
        let mut request = self.http.get(url.clone());
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let response =
            request.send().await.map_err(|error| DownloadError::Interrupted(reason(&error)))?;
        let status = response.status();
        if status == StatusCode::PARTIAL_CONTENT {
            let range = content_range(response.headers());
            let Some((at, size)) = range else {
                let (headers, body) = (Box::default(), ", which gives no position".to_owned());
                return Err(DownloadError::Refused { status, headers, body });
            };
            return Ok(Content { response, from: at, size });
        }
        if status.is_success() {
            let size = response.content_length();
            return Ok(Content { response, from: 0, size });
        }
        Err(refusal(response).await)
    }
}

impl Content {
    /// The next piece; None at the end of the file.
    ///
    /// # Errors
    /// The content ended early, or nothing was received for `IDLE_TIMEOUT`.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, DownloadError> {
        let piece = self.response.chunk().await;
        piece.map_err(|error| DownloadError::Interrupted(reason(&error)))
    }
}

/// Position and whole size in `bytes 100-199/200`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, size) = text.split_once('/')?;
    let from = range.split_once('-')?.0.trim().parse().ok()?;
    Some((from, size.trim().parse().ok()))
}

async fn refusal(response: Response) -> DownloadError {
    let status = response.status();
    let is_busy = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    if is_busy {
        let retry_after = retry_after.map(Duration::from_secs);
        return DownloadError::Busy { status: status.as_u16(), retry_after };
    }
    let headers = Box::new(response.headers().clone());
    let body = read_limited(response, MAX_ERROR_BYTES).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_text = !line.is_empty() && !line.starts_with('<');
    let short: String = line.chars().take(MAX_ERROR_CHARS).collect();
    let body = if is_text { format!(": {short}") } else { String::new() };
    DownloadError::Refused { status, headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_of_a_part_is_read() {
        let range = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(text));
            content_range(&headers)
        };
        assert_eq!(range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(range("bytes 0-0/*"), Some((0, None)));
        for text in ["bytes */200", "lines 1-2/3", "bytes x-2/3", "bytes 5"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
