//! Changes as a table, CSV and Markdown: a comparison of two sides.

use super::changed::{compared, with_direction, with_status};
use super::csv::text as csv_field;
use super::escape::markdown as escaped;
use super::figures::counted;
use super::table::{Style, push_section};
use super::words::plain;
use crate::api::v1::changes::{ChangesView, MetricChange, PackageChange, TestChange};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::StatusChange;

/// Maximum number of characters of a sentence.
const MAX_SENTENCE: usize = 1_000;
/// Maximum number of packages in a note.
const MAX_PACKAGES: usize = 20;

/// The changes of the status in CSV, in their order.
const STATUS: [StatusChange; 6] = [
    StatusChange::NewlyFailing,
    StatusChange::Fixed,
    StatusChange::StillFailing,
    StatusChange::Flaky,
    StatusChange::NewlyNotRun,
    StatusChange::StillNotRun,
];
/// The changes of metrics in CSV.
const DIRECTIONS: [(&str, Direction); 3] = [
    ("regressions", Direction::Worse),
    ("improvements", Direction::Better),
    ("other changes", Direction::None),
];

/// The sections with lines, and a summary.
#[must_use]
pub fn table(view: &ChangesView, style: Style) -> String {
    let mut text = String::new();
    for section in compared(view) {
        push_section(&mut text, section, style);
    }
    let mut last = vec![summary(view)];
    last.extend(notes(view));
    format!("{text}\n{}", last.join("\n")).trim_start().to_owned()
}

/// As [`table`], for a page of GitHub.
#[must_use]
pub fn markdown(view: &ChangesView) -> String {
    let mut text = format!("{}\n", escaped(&summary(view), MAX_SENTENCE));
    for note in notes(view) {
        text.push_str(&format!("\n{}\n", escaped(&note, MAX_SENTENCE)));
    }
    for section in compared(view) {
        text.push_str(&format!("\n{}", super::markdown::section(&section)));
    }
    text
}

/// One line about all tests, including those that did not change.
fn summary(view: &ChangesView) -> String {
    let totals = &view.totals;
    let of = |verdict| totals.verdicts.get(&verdict).copied().unwrap_or(0);
    let compared: u64 = totals.verdicts.values().sum();
    let mut text = format!(
        "{} compared, {} only on one side; {}: {}, {}, {} without enough data",
        counted(totals.tests.saturating_sub(totals.without_counterpart), "test"),
        totals.without_counterpart,
        counted(compared, "metric"),
        counted(totals.regressions, "regression"),
        counted(totals.improvements, "improvement"),
        of(Verdict::InsufficientData),
    );
    if totals.quarantined > 0 {
        let tests = counted(totals.quarantined, "test");
        text.push_str(&format!("; {tests} in quarantine, whose changes do not count"));
    }
    if totals.without_case > 0 {
        let tests = counted(totals.without_case, "test");
        text.push_str(&format!(
            "; {tests} of an earlier version not compared, which `dtf results rebuild` makes possible"
        ));
    }
    if view.truncated {
        text.push_str(&format!(
            "; only the first {} are listed",
            counted(view.tests.len() as u64, "test")
        ));
    }
    text
}

/// Meanings of the verdicts in the report, and the next step for each.
fn notes(view: &ChangesView) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(from), Some(to)) = (view.from, view.to) {
        notes.push(format!(
            "Outcomes are compared with {from}, metrics with the history of all runs before {to}"
        ));
    }
    if !view.packages.is_empty() {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".into());
        let change = |p: &PackageChange| {
            format!("{} {} → {}", p.package, version(&p.before), version(&p.after))
        };
        let shown: Vec<String> = view.packages.iter().take(MAX_PACKAGES).map(change).collect();
        let mut note = format!("Packages that differ: {}", shown.join(", "));
        let more = view.packages.len().saturating_sub(MAX_PACKAGES);
        if more > 0 {
            note.push_str(&format!(", and {}", counted(more as u64, "other")));
        }
        notes.push(plain(&note, MAX_SENTENCE));
    }
    let has = |test: &&TestChange, verdict| {
        test.quarantined.is_none() && test.metrics.iter().any(|m| m.verdict == verdict)
    };
    for (verdict, meaning) in [
        (
            Verdict::Suspect,
            "suspect: few values are beyond the noise; run the test again to confirm it",
        ),
        (Verdict::Confirmed, "confirmed: several values agree since the run in the column `since`"),
    ] {
        let test = view.tests.iter().find(|test| has(test, verdict)).and_then(|test| test.test);
        if let Some(test) = test {
            notes.push(format!("{meaning}, or accept it: dtf results accept {test} --reason TEXT"));
        }
    }
    notes
}

/// One line for each row, with its section. Figures are numbers in the unit of the metric, `change` is the
/// ratio after / before. What is unknown is empty.
#[must_use]
pub fn csv(view: &ChangesView) -> String {
    let mut text = String::from(
        "section,name,test_before,test,outcome_before,outcome,worker,reason,metric,unit,value_before,\
         value_after,change,z,n_before,n_after,verdict,since\n",
    );
    let mut line = |section: &str, test: [String; 7], metric: [String; 10]| {
        let section = csv_field(section);
        text.push_str(&format!("{section},{},{}\n", test.join(","), metric.join(",")));
    };
    let none = <[String; 10]>::default;
    for status in STATUS {
        for test in with_status(view, status) {
            line(status.words(), csv_test(test), none());
        }
    }
    for test in view.tests.iter().filter(|test| test.quarantined.is_some()) {
        line("in quarantine", csv_test(test), none());
        for metric in &test.metrics {
            line("in quarantine", csv_test(test), csv_metric(metric));
        }
    }
    for (title, wanted) in DIRECTIONS {
        for (test, metric) in with_direction(view, wanted) {
            line(title, csv_test(test), csv_metric(metric));
        }
    }
    for event in &view.workers {
        let mut test = <[String; 7]>::default();
        (test[5], test[6]) = (csv_field(&event.worker), csv_field(&event.reason));
        let mut metric = none();
        metric[4] = csv_number(event.change);
        line("workers", test, metric);
    }
    for missing in &view.not_measured {
        let (mut test, mut metric) = (<[String; 7]>::default(), none());
        test[2] = missing.test.to_string();
        test[6] = counted(missing.tests, "test");
        metric[0] = csv_field(&missing.metric);
        line("not measured any more", test, metric);
    }
    for mover in &view.movers {
        let mut metric = none();
        metric[0] = csv_field(&mover.metric);
        metric[4] = csv_number(Some(mover.geometric_mean));
        metric[7] = mover.series.to_string();
        line("movement of all compared tests", <[String; 7]>::default(), metric);
    }
    text
}

fn csv_test(test: &TestChange) -> [String; 7] {
    let id = |id: Option<crate::domain::id::TestId>| id.map(|id| id.to_string());
    let words = |outcome: Option<crate::domain::outcome::Outcome>| {
        outcome.map(crate::domain::outcome::Outcome::words)
    };
    [
        csv_field(&test.name),
        id(test.test_before).unwrap_or_default(),
        id(test.test).unwrap_or_default(),
        words(test.outcome_before).unwrap_or_default().into(),
        words(test.outcome).unwrap_or_default().into(),
        csv_field(test.worker.as_deref().unwrap_or_default()),
        csv_field(&reason(test)),
    ]
}

/// The message of a test. In quarantine, the reason for it, too.
fn reason(test: &TestChange) -> String {
    match &test.quarantined {
        Some(known) => format!("{}: {}; {}", known.quarantine, known.reason, test.message),
        None => test.message.clone(),
    }
}

fn csv_metric(metric: &MetricChange) -> [String; 10] {
    [
        csv_field(&metric.metric),
        csv_field(&metric.unit),
        csv_number(metric.before),
        csv_number(metric.after),
        csv_number(metric.change),
        csv_number(metric.z),
        metric.n_before.to_string(),
        metric.n_after.to_string(),
        metric.verdict.name().to_owned(),
        metric.since.map(|run| run.to_string()).unwrap_or_default(),
    ]
}

/// A number without a guard against formulas, which is for texts.
fn csv_number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:?}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::series::CaseId;

    fn view(name: &str) -> ChangesView {
        let metric = MetricChange {
            metric: "latency_seconds".into(),
            unit: "seconds".into(),
            worker: None,
            verdict: Verdict::Confirmed,
            direction: Direction::Worse,
            before: Some(0.1),
            after: Some(1e308),
            change: None,
            z: None,
            limit_change: Some(0.1),
            limit_z: Some(5.0),
            n_before: 64,
            n_after: 2,
            since: None,
        };
        let test = TestChange {
            case: CaseId(1),
            series: None,
            name: name.into(),
            labels: std::collections::BTreeMap::new(),
            status: StatusChange::NewlyFailing,
            test: None,
            outcome: Some(crate::domain::outcome::Outcome::Failed),
            message: "=1+1 <b>|\u{202e}".into(),
            worker: Some("w".into()),
            test_before: None,
            outcome_before: None,
            quarantined: None,
            metrics: vec![metric],
        };
        ChangesView { tests: vec![test], ..ChangesView::default() }
    }

    fn width(columns: u16) -> Style {
        Style { colour: false, width: Some(columns) }
    }

    #[test]
    fn hostile_texts_stay_in_their_fields() {
        for name in ["=HYPERLINK(1)", "a|b\n# c", "<script>", "\u{1b}[2J", "@team", "`x`"] {
            let view = view(name);
            let (table, csv, markdown) = (table(&view, width(80)), csv(&view), markdown(&view));
            for text in [&table, &csv, &markdown] {
                assert!(!text.contains(['\u{1b}', '\u{202e}']), "{name:?}: {text}");
            }
            // A field in quotes keeps its lines.
            let mut is_quoted = false;
            let ends = csv.chars().filter(|character| {
                is_quoted ^= *character == '"';
                *character == '\n' && !is_quoted
            });
            assert_eq!(ends.count(), 3, "{csv}");
            let rows = csv.lines().skip(1).filter(|row| !row.contains("\"\""));
            for row in rows {
                assert!(!row.split(',').any(|field| field.starts_with(['=', '@'])), "{row}");
            }
            assert!(!markdown.contains(['<', '@']), "{markdown}");
            let cells = |line: &str| line.matches('|').count();
            let table: Vec<usize> =
                markdown.lines().filter(|line| line.starts_with('|')).map(cells).collect();
            assert_eq!(table, [6, 6, 6, 12, 12, 12], "{markdown}");
        }
    }

    #[test]
    fn sections_without_rows_are_not_shown_and_the_summary_is() {
        let text = table(&ChangesView::default(), Style::default());
        assert_eq!(
            text,
            "0 tests compared, 0 only on one side; 0 metrics: 0 regressions, 0 improvements, 0 without enough data"
        );
        let text = table(&view("gpt2/cpu"), width(200));
        assert!(text.starts_with("New failures\ntest "), "{text}");
        assert!(text.contains("Slower or larger") && !text.contains("Fixed"), "{text}");
        assert!(text.contains("new test"), "{text}");
    }

    #[test]
    fn a_narrow_terminal_leaves_out_columns_and_cuts_no_word() {
        let mut view = view("team/model-with-a-long-name/cuda/latency");
        view.tests[0].metrics[0].change = Some(1.25);
        for (columns, hidden) in [(48, "verdict"), (80, "limits"), (200, "")] {
            let text = table(&view, width(columns));
            let (_, moved) = text.split_once("Slower or larger").expect("a section");
            let lines: Vec<&str> =
                moved.lines().skip(1).take_while(|line| !line.is_empty()).collect();
            assert!(lines[0].contains("metric") && lines[1].contains("latency_seconds"), "{moved}");
            assert!(lines[1].contains("+25 %"), "{moved}");
            let shown = lines.iter().take(2);
            assert!(shown.clone().all(|line| line.chars().count() <= columns.into()), "{moved}");
            assert_eq!(lines.len(), 2 + usize::from(!hidden.is_empty()), "{moved}");
            assert!(lines.last().is_some_and(|line| line.contains(hidden)), "{moved}");
        }
    }

    #[test]
    fn a_suspect_is_explained_and_two_named_runs_say_what_is_compared() {
        let mut view = view("gpt2/cpu");
        view.tests[0].test = Some("r7.t0".parse().expect("an id"));
        view.tests[0].metrics[0].verdict = Verdict::Suspect;
        view.tests[0].metrics[0].z = Some(-7.5);
        (view.from, view.to) =
            (Some(crate::domain::id::RunId(6)), Some(crate::domain::id::RunId(7)));
        for text in [table(&view, width(200)), markdown(&view)] {
            assert!(text.contains("metrics with the history of all runs before r7"), "{text}");
            assert!(text.contains("dtf results accept r7.t0 --reason TEXT"), "{text}");
            assert!(text.contains("-7.50"), "{text}");
        }
    }

    #[test]
    fn a_test_in_quarantine_is_shown_and_not_worse() {
        let mut view = view("gpt2/cpu");
        assert!(view.tests[0].is_worse());
        view.tests[0].quarantined = Some(crate::api::v1::marks::QuarantineRef {
            quarantine: crate::domain::id::QuarantineId(3),
            reason: "known".into(),
            expires_at: crate::domain::time::Timestamp(1),
        });
        view.totals.quarantined = 1;
        assert!(!view.tests[0].is_worse());
        for text in [table(&view, width(200)), markdown(&view)] {
            assert!(text.contains("Changes in quarantine") && text.contains("known"), "{text}");
            assert!(!text.contains("New failures") && !text.contains("Slower"), "{text}");
            assert!(text.contains("1 test in quarantine, whose changes do not count"), "{text}");
        }
        let csv = csv(&view);
        let sections: Vec<&str> = csv.lines().skip(1).filter_map(|l| l.split(',').next()).collect();
        assert_eq!(sections, ["in quarantine", "in quarantine"], "{csv}");
        assert!(csv.contains("q3: known"), "{csv}");
    }
}
