//! One report in all output formats.

use super::{Dialect, Style, csv};
use crate::api::v1::changes::ChangesView;
use crate::api::v1::marks::QuarantineRef;
use crate::api::v1::matrix::{MatrixCell, MatrixView, SlowTest, SummaryView};
use crate::api::v1::reports::{
    Cases, EarlierAttempt, GroupBy, MetricSummary, ReportRow, ReportView, Totals,
};
use crate::domain::findings::FirstDifference;
use crate::domain::id::{QuarantineId, RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::Phase;
use crate::domain::time::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

fn table(view: &ReportView, style: Style) -> String {
    super::table(&view.clone().into(), style)
}

fn json(view: &ReportView) -> serde_json::Result<String> {
    super::json(&view.clone().into())
}

pub(super) fn metric(name: &str, unit: &str, p50: f64) -> MetricSummary {
    MetricSummary {
        name: name.into(),
        unit: unit.into(),
        count: 20,
        spread: Some(0.03125),
        noisy: false,
        threads: None,
        min: p50 * 0.5,
        p50,
        p90: Some(p50 * 1.5),
        p99: None,
        max: p50 * 2.0,
        samples: vec![],
    }
}

pub(super) fn row(index: u32, name: &str, outcome: Option<Outcome>) -> ReportRow {
    let ended = outcome.is_some();
    ReportRow {
        test: TestId { run: RunId(1), index },
        name: name.into(),
        outcome,
        phase: None,
        class: None,
        flaky: false,
        quarantined: None,
        noisy: false,
        attempts: u16::from(ended),
        worker: ended.then(|| "lab-1".into()),
        duration_ms: ended.then_some(Millis(12_345)),
        finished_at: ended.then_some(Timestamp(1_764_000_000_000)),
        message: String::new(),
        first_attempt: None,
        cases: None,
        weights: None,
        weights_id: None,
        would_not_notice: None,
        first_differs: None,
        reproduce: None,
        labels: BTreeMap::new(),
        isolation: String::new(),
        devices: vec![],
        environment: Arc::default(),
        metrics: vec![],
        earlier: vec![],
        past: vec![],
    }
}

fn measured_with(row: &mut ReportRow, threads: u64, slots: u64, torch: &str) {
    let facts = serde_json::json!({ "threads": threads, "slots": slots, "torch": torch });
    row.environment = facts.as_object().cloned().expect("an object").into();
    row.isolation = "warm".into();
}

pub(super) fn labelled(mut row: ReportRow, model: &str, backend: &str) -> ReportRow {
    let labels = [("model", model), ("backend", backend), ("dtype", "float32"), ("batch", "8")];
    row.labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
    row
}

pub(super) fn view(rows: Vec<ReportRow>) -> ReportView {
    let mut totals = Totals { tests: rows.len() as u64, ..Totals::default() };
    for row in &rows {
        match row.outcome {
            Some(outcome) => *totals.outcomes.entry(outcome).or_default() += 1,
            None => totals.pending += 1,
        }
        totals.flaky += u64::from(row.flaky);
        totals.noisy += u64::from(row.noisy);
        totals.attempts += u64::from(row.attempts);
    }
    let runs = vec![RunId(1)];
    ReportView { schema: 1, since: None, until: None, runs, totals, rows, truncated: false }
}

/// Two models on two back-ends, with tests in every state.
fn mixed() -> ReportView {
    let passed = Some(Outcome::Passed);
    let mut bert = labelled(row(0, "bert cpu b8", passed), "bert", "cpu");
    bert.metrics = vec![
        metric("latency_seconds", "seconds", 0.0421),
        metric("peak_memory_bytes", "bytes", 123_456_789.0),
        metric("throughput_samples_per_second", "samples/s", 190.02),
    ];
    measured_with(&mut bert, 1, 2, "2.9.0");
    let mut flaky = labelled(row(1, "bert cuda b8", passed), "bert", "cuda");
    (flaky.flaky, flaky.attempts) = (true, 2);
    flaky.first_attempt = Some("failed: exit code 3".into());
    (bert.weights, flaky.weights) = (Some("random".into()), Some("folder".into()));
    let mut gpt = labelled(row(2, "gpt2 cpu b8", Some(Outcome::Failed)), "gpt2", "cpu");
    flaky.weights_id = Some(format!("sha256:{}", "1a2b3c4d".repeat(8)));
    gpt.weights = Some("random".into());
    gpt.labels.insert("weights_reason".into(), "the hub cannot be reached: no route".into());
    gpt.message = "rms ratio 0.3 is more than 0.01".into();
    gpt.metrics = vec![
        metric("latency_seconds", "seconds", 1.5),
        metric("throughput_tokens_per_second", "tokens/s", 21.3),
    ];
    (gpt.metrics[0].count, gpt.metrics[0].spread, gpt.metrics[0].p90) = (3, None, None);
    (gpt.metrics[1].spread, gpt.metrics[1].noisy, gpt.noisy) = (Some(0.25), true, true);
    measured_with(&mut gpt, 4, 2, "2.9.0");
    let mut lost = labelled(row(3, "gpt2 cuda b8", Some(Outcome::Error)), "gpt2", "cuda");
    (lost.class, lost.message) = (Some(Class::OutOfMemory), "CUDA out of memory".into());
    let mut skipped = row(4, "after", Some(Outcome::Skipped));
    (skipped.attempts, skipped.worker, skipped.duration_ms) = (0, None, None);
    skipped.message = "its dependency r1.t3 did not pass".into();
    let mut running = row(6, "at work", None);
    running.phase = Some(Phase::Leased);
    let mut waiting = row(5, "still waiting", None);
    waiting.message = "no worker can run it: lab-1 lacks the tag moon".into();
    view(vec![bert, flaky, gpt, lost, skipped, waiting, running])
}

#[test]
fn for_people() {
    insta::assert_snapshot!(table(&mixed(), Style::default()));
}

#[test]
fn for_people_at_a_narrow_terminal() {
    let text = table(&mixed(), Style { colour: false, width: Some(80) });
    insta::assert_snapshot!(text);
    // The lines of messages below the tables are broken by the terminal.
    let (tables, _) = text.rsplit_once("\n\n").expect("has messages");
    let (tables, _) = tables.rsplit_once("\n\n").expect("has notes");
    assert!(tables.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn plain_tests_have_few_columns() {
    let mut lost = row(1, "second", Some(Outcome::WorkerLost));
    lost.attempts = 3;
    let mut report = view(vec![row(0, "first", Some(Outcome::Passed)), lost]);
    report.since = Some(Timestamp(1_763_900_000_000));
    report.until = Some(Timestamp(1_763_990_000_000));
    report.totals.late_results = 1;
    report.truncated = true;
    insta::assert_snapshot!(table(&report, Style::default()));
}

/// The same test in two runs, and cancelled in a third. Its latest verdict counts.
#[test]
fn several_runs_show_id_and_time_and_count_the_latest_verdict() {
    let mut rows = Vec::new();
    for (run, outcome) in
        [(1, Some(Outcome::Failed)), (2, Some(Outcome::Passed)), (3, Some(Outcome::Cancelled))]
    {
        for (index, model, name, backend) in [
            (0, "./work/my-qwen", "my-qwen/cpu/b1", "cpu"),
            (1, "./work/my-qwen", "my-qwen/cuda/b1", "cuda"),
            (2, "bert", "bert/cpu/b1", "cpu"),
        ] {
            let mut row = labelled(row(index, name, outcome), model, backend);
            row.test.run = RunId(run);
            row.finished_at = Some(Timestamp(1_764_000_000_000 + u64::from(run) * 60_000));
            rows.push(row);
        }
    }
    let mut never = labelled(row(3, "bert/cuda/b1", Some(Outcome::Skipped)), "bert", "cuda");
    (never.test.run, never.message) = (RunId(3), "no worker can run it".into());
    rows.push(never);
    let mut report = view(rows);
    report.runs = [1, 2, 3].map(RunId).into();
    report.since = Some(Timestamp(1_763_900_000_000));
    insta::assert_snapshot!(table(&report, Style::default()));
}

#[test]
fn the_line_about_latencies_states_the_neighbours_that_are_known() {
    let line = |known: &[Option<u64>], slots: u64| {
        let row = |(at, neighbours): (u32, &Option<u64>)| {
            let mut row = row(at, "a", Some(Outcome::Passed));
            row.metrics = vec![metric("latency_seconds", "seconds", 0.5)];
            measured_with(&mut row, 1, slots, "2.9.0");
            if let Some(count) = neighbours {
                let facts = Arc::make_mut(&mut row.environment);
                facts.insert("neighbours".to_owned(), (*count).into());
            }
            row
        };
        let text = table(&view((0..).zip(known).map(row).collect()), Style::default());
        let start = "Latency: n = 20 measured runs, 1 CPU thread per test, ";
        text.lines().find_map(|line| line.strip_prefix(start).map(str::to_owned))
    };
    let alone = line(&[Some(0), Some(0)], 2);
    assert_eq!(alone.as_deref(), Some("no other test of the worker at the same time"));
    let beside = line(&[Some(0), Some(3)], 4).expect("a line");
    assert!(beside.starts_with("beside 0 to 3 other tests of the worker; "), "{beside}");
    assert!(beside.ends_with("measure with --quiet-machine"), "{beside}");
    let unknown = line(&[Some(0), None], 4);
    assert_eq!(unknown.as_deref(), Some("up to 4 concurrent tests per worker"));
    assert_eq!(line(&[None], 1).as_deref(), Some("no concurrent tests"));
}

#[test]
fn noisy_tests_are_named_up_to_a_limit() {
    let noisy = |at| ReportRow { noisy: true, ..row(at, "a", Some(Outcome::Passed)) };
    let text = table(&view((0..12).map(noisy).collect()), Style::default());
    let line = text.lines().find(|line| line.starts_with("Noisy: 12 tests have")).expect("a line");
    assert!(
        line.ends_with(
            "above 10 %: r1.t0, r1.t1, r1.t2, r1.t3, r1.t4, r1.t5, r1.t6, r1.t7, \
                            r1.t8, r1.t9, and 2 more"
        ),
        "{line}"
    );
}

#[test]
fn the_origin_of_weights_is_counted() {
    let line = |origins: &[&str]| {
        let row = |(at, origin): (u32, &&str)| {
            let mut row = row(at, "a", Some(Outcome::Passed));
            row.weights = (!origin.is_empty()).then(|| (*origin).to_owned());
            row
        };
        let text = table(&view((0..).zip(origins).map(row).collect()), Style::default());
        text.lines().find_map(|line| line.strip_prefix("Weights: ").map(str::to_owned))
    };
    assert_eq!(line(&[]), None);
    assert_eq!(line(&["", ""]), None);
    assert_eq!(line(&["random", "random", ""]).as_deref(), Some("random for 2 of 2 tests"));
    assert_eq!(line(&["folder"]).as_deref(), Some("from the model's directory for 1 of 1 test"));
    let mixed = "random for 1 of 4 tests, from the model cache for 2, from the model hub for 1";
    assert_eq!(line(&["cache", "hub", "random", "cache"]).as_deref(), Some(mixed));
}

#[test]
fn each_row_names_the_weights_and_the_head_names_random_ones() {
    let commit = format!("owner/model@{}", "0123abcd".repeat(5));
    let digest = format!("sha256:{}", "1a2b3c4d".repeat(8));
    let mut rows = Vec::new();
    for (index, (kind, identity, shown)) in (0..).zip([
        ("hub", Some(&commit), "hub@0123abc"),
        ("cache", Some(&commit), "cache@0123abc"),
        ("folder", Some(&digest), "folder sha256:1a2b3c4"),
        ("path", Some(&digest), "path sha256:1a2b3c4"),
        ("cache", None, "cache"),
        ("random", None, "random"),
    ]) {
        let mut row = row(index, "a", Some(Outcome::Passed));
        (row.weights, row.weights_id) = (Some(kind.to_owned()), identity.cloned());
        let text = table(&view(vec![row.clone()]), Style::default());
        assert!(text.lines().any(|line| line.contains(shown)), "{shown}: {text}");
        rows.push(row);
    }
    let mut risky = rows[2].clone();
    for label in ["allow_pickle", "trust_remote_code"] {
        risky.labels.insert(label.into(), "true".into());
    }
    let text = table(&view(vec![risky]), Style::default());
    assert!(text.contains("folder sha256:1a2b3c4 (pickle allowed) (remote code)"), "{text}");
    let head = |rows: Vec<ReportRow>| {
        let text = table(&view(rows), Style::default());
        text.lines().nth(1).map(str::to_owned).unwrap_or_default()
    };
    let expected = "random weights in 1 of 6 tests: figures are not those of trained weights";
    assert_eq!(head(rows.clone()), expected);
    rows[5].labels.insert("weights_reason".into(), "the hub is away\u{1b}".into());
    assert_eq!(head(rows.clone()), expected);
    let text = table(&view(rows.clone()), Style::default());
    assert_eq!(text.lines().nth(2), Some("  reason: the hub is away\\u{1b}"));
    rows.truncate(5);
    assert!(!head(rows).contains("random"));
}

#[test]
fn a_passed_test_shows_the_changes_that_it_would_not_notice() {
    let row = |at: u32, outcome, texts: Option<&[&str]>| {
        let mut row = row(at, "a", Some(outcome));
        row.would_not_notice =
            texts.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
        row
    };
    let both: &[&str] = &["scale dropped", "positions shifted"];
    let turned: &[&str] = &["positions shifted", "scale dropped"];
    let passed = Outcome::Passed;
    let mut report = view(vec![
        row(0, passed, Some(&["layer skipped"])),
        row(1, passed, Some(both)),
        row(2, passed, Some(turned)),
        row(3, passed, Some(&[])),
        row(4, passed, None),
        row(5, Outcome::Failed, Some(both)),
    ]);
    let lines = "\nPassed, but would not notice: positions shifted, scale dropped (2 tests)\n\
        Passed, but would not notice: layer skipped (1 test)\n";
    let text = table(&report, Style::default());
    assert!(text.contains(lines), "{text}");
    report.truncated = true;
    let text = table(&report, Style::default());
    assert!(text.contains("layer skipped (1 test shown)\n"), "{text}");
    // Every test has other changes.
    let named: Vec<String> = (0..13).map(|at| format!("change {at}")).collect();
    let rows = named.iter().zip(0..).map(|(name, at)| row(at, passed, Some(&[name])));
    let text = table(&view(rows.collect()), Style::default());
    assert_eq!(text.matches("Passed, but would not notice: ").count(), 10, "{text}");
    assert!(text.contains("would not notice other changes: 3 further tests\n"), "{text}");
    let header = csv(&report);
    assert!(header.contains(",would_not_notice,first_differs,"), "{header}");
    assert!(header.contains(",\"positions shifted; scale dropped\",,"), "{header}");
}

#[test]
fn a_failed_test_shows_where_it_begins() {
    let mut failed = row(0, "a", Some(Outcome::Failed));
    failed.first_differs = Some(FirstDifference {
        module: "model.norm".into(),
        kind: "LlamaRMSNorm".into(),
        values: BTreeMap::new(),
    });
    let end = |row: &ReportRow| {
        let text = table(&view(vec![row.clone()]), Style::default());
        text.lines().last().map(str::to_owned).expect("a line")
    };
    failed.message = "rms 0.3".into();
    let words = "r1.t0 a failed: rms 0.3; first differs at model.norm (LlamaRMSNorm)";
    assert_eq!(end(&failed), words);
    assert!(csv(&view(vec![failed.clone()])).contains(",model.norm,"));
    // The script has named it.
    failed.message = "rms 0.3; first differs at model.norm (LlamaRMSNorm); random weights".into();
    assert_eq!(end(&failed), format!("{words}; random weights"));
}

#[test]
fn reduced_precision_is_counted_beside_failures() {
    let mut report = view(vec![
        row(0, "a", Some(Outcome::Passed)),
        row(1, "b", Some(Outcome::ReducedPrecision)),
        row(2, "c", Some(Outcome::ReducedPrecision)),
    ]);
    report.rows[1].message = "rounds like bf16".into();
    let text = table(&report, Style { colour: true, width: None });
    let first = "run r1, 3 tests: 1 passed, 0 failed, 2 reduced precision\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("\n\u{1b}[31mreduced precision\u{1b}[0m  "), "{text}");
    assert!(text.contains("\nr1.t1 b reduced precision: rounds like bf16\n"), "{text}");
    let csv = csv(&report);
    assert!(csv.contains(",b,reduced_precision,"), "{csv}");
}

/// Two tests with JUnit files, and one without.
fn with_cases(labels: &[&str]) -> ReportView {
    let mut rows: Vec<_> =
        (0..3).map(|at| row(at, &format!("unit/cpu/{at}"), Some(Outcome::Passed))).collect();
    let counts = |passed, failed, skipped| {
        let total = passed + failed + skipped;
        Some(Cases { total, passed, failed, skipped, ..Cases::default() })
    };
    (rows[0].cases, rows[1].cases) = (counts(47, 0, 1), counts(145, 0, 0));
    for row in rows.iter_mut().take(2) {
        row.labels = labels.iter().map(|label| ((*label).to_owned(), "x".to_owned())).collect();
    }
    let mut report = view(rows);
    report.totals.cases = counts(192, 0, 1);
    report.totals.tests_with_cases = 2;
    report
}

#[test]
fn cases_are_counted_where_there_are_some() {
    let text = table(&with_cases(&[]), Style::default());
    assert!(text.contains("\n193 cases: 192 passed, 1 skipped; 2 tests\n"), "{text}");
    assert!(text.contains("47 passed, 1 skipped") && text.contains("145 passed"), "{text}");
    let shards = table(&with_cases(&["suite", "items"]), Style::default());
    assert!(shards.contains("\n193 cases: 192 passed, 1 skipped; 2 shards\n"), "{shards}");
    let text = csv(&with_cases(&[]));
    let header = text.lines().next().expect("a header");
    assert!(
        header.ends_with("cases,cases_passed,cases_failed,cases_errors,cases_skipped"),
        "{header}"
    );
    let ends: Vec<_> = text.lines().skip(1).map(|line| line.contains(",48,47,0,0,1")).collect();
    assert_eq!(ends, [true, false, false], "{text}");
    let json = json(&with_cases(&[])).expect("encodes");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["totals"]["cases"]["passed"], 192);
    assert_eq!(json["rows"][0]["cases"]["skipped"], 1);
    assert_eq!(json["rows"][2].get("cases"), None);
}

#[test]
fn a_lost_first_attempt_is_shown_although_the_second_passed() {
    let mut again = row(0, "again", Some(Outcome::Passed));
    (again.attempts, again.first_attempt) = (2, Some("worker b was lost".into()));
    let text = table(&view(vec![again]), Style::default());
    let expected = "r1.t0 again passed: passed on attempt 2; attempt 1: worker b was lost\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn nothing_to_report() {
    let mut report = view(vec![]);
    report.runs.clear();
    assert_eq!(table(&report, Style::default()), "no runs, 0 tests: 0 passed, 0 failed\n");
}

#[test]
fn colour_is_optional() {
    let report = mixed();
    assert!(!table(&report, Style::default()).contains('\u{1b}'));
    let coloured = table(&report, Style { colour: true, width: None });
    for (word, code) in [("passed", 32), ("flaky", 33), ("failed", 31), ("skipped", 2)] {
        assert!(coloured.contains(&format!("\n\u{1b}[{code}m{word}\u{1b}[0m  ")), "{word}");
    }
    let stripped = ["32", "33", "31", "2", "36", "0"]
        .iter()
        .fold(coloured, |text, code| text.replace(&format!("\u{1b}[{code}m"), ""));
    assert_eq!(stripped, table(&report, Style::default()));
}

#[test]
fn hostile_names_cannot_control_the_terminal() {
    let mut evil = row(0, "\u{1b}]0;owned\u{7}\u{202e}\nfake", Some(Outcome::Failed));
    evil.message = "\u{9b}2J\r\nfake: passed".into();
    evil.worker = Some("\u{1b}[1m".into());
    evil.labels.insert("backend".into(), "\u{1b}c".into());
    let text = table(&view(vec![evil]), Style { colour: false, width: Some(60) });
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
}

#[test]
fn for_spreadsheets() {
    let mut report = mixed();
    report.rows[2].message = "=1+1, \"quoted\"\nsecond line".into();
    let text = csv(&report);
    assert!(text.lines().all(|line| !line.is_empty()) && text.ends_with("\r\n"));
    insta::assert_snapshot!(text.replace("\r\n", "\n"));
}

#[test]
fn for_programs_it_reads_back_the_same() {
    let mut report = mixed();
    // These numbers are equal after they were written and read as decimals.
    for metric in report.rows.iter_mut().flat_map(|row| &mut row.metrics) {
        *metric = self::metric(&metric.name, &metric.unit, 0.5);
    }
    let text = json(&report).expect("encodes");
    assert_eq!(serde_json::from_str::<ReportView>(&text).expect("reads"), report);
}

/// A report with attempts, output, a quarantine and the sections.
fn whole() -> super::Report {
    let mut report = super::Report::from(mixed());
    let attempt = |outcome, message: &str| EarlierAttempt {
        number: 1,
        outcome,
        class: None,
        message: message.into(),
        worker: "lab-2".into(),
        duration_ms: Millis(1_500),
        finished_at: Timestamp(1_763_999_000_000),
    };
    let rows = &mut report.view.rows;
    rows[1].earlier = vec![attempt(Outcome::Failed, "exit code 3")];
    rows[2].earlier = vec![attempt(Outcome::TimedOut, "no output for 60 s")];
    rows[2].attempts = 2;
    rows[3].quarantined = Some(QuarantineRef {
        quarantine: QuarantineId(3),
        reason: "known leak".into(),
        expires_at: Timestamp(1_765_000_000_000),
    });
    report.view.totals.quarantined.tests = 1;
    let rows = &report.view.rows;
    report.outputs.insert(rows[2].test, "line 1\nrms ratio 0.3\n".into());
    let cell = |row: &str, outcome, value, change, test| MatrixCell {
        row: row.into(),
        column: "cuda (NVIDIA L4)".into(),
        tests: 1,
        outcomes: [(outcome, 1)].into(),
        pending: 0,
        flaky: 0,
        quarantined: Default::default(),
        outcome: Some(outcome),
        value,
        unit: "seconds".into(),
        better: None,
        change,
        test: TestId { run: RunId(1), index: test },
        message: String::new(),
        reproduce: format!("dtf why r1.t{test}"),
    };
    report.matrix = Some(MatrixView {
        schema: 1,
        group_by: GroupBy::Model,
        metric: "latency_seconds".into(),
        rows: vec!["bert".into(), "gpt2".into()],
        columns: vec!["cpu".into(), "cuda (NVIDIA L4)".into()],
        cells: vec![
            cell("bert", Outcome::Passed, Some(0.0421), Some(1.031), 1),
            cell("gpt2", Outcome::Skipped, None, None, 3),
        ],
        truncated: false,
    });
    report.summary = Some(SummaryView {
        schema: 1,
        slowest: vec![SlowTest {
            test: TestId { run: RunId(1), index: 2 },
            name: "gpt2 cpu b8".into(),
            duration_ms: Millis(12_345),
            worker: "lab-1".into(),
        }],
        workers: vec![],
    });
    report.changes = Some(ChangesView::default());
    report
}

#[test]
fn for_people_with_sections() {
    insta::assert_snapshot!(super::table(&whole(), Style { colour: false, width: Some(100) }));
}

#[test]
fn for_ci_systems() {
    let report = whole();
    insta::assert_snapshot!("junit", super::junit(&report, Dialect::Common)[0]);
    insta::assert_snapshot!("junit_strict", super::junit(&report, Dialect::JenkinsStrict)[0]);
    insta::assert_snapshot!("markdown", super::markdown(&report));
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!("ctrf", super::ctrf(&report).replace(&version, "\"VERSION\""));
}

#[test]
fn for_other_programs() {
    let report = whole();
    insta::assert_snapshot!("ndjson", super::ndjson(&report).expect("encodes"));
    insta::assert_snapshot!("bencher", super::bencher(&report));
}

/// More than 10,000 tests make several files, whose counts are those of their tests.
#[test]
fn a_large_report_has_several_junit_files() {
    let rows = (0..10_001).map(|index| row(index, "same name", Some(Outcome::Passed))).collect();
    let files = super::junit(&view(rows).into(), Dialect::Common);
    let counts: Vec<bool> = files
        .iter()
        .zip(["tests=\"10000\"", "tests=\"1\""])
        .map(|(file, count)| file.contains(count))
        .collect();
    assert_eq!(counts, [true, true]);
    assert!(files[0].contains("same name (r1.t9999)"));
    // A test may have the name that another one got.
    let names = ["a", "a", "a (r1.t1)"];
    let rows = (0u32..).zip(names).map(|(index, name)| row(index, name, Some(Outcome::Passed)));
    let file = super::junit(&view(rows.collect()).into(), Dialect::Common).remove(0);
    assert_eq!(file.matches("name=\"a (r1.t1)\"").count(), 1, "{file}");
    assert!(file.contains("name=\"a (r1.t1) (r1.t2)\""), "{file}");
}

/// A matrix leaves out columns rather than break words, and is left out if no test has a model.
#[test]
fn a_matrix_is_readable_at_a_narrow_terminal() {
    let mut report = whole();
    let matrix = report.matrix.as_mut().expect("a matrix");
    let long = "a".repeat(60);
    matrix.rows[0].clone_from(&long);
    matrix.cells[0].row.clone_from(&long);
    matrix.cells[0].column = "cpu".into();
    let text = super::table(&report, Style { colour: false, width: Some(50) });
    let (_, text) = text.split_once("\nMatrix: ").expect("a matrix");
    let text = text.split("\n\n").next().expect("a part");
    let row = format!("{}…  1 passed, 42.1 ms, +3.1 %\n", "a".repeat(16));
    assert!(text.contains(&row), "{text}");
    assert!(text.ends_with("(1 column that does not fit)"), "{text}");
    let matrix = report.matrix.as_mut().expect("a matrix");
    matrix.rows = vec!["(none)".into()];
    let text = super::table(&report, Style::default());
    assert!(!text.contains("\nMatrix") && !text.contains("\nCoverage"), "{text}");
    assert!(super::csv(&report.view).contains(",q3,"));
}
