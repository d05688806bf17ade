//! Judges a command by its JUnit file and its exit code. It passes only when both agree.
//!
//! The rules, in this order: a file that cannot be read, has fewer cases than the plan requires or
//! has no case is an error. A failure of a case, of a suite or of the exit code is a failure. A
//! command of which all cases were skipped is skipped.

use crate::api::v1::test_views::JunitSummary;
use crate::domain::outcome::{Class, Outcome};
use crate::results::junit::report::{CaseReport, JunitError, plural};
use crate::worker::verdict::Verdict;
use std::num::NonZeroU32;

/// `code` is the exit code. `expected` is the minimum number of cases. `last_output` quotes the
/// output of a command that ended badly, after its punctuation; it is empty otherwise.
#[must_use]
pub fn judge(
    code: i32,
    read: &Result<CaseReport, JunitError>,
    expected: Option<NonZeroU32>,
    last_output: &str,
) -> Verdict {
    let exit = if code == 0 { String::new() } else { format!("exit code {code}; ") };
    let no_result = |reason: String| {
        Verdict::new(Outcome::Error, Some(Class::NoResult), format!("{exit}{reason}{last_output}"))
    };
    let failed = |reason: String| Verdict::new(Outcome::Failed, None, reason);
    let report = match read {
        Ok(report) => report,
        Err(error) => return no_result(error.to_string()),
    };
    let (summary, file) = (&report.summary, &report.file);
    let failures = describe_failures(summary);
    let missing = expected.is_none().then_some(report.missing.as_ref()).flatten();
    if let Some(expected) = expected.map(NonZeroU32::get).filter(|least| summary.tests < *least) {
        let more = match (failures.as_ref(), report.beyond.as_ref()) {
            (Some(failures), _) => format!("; {failures}"),
            (None, Some(beyond)) => format!("; {beyond}"),
            (None, None) => String::new(),
        };
        return no_result(format!("{expected} cases expected, {} in {file}{more}", summary.tests));
    }
    if let Some(failures) = failures {
        let but = if code == 0 { "exit code 0, but " } else { &exit };
        let missing = missing.map(|missing| format!("; {missing}")).unwrap_or_default();
        return failed(format!("{but}{failures}{missing}"));
    }
    if let Some(beyond) = &report.beyond {
        let but = if code == 0 { "" } else { &exit };
        return failed(format!("{but}{beyond}"));
    }
    if summary.tests == 0 {
        let printed = &report.printed;
        let colon = if printed.is_empty() { "" } else { ": " };
        return no_result(format!("no test case ran{colon}{printed}"));
    }
    if let Some(missing) = missing {
        return no_result(format!(
            "{missing}; if this total does not count cases, give the minimum number of cases: \
             junit: {{file: {file}, cases: {}}}",
            summary.tests
        ));
    }
    let cases = describe_cases(summary);
    if code != 0 {
        return failed(format!("exit code {code}, though no case failed ({cases}){last_output}"));
    }
    if report.ran == 0 {
        let note = &report.note;
        let colon = if note.is_empty() { "" } else { ": " };
        let all = if summary.tests == 1 {
            "the only case was".to_owned()
        } else {
            format!("all {} cases were", summary.tests)
        };
        return Verdict::new(
            Outcome::Skipped,
            None,
            format!("nothing ran: {all} skipped{colon}{note}"),
        );
    }
    if summary.flaky == 0 {
        return Verdict::new(Outcome::Passed, None, cases);
    }
    let colon = if report.note.is_empty() { "" } else { ": " };
    let message =
        format!("{cases}; {} passed only at a rerun{colon}{}", summary.flaky, report.note);
    Verdict { flaky: true, ..Verdict::new(Outcome::Passed, None, message) }
}

/// `3 of 40 cases failed, first test_a: assert 1 == 2`
fn describe_failures(summary: &JunitSummary) -> Option<String> {
    let count = summary.broken();
    if count == 0 {
        return None;
    }
    let first = summary.failed.first().map(String::as_str).unwrap_or_default();
    let colon = if summary.reason.is_empty() { "" } else { ": " };
    let cases = plural(summary.tests, "case");
    Some(format!("{count} of {cases} failed, first {first}{colon}{}", summary.reason))
}

/// `48 cases: 47 passed, 1 skipped`
fn describe_cases(summary: &JunitSummary) -> String {
    let mut parts = vec![format!("{} passed", summary.passed())];
    if summary.skipped > 0 {
        parts.push(format!("{} skipped", summary.skipped));
    }
    format!("{}: {}", plural(summary.tests, "case"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::junit::reader::parse;

    /// The verdict on a file and an exit code.
    fn verdict(code: i32, text: &str, expected: u32) -> Verdict {
        let report = parse(text.as_bytes())
            .map(|report| CaseReport { file: "report.xml".into(), ..report })
            .map_err(|why| JunitError::Unreadable("report.xml".into(), why));
        judge(
            code,
            &report,
            NonZeroU32::new(expected),
            if code == 0 { "" } else { "; last output: x" },
        )
    }

    fn described(code: i32, text: &str, expected: u32) -> String {
        let Verdict { outcome, class, message, flaky } = verdict(code, text, expected);
        let class = class.map(|class| format!(" ({class})")).unwrap_or_default();
        let flaky = if flaky { " flaky" } else { "" };
        format!("{outcome}{class}{flaky}: {message}")
    }

    const GOOD: &str = r#"<testsuites><testsuite name="s" tests="3" errors="0" failures="0" skipped="1">
        <testcase classname="t" name="a"/><testcase classname="t" name="b"/>
        <testcase classname="t" name="c"><skipped message="no card"/></testcase></testsuite></testsuites>"#;
    const BAD: &str = r#"<testsuite name="s" tests="2" failures="1"><testcase name="a"/>
        <testcase name="b"><failure message="1 is not 2"/></testcase></testsuite>"#;
    const NONE: &str = r#"<testsuite name="s" tests="0"><system-err>cannot open the suite</system-err></testsuite>"#;
    const SKIPPED: &str = r#"<testsuite name="s" tests="2" skipped="2">
        <testcase name="a"><skipped message="no card"/></testcase><testcase name="b"><skipped/></testcase></testsuite>"#;
    const SUITE: &str = r#"<testsuite name="Browser one" tests="1" errors="1"><system-err>lost</system-err></testsuite>"#;
    const SHORT: &str =
        r#"<testsuite name="s" tests="40"><testcase name="a"/><testcase name="b"/></testsuite>"#;
    const FLAKY: &str = r#"<testsuite name="s" tests="2"><testcase name="a"/>
        <testcase name="b"><flakyFailure message="was 1"/></testcase></testsuite>"#;

    #[test]
    fn file_and_exit_code_both_count() {
        for (code, text, expected, wanted) in [
            (0, GOOD, 0, "passed: 3 cases: 2 passed, 1 skipped"),
            (0, GOOD, 3, "passed: 3 cases: 2 passed, 1 skipped"),
            (0, GOOD, 60, "error (no_result): 60 cases expected, 3 in report.xml"),
            (
                4,
                GOOD,
                60,
                "error (no_result): exit code 4; 60 cases expected, 3 in report.xml; last output: x",
            ),
            (
                3,
                GOOD,
                0,
                "failed: exit code 3, though no case failed (3 cases: 2 passed, 1 skipped); last output: x",
            ),
            (0, BAD, 0, "failed: exit code 0, but 1 of 2 cases failed, first b: 1 is not 2"),
            (1, BAD, 2, "failed: exit code 1; 1 of 2 cases failed, first b: 1 is not 2"),
            (
                1,
                BAD,
                3,
                "error (no_result): exit code 1; 3 cases expected, 2 in report.xml; \
                1 of 2 cases failed, first b: 1 is not 2; last output: x",
            ),
            (0, NONE, 0, "error (no_result): no test case ran: cannot open the suite"),
            (
                5,
                NONE,
                0,
                "error (no_result): exit code 5; no test case ran: cannot open the suite; last output: x",
            ),
            (0, SKIPPED, 0, "skipped: nothing ran: all 2 cases were skipped: no card"),
            (
                2,
                SKIPPED,
                0,
                "failed: exit code 2, though no case failed (2 cases: 0 passed, 2 skipped); last output: x",
            ),
            (0, SUITE, 0, "failed: the suite \"Browser one\" reports 1 error: lost"),
            (
                1,
                SUITE,
                9,
                "error (no_result): exit code 1; 9 cases expected, 0 in report.xml; \
                the suite \"Browser one\" reports 1 error: lost; last output: x",
            ),
            (0, SHORT, 2, "passed: 2 cases: 2 passed"),
            (0, FLAKY, 0, "passed flaky: 2 cases: 2 passed; 1 passed only at a rerun: b (was 1)"),
            (
                1,
                FLAKY,
                0,
                "failed: exit code 1, though no case failed (2 cases: 2 passed); last output: x",
            ),
            (
                0,
                "<testsuite><testcase name=\"a\"/>",
                0,
                "error (no_result): cannot read the JUnit file report.xml: the file is cut off after 1 case",
            ),
        ] {
            assert_eq!(described(code, text, expected), wanted);
        }
        let short = described(0, SHORT, 0);
        assert!(
            short.starts_with("error (no_result): the suite \"s\" announces 40 cases, but has 2; "),
            "{short}"
        );
        assert!(short.ends_with("junit: {file: report.xml, cases: 2}"), "{short}");
    }
}
