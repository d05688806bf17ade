//! Counters, and their text form for Prometheus (version 0.0.4).

use crate::domain::fact::{Fact, Next};
use crate::domain::outcome::{Class, Outcome};
use crate::scheduler::Overview;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counters since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub tests_submitted: AtomicU64,
    pub tests_finished: [AtomicU64; Outcome::ALL.len()],
    pub attempts_finished: AtomicU64,
    pub late_results: AtomicU64,
    pub leases_granted: AtomicU64,
    pub leases_overdue: AtomicU64,
    pub commits: AtomicU64,
    pub commit_nanos: AtomicU64,
    pub events: AtomicU64,
    pub requests: AtomicU64,
    pub requests_failed: AtomicU64,
    pub panics: AtomicU64,
    pub damaged_files: AtomicU64,
    pub file_searches: AtomicU64,
    pub file_searches_failed: AtomicU64,
    pub collected_files: AtomicU64,
    pub collected_bytes: AtomicU64,
    /// Compactions of the event log that failed.
    pub compactions_failed: AtomicU64,
    /// The last record that a compaction removed.
    pub log_base: AtomicU64,
    /// Number of claims that wait now.
    pub claims_open: AtomicU64,
}

/// Values that are read when the metrics are requested.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub overview: Overview,
    pub mailbox_depth: usize,
    pub log_sequence: u64,
    pub projected_sequence: u64,
    pub connections: usize,
    pub data_bytes: u64,
    /// Free space of the disk; `None` if it is not known.
    pub disk_free_bytes: Option<u64>,
    pub ready: bool,
}

impl Metrics {
    /// Counts stored facts.
    pub fn count(&self, facts: &[Fact], took: Duration) {
        self.commits.fetch_add(1, Relaxed);
        self.commit_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.events.fetch_add(facts.len() as u64, Relaxed);
        for fact in facts {
            match fact {
                Fact::TestsAdded { tests, .. } => {
                    self.tests_submitted.fetch_add(tests.len() as u64, Relaxed);
                }
                Fact::LeasesGranted { grants, .. } => {
                    self.leases_granted.fetch_add(grants.len() as u64, Relaxed);
                }
                Fact::AttemptFinished { outcome, class, next, .. } => {
                    self.attempts_finished.fetch_add(1, Relaxed);
                    if *class == Some(Class::Overdue) {
                        self.leases_overdue.fetch_add(1, Relaxed);
                    }
                    if matches!(next, Next::Done { .. }) {
                        self.finished(*outcome);
                    }
                }
                Fact::TestSkipped { .. } => self.finished(Outcome::Skipped),
                Fact::TestExpired { .. } => self.finished(Outcome::Expired),
                Fact::LateResult { .. } => {
                    self.late_results.fetch_add(1, Relaxed);
                }
                _ => {}
            }
        }
    }

    fn finished(&self, outcome: Outcome) {
        if let Some(counter) = self.tests_finished.get(outcome as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// All metrics in the text form.
    pub fn text(&self, gauges: &Gauges) -> String {
        let mut text = Exposition(String::with_capacity(4096));
        self.counters(&mut text);
        let overview = &gauges.overview;
        let states = [
            ("blocked", overview.tests_blocked),
            ("waiting", overview.tests_waiting),
            ("leased", overview.tests_leased),
        ];
        text.family("dtf_tests", "gauge", "Tests of open runs by phase.", "phase", &states);
        let workers = [
            ("active", u64::from(overview.workers_active)),
            ("draining", u64::from(overview.workers_draining)),
            ("lost", u64::from(overview.workers_lost)),
        ];
        text.family("dtf_workers", "gauge", "Workers by state.", "state", &workers);
        let gauge = |text: &mut Exposition, name, help, value| text.one(name, "gauge", help, value);
        gauge(
            &mut text,
            "dtf_runs_open",
            "Runs that have not ended.",
            u64::from(overview.runs_open),
        );
        gauge(&mut text, "dtf_classes", "Distinct requirements.", u64::from(overview.classes));
        gauge(
            &mut text,
            "dtf_mailbox_depth",
            "Requests that wait for the scheduler.",
            gauges.mailbox_depth as u64,
        );
        let claims = self.claims_open.load(Relaxed);
        gauge(&mut text, "dtf_claims_open", "Workers that wait for work.", claims);
        gauge(&mut text, "dtf_connections", "Open connections.", gauges.connections as u64);
        gauge(&mut text, "dtf_log_sequence", "Last record of the event log.", gauges.log_sequence);
        let base = self.log_base.load(Relaxed);
        gauge(&mut text, "dtf_log_base", "Last record that was removed from the event log.", base);
        gauge(
            &mut text,
            "dtf_projected_sequence",
            "Last record in the results database.",
            gauges.projected_sequence,
        );
        gauge(
            &mut text,
            "dtf_data_bytes",
            "Size of the data directory, in bytes.",
            gauges.data_bytes,
        );
        if let Some(free) = gauges.disk_free_bytes {
            let help = "Free space of the disk of the data directory, in bytes.";
            gauge(&mut text, "dtf_disk_free_bytes", help, free);
        }
        gauge(&mut text, "dtf_ready", "1 when requests are accepted.", u64::from(gauges.ready));
        text.0
    }

    fn counters(&self, text: &mut Exposition) {
        let counter = |text: &mut Exposition, name, help, value: &AtomicU64| {
            text.one(name, "counter", help, value.load(Relaxed));
        };
        counter(text, "dtf_tests_submitted_total", "Tests submitted.", &self.tests_submitted);
        let finished: Vec<(&str, u64)> = Outcome::ALL
            .into_iter()
            .zip(&self.tests_finished)
            .map(|(outcome, counter)| (outcome.name(), counter.load(Relaxed)))
            .collect();
        let help = "Tests that ended, by outcome, without tests of cancelled runs that never ran.";
        text.family("dtf_tests_finished_total", "counter", help, "outcome", &finished);
        counter(
            text,
            "dtf_attempts_finished_total",
            "Attempts that ended.",
            &self.attempts_finished,
        );
        counter(
            text,
            "dtf_late_results_total",
            "Results that arrived after their leases were lost.",
            &self.late_results,
        );
        counter(text, "dtf_leases_granted_total", "Leases granted.", &self.leases_granted);
        counter(
            text,
            "dtf_leases_overdue_total",
            "Leases that ended at their deadline without a report.",
            &self.leases_overdue,
        );
        counter(text, "dtf_log_commits_total", "Commits of the event log.", &self.commits);
        counter(text, "dtf_log_events_total", "Facts stored in the event log.", &self.events);
        counter(
            text,
            "dtf_log_compactions_failed_total",
            "Compactions of the event log that failed.",
            &self.compactions_failed,
        );
        let seconds = self.commit_nanos.load(Relaxed) as f64 / 1e9;
        text.head("dtf_log_commit_seconds_total", "counter", "Time spent in commits.");
        let _ = writeln!(text.0, "dtf_log_commit_seconds_total {seconds}");
        counter(text, "dtf_http_requests_total", "Requests answered.", &self.requests);
        counter(
            text,
            "dtf_http_requests_failed_total",
            "Requests answered with a 5xx status.",
            &self.requests_failed,
        );
        counter(text, "dtf_http_panics_total", "Requests whose handler panicked.", &self.panics);
        counter(
            text,
            "dtf_damaged_files_total",
            "Reads of stored files that were damaged.",
            &self.damaged_files,
        );
        counter(
            text,
            "dtf_file_searches_total",
            "Searches for stored files that nothing names.",
            &self.file_searches,
        );
        counter(
            text,
            "dtf_file_searches_failed_total",
            "Searches that removed nothing because something could not be read.",
            &self.file_searches_failed,
        );
        counter(
            text,
            "dtf_collected_files_total",
            "Stored files that were removed because nothing named them.",
            &self.collected_files,
        );
        counter(
            text,
            "dtf_collected_bytes_total",
            "Size of the removed files, in bytes.",
            &self.collected_bytes,
        );
    }
}

/// The text form while it is built.
struct Exposition(String);

impl Exposition {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String always succeeds.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn family(&mut self, name: &str, kind: &str, help: &str, label: &str, of: &[(&str, u64)]) {
        self.head(name, kind, help);
        for (which, value) in of {
            let which = escaped(which);
            let _ = writeln!(self.0, "{name}{{{label}=\"{which}\"}} {value}");
        }
    }
}

/// Escapes the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RunId, TestId};
    use crate::domain::time::Timestamp;

    #[test]
    fn stored_facts_are_counted() {
        let metrics = Metrics::default();
        let test = TestId { run: RunId(1), index: 0 };
        let expired = Fact::TestExpired { test, at: Timestamp(1) };
        metrics.count(&[expired], Duration::from_millis(500));
        let text = metrics.text(&Gauges { ready: true, ..Gauges::default() });
        let has = |line: &str| assert!(text.lines().any(|l| l == line), "{line} not in:\n{text}");
        has("dtf_tests_finished_total{outcome=\"expired\"} 1");
        has("dtf_tests_finished_total{outcome=\"passed\"} 0");
        has("dtf_log_commits_total 1");
        has("dtf_log_commit_seconds_total 0.5");
        has("dtf_ready 1");
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn each_family_has_one_head() {
        let text = Metrics::default().text(&Gauges::default());
        let mut heads: Vec<&str> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
        let all = heads.len();
        heads.sort_unstable();
        heads.dedup();
        assert_eq!(heads.len(), all);
    }
}
