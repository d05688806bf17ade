//! Tests and their attempts.
//!
//! `GET /api/v1/tests?run=&outcome=&phase=&name=&cursor=&limit=`, `GET /api/v1/tests/{test}`,
//! `GET /api/v1/tests/{test}/why`, `GET /api/v1/tests/{test}/spec`, `GET /api/v1/attempts?run=&worker=&outcome=&cursor=&limit=`,
//! `GET /api/v1/attempts/{attempt}`.

use crate::api::schema;
use crate::api::v1::marks::QuarantineRef;
use crate::domain::findings::FirstDifference;
use crate::domain::id::{AttemptId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::requirement::Lacks;
use crate::domain::test::{Phase, TestSpec};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestView {
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    pub name: String,
    #[schema(value_type = schema::Phase)]
    pub phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Class>)]
    pub class: Option<Class>,
    #[serde(default)]
    pub flaky: bool,
    /// Number of attempts so far.
    pub attempts: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub finished_at: Option<Timestamp>,
    pub labels: BTreeMap<String, String>,
    /// The quarantine because of which the test does not count in the verdict of its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<QuarantineRef>,
}

impl TestView {
    /// Describes how the test ended, in one sentence. `None` while it has not ended. `earlier` are
    /// the attempts before the last one.
    #[must_use]
    pub fn ending(&self, earlier: &[AttemptView]) -> Option<String> {
        let mut text = format!("done: {}", self.outcome?.words());
        if let Some(class) = self.class {
            text.push_str(&format!(" ({})", class.words()));
        }
        if self.attempts > 1 {
            text.push_str(&format!(" on attempt {0} of {0}", self.attempts));
        }
        if self.flaky {
            text.push_str(", so it is flaky");
        }
        if let Some(message) = self.message.as_deref().filter(|message| !message.is_empty()) {
            text.push_str(&format!(": {message}"));
        }
        if let Some(known) = &self.quarantined {
            text.push_str(&format!("; in quarantine {}: {}", known.quarantine, known.reason));
        }
        for attempt in earlier {
            text.push_str(&format!("; {}", attempt.ending()));
        }
        Some(text)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    #[schema(value_type = schema::AttemptId)]
    pub attempt: AttemptId,
    pub name: String,
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub worker_name: String,
    #[schema(value_type = schema::Outcome)]
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Class>)]
    pub class: Option<Class>,
    #[schema(value_type = u64)]
    pub duration_ms: Millis,
    #[schema(value_type = u64)]
    pub finished_at: Timestamp,
    /// The part of the detail that the coordinator could not store, and the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub detail: AttemptDetail,
}

impl AttemptView {
    /// Describes how the attempt ended, e.g. `attempt 1: failed: exit code 3` or
    /// `attempt 1: worker b was lost: the worker sent no heartbeat for 31 s`.
    #[must_use]
    pub fn ending(&self) -> String {
        let number = self.attempt.number;
        match (self.outcome, &*self.detail.message) {
            (Outcome::WorkerLost, "") => {
                format!("attempt {number}: worker {} was lost", self.worker_name)
            }
            (Outcome::WorkerLost, message) => {
                format!("attempt {number}: worker {} was lost: {message}", self.worker_name)
            }
            (outcome, "") => format!("attempt {number}: {}", outcome.words()),
            (outcome, message) => format!("attempt {number}: {}: {message}", outcome.words()),
        }
    }
}

/// Details of an attempt, as the worker reported them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AttemptDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Signal that ended the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// One line for people that explains the outcome.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// How the attempt was started: `warm` or `cold`; empty for plain commands.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub isolation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub cpu_ms: Option<Millis>,
    /// Time from the grant of the lease to the start of the program, for files and environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub set_up_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Versions and devices: the `environment` line of the script, completed by the worker.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub environment: serde_json::Map<String, serde_json::Value>,
    /// The `result` line of the script.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub result: serde_json::Map<String, serde_json::Value>,
    /// Counts of the cases of a JUnit file, and the names of the failed cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub junit: Option<JunitSummary>,
    /// Devices that the attempt held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// Output of at most 4096 bytes. Longer output is a blob, see `log`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The blob with the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogRef>,
    /// Files that the attempt leaves for dependent tests. If it failed: those that it wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
}

/// A file that a test leaves for dependent tests, stored as a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    /// Path below the directory of the attempt.
    pub name: String,
    pub sha256: String,
    pub size_bytes: u64,
    /// Whether the file can be started as a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// The output of an attempt, stored as a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogRef {
    pub sha256: String,
    pub size_bytes: u64,
    /// Number of bytes that the program wrote. It exceeds `size_bytes` if the middle was cut out.
    pub written_bytes: u64,
}

/// A phase of a test script, such as the loading of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhaseRecord {
    pub name: String,
    /// Duration. Absent if the phase began and did not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// The values of a metric that a test measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    pub name: String,
    pub unit: String,
    pub better: Better,
    /// Number of CPU threads, if the script reported it for this metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// The raw values. All of them are finite.
    pub values: Vec<f64>,
}

/// The direction in which a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Lower,
    Higher,
}

/// A check of a test, such as the comparison with a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    pub name: String,
    pub passed: bool,
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
    #[serde(default)]
    pub tolerance: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Counts of the cases of a JUnit file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JunitSummary {
    pub tests: u32,
    pub failures: u32,
    pub errors: u32,
    pub skipped: u32,
    /// Cases that passed only when they were run again. They count as passed.
    #[serde(default)]
    pub flaky: u32,
    /// Names of the failed cases, at most 100.
    pub failed: Vec<String>,
    /// Why the first of them failed, in one line. Empty if the file does not state it.
    #[serde(default)]
    pub reason: String,
}

impl JunitSummary {
    /// Number of cases that failed or ended in an error.
    #[must_use]
    pub fn broken(&self) -> u32 {
        self.failures.saturating_add(self.errors)
    }

    /// Number of cases that passed.
    #[must_use]
    pub fn passed(&self) -> u32 {
        self.tests.saturating_sub(self.broken()).saturating_sub(self.skipped)
    }
}

/// Explanation of the state of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    pub schema: u32,
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    pub name: String,
    #[schema(value_type = schema::Phase)]
    pub phase: Phase,
    /// The explanation in one sentence.
    pub summary: String,
    /// Origin of the weights of the last attempt, as it reported it: `folder`, `hub`, `cache`, `path`,
    /// `url` or `random`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Identity of these weights: `sha256:DIGEST` or `MODEL@COMMIT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_id: Option<String>,
    /// Changes of its model that the last attempt would not notice, as it reported them. Empty if it
    /// would notice all that were tried; absent if it did not report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_not_notice: Option<Vec<String>>,
    /// The first module, in the order of execution, whose output differs more than it may, as the last
    /// attempt reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::FirstDifference>)]
    pub first_differs: Option<FirstDifference>,
    /// For a failed test that dtf generated: the command that runs it again where it failed, with the
    /// same weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "dtf debug r12.t3")]
    pub reproduce: Option<String>,
    /// Versions of the packages that the test requires, as the last attempt reported them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, String>,
    /// For a test that has ended: the conditions of its measurements, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
    /// Dependencies that have not ended, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::TestId>)]
    pub blocked_by: Vec<TestId>,
    /// For a waiting test: the workers, at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WhyWorker>,
}

/// Whether a worker can run a waiting test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyWorker {
    #[schema(value_type = schema::WorkerId)]
    pub worker: WorkerId,
    pub name: String,
    /// The unmet requirements. Absent if the worker can run the test, but is busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Lacks>)]
    pub lacks: Option<Lacks>,
    /// Whether the worker has the weights of the test. Absent if the test needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_weights: Option<bool>,
    /// A description of what the worker lacks, or has.
    pub explanation: String,
}

/// The specification of a test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SpecView {
    pub schema: u32,
    #[schema(value_type = schema::TestId)]
    pub test: TestId,
    /// The test as it was submitted.
    #[schema(value_type = schema::TestSpec)]
    pub spec: Arc<TestSpec>,
}

/// Query of the list of tests. Conditions are joined by "and".
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TestQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::Phase>)]
    pub phase: Option<Phase>,
    /// Part of the name. Case is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `next` of the previous page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::TestId>)]
    pub cursor: Option<String>,
    /// Maximum number of entries of the page; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 10_000)]
    pub limit: Option<u32>,
}

/// Query of the list of attempts. Conditions are joined by "and".
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AttemptQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::TestId>)]
    pub test: Option<TestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::WorkerId>)]
    pub worker: Option<WorkerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::Outcome>)]
    pub outcome: Option<Outcome>,
    /// `next` of the previous page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::AttemptId>)]
    pub cursor: Option<String>,
    /// Maximum number of entries of the page; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 10_000)]
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_names_the_worker_that_was_lost() {
        let ending = |outcome: &str, message: &str| {
            let view: AttemptView = serde_json::from_value(serde_json::json!({
                "attempt": "r1.t0.a1", "name": "t", "worker": "w1", "worker_name": "rig7",
                "outcome": outcome, "duration_ms": 5, "finished_at": 9,
                "detail": { "message": message },
            }))
            .expect("an attempt");
            view.ending()
        };
        let lost = "attempt 1: worker rig7 was lost";
        assert_eq!(ending("worker_lost", ""), lost);
        let why = "the worker sent no heartbeat for 31 s";
        assert_eq!(ending("worker_lost", why), format!("{lost}: {why}"));
        assert_eq!(ending("failed", "exit code 3"), "attempt 1: failed: exit code 3");
    }
}
