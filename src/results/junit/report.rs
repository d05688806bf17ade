//! The contents of a JUnit file, and the errors of files without usable contents.
//!
//! Limits: [`MAX_FAILED`] names of [`MAX_NAME_BYTES`] each, one reason of [`MAX_REASON_BYTES`].

use crate::api::v1::test_views::JunitSummary;

/// Maximum size of a file, in bytes.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Maximum number of failed cases that are named.
pub const MAX_FAILED: usize = 100;
pub const MAX_NAME_BYTES: usize = 512;
pub const MAX_REASON_BYTES: usize = 512;

/// Reasons for which a file has no usable contents. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    #[error("the JUnit file {0} was not written")]
    Missing(String),
    #[error("the JUnit file {0} was not written: it is still the one shipped with the test")]
    Shipped(String),
    #[error("the JUnit file {0} is too large (maximum {MAX_FILE_BYTES} bytes)")]
    TooLarge(String),
    #[error("cannot read the JUnit file {0}: {1}")]
    Unreadable(String, String),
}

/// The contents of a JUnit file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseReport {
    /// Path of the file, as the plan gives it.
    pub file: String,
    pub summary: JunitSummary,
    /// Number of cases that ran. An expected failure of pytest ran, although the file reports it as
    /// skipped.
    pub ran: u32,
    /// A sentence about an error or failure of a suite that no case shows.
    pub beyond: Option<String>,
    /// A sentence about a suite that announces more cases than it has.
    pub missing: Option<String>,
    /// Reason for which the first case was skipped, or for which the first flaky case had failed
    /// before.
    pub note: String,
    /// Error output of a suite without cases.
    pub printed: String,
}

/// A count with its noun: `1 case`, `2 cases`.
#[must_use]
pub fn plural(count: u32, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
