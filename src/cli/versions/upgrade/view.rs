//! The report of an upgrade: one cell for each model and back-end, and one row for each test.

use crate::api;
use crate::cli::exit::Exit;
use crate::domain::id::RunId;
use crate::plan::packages::{Pins, normalised};
use crate::results::render::figures::with_unit;
use crate::trends::judgement::Direction;
use crate::trends::upgrade::{Change, Effect, Outcome, SideRun, judge};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A test with its runs on both sides.
#[derive(Debug, Clone)]
pub struct Tested {
    name: String,
    labels: BTreeMap<String, String>,
    /// Whether the upgrade changes its environment. A test that it does not change does not run.
    pub is_pinned: bool,
    /// It is in quarantine, so that it does not count in the conclusion.
    pub is_quarantined: bool,
    /// Its runs before and after.
    pub sides: [Vec<SideRun>; 2],
    /// Versions of its packages before and after, as it reported them.
    pub packages: [BTreeMap<String, String>; 2],
}

impl Tested {
    pub fn new(name: &str, labels: BTreeMap<String, String>, is_pinned: bool) -> Self {
        Self {
            name: name.to_owned(),
            labels,
            is_pinned,
            is_quarantined: false,
            sides: Default::default(),
            packages: Default::default(),
        }
    }

    /// The version that both sides have of every pinned package. `None` if one differs or is unknown.
    fn unchanged(&self, pinned: &BTreeSet<String>) -> Option<String> {
        let same = pinned.iter().map(|package| {
            let version = |side: &BTreeMap<String, String>| {
                let own = side.iter().find(|(name, _)| normalised(name) == *package);
                own.map(|(_, version)| version.clone())
            };
            let [before, after] = [0, 1].map(|side: usize| version(&self.packages[side]));
            before
                .zip(after)
                .filter(|(before, after)| before == after)
                .map(|(_, version)| format!("{package} {version}"))
        });
        let same: Vec<String> = same.collect::<Option<_>>()?;
        (!same.is_empty()).then(|| same.join(", "))
    }

    pub fn dtype(&self) -> Option<&str> {
        self.labels.get("dtype").map(String::as_str)
    }

    fn label(&self, name: &str) -> String {
        self.labels.get(name).cloned().unwrap_or_default()
    }
}

/// One side of the comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// Pinned packages; empty for the versions that the plan resolves to.
    pub pins: String,
    pub runs: Vec<RunId>,
    /// Installed versions, as the tests reported them: several if the tests differ.
    #[serde(serialize_with = "joined")]
    pub packages: BTreeMap<String, BTreeSet<String>>,
    /// Names of the pinned packages.
    #[serde(skip)]
    pub pinned: BTreeSet<String>,
}

impl Side {
    /// A side with these pins, before its runs.
    pub fn of(pins: &Pins) -> Self {
        Self {
            pins: pins.label(),
            runs: Vec::new(),
            packages: BTreeMap::new(),
            pinned: pins.iter().map(|pin| pin.package().to_owned()).collect(),
        }
    }

    /// Adds the versions that a test reported.
    pub fn add(&mut self, packages: &BTreeMap<String, String>) {
        for (name, version) in packages {
            self.packages.entry(name.clone()).or_default().insert(version.clone());
        }
    }
}

/// The versions of each package as one text.
fn joined<S: serde::Serializer>(
    packages: &BTreeMap<String, BTreeSet<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(packages.iter().map(|(name, versions)| (name, versions_text(versions))))
}

/// Versions of one package as a text.
pub fn versions_text(versions: &BTreeSet<String>) -> String {
    versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The report of an upgrade.
#[derive(Debug, Clone, Serialize)]
pub struct UpgradeView {
    pub schema: u32,
    pub before: Side,
    pub after: Side,
    /// Whether every test ran and was compared on both sides, and nothing became worse.
    pub is_safe: bool,
    /// Number of tests by effect.
    pub totals: BTreeMap<&'static str, usize>,
    pub cells: Vec<Cell>,
    pub tests: Vec<Row>,
}

/// The tests of one model on one back-end.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    pub model: String,
    pub backend: String,
    /// The worst effect on a test.
    pub effect: Effect,
    /// Number of tests by effect.
    pub tests: BTreeMap<&'static str, usize>,
    /// Why: the first error, the reason why a test did not run, or the largest change.
    pub reason: String,
    /// The first test with this effect.
    pub test: String,
}

/// One test.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub test: String,
    pub model: String,
    pub backend: String,
    pub effect: Effect,
    /// It does not count in the conclusion and in the exit code.
    pub is_quarantined: bool,
    /// Number of runs before and after.
    pub runs: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeView>,
    /// Absent if a side has no output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_difference: Option<OutputDifference>,
}

/// Difference of the outputs of both sides.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub enum OutputDifference {
    /// Distance relative to the output before.
    Distance(f64),
    /// The shape of the output changed; `null` in JSON.
    OtherShape,
}

/// A metric or numeric error that changed beyond its limits, or may have.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeView {
    pub metric: String,
    pub unit: String,
    pub verdict: &'static str,
    pub direction: Direction,
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// `after / before`.
    pub change: Option<f64>,
    pub z: Option<f64>,
    pub n_before: usize,
    pub n_after: usize,
}

impl ChangeView {
    fn of(change: Change) -> Self {
        let Change { metric, unit, judgement } = change;
        Self {
            metric,
            unit,
            verdict: judgement.verdict.name(),
            direction: judgement.direction,
            before: judgement.before,
            after: judgement.after,
            change: judgement.change,
            z: judgement.z,
            n_before: judgement.n_before,
            n_after: judgement.n_after,
        }
    }
}

impl UpgradeView {
    pub fn new(before: Side, after: Side, tested: &[Tested]) -> Self {
        let pinned = before.pinned.union(&after.pinned).cloned().collect();
        let tests: Vec<Row> = tested.iter().map(|test| Row::of(test, &pinned)).collect();
        let mut groups: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
        for row in &tests {
            groups.entry((&row.model, &row.backend)).or_default().push(row);
        }
        let mut cells: Vec<Cell> =
            groups.into_values().filter_map(|rows| Cell::of(&rows)).collect();
        cells.sort_by_key(|cell| cell.effect);
        let counted: Vec<&Row> = tests.iter().filter(|row| !row.is_quarantined).collect();
        let is_safe = !counted.is_empty() && counted.iter().all(|row| !row.effect.is_risk());
        let totals = counts(tests.iter().map(|row| row.effect));
        Self { schema: api::SCHEMA, before, after, is_safe, totals, cells, tests }
    }

    /// The exit code: success only if the upgrade is safe. That of failed tests if something became
    /// worse, that of a missing verdict if a test did not run, is flaky or unclear, and that of no test
    /// if nothing that counts ran on both sides.
    pub fn exit(&self) -> Exit {
        let counted = || self.tests.iter().filter(|row| !row.is_quarantined);
        let ran = |row: &Row| row.runs.iter().all(|runs| *runs > 0);
        if self.is_safe {
            Exit::Passed
        } else if counted().any(|row| matches!(row.effect, Effect::Broken | Effect::Worse)) {
            Exit::TestsFailed
        } else if counted().any(ran) {
            Exit::Infrastructure
        } else {
            Exit::NoTest
        }
    }
}

fn counts(effects: impl Iterator<Item = Effect>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for effect in effects {
        *counts.entry(effect.name()).or_default() += 1;
    }
    counts
}

impl Row {
    fn of(test: &Tested, pinned: &BTreeSet<String>) -> Self {
        let [before, after] = &test.sides;
        let not_run = |why: String| Outcome {
            effect: Effect::NotRun,
            message: Some(why),
            changes: Vec::new(),
            output_difference: None,
        };
        let judged = match test.unchanged(pinned) {
            _ if !test.is_pinned => not_run(
                "it uses the environment of the worker, which the upgrade does not change"
                    .to_owned(),
            ),
            Some(same) => not_run(format!("both sides have {same}")),
            None => judge(before, after, test.dtype()),
        };
        let Outcome { effect, message, changes, output_difference } = judged;
        let model = match test.label("model") {
            model if model.is_empty() => test.name.clone(),
            model => model,
        };
        Self {
            test: test.name.clone(),
            model,
            backend: test.label("backend"),
            effect,
            is_quarantined: test.is_quarantined,
            runs: [before.len(), after.len()],
            message,
            changes: changes.into_iter().map(ChangeView::of).collect(),
            output_difference: output_difference.map(|distance| {
                let is_distance = distance.is_finite();
                if is_distance {
                    OutputDifference::Distance(distance)
                } else {
                    OutputDifference::OtherShape
                }
            }),
        }
    }

    /// The reason for the effect, for people.
    pub fn reason(&self) -> String {
        let change = |change: &ChangeView| match (change.change, change.unit.as_str()) {
            (Some(ratio), "error") => format!("{} {ratio:.1} times as large", change.metric),
            (Some(ratio), _) => {
                let percent = (ratio - 1.0) * 100.0;
                let runs = change.n_before.min(change.n_after);
                format!("{} {percent:+.1} % ({runs} runs each)", change.metric)
            }
            (None, unit) => {
                let shown = |value: Option<f64>| match (value, unit) {
                    (None, _) => "-".to_owned(),
                    (Some(value), "error") => format!("{value:.1e}"),
                    (Some(value), unit) => with_unit(value, unit),
                };
                let (before, after) = (shown(change.before), shown(change.after));
                format!("{} changed from {before} to {after}", change.metric)
            }
        };
        let output = match self.output_difference {
            Some(OutputDifference::OtherShape) => Some("the output has another shape".to_owned()),
            Some(OutputDifference::Distance(size)) if self.effect == Effect::Different => {
                Some(format!("the output differs by {size:.1e}"))
            }
            _ => None,
        };
        let changes = self.changes.iter().take(2).map(change);
        changes.chain(output).chain(self.message.clone()).collect::<Vec<_>>().join("; ")
    }
}

impl Cell {
    fn of(rows: &[&Row]) -> Option<Self> {
        let worst = rows.iter().min_by_key(|row| row.effect)?;
        Some(Self {
            model: worst.model.clone(),
            backend: worst.backend.clone(),
            effect: worst.effect,
            tests: counts(rows.iter().map(|row| row.effect)),
            reason: worst.reason(),
            test: worst.test.clone(),
        })
    }
}
