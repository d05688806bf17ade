//! Reads a JUnit XML file: counts, the names of what failed, and what suites report beyond
//! their cases.
//!
//! Counts are taken from the cases themselves. The totals of a suite only add doubt: a suite
//! that reports a failure which no case shows, or announces cases that are not there. Totals
//! that are smaller than what the cases show mean nothing, since many programs write them so.
//!
//! Limits: [`MAX_FILE_BYTES`], [`MAX_FAILED`] names of [`MAX_NAME_BYTES`] each, one reason of
//! [`MAX_REASON_BYTES`]. Promises: a file that is not whole is an error, wherever it was cut.

mod suite;
#[cfg(test)]
mod tests;
mod text;
mod walk;

use crate::api::v1::test_views::JunitSummary;
use crate::sys::fs::{Stamp, open_plain};
use std::io::Read;
use std::path::Path;
use suite::{Announced, Suite, Words, cut};
use walk::{Attributes, Step, walk};

pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;
pub const MAX_FAILED: usize = 100;
pub const MAX_NAME_BYTES: usize = 512;
pub const MAX_REASON_BYTES: usize = 512;
/// What is said of a file whose end is missing.
const CUT: &str = "the file ends in the middle";
/// The name of the outermost element of pytest. Its total counts each subtest, which is no
/// case; and it writes the file at once, when everything has ended.
const PYTEST: &str = "pytest tests";

#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    #[error("the JUnit file {0} was not written")]
    Missing(String),
    #[error("the JUnit file {0} was not written: it is still the one that came with the test")]
    Shipped(String),
    #[error("the JUnit file {0} has more than {MAX_FILE_BYTES} bytes")]
    TooLarge(String),
    #[error("the JUnit file {0} cannot be read: {1}")]
    Unreadable(String, String),
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseReport {
    /// As the plan names it.
    pub file: String,
    pub summary: JunitSummary,
    /// Cases that were not skipped. An expected failure of pytest counts, though it is shown as
    /// skipped.
    pub ran: u32,
    /// An error or failure of a suite that no case shows, in one sentence.
    pub beyond: Option<String>,
    /// Suites that announce more cases than they have, in one sentence.
    pub missing: Option<String>,
    /// Why the first case was skipped, or why the first that passed at a rerun had failed before.
    pub note: String,
    /// What a suite without cases printed as an error.
    pub printed: String,
}

/// Reads the file that an attempt wrote; `before` is what was there when it started.
///
/// # Errors
/// The file is missing, was there before, is too large, not whole or no JUnit XML.
pub fn read(
    directory: &Path,
    name: &str,
    before: Option<&Stamp>,
) -> Result<CaseReport, JunitError> {
    let unreadable = |why: String| JunitError::Unreadable(name.to_owned(), why);
    let file = open_plain(&directory.join(name)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => JunitError::Missing(name.to_owned()),
        _ => unreadable(error.to_string()),
    })?;
    if let Some(before) = before {
        let now = file.metadata().map_err(|error| unreadable(error.to_string()))?;
        if *before == Stamp::of(&now) {
            return Err(JunitError::Shipped(name.to_owned()));
        }
    }
    let mut text = Vec::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(JunitError::TooLarge(name.to_owned()));
    }
    let report = parse(&text).map_err(unreadable)?;
    Ok(CaseReport { file: name.to_owned(), ..report })
}

/// # Errors
/// Why it is not a whole JUnit file, for people.
pub fn parse(text: &[u8]) -> Result<CaseReport, String> {
    let text = text::decode(text)?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut reader = Reader::default();
    let whole = walk(&text, |step| reader.step(step));
    match whole {
        Ok(()) => Ok(reader.report),
        Err(why) if why == CUT => Err(reader.after(&why)),
        Err(why) => Err(why),
    }
}

/// What an element is, as far as it matters to those inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Suite,
    Case,
    /// Its text is wanted.
    Words(Purpose),
    Other,
}

/// What the text of an element is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A failure or error of the open case, or of the suite where none is open.
    Broken,
    /// The first of them that is not the last word.
    Rerun,
    Skipped,
    Printed,
}

#[derive(Debug, Default)]
struct Reader {
    report: CaseReport,
    open: Vec<Kind>,
    suites: Vec<Suite>,
    case: Option<Case>,
    words: Option<Words>,
    /// Of pytest.
    pytest: bool,
}

/// The case that is being read.
#[derive(Debug, Default)]
struct Case {
    name: String,
    failure: bool,
    error: bool,
    skipped: bool,
    /// It failed, as it was expected to: it ran, though it is shown as skipped.
    expected: bool,
    flaky: bool,
    rerun: bool,
    /// Of the first failure.
    reason: Option<String>,
    note: Option<String>,
}

impl Reader {
    fn step(&mut self, step: Step<'_>) -> Result<(), String> {
        match step {
            Step::Open(tag) => {
                let kind = self.enter(tag.local_name().as_ref(), &Attributes::read(tag)?)?;
                self.open.push(kind);
            }
            Step::Text(text) => {
                if let Some(words) = &mut self.words {
                    words.add(text);
                }
            }
            Step::Close => match self.open.pop() {
                Some(Kind::Suite) => self.end_suite(),
                Some(Kind::Case) => self.end_case(),
                Some(Kind::Words(purpose)) => self.end_words(purpose),
                Some(Kind::Other) | None => {}
            },
        }
        Ok(())
    }

    fn enter(&mut self, name: &str, attributes: &Attributes) -> Result<Kind, String> {
        let outside = self.open.is_empty();
        match name {
            "testsuites" | "testsuite" if self.case.is_none() => {
                let named = attributes.text("name");
                self.pytest |= outside && name == "testsuites" && named == PYTEST;
                self.suites.push(Suite::new(named, Announced::read(attributes)?));
                return Ok(Kind::Suite);
            }
            _ if outside => return Err("it has no test suite".to_owned()),
            "testcase" if self.case.is_some() => {
                return Err("a test case is inside another".to_owned());
            }
            "testcase" => {
                self.case = Some(Case::new(attributes));
                return Ok(Kind::Case);
            }
            _ => {}
        }
        let purpose = match (name, &mut self.case) {
            ("failure" | "error", case) => {
                if let Some(case) = case {
                    case.failure |= name == "failure";
                    case.error |= name == "error";
                }
                Purpose::Broken
            }
            ("flakyFailure" | "flakyError", Some(case)) => {
                case.flaky = true;
                Purpose::Rerun
            }
            ("rerunFailure" | "rerunError", Some(case)) => {
                case.rerun = true;
                Purpose::Rerun
            }
            ("skipped" | "ignored" | "disabled", Some(case)) => {
                case.skipped = true;
                case.expected |= attributes.text("type") == "pytest.xfail";
                Purpose::Skipped
            }
            ("system-err", None) => Purpose::Printed,
            _ => return Ok(Kind::Other),
        };
        // Of what is inside such an element, the text belongs to it.
        if self.words.is_some() {
            return Ok(Kind::Other);
        }
        self.words = Some(Words::new(attributes.text("message")));
        Ok(Kind::Words(purpose))
    }

    fn end_words(&mut self, purpose: Purpose) {
        let Some(words) = self.words.take() else { return };
        let reason = words.reason();
        match (&mut self.case, purpose) {
            (Some(case), Purpose::Broken) => {
                case.reason.get_or_insert(reason);
            }
            (Some(case), Purpose::Rerun | Purpose::Skipped) => {
                case.note.get_or_insert(reason);
            }
            (None, Purpose::Broken) => {
                let suite = self.suites.last().map(Suite::called).unwrap_or_default();
                let colon = if reason.is_empty() { "" } else { ": " };
                let beyond = format!("{suite} reports an error of its own{colon}{reason}");
                self.report.beyond.get_or_insert(beyond);
            }
            (None, _) => {
                if let Some(suite) = self.suites.last_mut() {
                    suite.printed(reason);
                }
            }
            (Some(_), Purpose::Printed) => {}
        }
    }

    fn end_case(&mut self) {
        let Some(case) = self.case.take() else { return };
        let one = u32::from;
        let broken = case.broken();
        let skipped = case.skipped && !broken;
        let flaky = case.flaky && !broken && !skipped;
        let report = &mut self.report;
        let summary = &mut report.summary;
        summary.tests = summary.tests.saturating_add(1);
        summary.errors = summary.errors.saturating_add(one(broken && case.error && !case.failure));
        summary.failures =
            summary.failures.saturating_add(one(broken && (case.failure || !case.error)));
        summary.skipped = summary.skipped.saturating_add(one(skipped));
        summary.flaky = summary.flaky.saturating_add(one(flaky));
        report.ran = report.ran.saturating_add(one(!skipped || case.expected));
        if broken && summary.failed.len() < MAX_FAILED {
            if summary.failed.is_empty() {
                summary.reason = case.reason.or(case.note).unwrap_or_default();
            }
            summary.failed.push(case.name);
        } else if flaky && summary.flaky == 1 {
            let why = case.note.filter(|why| !why.is_empty());
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            report.note = format!("{}{why}", case.name);
        } else if skipped && report.note.is_empty() {
            report.note = case.note.unwrap_or_default();
        }
        if let Some(suite) = self.suites.last_mut() {
            suite.count(broken, skipped, flaky);
        }
    }

    fn end_suite(&mut self) {
        let Some(suite) = self.suites.pop() else { return };
        if let Some(beyond) = suite.beyond() {
            self.report.beyond.get_or_insert(beyond);
        }
        if let Some(missing) = suite.missing().filter(|_| !self.pytest) {
            self.report.missing.get_or_insert(missing);
        }
        if let Some(outer) = self.suites.last_mut() {
            return outer.take(suite);
        }
        let flaky = &mut self.report.summary.flaky;
        *flaky = u32::try_from(suite.flaky()).unwrap_or(u32::MAX).max(*flaky);
        self.report.printed = suite.into_printed();
    }

    /// `why` nothing more could be read, with what was read before.
    fn after(&self, why: &str) -> String {
        let summary = &self.report.summary;
        let cases = plural(summary.tests, "case");
        match summary.broken() {
            0 => format!("{why}, after {cases}"),
            broken => format!(
                "{why}, after {cases}, of which {broken} failed, first {}",
                summary.failed.first().map(String::as_str).unwrap_or_default()
            ),
        }
    }
}

impl Case {
    fn new(attributes: &Attributes) -> Self {
        let name = attributes.text("name");
        let full = match attributes.text("classname") {
            "" => name.to_owned(),
            class => format!("{class}::{name}"),
        };
        let mut case = Self { name: cut(full, MAX_NAME_BYTES), ..Self::default() };
        // Not in every dialect is there an element for it.
        for said in [attributes.text("status"), attributes.text("result")] {
            let said = said.to_ascii_lowercase();
            case.failure |= said.starts_with("fail");
            case.error |= said.starts_with("err");
            case.skipped |= matches!(
                &*said,
                "notrun"
                    | "not_run"
                    | "skipped"
                    | "suppressed"
                    | "disabled"
                    | "ignored"
                    | "untested"
            );
        }
        case
    }

    /// A rerun that failed, without the failure that it repeats, failed too.
    fn broken(&self) -> bool {
        self.failure || self.error || (self.rerun && !self.flaky)
    }
}

/// `1 case`, `2 cases`.
pub(crate) fn plural(count: u32, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// How long a case took.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedCase {
    pub class: String,
    pub name: String,
    pub seconds: f64,
}

/// The cases that tell how long they took.
///
/// # Errors
/// Why it is not a whole JUnit file, for people.
pub fn times(text: &[u8]) -> Result<Vec<TimedCase>, String> {
    let text = text::decode(text)?;
    let mut cases = Vec::new();
    walk(&text, |step| {
        let Step::Open(tag) = step else { return Ok(()) };
        if tag.local_name().as_ref() != "testcase" {
            return Ok(());
        }
        let attributes = Attributes::read(tag)?;
        let seconds = attributes.text("time").parse::<f64>().ok();
        if let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
            let text = |name| attributes.text(name).to_owned();
            cases.push(TimedCase { class: text("classname"), name: text("name"), seconds });
        }
        Ok(())
    })?;
    Ok(cases)
}
