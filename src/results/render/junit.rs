//! The report as JUnit XML: one suite for each model, flat, as CI systems read it.
//!
//! A `failure` is a verdict of the test; an `error` is a crash, a time limit or the infrastructure. A
//! test that passed after a failed attempt has a `flakyFailure` for that attempt. A test that failed
//! several times has its first attempt as `failure` and the others as `rerunFailure`. A failed test in
//! quarantine is skipped, with the reason.
//! Limits: [`MAX_CASES`] tests in a file, [`MAX_OUTPUT_BYTES`] of output for a test, and
//! [`MAX_OUTPUTS_BYTES`] for all. Promises: names are unique in a file; every count, name and time is
//! present; output is only that of tests that did not pass.

use super::escape::{ends, xml};
use super::report::Report;
use super::words::{instant, plain};
use crate::api::v1::reports::{EarlierAttempt, ReportRow};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Maximum number of tests in one file. Larger reports have several files.
pub const MAX_CASES: usize = 10_000;
/// Maximum size of the output of one test, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// Maximum size of all outputs of a file, in bytes. GitLab refuses files of more than 30 MB.
const MAX_OUTPUTS_BYTES: usize = 20 * 1024 * 1024;
/// Maximum number of characters of a message in an attribute.
const MAX_MESSAGE: usize = 1_000;
/// Maximum number of characters of a name.
const MAX_NAME: usize = 1_024;

/// The dialect of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// With the properties of tests and the times of attempts.
    #[default]
    Common,
    /// Only what the schema of Jenkins allows.
    JenkinsStrict,
}

/// Renders a report as JUnit XML, in files of at most [`MAX_CASES`] tests. There is at least one file.
#[must_use]
pub fn junit(report: &Report, dialect: Dialect) -> Vec<String> {
    let rows = &report.view.rows;
    let shards: Vec<&[ReportRow]> =
        if rows.is_empty() { vec![&[]] } else { rows.chunks(MAX_CASES).collect() };
    let file = |rows: &&[ReportRow]| File { report, dialect, rows }.render();
    shards.iter().map(file).collect()
}

struct File<'a> {
    report: &'a Report,
    dialect: Dialect,
    rows: &'a [ReportRow],
}

/// A test with its unique name.
struct Case<'a> {
    row: &'a ReportRow,
    name: String,
}

/// How a test or an attempt counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Failure,
    Error,
    Skipped,
}

/// How a test counts. A test in quarantine never fails its suite.
fn kind_of(row: &ReportRow) -> Kind {
    match (kind(row.outcome), &row.quarantined) {
        (Kind::Failure | Kind::Error, Some(_)) => Kind::Skipped,
        (kind, _) => kind,
    }
}

fn kind(outcome: Option<Outcome>) -> Kind {
    match outcome {
        Some(Outcome::Passed) => Kind::Passed,
        Some(Outcome::Failed | Outcome::ReducedPrecision) => Kind::Failure,
        Some(
            Outcome::Error
            | Outcome::TimedOut
            | Outcome::WorkerLost
            | Outcome::Expired
            | Outcome::Cancelled,
        ) => Kind::Error,
        Some(Outcome::Skipped) | None => Kind::Skipped,
    }
}

impl File<'_> {
    fn render(&self) -> String {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 1);
        self.write(&mut writer).expect("writing to memory does not fail");
        let mut text = String::from_utf8(writer.into_inner()).expect("the writer writes UTF-8");
        text.push('\n');
        text
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let rows: Vec<&ReportRow> = self.rows.iter().collect();
        let mut top = BytesStart::new("testsuites");
        top.push_attribute(("name", "dtf"));
        counts(&mut top, &rows, self.dialect == Dialect::Common);
        writer.write_event(Event::Start(top))?;
        for (id, (name, cases)) in self.suites().iter().enumerate() {
            self.suite(writer, id, name, cases)?;
        }
        writer.write_event(Event::End(BytesEnd::new("testsuites")))
    }

    /// The tests by their suites: the model, or `tests`, with the run if the report has several.
    fn suites(&self) -> BTreeMap<String, Vec<Case<'_>>> {
        let several = self.report.view.runs.len() > 1;
        let mut suites: BTreeMap<String, Vec<Case<'_>>> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for row in self.rows {
            let model = row.labels.get("model").map_or("tests", String::as_str);
            let model = plain(model, MAX_NAME);
            let suite = if several { format!("{} {model}", row.test.run) } else { model };
            let mut name = plain(&row.name, MAX_NAME);
            // A test may have the name that another one gets here.
            while !taken.insert((suite.clone(), name.clone())) {
                name = format!("{name} ({})", row.test);
            }
            suites.entry(suite).or_default().push(Case { row, name });
        }
        suites
    }

    fn suite(
        &self,
        writer: &mut Writer<Vec<u8>>,
        id: usize,
        name: &str,
        cases: &[Case<'_>],
    ) -> io::Result<()> {
        let rows: Vec<&ReportRow> = cases.iter().map(|case| case.row).collect();
        let mut start = BytesStart::new("testsuite");
        start.push_attribute(("name", &*xml(name)));
        counts(&mut start, &rows, true);
        let begins = rows.iter().filter_map(|row| {
            Some(row.finished_at?.0.saturating_sub(row.duration_ms.map_or(0, |span| span.0)))
        });
        let begin = begins.min().map(crate::domain::time::Timestamp).and_then(instant);
        if let Some(begin) = begin {
            start.push_attribute(("timestamp", &*begin.strftime("%Y-%m-%dT%H:%M:%S").to_string()));
        }
        let workers: BTreeSet<&str> = rows.iter().filter_map(|row| row.worker.as_deref()).collect();
        if let (Some(worker), 1) = (workers.first(), workers.len()) {
            start.push_attribute(("hostname", &*xml(&plain(worker, MAX_NAME))));
        }
        start.push_attribute(("id", &*id.to_string()));
        writer.write_event(Event::Start(start))?;
        let runs: BTreeSet<String> = rows.iter().map(|row| row.test.run.to_string()).collect();
        let runs: Vec<String> = runs.into_iter().collect();
        properties(writer, &[("dtf.run", runs.join(","))])?;
        for case in cases {
            self.case(writer, name, case)?;
        }
        writer.write_event(Event::End(BytesEnd::new("testsuite")))
    }

    fn case(&self, writer: &mut Writer<Vec<u8>>, suite: &str, case: &Case<'_>) -> io::Result<()> {
        let row = case.row;
        let mut start = BytesStart::new("testcase");
        start.push_attribute(("name", &*xml(&case.name)));
        start.push_attribute(("classname", &*xml(suite)));
        start.push_attribute(("time", &*seconds(row.duration_ms.unwrap_or(Millis(0)))));
        writer.write_event(Event::Start(start))?;
        if self.dialect == Dialect::Common {
            properties(writer, &about(row))?;
        }
        self.verdict(writer, row)?;
        let output = self.report.outputs.get(&row.test).filter(|output| !output.is_empty());
        if let Some(output) = output.filter(|_| kind_of(row) != Kind::Passed) {
            let budget = MAX_OUTPUTS_BYTES / self.report.outputs.len().max(1);
            element(writer, "system-out", &ends(output, budget.min(MAX_OUTPUT_BYTES)))?;
        }
        writer.write_event(Event::End(BytesEnd::new("testcase")))
    }

    /// The elements for how the test and its attempts ended.
    fn verdict(&self, writer: &mut Writer<Vec<u8>>, row: &ReportRow) -> io::Result<()> {
        let own = kind_of(row);
        match own {
            Kind::Passed if row.flaky => {
                for attempt in row.earlier.iter().filter(|attempt| failed(attempt)) {
                    self.attempt(writer, "flaky", attempt)?;
                }
                Ok(())
            }
            Kind::Passed => Ok(()),
            Kind::Skipped => {
                let mut start = BytesStart::new("skipped");
                start.push_attribute(("message", &*xml(&plain(&reason(row), MAX_MESSAGE))));
                writer.write_event(Event::Empty(start))
            }
            Kind::Failure | Kind::Error => {
                let mut attempts: Vec<&EarlierAttempt> =
                    row.earlier.iter().filter(|attempt| failed(attempt)).collect();
                let last = last(row);
                attempts.extend(last.as_ref());
                let name = if own == Kind::Failure { "failure" } else { "error" };
                for (position, attempt) in attempts.into_iter().enumerate() {
                    if position == 0 {
                        problem(writer, name, attempt)?;
                    } else {
                        self.attempt(writer, "rerun", attempt)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// An attempt beside the one of the test itself, e.g. a `flakyFailure` or a `rerunError`.
    fn attempt(
        &self,
        writer: &mut Writer<Vec<u8>>,
        prefix: &str,
        attempt: &EarlierAttempt,
    ) -> io::Result<()> {
        let ending = if kind(Some(attempt.outcome)) == Kind::Failure { "Failure" } else { "Error" };
        let name = format!("{prefix}{ending}");
        let mut start = BytesStart::new(name.as_str());
        start.push_attribute(("message", &*xml(&plain(&message(attempt), MAX_MESSAGE))));
        start.push_attribute(("type", &*type_of(attempt.outcome, attempt.class)));
        if self.dialect == Dialect::Common {
            start.push_attribute(("time", &*seconds(attempt.duration_ms)));
            if let Some(at) = instant(attempt.finished_at) {
                start.push_attribute(("timestamp", &*at.strftime("%Y-%m-%dT%H:%M:%S").to_string()));
            }
        }
        writer.write_event(Event::Start(start))?;
        let trace =
            format!("attempt {} on {}: {}", attempt.number, attempt.worker, message(attempt));
        element(writer, "stackTrace", &trace)?;
        writer.write_event(Event::End(BytesEnd::new(name.as_str())))
    }
}

/// The last attempt of a test, in the form of the earlier ones.
fn last(row: &ReportRow) -> Option<EarlierAttempt> {
    Some(EarlierAttempt {
        number: row.attempts,
        outcome: row.outcome?,
        class: row.class,
        message: row.message.clone(),
        worker: row.worker.clone().unwrap_or_else(|| "no worker".to_owned()),
        duration_ms: row.duration_ms.unwrap_or(Millis(0)),
        finished_at: row.finished_at?,
    })
}

fn failed(attempt: &EarlierAttempt) -> bool {
    matches!(kind(Some(attempt.outcome)), Kind::Failure | Kind::Error)
}

/// The element of a test that failed.
fn problem(writer: &mut Writer<Vec<u8>>, name: &str, attempt: &EarlierAttempt) -> io::Result<()> {
    let mut start = BytesStart::new(name);
    start.push_attribute(("message", &*xml(&plain(&message(attempt), MAX_MESSAGE))));
    start.push_attribute(("type", &*type_of(attempt.outcome, attempt.class)));
    writer.write_event(Event::Start(start))?;
    writer.write_event(Event::Text(BytesText::new(&xml(&message(attempt)))))?;
    writer.write_event(Event::End(BytesEnd::new(name)))
}

fn message(attempt: &EarlierAttempt) -> String {
    match &*attempt.message {
        "" => attempt.outcome.words().to_owned(),
        message => message.to_owned(),
    }
}

/// The reason why a test has no verdict.
fn reason(row: &ReportRow) -> String {
    let own = match (row.outcome, &*row.message) {
        (None, "") => "not done".to_owned(),
        (None, message) => format!("not done: {message}"),
        (Some(outcome), "") => outcome.words().to_owned(),
        (Some(_), message) => message.to_owned(),
    };
    match (&row.quarantined, row.outcome) {
        (Some(known), Some(outcome)) => {
            format!(
                "in quarantine {} ({}): {}: {own}",
                known.quarantine,
                known.reason,
                outcome.words()
            )
        }
        _ => own,
    }
}

fn type_of(outcome: Outcome, class: Option<Class>) -> String {
    let class = class.map(|class| format!(".{}", class.name())).unwrap_or_default();
    format!("{}{class}", outcome.name())
}

/// The properties of a test.
fn about(row: &ReportRow) -> Vec<(&'static str, String)> {
    let mut properties = vec![("dtf.test", row.test.to_string())];
    let mut some = |name, value: Option<&str>| {
        properties.extend(value.filter(|value| !value.is_empty()).map(|v| (name, v.to_owned())));
    };
    some("dtf.worker", row.worker.as_deref());
    for (name, label) in [
        ("dtf.backend", "backend"),
        ("dtf.dtype", "dtype"),
        ("dtf.batch", "batch"),
        ("dtf.family", "family"),
    ] {
        some(name, row.labels.get(label).map(String::as_str));
    }
    some("dtf.devices", Some(&row.devices.join(",")));
    some("dtf.weights", row.weights.as_deref());
    some("dtf.reproduce", row.reproduce.as_deref());
    properties.push(("dtf.attempts", row.attempts.to_string()));
    properties
}

fn properties(writer: &mut Writer<Vec<u8>>, properties: &[(&str, String)]) -> io::Result<()> {
    writer.write_event(Event::Start(BytesStart::new("properties")))?;
    for (name, value) in properties {
        let mut property = BytesStart::new("property");
        property.push_attribute(("name", *name));
        property.push_attribute(("value", &*xml(&plain(value, MAX_MESSAGE))));
        writer.write_event(Event::Empty(property))?;
    }
    writer.write_event(Event::End(BytesEnd::new("properties")))
}

fn element(writer: &mut Writer<Vec<u8>>, name: &str, text: &str) -> io::Result<()> {
    writer.write_event(Event::Start(BytesStart::new(name)))?;
    writer.write_event(Event::Text(BytesText::new(&xml(text))))?;
    writer.write_event(Event::End(BytesEnd::new(name)))
}

/// Adds the counts of a suite or a file. `skipped` is not part of the strict schema of a file.
fn counts(start: &mut BytesStart<'_>, rows: &[&ReportRow], skipped: bool) {
    let of = |wanted: Kind| rows.iter().filter(|row| kind_of(row) == wanted).count();
    let time: u64 = rows.iter().filter_map(|row| row.duration_ms).map(|span| span.0).sum();
    start.push_attribute(("tests", &*rows.len().to_string()));
    start.push_attribute(("failures", &*of(Kind::Failure).to_string()));
    start.push_attribute(("errors", &*of(Kind::Error).to_string()));
    if skipped {
        start.push_attribute(("skipped", &*of(Kind::Skipped).to_string()));
    }
    start.push_attribute(("time", &*seconds(Millis(time))));
}

fn seconds(span: Millis) -> String {
    format!("{}.{:03}", span.0 / 1000, span.0 % 1000)
}
