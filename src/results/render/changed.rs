//! The sections about changes, of a report and of a comparison: tests that fail newly, are fixed, still fail or
//! did not run, tests in quarantine, and metrics that moved.

use super::figures;
use super::section::{Section, change, heading, section};
use crate::api::v1::changes::{ChangesView, MetricChange, TestChange};
use crate::api::v1::flaky::{FlakyJudgement, FlakyView};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::StatusChange;

/// The sections, in their order. Those about all tests are left out if `is_filtered`.
pub fn sections(view: &ChangesView, is_filtered: bool) -> Vec<Section> {
    let mut sections = vec![
        status(view, "New failures", StatusChange::NewlyFailing),
        status(view, "Fixed", StatusChange::Fixed),
        status(view, "Still failing", StatusChange::StillFailing),
        not_run(view),
        quarantined(view),
        moved(view, "Slower or larger", Direction::Worse),
        moved(view, "Faster or smaller", Direction::Better),
    ];
    if !is_filtered {
        sections.extend((!view.not_measured.is_empty()).then(|| not_measured(view)));
        sections.extend([movers(view), workers(view)]);
    }
    sections
}

/// The sections of a comparison that have lines. They have those that a report shows elsewhere or leaves out,
/// too.
pub fn compared(view: &ChangesView) -> Vec<Section> {
    let mut all = sections(view, false);
    all.insert(3, status(view, "Flaky", StatusChange::Flaky));
    all.push(moved(view, "Other changes", Direction::None));
    all.retain(|section| !section.lines.is_empty());
    all
}

/// The tests whose status changed in this way, without those in quarantine.
pub fn with_status(view: &ChangesView, wanted: StatusChange) -> impl Iterator<Item = &TestChange> {
    let is_free = |test: &&TestChange| test.quarantined.is_none();
    view.tests.iter().filter(is_free).filter(move |test| test.status == wanted)
}

/// The changed metrics in one direction, the largest change first, without those of tests in quarantine.
pub fn with_direction(view: &ChangesView, wanted: Direction) -> Vec<(&TestChange, &MetricChange)> {
    let tests = view.tests.iter().filter(|test| test.quarantined.is_none());
    let metrics = tests.flat_map(|test| test.metrics.iter().map(move |metric| (test, metric)));
    let mut changes: Vec<(&TestChange, &MetricChange)> =
        metrics.filter(|(_, metric)| metric.direction == wanted).collect();
    let size =
        |metric: &MetricChange| metric.change.map_or(f64::INFINITY, |ratio| ratio.ln().abs());
    changes.sort_by(|one, other| size(other.1).total_cmp(&size(one.1)));
    changes
}

fn message(test: &TestChange) -> String {
    match (&*test.message, test.outcome) {
        ("", Some(outcome)) => outcome.words().to_owned(),
        (message, _) => message.to_owned(),
    }
}

fn id(test: &TestChange) -> String {
    test.test.map(|test| test.to_string()).unwrap_or_default()
}

/// The test of the other side with its outcome.
fn before(test: &TestChange) -> String {
    match (test.test_before, test.outcome_before) {
        (Some(id), Some(outcome)) => format!("{id} {}", outcome.words()),
        _ => "new test".to_owned(),
    }
}

fn status(view: &ChangesView, title: &'static str, wanted: StatusChange) -> Section {
    let mut lines = vec![heading(&["test", "id", "before", "worker", "message"])];
    lines.extend(with_status(view, wanted).map(|test| {
        let worker = test.worker.clone().unwrap_or_default();
        vec![test.name.clone(), id(test), before(test), worker, message(test)]
    }));
    let intro = within_period(view, lines.len());
    Section { expendable: &["worker", "before"], ..section(title, intro, lines, 9) }
}

/// The sentence of a section if tests are compared with others of the same period.
fn within_period(view: &ChangesView, lines: usize) -> &'static str {
    if view.within_period && lines > 1 {
        "a test without an earlier result is compared with its first one in the period"
    } else {
        ""
    }
}

fn not_run(view: &ChangesView) -> Section {
    let mut lines = vec![heading(&["test", "id", "since", "reason"])];
    for (wanted, since) in
        [(StatusChange::NewlyNotRun, "now"), (StatusChange::StillNotRun, "before as well")]
    {
        lines.extend(
            with_status(view, wanted)
                .map(|test| vec![test.name.clone(), id(test), since.to_owned(), message(test)]),
        );
    }
    Section { expendable: &["since"], ..section("Not run", "", lines, 9) }
}

/// The tests in quarantine, with every change that does not count.
fn quarantined(view: &ChangesView) -> Section {
    let mut lines = vec![heading(&["test", "id", "change", "quarantine", "reason", "message"])];
    for test in &view.tests {
        let Some(known) = &test.quarantined else { continue };
        let mut changes = vec![test.status.words().to_owned()];
        changes.extend(test.metrics.iter().map(|metric| {
            let by = metric.change.map_or_else(|| "changed".to_owned(), change);
            format!("{} {by}", metric.metric)
        }));
        lines.push(vec![
            test.name.clone(),
            id(test),
            changes.join(", "),
            known.quarantine.to_string(),
            known.reason.clone(),
            message(test),
        ]);
    }
    let intro = if lines.len() > 1 { "their changes do not count" } else { "" };
    Section {
        expendable: &["message", "quarantine"],
        ..section("Changes in quarantine", intro, lines, 9)
    }
}

/// The meaning of a suspect, and the next step.
const SUSPECT: &str = "a suspect is one value beyond the noise: run the test again to confirm it, or \
    accept the change with `dtf results accept`";

/// The limits of the change and of z.
fn limits(metric: &MetricChange) -> String {
    match (metric.limit_change, metric.limit_z) {
        (Some(change), Some(z)) => {
            format!("{}, z {}", figures::percent(change), figures::three_digits(z))
        }
        _ => String::new(),
    }
}

/// Columns of changed metrics that a narrow terminal leaves out, in this order.
const EXPENDABLE: &[&str] = &["n", "limits", "z", "worker", "since", "before", "after", "verdict"];

/// Metrics that changed beyond their noise.
fn moved(view: &ChangesView, title: &'static str, direction: Direction) -> Section {
    let mut lines = vec![heading(&[
        "test", "metric", "worker", "verdict", "since", "before", "after", "change", "z", "limits",
        "n",
    ])];
    for (test, metric) in with_direction(view, direction) {
        let value = |value: Option<f64>| match value {
            Some(value) => figures::with_unit(value, &metric.unit).trim_end().to_owned(),
            None => "unknown".to_owned(),
        };
        lines.push(vec![
            test.name.clone(),
            metric.metric.clone(),
            metric.worker.clone().unwrap_or_default(),
            metric.verdict.name().replace('_', " "),
            metric.since.map(|run| run.to_string()).unwrap_or_default(),
            value(metric.before),
            value(metric.after),
            metric.change.map_or_else(|| "unknown".to_owned(), change),
            metric.z.map_or_else(|| "no noise".to_owned(), figures::three_digits),
            limits(metric),
            format!("{} and {}", metric.n_before, metric.n_after),
        ]);
    }
    let has_suspect = lines.iter().skip(1).any(|line| line[3] == Verdict::Suspect.name());
    let unknown = view.totals.verdicts.get(&Verdict::InsufficientData).copied().unwrap_or(0);
    let known: u64 = view.totals.verdicts.values().sum::<u64>() - unknown;
    let intro = match (known, unknown) {
        (0, _) => "insufficient data: no metric has enough earlier values".to_owned(),
        (_, 0) if has_suspect => SUSPECT.to_owned(),
        (_, 0) => String::new(),
        (_, unknown) => {
            let metrics = figures::counted(unknown, "metric");
            let none = if lines.len() > 1 { "" } else { "none; " };
            let suspect = if has_suspect { format!("{SUSPECT}; ") } else { String::new() };
            format!("{suspect}{none}insufficient data about {metrics}")
        }
    };
    Section { expendable: EXPENDABLE, ..section(title, &intro, lines, 5) }
}

/// Metrics that tests measured before.
fn not_measured(view: &ChangesView) -> Section {
    let mut lines = vec![heading(&["metric", "for example", "tests"])];
    lines.extend(view.not_measured.iter().map(|missing| {
        vec![missing.metric.clone(), missing.test.to_string(), missing.tests.to_string()]
    }));
    section("Not measured any more", "tests that passed measured these metrics before", lines, 2)
}

fn movers(view: &ChangesView) -> Section {
    let mut lines = vec![heading(&["metric", "series", "geometric mean"])];
    lines.extend(view.movers.iter().map(|mover| {
        vec![mover.metric.clone(), mover.series.to_string(), change(mover.geometric_mean)]
    }));
    let intro = if lines.len() > 1 { "" } else { "insufficient data" };
    Section { expendable: &["series"], ..section("Biggest movers", intro, lines, 1) }
}

/// Shifts that are events of workers.
fn workers(view: &ChangesView) -> Section {
    let mut lines = vec![heading(&["worker", "event", "changed", "compared", "change"])];
    lines.extend(view.workers.iter().map(|event| {
        vec![
            event.worker.clone(),
            event.reason.clone(),
            event.changed.to_string(),
            event.compared.to_string(),
            event.change.map(change).unwrap_or_default(),
        ]
    }));
    section("Events of workers", "", lines, 2)
}

/// The tests that are flaky, or fail on one worker only.
pub fn flaky(view: &FlakyView) -> Section {
    let mut lines = vec![heading(&["test", "id", "state", "quarantine", "failed", "of"])];
    let tests = view.tests.iter().filter(|test| {
        matches!(test.judgement, FlakyJudgement::Flaky | FlakyJudgement::WorkerTrouble)
    });
    lines.extend(tests.map(|test| {
        let state = match &test.trouble_of {
            Some(trouble) => format!("only on {}", trouble.name),
            None => "flaky".to_owned(),
        };
        let quarantine = test.quarantined.as_ref().map(|known| known.quarantine.to_string());
        vec![
            test.name.clone(),
            test.test.to_string(),
            state,
            quarantine.unwrap_or_default(),
            test.rate.failed.to_string(),
            test.rate.attempts.to_string(),
        ]
    }));
    let few = view.tests.iter().filter(|test| test.judgement == FlakyJudgement::InsufficientData);
    let intro = match (few.count() as u64, lines.len()) {
        (0, _) => String::new(),
        (few, 1) => format!("none; insufficient data about {}", figures::counted(few, "test")),
        (few, _) => format!("insufficient data about {}", figures::counted(few, "further test")),
    };
    section("Flaky", &intro, lines, 4)
}
