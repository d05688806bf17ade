//! Errors on the wire: one shape, and the table of code and status.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of every answer outside 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub code: Code,
    /// What is wrong and where.
    pub message: String,
    /// The next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    /// The request contradicts what is stored: another body under the same key, a stale lease.
    Conflict,
    TooLarge,
    /// Understood, but not acceptable: a cycle, a duplicate name, an implausible size.
    Unprocessable,
    /// A queue is full; try again later.
    Busy,
    /// The log cannot be written, or the coordinator is stopping.
    Unavailable,
    Internal,
    /// A code of a newer coordinator.
    #[serde(other)]
    Unknown,
}

impl Code {
    /// HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Code::BadRequest => 400,
            Code::Unauthorized => 401,
            Code::Forbidden => 403,
            Code::NotFound => 404,
            Code::Conflict => 409,
            Code::TooLarge => 413,
            Code::Unprocessable => 422,
            Code::Busy => 429,
            Code::Unavailable => 503,
            Code::Internal | Code::Unknown => 500,
        }
    }
}
