//! The error type of the handlers, and the code of each error of the layers below.

use crate::api::error::{Code, ErrorBody, Problem};
use crate::blobs::{BlobError, is_full};
use crate::coordinator::http::auth::AuthError;
use crate::coordinator::live::LiveError;
use crate::coordinator::mailbox::MailboxError;
use crate::scheduler::{Answer, Rejected};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The reason why a request fails. It becomes an answer outside 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    code: Code,
    message: String,
    hint: Option<String>,
    problems: Vec<Problem>,
}

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, problems: Vec::new() }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The mistakes of a document. The message is that of the first one.
    pub fn problems(code: Code, mut problems: Vec<Problem>) -> Self {
        let message = match problems.first() {
            Some(Problem { path, message }) if path.is_empty() => message.clone(),
            Some(Problem { path, message }) => format!("{path}: {message}"),
            None => "the document is not acceptable".to_owned(),
        };
        if problems.len() < 2 {
            problems.clear();
        }
        Self { problems, ..Self::new(code, message) }
    }

    /// The same error between these texts.
    pub fn within(mut self, before: &str, after: &str) -> Self {
        self.message = format!("{before}{}{after}", self.message);
        self
    }

    /// Whether the sender was refused because of credentials, permissions or ownership.
    pub fn is_refusal(&self) -> bool {
        matches!(self.code, Code::Unauthorized | Code::Forbidden)
    }

    /// Whether an object was not found.
    pub fn is_not_found(&self) -> bool {
        self.code == Code::NotFound
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{what} was not found"))
    }

    /// An answer of the scheduler that does not belong to the command.
    pub fn unexpected(answer: &Answer) -> Self {
        Self::bug("internal error: the scheduler gave an unexpected answer", &format!("{answer:?}"))
    }

    /// A defect of dtf. The detail is logged and not sent to the client.
    pub fn bug(message: &'static str, detail: &str) -> Self {
        tracing::error!(detail, "{message}");
        Self::new(Code::Internal, message)
            .hint("the log of the coordinator has the details; please report this")
    }

    /// An error of the coordinator itself. Its causes are logged and not sent to the client.
    pub fn internal(message: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "{message}");
        Self::new(Code::Internal, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let Self { code, message, hint, problems } = self;
        let body = ErrorBody { code, message, hint, problems };
        let mut answer = (status, Json(body.clone())).into_response();
        // Browsers get a page with the same content.
        answer.extensions_mut().insert(body);
        let headers = answer.headers_mut();
        match code {
            Code::Busy | Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Code::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        answer
    }
}

impl From<MailboxError> for ApiError {
    fn from(failed: MailboxError) -> Self {
        match failed {
            MailboxError::Rejected(rejected) => rejected.into(),
            MailboxError::Busy => Self::new(Code::Busy, failed.to_string()),
            MailboxError::Stopping => Self::new(Code::Unavailable, failed.to_string()),
            MailboxError::NotStored => Self::new(Code::Unavailable, failed.to_string()).hint(
                "the log of the coordinator has the reason; nothing of this request was stored",
            ),
        }
    }
}

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        let (code, hint) = match &rejected {
            Rejected::UnknownWorker(_) => (Code::NotFound, Some("register first")),
            Rejected::WorkerGone(_) => (Code::Conflict, Some("start the worker again")),
            Rejected::OtherIncarnation(_) => (
                Code::Conflict,
                Some("if the work directory was copied, give each worker its own with --work-dir"),
            ),
            Rejected::IdentityInUse { .. } => {
                (Code::Conflict, Some("give this worker its own work directory with --work-dir"))
            }
            Rejected::UnknownRun(_) => (Code::NotFound, Some("`dtf status` lists the runs")),
            Rejected::RunClosed(_)
            | Rejected::PartOutOfOrder { .. }
            | Rejected::PartReused { .. } => (Code::Conflict, None),
            Rejected::TemplatesChanged => (Code::Conflict, Some("try again")),
            Rejected::KeyReused(_) => {
                (Code::Conflict, Some("use a new Idempotency-Key for another submission"))
            }
            Rejected::Implausible(_)
            | Rejected::ImplausibleWeights(_)
            | Rejected::ImplausibleCalibration(_)
            | Rejected::DuplicateName(_)
            | Rejected::BadName(_)
            | Rejected::UnknownDependency { .. }
            | Rejected::Cycle(_)
            | Rejected::TooMany { .. }
            | Rejected::BadMark(_)
            | Rejected::NothingAccepted
            | Rejected::Empty => (Code::Unprocessable, None),
            Rejected::Quarantined(_) => {
                (Code::Conflict, Some("remove it first to change its reason or its duration"))
            }
            Rejected::UnknownQuarantine(_) => {
                (Code::NotFound, Some("`dtf results quarantine list` lists them"))
            }
            Rejected::UnknownAcceptance(_) => {
                (Code::NotFound, Some("`dtf results accept --list` lists them"))
            }
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(code, rejected.to_string()) }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::Damaged { path } => {
                tracing::error!(path = %path.display(), "a stored file is damaged; the next upload of the same content replaces it");
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Self::new(Code::Damaged, format!("the file {name} is damaged on the coordinator"))
                    .hint("submit the plan again, or upload the file again, which replaces it")
            }
            BlobError::Full { .. } => {
                Self::new(Code::StorageFull, "the disk of the coordinator is full")
                    .hint("free disk space on the coordinator, then try again")
            }
            BlobError::TooLarge { .. } => Self::new(Code::TooLarge, error.to_string()),
            BlobError::Mismatch { .. } => Self::new(Code::Unprocessable, error.to_string()),
            BlobError::OtherIdentity { .. }
            | BlobError::InvalidIdentity { .. }
            | BlobError::Io { .. } => Self::internal("the storage of files cannot be used", &error),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let (code, hint) = match error {
            AuthError::NoToken => {
                (Code::Unauthorized, "name a file with the token: --token-file or DTF_TOKEN_FILE")
            }
            AuthError::UnknownToken => {
                (Code::Unauthorized, "add the token to the token file of the coordinator")
            }
            AuthError::ForeignPage => (
                Code::Forbidden,
                "start the coordinator with --token-file to use it from elsewhere",
            ),
            AuthError::ForeignForm => {
                (Code::Forbidden, "load the page again, then repeat the action there")
            }
        };
        Self::new(code, error.to_string()).hint(hint)
    }
}

impl From<LiveError> for ApiError {
    fn from(error: LiveError) -> Self {
        match &error {
            LiveError::Stale(_) | LiveError::Gap { .. } => {
                Self::new(Code::Conflict, error.to_string())
            }
            LiveError::TooMany => Self::new(Code::Busy, error.to_string()),
            LiveError::Io { source, .. } if is_full(source) => {
                Self::new(Code::StorageFull, "the disk of the coordinator is full")
            }
            LiveError::Io { .. } => Self::internal("the output cannot be stored", &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;

    #[test]
    fn the_status_follows_the_code_and_busy_has_a_time() {
        let answer = ApiError::from(MailboxError::Busy).into_response();
        assert_eq!(answer.status(), 429);
        assert_eq!(
            answer.headers().get("retry-after").map(reqwest::header::HeaderValue::as_bytes),
            Some(&b"1"[..])
        );
        let answer = ApiError::from(Rejected::UnknownRun(RunId(3))).into_response();
        assert_eq!(answer.status(), 404);
        assert_eq!(ApiError::from(MailboxError::NotStored).into_response().status(), 503);
        assert_eq!(ApiError::from(AuthError::NoToken).into_response().status(), 401);
    }
}
