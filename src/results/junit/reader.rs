//! Reads the contents of a JUnit file, in the dialects of many programs.

use crate::results::junit::report::{CaseReport, MAX_FAILED, MAX_NAME_BYTES, plural};
use crate::results::junit::suite::{Announced, Message, Suite, truncate};
use crate::results::junit::text;
use crate::results::junit::walk::{Attributes, CUT_OFF, Step, walk};

/// Name of the outermost element of pytest. Its total counts subtests, which are not cases. pytest
/// writes the whole file at its end, so a missing case is not possible.
const PYTEST: &str = "pytest tests";

/// Reads the contents of a file.
///
/// # Errors
/// A message for people: the text is not a whole JUnit file.
pub fn parse(text: &[u8]) -> Result<CaseReport, String> {
    let text = text::decode(text)?;
    if text.trim().is_empty() {
        return Err("the file is empty".to_owned());
    }
    let mut reader = Reader::default();
    let walked = walk(&text, |step| reader.step(step));
    match walked {
        Ok(()) => Ok(reader.report),
        Err(reason) if reason == CUT_OFF => Err(reader.describe_cut(&reason)),
        Err(reason) => Err(reason),
    }
}

/// The role of an open element for the elements inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Suite,
    Case,
    /// An element whose text is kept.
    Message(Purpose),
    Other,
}

/// The purpose of the text of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A failure or error of the open case, or of the suite when no case is open.
    Failure,
    /// A failure that a rerun of the case follows.
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
    message: Option<Message>,
    /// The file was written by pytest.
    is_pytest: bool,
}

/// The case that is being read.
#[derive(Debug, Default)]
struct Case {
    name: String,
    failure: bool,
    error: bool,
    skipped: bool,
    /// It failed as expected: it ran, although the file reports it as skipped.
    expected: bool,
    flaky: bool,
    rerun: bool,
    /// Message of the first failure.
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
                if let Some(message) = &mut self.message {
                    message.add(text);
                }
            }
            Step::Close => match self.open.pop() {
                Some(Kind::Suite) => self.end_suite(),
                Some(Kind::Case) => self.end_case(),
                Some(Kind::Message(purpose)) => self.end_message(purpose),
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
                self.is_pytest |= outside && name == "testsuites" && named == PYTEST;
                self.suites.push(Suite::new(named, Announced::read(attributes)?));
                return Ok(Kind::Suite);
            }
            _ if outside => return Err("the file has no test suite".to_owned()),
            "testcase" if self.case.is_some() => {
                return Err("a test case is inside another test case".to_owned());
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
                Purpose::Failure
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
        // The text of elements inside such an element belongs to it.
        if self.message.is_some() {
            return Ok(Kind::Other);
        }
        self.message = Some(Message::new(attributes.text("message")));
        Ok(Kind::Message(purpose))
    }

    fn end_message(&mut self, purpose: Purpose) {
        let Some(message) = self.message.take() else { return };
        let reason = message.reason();
        match (&mut self.case, purpose) {
            (Some(case), Purpose::Failure) => {
                case.reason.get_or_insert(reason);
            }
            (Some(case), Purpose::Rerun | Purpose::Skipped) => {
                case.note.get_or_insert(reason);
            }
            (None, Purpose::Failure) => {
                let suite = self.suites.last().map(Suite::described).unwrap_or_default();
                let colon = if reason.is_empty() { "" } else { ": " };
                let beyond = format!("{suite} reports an error{colon}{reason}");
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
        let broken = case.is_broken();
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
            let reason = case.note.filter(|note| !note.is_empty());
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            report.note = format!("{}{reason}", case.name);
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
        if let Some(missing) = suite.missing().filter(|_| !self.is_pytest) {
            self.report.missing.get_or_insert(missing);
        }
        if let Some(outer) = self.suites.last_mut() {
            return outer.add(suite);
        }
        let flaky = &mut self.report.summary.flaky;
        *flaky = u32::try_from(suite.flaky()).unwrap_or(u32::MAX).max(*flaky);
        self.report.printed = suite.into_printed();
    }

    /// The reason for which reading stopped, with the cases that were read before.
    fn describe_cut(&self, reason: &str) -> String {
        let summary = &self.report.summary;
        let cases = plural(summary.tests, "case");
        match summary.broken() {
            0 => format!("{reason} after {cases}"),
            broken => format!(
                "{reason} after {cases}, of which {broken} failed, first {}",
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
        let mut case = Self { name: truncate(full, MAX_NAME_BYTES), ..Self::default() };
        // Some programs report the outcome in an attribute instead of an element.
        for outcome in [attributes.text("status"), attributes.text("result")] {
            let outcome = outcome.to_ascii_lowercase();
            case.failure |= outcome.starts_with("fail");
            case.error |= outcome.starts_with("err");
            case.skipped |= matches!(
                &*outcome,
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

    /// Whether the case failed. A failed rerun without the failure that it repeats counts.
    fn is_broken(&self) -> bool {
        self.failure || self.error || (self.rerun && !self.flaky)
    }
}
