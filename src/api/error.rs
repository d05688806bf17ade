//! Errors of the API: one shape, and the HTTP status of each code.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of every answer outside 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub code: Code,
    /// A description of the error that names the field, file or object.
    pub message: String,
    /// The suggested next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Every mistake of a document, at most 100, if it has several. `message` is about the first one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub problems: Vec<Problem>,
}

/// A mistake in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The field.
    #[schema(example = "tests[3].launch")]
    pub path: String,
    pub message: String,
}

/// Maximum number of mistakes of one answer.
pub const MAX_PROBLEMS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    /// The request contradicts the stored state: another body under the same key, a stale lease.
    Conflict,
    TooLarge,
    /// The request was read, but is not acceptable: a cycle, a duplicate name, an implausible size.
    Unprocessable,
    /// The report of a result names a file that is not stored, or is damaged. Upload it, and report again.
    MissingFile,
    /// The files of a run exceed the quota of the coordinator.
    QuotaExceeded,
    /// A queue is full. Try again later.
    Busy,
    /// The event log cannot be written, or the coordinator is stopping.
    Unavailable,
    /// The disk of the coordinator is full or nearly full, or its data directory has reached its
    /// maximum size. Nothing was stored. Try again later.
    StorageFull,
    /// A stored file does not match its digest. The next upload replaces it.
    Damaged,
    Internal,
    /// A code of a newer coordinator.
    #[serde(other)]
    Unknown,
}

impl Code {
    /// The HTTP status of answers with this code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Code::BadRequest => 400,
            Code::Unauthorized => 401,
            Code::Forbidden => 403,
            Code::NotFound => 404,
            Code::Conflict => 409,
            Code::TooLarge | Code::QuotaExceeded => 413,
            Code::Unprocessable | Code::MissingFile => 422,
            Code::Busy => 429,
            Code::Unavailable => 503,
            Code::Internal | Code::Damaged | Code::Unknown => 500,
            Code::StorageFull => 507,
        }
    }
}
