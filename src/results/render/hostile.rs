//! Texts and numbers that are made to break formats: no output format is broken by them.

use super::tests::{labelled, metric, row, view};
use super::{
    Dialect, Report, Style, bencher, csv, ctrf, html, json, junit, markdown, ndjson, table,
};
use crate::api::v1::matrix::{MatrixCell, MatrixView, SlowTest, SummaryView, WorkerHealth};
use crate::api::v1::reports::{EarlierAttempt, GroupBy, PastResult, ReportRow};
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use crate::results::junit::reader;
use crate::text::invisible::is_invisible;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use quick_xml::events::Event;
use std::sync::Arc;

/// Parts of texts with a meaning in one of the formats, in terminals, or in XML and JSON.
const PARTS: [&str; 36] = [
    "<",
    ">",
    "&",
    "\"",
    "'",
    "</script>",
    "<!--",
    "-->",
    "]]>",
    "<![CDATA[",
    "&#0;",
    "&lt;",
    "\u{1b}[31m",
    "\u{9b}2J",
    "\u{7}",
    "\0",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{7f}",
    "\r\n",
    "\n",
    "\t",
    "=1+1",
    "@me",
    "+2",
    "-3",
    "|",
    "`",
    "[x](y)",
    ",",
    ";",
    "https://e",
    "模型",
];

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => select(PARTS.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => Just("x".repeat(512)),
    ];
    vec(part, 1..6).prop_map(|parts| parts.concat())
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        select(vec![0.0, 1e308, -1e308, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, 1.5]),
        any::<f64>(),
    ]
}

/// A report with this text in every place where a text of others can be.
fn report(text: &str, value: f64, outcome: Option<Outcome>) -> Report {
    let mut of = labelled(row(0, text, outcome), text, text);
    of.labels.insert(text.to_owned(), text.to_owned());
    of.message = text.to_owned();
    of.first_attempt = Some(text.to_owned());
    of.worker = Some(text.to_owned());
    of.devices = vec![text.to_owned()];
    of.weights = Some(text.to_owned());
    of.reproduce = Some(text.to_owned());
    (of.flaky, of.attempts) = (outcome == Some(Outcome::Passed), 2);
    Arc::make_mut(&mut of.environment).insert(text.to_owned(), text.into());
    of.metrics = vec![metric(text, text, value), metric("latency_seconds", "seconds", value)];
    of.metrics[1].samples = vec![0.5, 1e308];
    of.earlier = vec![EarlierAttempt {
        number: 1,
        outcome: Outcome::Error,
        class: Some(Class::Crash),
        message: text.to_owned(),
        worker: text.to_owned(),
        duration_ms: Millis(u64::MAX),
        finished_at: Timestamp(u64::MAX),
    }];
    of.past = vec![PastResult {
        test: TestId { run: RunId(1), index: 0 },
        outcome: Outcome::Failed,
        flaky: false,
        finished_at: Timestamp(1),
        worker: Some(text.to_owned()),
        value: Some(value),
    }];
    let other = row(1, "plain", Some(Outcome::Passed));
    let test = of.test;
    let mut report = Report::from(view(vec![of, other]));
    report.outputs.insert(test, format!("{text}\n{text}"));
    report.matrix = Some(matrix(text, value, test));
    report.summary = Some(SummaryView {
        schema: 1,
        slowest: vec![SlowTest {
            test,
            name: text.to_owned(),
            duration_ms: Millis(u64::MAX),
            worker: text.to_owned(),
        }],
        workers: vec![WorkerHealth {
            worker: text.to_owned(),
            attempts: 1,
            failed: 0,
            infrastructure: 0,
            out_of_memory: 0,
            busy_ms: Millis(u64::MAX),
            last_finished_at: Timestamp(u64::MAX),
            noise: Some(value),
        }],
    });
    report
}

fn matrix(text: &str, value: f64, test: TestId) -> MatrixView {
    MatrixView {
        schema: 1,
        group_by: GroupBy::Model,
        metric: text.to_owned(),
        rows: vec![text.to_owned()],
        columns: vec![text.to_owned()],
        cells: vec![MatrixCell {
            row: text.to_owned(),
            column: text.to_owned(),
            tests: 1,
            outcomes: [(Outcome::Skipped, 1)].into(),
            pending: 0,
            flaky: 0,
            quarantined: Default::default(),
            outcome: Some(Outcome::Skipped),
            value: Some(value),
            unit: text.to_owned(),
            better: None,
            change: Some(value),
            test,
            message: text.to_owned(),
            reproduce: text.to_owned(),
        }],
        truncated: false,
    }
}

fn is_safe(text: &str) -> bool {
    !text.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || is_invisible(c))
}

/// The records of a CSV text, by RFC 4180.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) =
        (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    records
}

/// Reads XML to its end, and returns the names of its elements.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut names = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) | Event::Empty(start) => {
                for attribute in start.attributes() {
                    attribute.expect("an attribute");
                }
                names.push(start.name().as_ref().to_owned());
            }
            Event::Eof => return names,
            _ => {}
        }
    }
}

/// The texts of an HTML document around its data, and the data.
fn parts_of(html: &str) -> (String, serde_json::Value) {
    let (before, rest) = html.split_once("id=\"data\">").expect("data");
    let (data, after) = rest.split_once("</script>").expect("the end of the data");
    (format!("{before}{after}"), serde_json::from_str(data).expect("JSON"))
}

fn markup(text: &str) -> usize {
    text.matches(['<', '>']).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_and_no_number_breaks_a_format(
        text in text(),
        value in number(),
        outcome in select(vec![None, Some(Outcome::Passed), Some(Outcome::Failed), Some(Outcome::Skipped)]),
    ) {
        let evil = report(&text, value, outcome);
        let plain = report("x", 1.0, outcome);

        for width in [None, Some(40)] {
            let shown = table(&evil, Style { colour: false, width });
            prop_assert!(is_safe(&shown) && !shown.contains(['\r', '\t']), "{shown:?}");
        }
        let rows = records(&csv(&evil.view));
        prop_assert_eq!(rows.len(), 3);
        prop_assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let numeric = |field: &str| field.parse::<f64>().is_ok();
        let formula = |field: &String| field.starts_with(['=', '+', '-', '@', '\t']) && !numeric(field);
        prop_assert!(!rows.iter().flatten().any(formula), "{:?}", rows);

        for dialect in [Dialect::Common, Dialect::JenkinsStrict] {
            let [file] = &junit(&evil, dialect)[..] else { panic!("one file") };
            let [harmless] = &junit(&plain, dialect)[..] else { panic!("one file") };
            prop_assert!(is_safe(file), "{file:?}");
            let (cases, expected) = (elements(file), elements(harmless));
            prop_assert_eq!(sorted(cases), sorted(expected));
            let read = reader::parse(file.as_bytes()).expect("a JUnit file");
            prop_assert_eq!(read.summary.tests, 2);
        }

        let page = html(&evil).expect("rendered");
        let (around, data) = parts_of(&page);
        let (harmless, _) = parts_of(&html(&plain).expect("rendered"));
        prop_assert_eq!(markup(&around), markup(&harmless));
        prop_assert_eq!(data["tests"][0]["name"].as_str(), Some(&*text));

        let page = markdown(&evil);
        prop_assert!(is_safe(&page), "{page:?}");
        let harmless = markdown(&plain);
        prop_assert_eq!(markup(&page), markup(&harmless));
        let pipes = |text: &str| text.lines().map(|line| line.matches('|').count()).collect::<Vec<_>>();
        prop_assert_eq!(pipes(&page), pipes(&harmless));

        let lines = ndjson(&evil).expect("encodes");
        prop_assert_eq!(lines.lines().count(), 3);
        for document in lines.lines().chain([&*json(&evil).expect("encodes"), &*ctrf(&evil), &*bencher(&evil)]) {
            prop_assert!(is_safe(document));
            serde_json::from_str::<serde_json::Value>(document).expect("JSON");
        }
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

/// A report of 1,000 tests with all details has the size of a mail.
#[test]
fn a_thousand_tests_fit_into_one_page() {
    let samples: Vec<f64> = (0..50).map(|at| 0.042_123_456_789 + f64::from(at) * 1e-5).collect();
    let one = |index: u32| -> ReportRow {
        let name = format!("organisation/model-{index}/cuda/float16/b8/s128");
        let mut row = labelled(
            row(index, &name, Some(Outcome::Passed)),
            &format!("model-{}", index / 8),
            "cuda",
        );
        row.metrics = [
            "latency_seconds",
            "throughput_samples_per_second",
            "peak_memory_bytes",
            "load_seconds",
        ]
        .map(|name| metric(name, "seconds", 0.042_123_456_789))
        .into();
        row.metrics[0].samples.clone_from(&samples);
        let past = |run: u32| PastResult {
            test: TestId { run: RunId(run), index },
            outcome: Outcome::Passed,
            flaky: false,
            finished_at: Timestamp(1_764_000_000_000),
            worker: Some("lab-1".into()),
            value: Some(0.042_123_456_789),
        };
        row.past = (1..=30).map(past).collect();
        row
    };
    let mut report = Report::from(view((0..1_000).map(one).collect()));
    report.view.rows[500].outcome = Some(Outcome::Failed);
    let failed = report.view.rows[500].test;
    report.outputs.insert(failed, "line\n".repeat(10_000));
    let page = html(&report).expect("rendered");
    assert!((600_000..=1_500_000).contains(&page.len()), "{} bytes", page.len());
    let (_, data) = parts_of(&page);
    let tests = data["tests"].as_array().expect("tests");
    assert_eq!(tests.len(), 1_000);
    // The test that failed has all details, and the page of another one states what it lacks.
    assert_eq!(tests[500]["past"].as_array().map(Vec::len), Some(30));
    assert!(tests[500]["output"].as_str().is_some_and(|text| text.len() <= 4_000));
    assert_eq!(tests[999]["cut"], true);
}
