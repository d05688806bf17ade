//! Errors of requests to a coordinator.

use crate::api::error::{Code, ErrorBody};
use crate::client::proxy::Proxy;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum length of the part of an unknown response that is shown, in characters.
const MAX_SHOWN_CHARS: usize = 200;

/// The reason why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the token contains characters that an HTTP header cannot carry")]
    BadToken,
    #[error("{url:?} is not the address of a coordinator: {reason}")]
    BadUrl { url: String, reason: String },
    #[error("cannot reach the coordinator at {url}: {reason}")]
    Unreachable {
        url: String,
        reason: String,
        /// No program listens at the address.
        refused: bool,
    },
    #[error("cannot reach the coordinator at {url} through {proxy}: {reason}")]
    ThroughProxy { url: String, proxy: Proxy, reason: String },
    /// The port uses another protocol than the address specifies.
    #[error("cannot connect to {url}: this port speaks {}", if *protocol == "http" { "plain HTTP" } else { "TLS, or a protocol other than HTTP" })]
    OtherProtocol { url: String, protocol: &'static str },
    /// Status 401 or 403.
    #[error("the coordinator denied the request: {0}")]
    Unauthorized(Refusal),
    /// Status 404.
    #[error("{0}")]
    NotFound(Refusal),
    /// Status 409.
    #[error("{0}")]
    Conflict(Refusal),
    /// Status 429 or 503: the same request may succeed later.
    #[error("the coordinator cannot accept the request now: {0}")]
    Busy(Refusal),
    /// Every other status outside 2xx.
    #[error("the coordinator rejected the request: {0}")]
    Refused(Refusal),
    #[error("cannot use the local file {path}: {reason}")]
    Local { path: PathBuf, reason: String },
    /// The response does not come from a coordinator, or from one of another version.
    #[error("cannot read the response for {what}: {reason}")]
    BadResponse { what: String, reason: String },
}

/// A response with a status outside 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub body: ErrorBody,
    /// The pause that the coordinator asked for.
    pub retry_after: Option<Duration>,
    /// Whether `body` was made here, because the response is not JSON of a coordinator.
    pub is_foreign: bool,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.body.message)
    }
}

impl Refusal {
    /// Whether the coordinator rejected the content of the request.
    pub(crate) fn is_mistake(&self) -> bool {
        !self.is_foreign && self.body.code == Code::Unprocessable
    }
}

impl ClientError {
    pub(crate) fn local(path: &Path, error: std::io::Error) -> Self {
        Self::Local { path: path.to_owned(), reason: error.to_string() }
    }

    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BadUrl { .. } => Some("an address has the form http://127.0.0.1:7700".to_owned()),
            Self::Unreachable { url, .. } => Some(format!(
                "is the coordinator running at {url}? start one with `dtf coordinator`"
            )),
            Self::ThroughProxy { proxy, .. } => Some(proxy.hint()),
            Self::OtherProtocol { url, protocol } => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                Some(format!("use {protocol}://{rest}"))
            }
            Self::BadResponse { .. } => Some(
                "check that the address is that of a coordinator of this dtf version".to_owned(),
            ),
            _ => self.refusal().and_then(|refusal| refusal.body.hint.clone()),
        }
    }

    /// The response of the coordinator, if it responded.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Unauthorized(refusal)
            | Self::NotFound(refusal)
            | Self::Conflict(refusal)
            | Self::Busy(refusal)
            | Self::Refused(refusal) => Some(refusal),
            Self::BadToken
            | Self::BadUrl { .. }
            | Self::Unreachable { .. }
            | Self::ThroughProxy { .. }
            | Self::OtherProtocol { .. }
            | Self::Local { .. }
            | Self::BadResponse { .. } => None,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::ThroughProxy { .. } | Self::Busy(_))
    }

    /// Whether the response comes from a proxy or another server, not from a coordinator.
    pub(crate) fn is_foreign(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.is_foreign)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.refusal().and_then(|refusal| refusal.retry_after)
    }

    /// The error for a response with a status outside 2xx.
    pub(crate) fn from_response(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let read = serde_json::from_slice(body);
        let is_foreign = read.is_err();
        let body = read.unwrap_or_else(|_| foreign(status, body));
        let refusal = Refusal { status, body, retry_after, is_foreign };
        match status {
            401 | 403 => Self::Unauthorized(refusal),
            404 => Self::NotFound(refusal),
            409 => Self::Conflict(refusal),
            429 | 503 => Self::Busy(refusal),
            _ => Self::Refused(refusal),
        }
    }
}

/// The body of an error for a response that is not JSON of a coordinator, such as a page of a proxy.
fn foreign(status: u16, body: &[u8]) -> ErrorBody {
    let shown: String = String::from_utf8_lossy(body)
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_SHOWN_CHARS)
        .collect();
    let message = format!("status {status} {shown}");
    let hint = "check that the address is that of a coordinator, and not of another server";
    let hint = (!body.is_empty()).then(|| hint.to_owned());
    ErrorBody { code: Code::Unknown, message, hint, problems: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides_the_kind_of_error() {
        let body = br#"{"code":"conflict","message":"another body","hint":"use a new key"}"#;
        let error = ClientError::from_response(409, None, body);
        assert!(matches!(error, ClientError::Conflict(_)));
        assert_eq!(error.to_string(), "another body");
        assert_eq!(error.hint().as_deref(), Some("use a new key"));
        assert!(ClientError::from_response(503, None, b"").is_temporary());
        assert!(ClientError::from_response(429, None, b"").is_temporary());
        assert!(!ClientError::from_response(500, None, b"").is_temporary());
        let page = ClientError::from_response(404, None, b"<html>no such page</html>");
        assert!(
            page.is_foreign() && page.hint().is_some_and(|hint| hint.contains("another server")),
            "{page:?}"
        );
    }

    #[test]
    fn a_foreign_error_page_is_shown_short_and_without_control_characters() {
        let page = format!("\u{1b}[31m<html>{}", "x".repeat(10_000));
        let error = ClientError::from_response(502, None, page.as_bytes());
        let text = error.to_string();
        assert!(text.starts_with("the coordinator rejected the request: status 502 [31m<html>x"));
        assert!(text.len() < 300);
    }

    #[test]
    fn a_code_of_a_newer_coordinator_is_read() {
        let error = ClientError::from_response(422, None, br#"{"code":"novel","message":"m"}"#);
        assert_eq!(error.refusal().map(|r| r.body.code), Some(Code::Unknown));
    }
}
