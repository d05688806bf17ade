//! Reads a JUnit XML file into counts and the names of what failed.
//!
//! Limits: [`MAX_FILE_BYTES`], [`MAX_FAILED`] names of [`MAX_NAME_BYTES`] each, one reason of
//! [`MAX_REASON_BYTES`]. Counts are taken from the cases themselves, since totals in the header are often wrong.

use crate::api::v1::tests::JunitSummary;
use crate::sys::fs::open_plain;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::BytesStart;
use quick_xml::events::Event;
use std::io::Read;
use std::path::Path;

pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;
pub const MAX_FAILED: usize = 100;
pub const MAX_NAME_BYTES: usize = 512;
pub const MAX_REASON_BYTES: usize = 512;
/// Of the text of one failure, when no more is read.
const MAX_TEXT_BYTES: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    #[error("the JUnit file {0} was not written")]
    Missing(String),
    #[error("the JUnit file has more than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    #[error("the JUnit file cannot be read: {0}")]
    Unreadable(String),
}

/// # Errors
/// The file is missing, too large or no XML.
pub fn read(directory: &Path, name: &str) -> Result<JunitSummary, JunitError> {
    let file = open_plain(&directory.join(name)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => JunitError::Missing(name.to_owned()),
        _ => JunitError::Unreadable(error.to_string()),
    })?;
    let mut text = Vec::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text);
    read.map_err(|error| JunitError::Unreadable(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(JunitError::TooLarge);
    }
    parse(&text)
}

/// # Errors
/// It is no XML with a test suite.
pub fn parse(text: &[u8]) -> Result<JunitSummary, JunitError> {
    let text = String::from_utf8_lossy(text);
    let mut reader = Reader::from_str(&text);
    let mut summary = JunitSummary::default();
    let mut case = Case::default();
    let mut suites = 0;
    loop {
        let event = reader.read_event().map_err(|e| JunitError::Unreadable(e.to_string()))?;
        match event {
            Event::Eof => break,
            Event::Start(tag) => suites += open(&tag, &mut case),
            Event::Empty(tag) => {
                suites += open(&tag, &mut case);
                if tag.local_name().as_ref() == "testcase" {
                    case.count(&mut summary);
                }
            }
            Event::End(tag) if tag.local_name().as_ref() == "testcase" => case.count(&mut summary),
            Event::Text(text) if case.failure || case.error => case.add(&text),
            Event::CData(text) if case.failure || case.error => case.add(&text),
            Event::GeneralRef(entity) if case.failure || case.error => {
                let letter = entity.resolve_char_ref().ok().flatten().map(String::from);
                let known = || resolve_xml_entity(&entity).map(str::to_owned);
                case.add(&letter.or_else(known).unwrap_or_default());
            }
            _ => {}
        }
    }
    if suites == 0 {
        return Err(JunitError::Unreadable("it holds no test suite".to_owned()));
    }
    Ok(summary)
}

/// The case that is being read.
#[derive(Default)]
struct Case {
    name: String,
    failure: bool,
    error: bool,
    skipped: bool,
    message: String,
    /// What stands between the tags of the failure.
    text: String,
}

impl Case {
    fn count(&mut self, summary: &mut JunitSummary) {
        let case = std::mem::take(self);
        let one = |flag: bool| u32::from(flag);
        summary.tests = summary.tests.saturating_add(1);
        summary.failures = summary.failures.saturating_add(one(case.failure));
        summary.errors = summary.errors.saturating_add(one(case.error && !case.failure));
        summary.skipped = summary.skipped.saturating_add(one(case.skipped));
        if (case.failure || case.error) && summary.failed.len() < MAX_FAILED {
            if summary.failed.is_empty() {
                summary.reason = reason(&case.text, &case.message);
            }
            summary.failed.push(case.name);
        }
    }

    fn broken(&mut self, tag: &BytesStart<'_>) {
        self.message = value(tag, "message").unwrap_or_default();
        self.text.clear();
    }

    fn add(&mut self, text: &str) {
        if self.text.len() < MAX_TEXT_BYTES {
            self.text.push_str(text);
        }
    }
}

/// The line that pytest marks with an `E`, since its message may only say that collecting
/// failed; else the message.
fn reason(text: &str, message: &str) -> String {
    let error = text.lines().find_map(|line| line.strip_prefix("E  "));
    let reason = error.or_else(|| message.lines().find(|line| !line.trim().is_empty()));
    cut(reason.unwrap_or_default().trim().to_owned(), MAX_REASON_BYTES)
}

/// 1 when it was a suite.
fn open(tag: &BytesStart<'_>, case: &mut Case) -> usize {
    match tag.local_name().as_ref() {
        "testsuite" | "testsuites" => return 1,
        "testcase" => *case = Case { name: full_name(tag), ..Case::default() },
        "failure" => {
            case.failure = true;
            case.broken(tag);
        }
        "error" => {
            case.error = true;
            case.broken(tag);
        }
        "skipped" => case.skipped = true,
        _ => {}
    }
    0
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
/// It is no XML.
pub fn times(text: &[u8]) -> Result<Vec<TimedCase>, JunitError> {
    let text = String::from_utf8_lossy(text);
    let mut reader = Reader::from_str(&text);
    let mut cases = Vec::new();
    loop {
        let event = reader.read_event().map_err(|e| JunitError::Unreadable(e.to_string()))?;
        let (Event::Start(tag) | Event::Empty(tag)) = event else {
            if matches!(event, Event::Eof) {
                return Ok(cases);
            }
            continue;
        };
        if tag.local_name().as_ref() != "testcase" {
            continue;
        }
        let seconds = value(&tag, "time").and_then(|time| time.parse::<f64>().ok());
        if let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
            let text = |name| value(&tag, name).unwrap_or_default();
            cases.push(TimedCase { class: text("classname"), name: text("name"), seconds });
        }
    }
}

fn value(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok().flatten()?;
    let text = attribute.normalized_value(XmlVersion::Implicit1_0);
    Some(text.map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned))
}

fn full_name(tag: &BytesStart<'_>) -> String {
    let name = value(tag, "name").unwrap_or_default();
    let full = match value(tag, "classname").filter(|class| !class.is_empty()) {
        Some(class) => format!("{class}::{name}"),
        None => name,
    };
    cut(full, MAX_NAME_BYTES)
}

fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pytest_file_is_counted() {
        let text = br#"<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="9" failures="9" tests="99">
<testcase classname="test_a" name="test_one" time="0.01" />
<testcase classname="test_a" name="test_two"><failure message="assert 1 == 2">trace &lt;</failure></testcase>
<testcase classname="test_a" name="test_three"><skipped message="no"/></testcase>
<testcase classname="" name="setup"><error message="fixture"/></testcase>
</testsuite></testsuites>"#;
        let case = |class: &str, name: &str, seconds| TimedCase {
            class: class.into(),
            name: name.into(),
            seconds,
        };
        assert_eq!(times(text).expect("cases"), [case("test_a", "test_one", 0.01)]);
        let summary = parse(text).expect("a summary");
        let expected = JunitSummary {
            tests: 4,
            failures: 1,
            errors: 1,
            skipped: 1,
            failed: vec!["test_a::test_two".into(), "setup".into()],
            reason: "assert 1 == 2".into(),
        };
        assert_eq!(summary, expected);
    }

    #[test]
    fn a_file_that_cannot_be_imported_says_why() {
        let text = br#"<testsuites><testsuite>
<testcase classname="" name="test_x"><error message="collection failure">test_x.py:1: in &lt;module&gt;
    import torch
E   ModuleNotFoundError: No module named 'torch'</error></testcase></testsuite></testsuites>"#;
        let summary = parse(text).expect("a summary");
        assert_eq!(summary.reason, "ModuleNotFoundError: No module named 'torch'");
        let compared = "<failure message=\"m\">x\nE   assert 1 &lt; &#48;\nE    +  where</failure>";
        let text = format!("<testsuite><testcase>{compared}</testcase></testsuite>");
        assert_eq!(parse(text.as_bytes()).expect("a summary").reason, "assert 1 < 0");
        let long = format!("E   {}", "é".repeat(MAX_REASON_BYTES));
        let text = format!("<testsuite><testcase><failure>{long}</failure></testcase></testsuite>");
        assert!(parse(text.as_bytes()).expect("a summary").reason.len() <= MAX_REASON_BYTES);
    }

    #[test]
    fn what_is_no_junit_is_refused() {
        for text in ["", "hello", "<html></html>", "<testsuite><testcase></testsuite>"] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let missing = read(dir.path(), "out.xml").expect_err("missing");
        assert_eq!(missing.to_string(), "the JUnit file out.xml was not written");
    }

    #[test]
    fn names_are_bounded() {
        let case = format!("<testcase name=\"{}\"><failure/></testcase>", "é".repeat(1000));
        let text = format!("<testsuite>{}</testsuite>", case.repeat(300));
        let summary = parse(text.as_bytes()).expect("a summary");
        assert_eq!((summary.tests, summary.failed.len()), (300, MAX_FAILED));
        assert!(summary.failed.iter().all(|name| name.len() <= MAX_NAME_BYTES));
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "(<|>|/|testcase|testsuite|failure| name=|\"|x|&){0,40}") {
            let _ = parse(text.as_bytes());
            let _ = times(text.as_bytes());
        }
    }
}
