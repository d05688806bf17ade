//! The report of an upgrade: one cell for each model and back-end, and one row for each test.

use crate::api;
use crate::cli::exit::Exit;
use crate::domain::id::RunId;
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
}

impl Tested {
    pub fn new(name: &str, labels: BTreeMap<String, String>, is_pinned: bool) -> Self {
        Self {
            name: name.to_owned(),
            labels,
            is_pinned,
            is_quarantined: false,
            sides: Default::default(),
        }
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
    /// Installed versions, as the tests reported them.
    pub packages: BTreeMap<String, String>,
}

/// The report of an upgrade.
#[derive(Debug, Clone, Serialize)]
pub struct UpgradeView {
    pub schema: u32,
    pub before: Side,
    pub after: Side,
    /// Whether every test ran on both sides, and nothing became worse.
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
        let tests: Vec<Row> = tested.iter().map(Row::of).collect();
        let mut groups: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
        for row in &tests {
            groups.entry((&row.model, &row.backend)).or_default().push(row);
        }
        let mut cells: Vec<Cell> =
            groups.into_values().filter_map(|rows| Cell::of(&rows)).collect();
        cells.sort_by_key(|cell| cell.effect);
        let mut counted = tests.iter().filter(|row| !row.is_quarantined);
        let is_safe = !tests.is_empty() && counted.all(|row| !row.effect.is_risk());
        let totals = counts(tests.iter().map(|row| row.effect));
        Self { schema: api::SCHEMA, before, after, is_safe, totals, cells, tests }
    }

    /// The exit code: that of failed tests if something became worse, that of missing results if a test
    /// did not run.
    pub fn exit(&self) -> Exit {
        let mut counted = self.tests.iter().filter(|row| !row.is_quarantined);
        let effects: BTreeSet<Effect> = counted.by_ref().map(|row| row.effect).collect();
        let has = |effect| effects.contains(&effect);
        if has(Effect::Broken) || has(Effect::Worse) {
            Exit::TestsFailed
        } else if !self.tests.iter().any(|row| row.runs.iter().all(|runs| *runs > 0)) {
            Exit::NoTest
        } else if has(Effect::NotRun) {
            Exit::Infrastructure
        } else {
            Exit::Passed
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
    fn of(test: &Tested) -> Self {
        let [before, after] = &test.sides;
        let Outcome { effect, message, changes, output_difference } = if test.is_pinned {
            judge(before, after, test.dtype())
        } else {
            let why = "it uses the environment of the worker, which the upgrade does not change";
            Outcome {
                effect: Effect::NotRun,
                message: Some(why.to_owned()),
                changes: Vec::new(),
                output_difference: None,
            }
        };
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
        if let Some(message) = &self.message {
            return message.clone();
        }
        let change = |change: &ChangeView| match change.change {
            Some(ratio) => {
                let percent = (ratio - 1.0) * 100.0;
                let runs = change.n_before.min(change.n_after);
                match (change.unit.as_str(), ratio) {
                    ("error", ratio) => format!("{} {ratio:.1} times as large", change.metric),
                    _ => format!("{} {percent:+.1} % ({runs} runs each)", change.metric),
                }
            }
            None => format!("{} changed from zero", change.metric),
        };
        let output = match self.output_difference {
            Some(OutputDifference::OtherShape) => Some("the output has another shape".to_owned()),
            Some(OutputDifference::Distance(size)) if self.effect == Effect::Different => {
                Some(format!("the output differs by {size:.1e}"))
            }
            _ => None,
        };
        let changes = self.changes.iter().take(2).map(change);
        changes.chain(output).collect::<Vec<_>>().join("; ")
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
