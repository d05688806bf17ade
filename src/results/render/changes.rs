//! Changes as a table, CSV and Markdown. All three show the same rows, in the same sections.

use crate::api::v1::changes::{ChangesView, MetricChange, TestChange};
use crate::results::render::csv::text as csv_field;
use crate::results::render::figures::{counted, percent, with_unit};
use crate::results::render::words::plain;
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::StatusChange;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// Maximum number of characters of a name or message in a table.
const TEXT_CHARS: usize = 160;

/// One part of a report about changes: a heading, and a row for each test or metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub title: &'static str,
    pub header: &'static [&'static str],
    /// Texts as they were reported, each with one field for each column.
    pub rows: Vec<Vec<String>>,
}

const STATUS: [(StatusChange, &str); 6] = [
    (StatusChange::NewlyFailing, "newly failing"),
    (StatusChange::Fixed, "fixed"),
    (StatusChange::StillFailing, "still failing"),
    (StatusChange::Flaky, "flaky"),
    (StatusChange::NewlyNotRun, "newly not run"),
    (StatusChange::StillNotRun, "still not run"),
];
const DIRECTIONS: [(&str, Direction); 3] = [
    ("regressions", Direction::Worse),
    ("improvements", Direction::Better),
    ("other changes", Direction::None),
];
const STATUS_HEADER: [&str; 5] = ["test", "before", "now", "worker", "reason"];
const METRIC_HEADER: [&str; 9] =
    ["test", "metric", "before", "after", "change", "z", "n", "verdict", "since"];

/// All sections, also those without rows.
#[must_use]
pub fn sections(view: &ChangesView) -> Vec<Section> {
    let mut sections: Vec<Section> = STATUS
        .iter()
        .map(|(status, title)| {
            let tests = view.tests.iter().filter(|test| test.status == *status);
            Section { title, header: &STATUS_HEADER, rows: tests.map(status_row).collect() }
        })
        .collect();
    for (title, wanted) in DIRECTIONS {
        sections.push(Section { title, header: &METRIC_HEADER, rows: metric_rows(view, wanted) });
    }
    let workers = view
        .workers
        .iter()
        .map(|event| vec![event.worker.clone(), event.reason.clone(), ratio(event.change)]);
    let movers = view.movers.iter().map(|mover| {
        vec![mover.metric.clone(), mover.series.to_string(), ratio(Some(mover.geometric_mean))]
    });
    sections.push(Section {
        title: "workers",
        header: &["worker", "event", "geometric mean"],
        rows: workers.collect(),
    });
    sections.push(Section {
        title: "movement of all compared tests",
        header: &["metric", "tests", "geometric mean"],
        rows: movers.collect(),
    });
    sections
}

fn status_row(test: &TestChange) -> Vec<String> {
    let id = |id: Option<crate::domain::id::TestId>| id.map(|id| format!("{id} "));
    let side = |id: Option<String>, outcome: Option<crate::domain::outcome::Outcome>| match outcome
    {
        Some(outcome) => format!("{}{}", id.unwrap_or_default(), outcome.words()),
        None => "none".to_owned(),
    };
    vec![
        test.name.clone(),
        side(id(test.test_before), test.outcome_before),
        side(id(test.test), test.outcome),
        test.worker.clone().unwrap_or_default(),
        test.message.clone(),
    ]
}

/// The changed metrics in one direction, the largest change first.
fn metric_changes(view: &ChangesView, wanted: Direction) -> Vec<(&TestChange, &MetricChange)> {
    let metrics = view.tests.iter().flat_map(|test| test.metrics.iter().map(move |m| (test, m)));
    let mut changes: Vec<(&TestChange, &MetricChange)> =
        metrics.filter(|(_, metric)| metric.direction == wanted).collect();
    let size =
        |metric: &MetricChange| metric.change.map_or(f64::INFINITY, |ratio| ratio.ln().abs());
    changes.sort_by(|one, other| size(other.1).total_cmp(&size(one.1)));
    changes
}

fn metric_rows(view: &ChangesView, wanted: Direction) -> Vec<Vec<String>> {
    let changes = metric_changes(view, wanted);
    changes.into_iter().map(|(test, metric)| metric_row(test, metric)).collect()
}

fn metric_row(test: &TestChange, metric: &MetricChange) -> Vec<String> {
    let figure = |value: Option<f64>| match value {
        Some(value) => with_unit(value, &metric.unit).trim().to_owned(),
        None => "unknown".to_owned(),
    };
    let verdict = match metric.verdict {
        Verdict::WorkerEvent => "shared by the worker",
        other => other.name(),
    };
    vec![
        test.name.clone(),
        metric.metric.clone(),
        figure(metric.before),
        figure(metric.after),
        ratio(metric.change),
        metric.z.map_or_else(|| "no noise".to_owned(), |z| format!("{z:+.1}").replace('-', "−")),
        format!("{} → {}", metric.n_before, metric.n_after),
        verdict.to_owned(),
        metric.since.map(|run| run.to_string()).unwrap_or_default(),
    ]
}

/// A ratio as a change in per cent; as a factor from a doubling on.
fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => "unknown".to_owned(),
        Some(ratio) if ratio >= 2.0 => format!("×{ratio:.3}"),
        Some(ratio) if ratio < 1.0 => format!("−{}", percent(1.0 - ratio)),
        Some(ratio) => format!("+{}", percent(ratio - 1.0)),
    }
}

/// The sections with rows, and a summary.
#[must_use]
pub fn table(view: &ChangesView, width: Option<u16>) -> String {
    let mut parts = Vec::new();
    for section in sections(view).into_iter().filter(|section| !section.rows.is_empty()) {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(width) = width {
            table.set_width(width);
        }
        table.set_header(section.header);
        for row in &section.rows {
            table.add_row(row.iter().map(|field| plain(field, TEXT_CHARS)));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        parts.push(format!("{} ({})\n{}", section.title, section.rows.len(), lines.join("\n")));
    }
    let mut last = vec![summary(view)];
    last.extend(notes(view));
    parts.push(last.join("\n"));
    parts.join("\n\n")
}

/// One line about all tests, including those that did not change.
#[must_use]
pub fn summary(view: &ChangesView) -> String {
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
    let has = |test: &&TestChange, verdict| test.metrics.iter().any(|m| m.verdict == verdict);
    for (verdict, meaning) in [
        (
            Verdict::Suspect,
            "suspect: few values are beyond the noise; run the test again to confirm it",
        ),
        (Verdict::Confirmed, "confirmed: several values agree since the run in the last column"),
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
    for (status, title) in STATUS {
        for test in view.tests.iter().filter(|test| test.status == status) {
            line(title, csv_test(test), none());
        }
    }
    for (title, wanted) in DIRECTIONS {
        for (test, metric) in metric_changes(view, wanted) {
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
        csv_field(&test.message),
    ]
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

/// Tables of GitHub's Markdown, with a heading for each section that has rows.
#[must_use]
pub fn markdown(view: &ChangesView) -> String {
    let mut text = format!("{}\n", escaped(&summary(view)));
    for note in notes(view) {
        text.push_str(&format!("\n{}\n", escaped(&note)));
    }
    for section in sections(view).into_iter().filter(|section| !section.rows.is_empty()) {
        let line = |fields: Vec<String>| format!("| {} |\n", fields.join(" | "));
        text.push_str(&format!("\n### {} ({})\n\n", section.title, section.rows.len()));
        text.push_str(&line(section.header.iter().map(|title| (*title).to_owned()).collect()));
        text.push_str(&line(section.header.iter().map(|_| "---".to_owned()).collect()));
        for row in &section.rows {
            text.push_str(&line(
                row.iter().map(|field| escaped(&plain(field, TEXT_CHARS))).collect(),
            ));
        }
    }
    text
}

/// A text whose characters mean nothing in Markdown or HTML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '@' => escaped.push_str("&#64;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::series::CaseId;

    fn view(name: &str) -> ChangesView {
        let metric = MetricChange {
            metric: "latency_seconds".into(),
            unit: "seconds".into(),
            verdict: Verdict::Confirmed,
            direction: Direction::Worse,
            before: Some(0.1),
            after: Some(1e308),
            change: None,
            z: None,
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
            metrics: vec![metric],
        };
        ChangesView { tests: vec![test], ..ChangesView::default() }
    }

    #[test]
    fn hostile_texts_stay_in_their_fields() {
        for name in ["=HYPERLINK(1)", "a|b\n# c", "<script>", "\u{1b}[2J", "@team", "`x`"] {
            let view = view(name);
            let (table, csv, markdown) = (table(&view, Some(80)), csv(&view), markdown(&view));
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
            let cells = |line: &str| line.replace("\\|", "").matches('|').count();
            let table: Vec<usize> =
                markdown.lines().filter(|line| line.starts_with('|')).map(cells).collect();
            assert_eq!(table, [6, 6, 6, 10, 10, 10], "{markdown}");
        }
    }

    #[test]
    fn sections_without_rows_are_not_shown_and_the_summary_is() {
        let text = table(&ChangesView::default(), None);
        assert_eq!(
            text,
            "0 tests compared, 0 only on one side; 0 metrics: 0 regressions, 0 improvements, 0 without enough data"
        );
        let text = table(&view("gpt2/cpu"), Some(200));
        assert!(text.starts_with("newly failing (1)\n"), "{text}");
        assert!(text.contains("regressions (1)") && !text.contains("fixed"), "{text}");
    }

    #[test]
    fn a_suspect_is_explained_and_two_named_runs_say_what_is_compared() {
        let mut view = view("gpt2/cpu");
        view.tests[0].test = Some("r7.t0".parse().expect("an id"));
        view.tests[0].metrics[0].verdict = Verdict::Suspect;
        view.tests[0].metrics[0].z = Some(-7.5);
        (view.from, view.to) =
            (Some(crate::domain::id::RunId(6)), Some(crate::domain::id::RunId(7)));
        for text in [table(&view, Some(200)), markdown(&view)] {
            assert!(text.contains("metrics with the history of all runs before r7"), "{text}");
            assert!(text.contains("dtf results accept r7.t0 --reason TEXT"), "{text}");
            assert!(text.contains("−7.5"), "{text}");
        }
    }

    #[test]
    fn ratios_are_signed() {
        let texts = [Some(1.05), Some(0.9), Some(10.0), Some(1.0), None].map(ratio);
        assert_eq!(texts, ["+5.0 %", "−10 %", "×10.000", "+0.0 %", "unknown"]);
    }
}
