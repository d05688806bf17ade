//! The result of an attempt, as it is spooled and reported.
//!
//! Limit: details of more than [`MAX_DETAIL_BYTES`] lose what makes them large, the message last.

use crate::api::v1::leases::{MAX_DETAIL_BYTES, Report};
use crate::api::v1::test_views::{Artifact, AttemptDetail};
use crate::domain::findings::{FIRST_DIFFERS, WOULD_NOT_NOTICE};
use crate::domain::id::LeaseId;
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::worker::verdict::Verdict;
use serde_json::value::RawValue;

/// Maximum number of checks that remain in details that are too large.
const MAX_REDUCED_CHECKS: usize = 100;
/// Maximum length of the reason why details were refused, in characters.
const MAX_REASON_CHARS: usize = 1000;

/// The result of an attempt.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct AttemptResult {
    pub report: Report,
    /// SHA-256 of the output and artifacts in the spool, which are sent before the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<String>,
}

impl AttemptResult {
    /// A result without details.
    #[must_use]
    pub fn new(lease: LeaseId, outcome: Outcome) -> Self {
        let (class, flaky, duration_ms) = (None, false, Millis(0));
        let report = Report { lease, outcome, class, flaky, duration_ms, detail: None };
        Self { report, blobs: Vec::new() }
    }

    /// A result of which only the verdict is known.
    #[must_use]
    pub fn from_verdict(lease: LeaseId, verdict: &Verdict) -> Self {
        let detail = AttemptDetail { message: verdict.message.clone(), ..AttemptDetail::default() };
        let Self { report, blobs } = Self::new(lease, verdict.outcome);
        let report = Report { class: verdict.class, detail: Some(encode(detail)), ..report };
        Self { report, blobs }
    }

    /// Drops the files for which there is a reason, and notes it in the message. Of a dropped output, the
    /// coordinator keeps what it received while the test ran, since the report contains no output.
    /// Details that cannot be read are dropped, since they may name such a file.
    pub fn drop_files<'a>(&mut self, reason: impl Fn(&str) -> Option<&'a str>) {
        self.blobs.retain(|sha256| reason(sha256).is_none());
        let Some(raw) = &self.report.detail else { return };
        let Ok(mut detail) = serde_json::from_str::<AttemptDetail>(raw.get()) else {
            self.drop_detail("they cannot be read");
            return;
        };
        let mut notes = Vec::new();
        detail.artifacts.retain(|Artifact { name, sha256, .. }| match reason(sha256) {
            Some(reason) => {
                notes.push(format!("the artifact {name:?} is not stored: {reason}"));
                false
            }
            None => true,
        });
        let log = detail.log.take_if(|log| reason(&log.sha256).is_some());
        if let Some(log) = log {
            let why = reason(&log.sha256).unwrap_or_default();
            notes
                .push(format!("the output is not stored; its beginning is kept for 7 days: {why}"));
        }
        if notes.is_empty() {
            return;
        }
        if !detail.message.is_empty() {
            notes.insert(0, std::mem::take(&mut detail.message));
        }
        detail.message = notes.join("; ");
        self.report.detail = Some(encode(detail));
    }

    /// Drops the details, so that at least the outcome can be reported. The message of the result has the
    /// reason.
    pub fn drop_detail(&mut self, reason: &str) {
        let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
        let message = format!("the coordinator refused the details of this result: {reason}");
        self.report.detail = Some(encode(AttemptDetail { message, ..AttemptDetail::default() }));
    }
}

/// The details as JSON. Details that are too large lose first what a script can make large (the findings
/// have limits and remain), then everything but the message.
#[must_use]
pub fn encode(mut detail: AttemptDetail) -> Box<RawValue> {
    if let Some(raw) = encode_within_limit(&detail) {
        return raw;
    }
    detail.metrics.clear();
    detail.checks.truncate(MAX_REDUCED_CHECKS);
    detail.environment.clear();
    detail.result.retain(|name, _| [WOULD_NOT_NOTICE, FIRST_DIFFERS].contains(&name.as_str()));
    detail.output.clear();
    detail.message.push_str(" (the details were too large and are left out)");
    let message = detail.message.clone();
    encode_within_limit(&detail)
        .or_else(|| encode_within_limit(&AttemptDetail { message, ..AttemptDetail::default() }))
        .unwrap_or_else(|| RawValue::NULL.to_owned())
}

fn encode_within_limit(detail: &AttemptDetail) -> Option<Box<RawValue>> {
    let raw = serde_json::value::to_raw_value(detail).ok()?;
    (raw.get().len() <= MAX_DETAIL_BYTES).then_some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::test_views::PhaseRecord;
    use crate::domain::id::{Epoch, RunId, TestId};

    #[test]
    fn details_that_cannot_be_read_do_not_name_a_dropped_file_again() {
        let attempt = TestId { run: RunId(1), index: 0 }.attempt(1);
        let mut result = AttemptResult::new(LeaseId { attempt, epoch: Epoch(1) }, Outcome::Passed);
        let text = r#"{"log":{"sha256":"abc"},"devices":7}"#;
        result.report.detail = RawValue::from_string(text.to_owned()).ok();
        result.blobs = vec!["abc".to_owned()];
        result.drop_files(|_| Some("not stored"));
        let detail = result.report.detail.expect("a detail");
        assert!(result.blobs.is_empty() && !detail.get().contains("abc"), "{detail}");
        assert!(detail.get().contains("details of this result: they cannot be read"), "{detail}");
    }

    #[test]
    fn details_that_are_too_large_keep_their_message() {
        let phase = PhaseRecord { name: "x".repeat(2_000), seconds: None };
        let detail = AttemptDetail {
            message: "why".to_owned(),
            phases: vec![phase; 1_000],
            ..AttemptDetail::default()
        };
        assert!(encode_within_limit(&detail).is_none());
        let sent: AttemptDetail = serde_json::from_str(encode(detail).get()).expect("a detail");
        assert!(sent.phases.is_empty());
        assert!(sent.message.starts_with("why (the details were too large"), "{}", sent.message);
    }

    #[test]
    fn details_that_are_too_large_keep_their_findings() {
        let result = serde_json::json!({
            "outcome": "passed", "would_not_notice": ["scale dropped"], "more": "x".repeat(2_000_000),
        });
        let result = result.as_object().cloned().expect("an object");
        let detail = AttemptDetail { result, ..AttemptDetail::default() };
        let sent: AttemptDetail = serde_json::from_str(encode(detail).get()).expect("a detail");
        let kept = serde_json::json!({"would_not_notice": ["scale dropped"]});
        assert_eq!(serde_json::json!(sent.result), kept);
    }
}
