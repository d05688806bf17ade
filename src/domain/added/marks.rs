//! Marks that people set on results: quarantines of tests, and acceptances of changes.
//!
//! A quarantine takes the tests that it matches out of the verdict of their runs until it expires. An
//! acceptance states that a change of a series is known and intended: the results from its run on are
//! compared among each other. This module defines the values and the limits.

use crate::domain::access::Subject;
use crate::domain::name;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::test::MAX_NAME_BYTES;
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Maximum number of quarantines in force.
pub const MAX_QUARANTINES: usize = 1_000;
/// Maximum length of a reason, in bytes.
pub const MAX_REASON_BYTES: usize = 1_000;
/// Maximum length of the name of a worker, a back-end or a metric in a mark, in bytes.
pub const MAX_WORD_BYTES: usize = 128;
/// Duration of a quarantine for which none is given.
pub const DEFAULT_QUARANTINE: Millis = Millis::from_secs(14 * 86_400);
/// Maximum duration of a quarantine. A longer one needs a new decision by then.
pub const MAX_QUARANTINE: Millis = Millis::from_secs(90 * 86_400);
/// Maximum number of series of one acceptance.
pub const MAX_ACCEPTED_SERIES: usize = 10_000;

/// The tests that a quarantine covers. Conditions are joined by "and".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Name of the tests, in which `*` represents any text and `?` any character.
    pub pattern: Box<str>,
    /// Name or id of the worker; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<Box<str>>,
    /// Name of the back-end; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Box<str>>,
}

/// A quarantine that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    pub covered: Covered,
    pub reason: Box<str>,
    pub by: Subject,
    pub added: Timestamp,
    /// A test that ends at this time or later is not covered.
    pub expires: Timestamp,
}

/// A series whose change is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedSeries {
    pub case: CaseId,
    pub series: SeriesId,
    /// Name of the metric; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Box<str>>,
}

/// Why a mark is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MarkError(String);

/// Accepts a reason: one line of text.
///
/// # Errors
/// It is empty, too long, or contains a control character.
pub fn check_reason(reason: &str) -> Result<(), MarkError> {
    if reason.trim().is_empty() {
        return Err(MarkError("the reason is empty".to_owned()));
    }
    check("the reason", reason, MAX_REASON_BYTES)
}

impl Covered {
    /// Accepts conditions that can match a test.
    ///
    /// # Errors
    /// A condition is empty, too long, or contains a control character.
    pub fn check(&self) -> Result<(), MarkError> {
        check("the pattern of the names", &self.pattern, MAX_NAME_BYTES)?;
        for (what, word) in
            [("the name of the worker", &self.worker), ("the name of the back-end", &self.backend)]
        {
            word.as_deref().map_or(Ok(()), |word| check(what, word, MAX_WORD_BYTES))?;
        }
        Ok(())
    }
}

/// Accepts the duration of a quarantine.
///
/// # Errors
/// It is zero, or longer than [`MAX_QUARANTINE`].
pub fn check_duration(duration: Millis) -> Result<(), MarkError> {
    let days = |span: Millis| span.0.div_ceil(86_400_000);
    match duration {
        Millis(0) => Err(MarkError("the duration of a quarantine is zero".to_owned())),
        duration if duration > MAX_QUARANTINE => Err(MarkError(format!(
            "the duration of a quarantine is too long ({} days, maximum {})",
            days(duration),
            days(MAX_QUARANTINE)
        ))),
        _ => Ok(()),
    }
}

impl AcceptedSeries {
    /// Accepts the name of a metric.
    ///
    /// # Errors
    /// It is empty, too long, or contains a control character.
    pub fn check(&self) -> Result<(), MarkError> {
        let metric = self.metric.as_deref();
        metric.map_or(Ok(()), |metric| check("the name of the metric", metric, MAX_WORD_BYTES))
    }
}

fn check(what: &str, text: &str, max_bytes: usize) -> Result<(), MarkError> {
    name::check(text, max_bytes).map_err(|error| MarkError(format!("{what} {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(pattern: &str, worker: Option<&str>) -> Covered {
        Covered { pattern: pattern.into(), worker: worker.map(Into::into), backend: None }
    }

    #[test]
    fn marks_without_a_meaning_are_refused() {
        let refused = |covered: Covered| covered.check().expect_err("refused").to_string();
        assert_eq!(covered("bert/*", Some("rig7")).check(), Ok(()));
        assert_eq!(refused(covered("", None)), "the pattern of the names is empty");
        assert_eq!(refused(covered("*", Some(""))), "the name of the worker is empty");
        assert_eq!(
            refused(covered("a\nb", None)),
            "the pattern of the names contains a control character"
        );
        assert_eq!(check_reason(" ").expect_err("empty").to_string(), "the reason is empty");
        assert_eq!(check_reason("flakes since the new driver, #12"), Ok(()));
        assert!(check_reason(&"x".repeat(MAX_REASON_BYTES + 1)).is_err());
    }

    #[test]
    fn a_quarantine_ends() {
        assert_eq!(check_duration(DEFAULT_QUARANTINE), Ok(()));
        assert_eq!(check_duration(MAX_QUARANTINE), Ok(()));
        let long = check_duration(Millis(MAX_QUARANTINE.0 + 1)).expect_err("too long");
        assert_eq!(
            long.to_string(),
            "the duration of a quarantine is too long (91 days, maximum 90)"
        );
        assert!(check_duration(Millis(0)).is_err());
    }
}
