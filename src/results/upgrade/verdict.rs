//! The effect of an upgrade: one cell for each model and back-end, and one row for each test.
//!
//! Pure: used by the command that runs both sides, and by a coordinator for runs that have ended.

use crate::api::SCHEMA;
use crate::api::v1::upgrades::{UpgradeCell, UpgradeChange, UpgradeSide, UpgradeTest, UpgradeView};
use crate::domain::id::{RunId, TestId};
use crate::plan::packages::{PACKAGES, normalised};
use crate::results::render::upgrade::reason;
use crate::results::upgrade::observed::Observed;
use crate::trends::upgrade::{Change, Effect, Outcome, SideRun, judge, wants_round};
use std::collections::{BTreeMap, BTreeSet};

/// A test with its runs on both sides.
#[derive(Debug, Clone)]
pub struct Tested {
    name: String,
    labels: BTreeMap<String, String>,
    is_pinned: bool,
    is_quarantined: bool,
    /// Its runs before and after.
    sides: [Vec<SideRun>; 2],
    /// Versions of its packages before and after, as it reported them.
    packages: [BTreeMap<String, String>; 2],
    newest: [Option<TestId>; 2],
}

impl Tested {
    /// A test with these labels, before its runs.
    #[must_use]
    pub fn new(name: &str, labels: BTreeMap<String, String>) -> Self {
        Self {
            name: name.to_owned(),
            is_pinned: labels.contains_key(PACKAGES),
            labels,
            is_quarantined: false,
            sides: Default::default(),
            packages: Default::default(),
            newest: Default::default(),
        }
    }

    /// Whether packages are pinned for it. The upgrade does not change another test.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// Adds a run on one side: 0 is before, 1 after.
    pub fn add(&mut self, side: usize, observed: Observed) {
        self.is_pinned |= observed.labels.contains_key(PACKAGES);
        self.is_quarantined |= observed.is_quarantined;
        self.newest[side] = self.newest[side].max(Some(observed.test));
        self.sides[side].push(observed.run);
        self.packages[side].extend(observed.packages);
    }

    /// Whether another round may change the verdict.
    #[must_use]
    pub fn wants_round(&self) -> bool {
        let [before, after] = &self.sides;
        wants_round(before, after, self.dtype())
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

    fn dtype(&self) -> Option<&str> {
        self.labels.get("dtype").map(String::as_str)
    }

    fn label(&self, name: &str) -> String {
        self.labels.get(name).cloned().unwrap_or_default()
    }

    fn judged(&self, pinned: &BTreeSet<String>) -> Outcome {
        let not_run = |why: String| Outcome {
            effect: Effect::NotRun,
            message: Some(why),
            changes: Vec::new(),
            output_difference: None,
        };
        if !self.is_pinned {
            let why = "it uses the environment of the worker, which the upgrade does not change";
            return not_run(why.to_owned());
        }
        let [before, after] = &self.sides;
        match self.unchanged(pinned) {
            Some(same) => not_run(format!("both sides have {same}")),
            None => judge(before, after, self.dtype()),
        }
    }

    fn row(&self, pinned: &BTreeSet<String>) -> UpgradeTest {
        let Outcome { effect, message, changes, output_difference } = self.judged(pinned);
        let model = match self.label("model") {
            model if model.is_empty() => self.name.clone(),
            model => model,
        };
        UpgradeTest {
            test: self.name.clone(),
            model,
            backend: self.label("backend"),
            effect,
            is_quarantined: self.is_quarantined,
            runs: [self.sides[0].len(), self.sides[1].len()],
            newest: self.newest,
            message,
            changes: changes.into_iter().map(change).collect(),
            output_difference: output_difference.filter(|distance| distance.is_finite()),
            has_other_shape: output_difference.is_some_and(|distance| !distance.is_finite()),
        }
    }
}

/// One side of the comparison.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// Pinned packages; empty for the versions that the plan resolves to.
    pub pins: String,
    /// Normalised names of the pinned packages.
    pub pinned: BTreeSet<String>,
    pub runs: Vec<RunId>,
    packages: BTreeMap<String, BTreeSet<String>>,
}

impl Side {
    /// A side with these pins, before its runs.
    #[must_use]
    pub fn new(pins: String, pinned: BTreeSet<String>) -> Self {
        Self { pins, pinned, ..Self::default() }
    }

    /// Adds the versions that a test reported.
    pub fn add(&mut self, packages: &BTreeMap<String, String>) {
        for (name, version) in packages {
            self.packages.entry(name.clone()).or_default().insert(version.clone());
        }
    }

    fn view(self) -> UpgradeSide {
        let joined = |versions: BTreeSet<String>| {
            versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let packages = self.packages.into_iter();
        let packages = packages.map(|(name, versions)| (name, joined(versions))).collect();
        UpgradeSide { pins: self.pins, runs: self.runs, packages }
    }
}

/// The effect on these tests. `left_out` is the number of tests that the upgrade does not change and that
/// are not among them.
#[must_use]
pub fn verdict([before, after]: [Side; 2], tested: &[Tested], left_out: u64) -> UpgradeView {
    let pinned = before.pinned.union(&after.pinned).cloned().collect();
    let tests: Vec<UpgradeTest> = tested.iter().map(|test| test.row(&pinned)).collect();
    let mut groups: BTreeMap<(&str, &str), Vec<&UpgradeTest>> = BTreeMap::new();
    for row in &tests {
        groups.entry((&row.model, &row.backend)).or_default().push(row);
    }
    let mut cells: Vec<UpgradeCell> = groups.into_values().filter_map(|rows| cell(&rows)).collect();
    cells.sort_by_key(|cell| cell.effect);
    let mut counted = tests.iter().filter(|row| !row.is_quarantined).peekable();
    let is_safe =
        left_out == 0 && counted.peek().is_some() && counted.all(|row| !row.effect.is_risk());
    let totals = counts(tests.iter().map(|row| row.effect));
    let (before, after) = (before.view(), after.view());
    UpgradeView { schema: SCHEMA, before, after, is_safe, left_out, totals, cells, tests }
}

fn counts(effects: impl Iterator<Item = Effect>) -> BTreeMap<Effect, usize> {
    let mut counts = BTreeMap::new();
    for effect in effects {
        *counts.entry(effect).or_default() += 1;
    }
    counts
}

fn change(change: Change) -> UpgradeChange {
    let Change { metric, unit, judgement } = change;
    UpgradeChange {
        metric,
        unit,
        verdict: judgement.verdict,
        direction: judgement.direction,
        before: judgement.before,
        after: judgement.after,
        change: judgement.change,
        z: judgement.z,
        n_before: judgement.n_before,
        n_after: judgement.n_after,
    }
}

fn cell(rows: &[&UpgradeTest]) -> Option<UpgradeCell> {
    let worst = rows.iter().min_by_key(|row| row.effect)?;
    Some(UpgradeCell {
        model: worst.model.clone(),
        backend: worst.backend.clone(),
        effect: worst.effect,
        tests: counts(rows.iter().map(|row| row.effect)),
        reason: reason(worst),
        test: worst.test.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::upgrade::fixture::{both, observed};
    use crate::trends::upgrade::Ending;

    fn passed() -> Observed {
        observed("a/1", "a", Ending::Passed)
    }

    fn view(tested: &[Tested]) -> UpgradeView {
        let side = || Side::new(String::new(), ["x".to_owned()].into());
        verdict([side(), side()], tested, 0)
    }

    #[test]
    fn a_cell_has_the_worst_effect_of_its_tests_and_the_first_reason() {
        let failed = Ending::Failed("wrong".to_owned());
        let view = view(&[
            both(passed(), passed()),
            both(observed("a/2", "a", Ending::Passed), observed("a/2", "a", failed)),
            both(observed("b", "b", Ending::Passed), observed("b", "b", Ending::Passed)),
        ]);
        let cells = view.cells.iter().map(|cell| (&*cell.model, cell.effect, &*cell.reason));
        let expected = [("a", Effect::Broken, "wrong"), ("b", Effect::Same, "")];
        assert_eq!(cells.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_upgrade_is_safe_only_if_everything_that_counts_ran_and_was_compared() {
        let same = || both(passed(), passed());
        assert!(view(&[same()]).is_safe);
        assert!(!view(&[]).is_safe);
        let absent = || observed("a/2", "a", Ending::NotRun("no worker".to_owned()));
        let mut flaky = passed();
        flaky.run.flaky = true;
        let mut unclear = passed();
        unclear.run.errors.insert("reference.rms".to_owned(), 1e-7);
        let unchanged =
            || Observed { packages: [("X".to_owned(), "3".to_owned())].into(), ..passed() };
        let plain = || Observed { labels: BTreeMap::new(), ..passed() };
        for (test, effect) in [
            (both(passed(), absent()), Effect::NotRun),
            (both(passed(), flaky), Effect::Flaky),
            (both(unclear, passed()), Effect::Unclear),
            (both(unchanged(), unchanged()), Effect::NotRun),
            (both(plain(), plain()), Effect::NotRun),
        ] {
            let view = view(&[same(), test]);
            assert_eq!((view.tests[1].effect, view.is_safe), (effect, false));
        }
        let quarantined = || both(passed(), Observed { is_quarantined: true, ..absent() });
        assert!(view(&[same(), quarantined()]).is_safe);
        assert!(!view(&[quarantined()]).is_safe, "nothing that counts was compared");
        let sides = [Side::default(), Side::default()];
        assert!(!verdict(sides, &[same()], 1).is_safe, "a test was left out");
    }
}
