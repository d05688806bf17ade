//! JUnit files of many programs, complete and cut.

use super::file::read;
use super::reader::parse;
use super::report::{CaseReport, MAX_FAILED, MAX_NAME_BYTES, MAX_REASON_BYTES};
use super::times::{TimedCase, times};
use crate::api::v1::test_views::JunitSummary;
use crate::sys::fs::Stamp;
use proptest::prelude::*;

fn report(text: &str) -> CaseReport {
    parse(text.as_bytes()).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// Cases, passed, broken, skipped, flaky.
fn counts(text: &str) -> [u32; 5] {
    let JunitSummary { tests, skipped, flaky, .. } = report(text).summary;
    let summary = report(text).summary;
    [tests, summary.passed(), summary.broken(), skipped, flaky]
}

const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4">
<testcase classname="test_a" name="test_one" time="0.01" />
<testcase classname="test_a" name="test_two"><failure message="assert 1 == 2">trace &lt;</failure></testcase>
<testcase classname="test_a" name="test_three"><skipped message="no"/></testcase>
<testcase classname="" name="setup"><error message="fixture"/></testcase>
</testsuite></testsuites>"#;

const PASSING: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<!-- written by hand -->
<testsuites name="all"><testsuite name="s" errors="0" failures="0" skipped="1" tests="4">
<properties><property name="a" value="b &amp; c"/></properties>
<testcase classname="t" name="one" time="0.01"/><testcase classname="t" name="two é &quot;"></testcase>
<testcase classname="t" name="three"><skipped message="no"/></testcase>
<testcase name="four"><system-out><![CDATA[<failure> is only text]]></system-out></testcase>
<system-err>a warning</system-err></testsuite></testsuites>"#;

#[test]
fn a_pytest_file_is_counted() {
    let one = TimedCase { class: "test_a".into(), name: "test_one".into(), seconds: 0.01 };
    assert_eq!(times(PYTEST.as_bytes()).expect("cases"), [one]);
    let expected = JunitSummary {
        tests: 4,
        failures: 1,
        errors: 1,
        skipped: 1,
        flaky: 0,
        failed: vec!["test_a::test_two".into(), "setup".into()],
        reason: "assert 1 == 2".into(),
    };
    let report = report(PYTEST);
    assert_eq!((report.summary, report.beyond, report.missing), (expected, None, None));
    assert_eq!(report.ran, 3);
}

#[test]
fn a_test_file_that_cannot_be_imported_is_an_error_with_the_reason() {
    let text = r#"<testsuites><testsuite>
<testcase classname="" name="test_x"><error message="collection failure">test_x.py:1: in &lt;module&gt;
    import torch
E   ModuleNotFoundError: No module named 'torch'</error></testcase></testsuite></testsuites>"#;
    assert_eq!(report(text).summary.reason, "ModuleNotFoundError: No module named 'torch'");
    let compared = "<failure message=\"m\">x\nE   assert 1 &lt; &#48;\nE    +  where</failure>";
    let text = format!("<testsuite><testcase>{compared}</testcase></testsuite>");
    assert_eq!(report(&text).summary.reason, "assert 1 < 0");
    let long = format!("E   {}", "é".repeat(MAX_REASON_BYTES));
    let text = format!("<testsuite><testcase><failure>{long}</failure></testcase></testsuite>");
    assert!(report(&text).summary.reason.len() <= MAX_REASON_BYTES);
}

/// A program, what it writes, and the counts.
const DIALECTS: [(&str, &str, [u32; 5]); 12] = [
    (
        "Maven Surefire, with reruns",
        r#"<testsuite name="A" tests="3" errors="0" skipped="0" failures="1" flakes="1">
              <testcase name="steady" classname="A"/>
              <testcase name="shaky" classname="A"><flakyFailure message="was 1"><stackTrace>x</stackTrace>
                <system-out>y</system-out></flakyFailure></testcase>
              <testcase name="broken" classname="A"><failure message="no">x</failure>
                <rerunFailure message="no"><stackTrace>x</stackTrace></rerunFailure></testcase></testsuite>"#,
        [3, 2, 1, 0, 1],
    ),
    (
        "nextest, flaky and broken",
        r#"<testsuites name="run" tests="2" failures="1" errors="0"><testsuite name="c" tests="2" disabled="0"
              errors="0" failures="1"><testcase name="a"><flakyError message="signal"/></testcase>
              <testcase name="b"><failure type="t"/><rerunError/></testcase></testsuite></testsuites>"#,
        [2, 1, 1, 0, 1],
    ),
    (
        "GoogleTest, with a disabled case",
        r#"<testsuites tests="3" failures="0" disabled="1" errors="0" name="AllTests"><testsuite name="M" tests="3"
              failures="0" disabled="1" skipped="1" errors="0">
              <testcase name="a" status="run" result="completed" classname="M"/>
              <testcase name="b" status="run" result="skipped" classname="M"><skipped message="x"/></testcase>
              <testcase name="c" status="notrun" result="suppressed" classname="M"/></testsuite></testsuites>"#,
        [3, 1, 0, 2, 0],
    ),
    (
        "CTest",
        r#"<testsuite name="Linux" tests="3" failures="1" disabled="0" skipped="1">
              <testcase name="a" classname="a" status="run"/><testcase name="b" classname="b" status="fail">
              <failure message="Failed"/></testcase><testcase name="c" status="notrun"><skipped message="x"/></testcase></testsuite>"#,
        [3, 1, 1, 1, 0],
    ),
    (
        "jest-junit",
        r#"<testsuites name="jest tests" tests="2" failures="0" errors="0" time="1"><testsuite name="a" errors="0"
              failures="0" skipped="1" tests="2"><testcase classname="a b" name="a b"></testcase>
              <testcase name="c"><skipped/></testcase></testsuite></testsuites>"#,
        [2, 1, 0, 1, 0],
    ),
    (
        "PHPUnit, suites in suites",
        r#"<testsuites><testsuite name="all" tests="3" assertions="9" errors="0" failures="0" skipped="0">
              <testsuite name="A" tests="2"><testcase name="a"/><testcase name="b"/></testsuite>
              <testsuite name="B" tests="1"><testcase name="c"/></testsuite></testsuite></testsuites>"#,
        [3, 3, 0, 0, 0],
    ),
    (
        "totals that nobody added up",
        r#"<testsuites tests="0" failures="0"><testsuite name="A" tests="1"><testcase name="a"/><testcase name="b"/>
              </testsuite><testsuite name="empty" tests="0"/></testsuites>"#,
        [2, 2, 0, 0, 0],
    ),
    (
        "a status without an element",
        r#"<testsuite><testcase name="a" status="Failed"/><testcase name="b" result="error"/>
              <testcase name="c" status="Passed"/><testcase name="d" status="skipped"/></testsuite>"#,
        [4, 1, 2, 1, 0],
    ),
    (
        "a rerun without the failure that it repeats",
        r#"<testsuite><testcase name="a"><rerunFailure message="x"/></testcase></testsuite>"#,
        [1, 0, 1, 0, 0],
    ),
    (
        "skipped and failed at once",
        r#"<testsuite><testcase name="a"><skipped/><error message="x"/></testcase></testsuite>"#,
        [1, 0, 1, 0, 0],
    ),
    (
        "a namespace",
        r#"<j:testsuite xmlns:j="x"><j:testcase name="a"><j:failure/></j:testcase></j:testsuite>"#,
        [1, 0, 1, 0, 0],
    ),
    (
        "only announced as flaky",
        r#"<testsuite tests="1" flakes="1"><testcase/></testsuite>"#,
        [1, 1, 0, 0, 1],
    ),
];

#[test]
fn the_dialect_of_every_program_is_read() {
    for (program, text, expected) in DIALECTS {
        assert_eq!(counts(text), expected, "{program}");
        let report = report(text);
        assert_eq!((report.beyond, report.missing), (None, None), "{program}");
    }
}

#[test]
fn errors_outside_the_cases_are_reported() {
    for (text, beyond) in [
        (
            r#"<testsuites><testsuite name="Browser one" tests="1" errors="1" failures="0">
              <properties><property name="x" value="y"/></properties>
              <system-err>lost its connection before any test ran</system-err></testsuite></testsuites>"#,
            r#"the suite "Browser one" reports 1 error: lost its connection before any test ran"#,
        ),
        (
            r#"<testsuite name="s" tests="1" failures="2" errors="1"><testcase name="a"/></testsuite>"#,
            r#"the suite "s" reports 2 failures and 1 error"#,
        ),
        (
            r#"<testsuite name="s"><testcase name="a"/><error message="tear-down">x</error></testsuite>"#,
            r#"the suite "s" reports an error: tear-down"#,
        ),
        (
            "<testsuites><testsuite><testcase/></testsuite><failure>\nno more room\n</failure></testsuites>",
            "a suite reports an error: no more room",
        ),
        (
            r#"<testsuites failures="1"><testsuite name="a"><testcase/></testsuite></testsuites>"#,
            "a suite reports 1 failure",
        ),
    ] {
        assert_eq!(report(text).beyond.as_deref(), Some(beyond), "{text}");
    }
}

#[test]
fn announced_cases_must_be_present() {
    let missing = |text: &str| report(text).missing;
    let short = r#"<testsuite name="s" tests="40"><testcase/><testcase/></testsuite>"#;
    assert_eq!(missing(short).as_deref(), Some(r#"the suite "s" announces 40 cases, but has 2"#));
    let outer =
        r#"<testsuites tests="3"><testsuite tests="1"><testcase/></testsuite></testsuites>"#;
    assert_eq!(missing(outer).as_deref(), Some("a suite announces 3 cases, but has 1"));
    // Skipped cases are not always listed.
    assert_eq!(
        missing(r#"<testsuite tests="5" skipped="3" disabled="1"><testcase/></testsuite>"#),
        None
    );
    let listed = r#"<testsuite tests="5" skipped="1"><testcase><skipped/></testcase></testsuite>"#;
    assert!(missing(listed).is_some());
    // pytest counts subtests, and writes whole files only.
    let pytest = r#"<testsuites name="pytest tests"><testsuite name="pytest" tests="22"><testcase/></testsuite></testsuites>"#;
    assert_eq!(missing(pytest), None);
}

#[test]
fn an_expected_failure_ran_and_a_skipped_case_did_not() {
    let text = r#"<testsuite><testcase name="a"><skipped type="pytest.xfail" message="known"/></testcase></testsuite>"#;
    assert_eq!((report(text).ran, report(text).summary.skipped), (1, 1));
    let text = r#"<testsuite><testcase name="a"><skipped type="pytest.skip" message="no card"/></testcase></testsuite>"#;
    assert_eq!((report(text).ran, &*report(text).note), (0, "no card"));
}

#[test]
fn documents_of_other_kinds_are_refused() {
    for (text, why) in [
        ("", "the file is empty"),
        (" \n", "the file is empty"),
        ("hello", "the file has text outside of its elements"),
        ("<html></html>", "the file has no test suite"),
        ("<?xml version=\"1.0\"?>", "the file has no test suite"),
        ("<testsuite><testcase></testsuite>", ""),
        ("</testsuite>", ""),
        ("<testsuite><testcase/></testsuite><testsuite/>", "another document follows the first"),
        ("<testsuite><testcase/></testsuite>x", "the file has text outside of its elements"),
        (
            "<testsuite><testcase><testcase/></testcase></testsuite>",
            "a test case is inside another test case",
        ),
        ("<testsuite failures=\"some\"/>", "failures=\"some\" is not a number"),
        ("<testsuite errors=\"-1\"/>", "errors=\"-1\" is not a number"),
        ("<testsuite errors=\"0\" errors=\"1\"/>", "an element has the attribute errors twice"),
        ("<testsuite><testcase name=a></testcase></testsuite>", ""),
        ("<testsuite><testcase/>", "the file is cut off after 1 case"),
        (
            "<testsuite><testcase/><testcase name=\"b\"><failure/></testcase><testc",
            "the file is cut off after 2 cases, of which 1 failed, first b",
        ),
    ] {
        let refused = parse(text.as_bytes()).expect_err(text);
        assert!(
            if why.is_empty() { !refused.is_empty() } else { refused == why },
            "{text:?}: {refused}"
        );
    }
    let deep = "<testsuite>".repeat(200) + &"</testsuite>".repeat(200);
    assert!(parse(deep.as_bytes()).expect_err("deep").contains("deep"));
    let wide: String = (0..300).map(|at| format!(" a{at}=\"\"")).collect();
    assert!(
        parse(format!("<testsuite{wide}/>").as_bytes()).expect_err("wide").contains("attributes")
    );
}

#[test]
fn a_file_is_read_in_the_encoding_that_it_declares() {
    let body = r#"<testsuite><testcase name="é"><failure message="ü"/></testcase></testsuite>"#;
    let with = |encoding: &str| format!("<?xml version=\"1.0\" encoding='{encoding}'?>{body}");
    let latin =
        |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).expect("latin")).collect();
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let files: [Vec<u8>; 9] = [
        body.into(),
        with("UTF-8").into(),
        format!("\u{feff}{}", with("utf-8")).into(),
        latin(&with("ISO-8859-1")),
        latin(&with("windows-1252")),
        little(&with("UTF-16")),
        big(&with("UTF-16")),
        little(&format!("\u{feff}{}", with("UTF-16"))),
        big(&format!("\u{feff}{body}")),
    ];
    for file in files {
        let summary = parse(&file).expect("a summary").summary;
        assert_eq!((summary.failed, &*summary.reason), (vec!["é".to_owned()], "ü"), "{file:?}");
    }
    let unreadable: [(Vec<u8>, &str); 4] = [
        (latin(body), "the text is not UTF-8 (line 1, byte 28)"),
        (latin(&with("UTF-8")), "the text is not UTF-8"),
        (with("EBCDIC-CP-US").into(), "the encoding \"ebcdic-cp-us\" is not supported"),
        (
            b"<?xml encoding='cp1252'?><testsuite>\x81</testsuite>".into(),
            "a byte is not valid in the declared encoding windows-1252",
        ),
    ];
    for (file, why) in unreadable {
        let refused = parse(&file).expect_err("refused");
        assert!(refused.starts_with(why), "{refused}");
    }
    let euro = b"<?xml version=\"1.0\" encoding=\"cp1252\"?><testsuite><testcase name=\"\x80\"><error/></testcase></testsuite>";
    assert_eq!(parse(euro).expect("a summary").summary.failed, ["€"]);
}

#[test]
fn names_are_bounded() {
    let case = format!("<testcase name=\"{}\"><failure/></testcase>", "é".repeat(1000));
    let summary = report(&format!("<testsuite>{}</testsuite>", case.repeat(300))).summary;
    assert_eq!((summary.tests, summary.failed.len()), (300, MAX_FAILED));
    assert!(summary.failed.iter().all(|name| name.len() <= MAX_NAME_BYTES));
}

#[test]
fn a_file_that_came_with_the_test_does_not_count_as_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("out.xml");
    let missing = read(dir.path(), "out.xml", None).expect_err("missing");
    assert_eq!(missing.to_string(), "the JUnit file out.xml was not written");
    assert_eq!(Stamp::set_back(&path).expect("nothing"), None);
    std::fs::write(&path, PASSING).expect("shipped");
    let shipped = Stamp::set_back(&path).expect("looked").expect("a stamp");
    let stale = read(dir.path(), "out.xml", Some(&shipped)).expect_err("stale");
    assert!(stale.to_string().contains("still the one shipped with the test"), "{stale}");
    // The same content, written again.
    std::fs::write(&path, PASSING).expect("written");
    assert_eq!(read(dir.path(), "out.xml", Some(&shipped)).expect("read").file, "out.xml");
    // Another file in its place, as old as that one.
    let beside = dir.path().join("beside.xml");
    std::fs::write(&beside, PASSING).expect("written");
    Stamp::set_back(&beside).expect("set back");
    std::fs::rename(&beside, &path).expect("moved");
    let moved = read(dir.path(), "out.xml", Some(&shipped));
    assert!(moved.is_ok() || cfg!(not(unix)), "{moved:?}");
    let broken = read(dir.path(), ".", None).expect_err("no file");
    assert!(broken.to_string().starts_with("cannot read the JUnit file ."), "{broken}");
}

proptest! {
    #[test]
    fn no_input_panics(text in "(<|>|/|testcase|testsuite|failure| name=|\"|x|&|;|error|<!|\\?|-){0,40}") {
        let _ = parse(text.as_bytes());
        let _ = times(text.as_bytes());
    }

    /// Wherever a file is cut, in any encoding, it does not count as complete.
    #[test]
    fn a_cut_file_never_passes(at in any::<prop::sample::Index>(), encoding in 0..3_usize) {
        let file: Vec<u8> = match encoding {
            0 => PASSING.into(),
            1 => PASSING.replace("utf-8", "utf-16").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => format!("\u{feff}{PASSING}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        prop_assert!(parse(&file).is_ok());
        let cut = at.index(file.len());
        prop_assert!(parse(file.get(..cut).unwrap_or_default()).is_err(), "{cut}");
    }
}

#[test]
fn a_cut_file_never_passes_at_any_byte() {
    assert_eq!(counts(PASSING), [4, 3, 0, 1, 0]);
    for text in [PASSING, PYTEST] {
        for cut in 0..text.len() {
            let cut = text.as_bytes().get(..cut).unwrap_or_default();
            assert!(parse(cut).is_err(), "{}", String::from_utf8_lossy(cut));
        }
    }
}
