//! What can go wrong between client and coordinator.

use crate::api::error::{Code, ErrorBody};
use crate::client::proxy::Proxy;
use std::time::Duration;

/// Longest piece of a foreign answer that is shown.
const MAX_SHOWN: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{url:?} is not the address of a coordinator: {reason}")]
    BadUrl { url: String, reason: String },
    #[error("cannot reach the coordinator at {url}: {reason}")]
    Unreachable {
        url: String,
        reason: String,
        /// Nothing listens there.
        refused: bool,
    },
    #[error("cannot reach the coordinator at {url} through {proxy}: {reason}")]
    ThroughProxy { url: String, proxy: Proxy, reason: String },
    /// Another protocol than that of the address answers there.
    #[error("cannot talk to {url}: this port speaks {}", if *protocol == "http" { "plain HTTP" } else { "TLS, or no HTTP at all" })]
    OtherProtocol { url: String, protocol: &'static str },
    /// 401 and 403.
    #[error("the coordinator does not allow this: {0}")]
    Unauthorized(Refusal),
    #[error("{0}")]
    NotFound(Refusal),
    #[error("{0}")]
    Conflict(Refusal),
    /// 429 and 503: the same request may pass later.
    #[error("the coordinator is not ready for this: {0}")]
    Busy(Refusal),
    #[error("the coordinator refuses this: {0}")]
    Refused(Refusal),
    /// Not an answer of a coordinator, or of one that is too new.
    #[error("cannot understand the answer about {what}: {reason}")]
    BadAnswer { what: String, reason: String },
}

/// An answer outside 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub body: ErrorBody,
    /// What the coordinator asked for.
    pub retry_after: Option<Duration>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.body.message)
    }
}

impl ClientError {
    /// The next step for a person.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BadUrl { .. } => Some("write it like http://127.0.0.1:7700".to_owned()),
            Self::Unreachable { url, .. } => Some(format!(
                "is the coordinator running at {url}? start one with `dtf coordinator`"
            )),
            Self::ThroughProxy { proxy, .. } => Some(proxy.hint()),
            Self::OtherProtocol { url, protocol } => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                Some(format!("try {protocol}://{rest}"))
            }
            Self::BadAnswer { .. } => {
                Some("does a coordinator of this version of dtf answer at that address?".to_owned())
            }
            _ => self.refusal().and_then(|refusal| refusal.body.hint.clone()),
        }
    }

    /// The coordinator's own words, when it answered.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Unauthorized(refusal)
            | Self::NotFound(refusal)
            | Self::Conflict(refusal)
            | Self::Busy(refusal)
            | Self::Refused(refusal) => Some(refusal),
            Self::BadUrl { .. }
            | Self::Unreachable { .. }
            | Self::ThroughProxy { .. }
            | Self::OtherProtocol { .. }
            | Self::BadAnswer { .. } => None,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::ThroughProxy { .. } | Self::Busy(_))
    }

    /// An answer that no coordinator gives: a page of something between.
    pub(crate) fn is_foreign(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.body.code == Code::Unknown)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.refusal().and_then(|refusal| refusal.retry_after)
    }

    /// Sorts an answer outside 2xx.
    pub(crate) fn from_answer(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let body = serde_json::from_slice(body).unwrap_or_else(|_| foreign(status, body));
        let refusal = Refusal { status, body, retry_after };
        match status {
            401 | 403 => Self::Unauthorized(refusal),
            404 => Self::NotFound(refusal),
            409 => Self::Conflict(refusal),
            429 | 503 => Self::Busy(refusal),
            _ => Self::Refused(refusal),
        }
    }
}

/// For an error page of something between, or a body that is cut.
fn foreign(status: u16, body: &[u8]) -> ErrorBody {
    let shown: String =
        String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect();
    ErrorBody { code: Code::Unknown, message: format!("status {status} {shown}"), hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted_by_status() {
        let body = br#"{"code":"conflict","message":"another body","hint":"use a new key"}"#;
        let error = ClientError::from_answer(409, None, body);
        assert!(matches!(error, ClientError::Conflict(_)));
        assert_eq!(error.to_string(), "another body");
        assert_eq!(error.hint().as_deref(), Some("use a new key"));
        assert!(ClientError::from_answer(503, None, b"").is_temporary());
        assert!(ClientError::from_answer(429, None, b"").is_temporary());
        assert!(!ClientError::from_answer(500, None, b"").is_temporary());
    }

    #[test]
    fn a_foreign_error_page_is_shown_short_and_without_control_characters() {
        let page = format!("\u{1b}[31m<html>{}", "x".repeat(10_000));
        let error = ClientError::from_answer(502, None, page.as_bytes());
        let text = error.to_string();
        assert!(text.starts_with("the coordinator refuses this: status 502 [31m<html>x"));
        assert!(text.len() < 300);
    }

    #[test]
    fn a_code_of_a_newer_coordinator_is_read() {
        let error = ClientError::from_answer(422, None, br#"{"code":"novel","message":"m"}"#);
        assert_eq!(error.refusal().map(|r| r.body.code), Some(Code::Unknown));
    }
}
