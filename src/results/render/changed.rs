//! The sections of a report about changes: tests that fail newly, are fixed, still fail, are flaky or did
//! not run, and metrics that moved.

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
        regressions(view, "Slower or larger", Direction::Worse),
        regressions(view, "Faster or smaller", Direction::Better),
    ];
    if !is_filtered {
        sections.extend([movers(view), workers(view)]);
    }
    sections
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

fn status(view: &ChangesView, title: &'static str, wanted: StatusChange) -> Section {
    let mut lines = vec![heading(&["test", "id", "before", "worker", "message"])];
    lines.extend(view.tests.iter().filter(|test| test.status == wanted).map(|test| {
        let before = test.test_before.map(|before| before.to_string()).unwrap_or_default();
        vec![
            test.name.clone(),
            id(test),
            before,
            test.worker.clone().unwrap_or_default(),
            message(test),
        ]
    }));
    section(title, "", lines, 9)
}

fn not_run(view: &ChangesView) -> Section {
    let mut lines = vec![heading(&["test", "id", "since", "reason"])];
    for (wanted, since) in
        [(StatusChange::NewlyNotRun, "now"), (StatusChange::StillNotRun, "before as well")]
    {
        lines.extend(
            view.tests
                .iter()
                .filter(|test| test.status == wanted)
                .map(|test| vec![test.name.clone(), id(test), since.to_owned(), message(test)]),
        );
    }
    section("Not run", "", lines, 9)
}

/// The meaning of a suspect, and the next step.
const SUSPECT: &str = "a suspect is one value beyond the noise: run the test again to confirm it, or \
    accept the change with `dtf results accept`";

/// Metrics that changed beyond their noise.
fn regressions(view: &ChangesView, title: &'static str, direction: Direction) -> Section {
    let names = ["test", "metric", "verdict", "since", "before", "after", "change", "z", "n"];
    let mut lines = vec![heading(&names)];
    let judged = |metric: &&MetricChange| {
        let is_change = matches!(
            metric.verdict,
            Verdict::Suspect | Verdict::Confirmed | Verdict::Accepted | Verdict::WorkerEvent
        );
        is_change && metric.direction == direction
    };
    for test in &view.tests {
        lines.extend(test.metrics.iter().filter(judged).map(|metric| {
            let value = |value: Option<f64>| {
                value.map(|value| figures::with_unit(value, &metric.unit)).unwrap_or_default()
            };
            vec![
                test.name.clone(),
                metric.metric.clone(),
                metric.verdict.name().replace('_', " "),
                metric.since.map(|run| run.to_string()).unwrap_or_default(),
                value(metric.before),
                value(metric.after),
                metric.change.map(change).unwrap_or_default(),
                metric.z.map(figures::three_digits).unwrap_or_default(),
                format!("{} and {}", metric.n_before, metric.n_after),
            ]
        }));
    }
    let has_suspect = lines.iter().skip(1).any(|line| line[2] == Verdict::Suspect.name());
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
    section(title, &intro, lines, 4)
}

fn movers(view: &ChangesView) -> Section {
    let mut lines = vec![heading(&["metric", "series", "geometric mean"])];
    lines.extend(view.movers.iter().map(|mover| {
        vec![mover.metric.clone(), mover.series.to_string(), change(mover.geometric_mean)]
    }));
    let intro = if lines.len() > 1 { "" } else { "insufficient data" };
    section("Biggest movers", intro, lines, 1)
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
