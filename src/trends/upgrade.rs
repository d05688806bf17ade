//! The effect of an upgrade of packages on one test: its runs before and after, as a verdict.
//!
//! The module is pure. Promises: a side that did not run is never a failure or a success; results that
//! differ between equal runs are flaky, not broken; a change of a metric counts only beyond the limits
//! of [`crate::trends::sides`], and a change that may be noise is unclear, not absent. What only one
//! side reported was not compared, and is unclear.

use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::limits::{Better, Kind, Limits};
use crate::trends::robust::median;
use crate::trends::sides::compare;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of names in a message.
const MAX_NAMED: usize = 5;
/// Number of rounds that decide whether a result that differs between the sides is flaky.
const CONFIRMING: usize = 3;
/// Smallest difference of outputs that counts, relative to the output before, by precision: ten times
/// what two runs on one device may differ by in fp32, twice in half precision. Other numbers of threads
/// and other orders of sums stay below.
const OUTPUT_LIMITS: [(&str, f64); 3] = [("fp32", 1e-5), ("fp16", 2e-3), ("bf16", 1.6e-2)];

/// How a test ended on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Passed,
    /// The test itself failed, with the message.
    Failed(String),
    /// There is no result of the test itself, for this reason.
    NotRun(String),
}

/// A metric of one run of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub median: f64,
    pub unit: String,
    pub better: Better,
}

/// One run of a test on one side.
#[derive(Debug, Clone, PartialEq)]
pub struct SideRun {
    pub ending: Ending,
    /// It passed only after a failed attempt.
    pub flaky: bool,
    pub metrics: BTreeMap<String, Value>,
    /// Errors of numeric checks, by `CHECK.STATISTIC`.
    pub errors: BTreeMap<String, f64>,
    /// Random projection of the output (`output_sketch`), with the shape of the output.
    pub sketch: Option<Sketch>,
}

/// A random projection of an output. The distance of two estimates that of the outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    pub shape: Vec<u64>,
    pub values: Vec<f64>,
}

/// The verdict about a test, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It passed before and fails after.
    Broken,
    /// A side has no result of the test itself.
    NotRun,
    /// Equal runs gave different results.
    Flaky,
    /// It failed on both sides.
    BrokenBefore,
    /// A metric is worse beyond the limits: slower, or with more memory.
    Worse,
    /// A metric changed, but there are too few runs to separate it from noise, or only one side reported
    /// it.
    Unclear,
    /// The output or the error against the reference is another one.
    Different,
    /// It failed before and passes after.
    Fixed,
    /// A metric is better beyond the limits.
    Better,
    Same,
}

impl Effect {
    pub const ALL: [Self; 10] = [
        Self::Broken,
        Self::NotRun,
        Self::Flaky,
        Self::BrokenBefore,
        Self::Worse,
        Self::Unclear,
        Self::Different,
        Self::Fixed,
        Self::Better,
        Self::Same,
    ];

    /// The word in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRun => "not_run",
            Self::BrokenBefore => "broken_before",
            other => other.words(),
        }
    }

    /// The verdict for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::NotRun => "not run",
            Self::Flaky => "flaky",
            Self::BrokenBefore => "broken before",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
            Self::Different => "different",
            Self::Fixed => "fixed",
            Self::Better => "better",
            Self::Same => "same",
        }
    }

    /// Whether the verdict speaks against the upgrade, or leaves that open.
    #[must_use]
    pub fn is_risk(self) -> bool {
        matches!(self, Self::Broken | Self::NotRun | Self::Flaky | Self::Worse | Self::Unclear)
    }
}

/// Comparison of one metric or numeric error.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub metric: String,
    pub unit: String,
    pub judgement: Judgement,
}

/// The verdict about a test with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub effect: Effect,
    /// Why a side failed or did not run, or what could not be compared.
    pub message: Option<String>,
    /// Metrics and errors that changed beyond the limits, or may have.
    pub changes: Vec<Change>,
    /// Distance of the outputs relative to the output before. Absent if a side has no output.
    pub output_difference: Option<f64>,
}

/// Compares the runs of a test on the two sides. `dtype` is its precision, if it has one.
#[must_use]
pub fn judge(before: &[SideRun], after: &[SideRun], dtype: Option<&str>) -> Outcome {
    let sides = [before, after];
    let ended =
        |effect, message| Outcome { effect, message, changes: Vec::new(), output_difference: None };
    for (side, name) in sides.into_iter().zip(["before", "after"]) {
        let reason = side.iter().rev().find_map(|run| match &run.ending {
            Ending::NotRun(reason) => Some(reason.clone()),
            _ => None,
        });
        let has_result = side.iter().any(|run| !matches!(run.ending, Ending::NotRun(_)));
        if !has_result {
            let reason = reason.unwrap_or_else(|| "the test is not part of this side".to_owned());
            return ended(Effect::NotRun, Some(format!("{name}: {reason}")));
        }
    }
    let (passed, failed) = (sides.map(passed), sides.map(failure));
    let mixed = (0..2).any(|side| passed[side] && failed[side].is_some());
    if mixed || sides.iter().any(|side| side.iter().any(|run| run.flaky)) {
        let message = failed[1].clone().or(failed[0].clone());
        return ended(Effect::Flaky, message);
    }
    match failed {
        [None, Some(message)] => ended(Effect::Broken, Some(message)),
        [Some(_), Some(message)] => ended(Effect::BrokenBefore, Some(message)),
        [Some(message), None] => ended(Effect::Fixed, Some(format!("before: {message}"))),
        [None, None] => numbers(before, after, dtype),
    }
}

fn passed(side: &[SideRun]) -> bool {
    side.iter().any(|run| run.ending == Ending::Passed)
}

fn failure(side: &[SideRun]) -> Option<String> {
    side.iter().find_map(|run| match &run.ending {
        Ending::Failed(message) => Some(message.clone()),
        _ => None,
    })
}

/// The verdict about a test that passed on both sides.
fn numbers(before: &[SideRun], after: &[SideRun], dtype: Option<&str>) -> Outcome {
    let mut changes = changes(before, after);
    let message = uncompared(before, after);
    let output_difference = output_difference(before, after);
    let limit = OUTPUT_LIMITS.iter().find(|(name, _)| Some(*name) == dtype);
    let limit = limit.map_or(OUTPUT_LIMITS[0].1, |(_, limit)| *limit);
    let is_different = output_difference.is_some_and(|difference| difference > limit);
    let has = |wanted: &dyn Fn(&Change) -> bool| changes.iter().any(wanted);
    let measured = |change: &Change| change.unit != ERROR_UNIT;
    let goes = |change: &Change, direction| {
        change.judgement.verdict == Verdict::Confirmed && change.judgement.direction == direction
    };
    let effect = if has(&|change| measured(change) && goes(change, Direction::Worse)) {
        Effect::Worse
    } else if message.is_some()
        || has(&|change| measured(change) && change.judgement.verdict == Verdict::InsufficientData)
    {
        Effect::Unclear
    } else if is_different || has(&|change| !measured(change)) {
        Effect::Different
    } else if has(&|change| goes(change, Direction::Better)) {
        Effect::Better
    } else {
        Effect::Same
    };
    changes.sort_by(|a, b| size(b).total_cmp(&size(a)));
    Outcome { effect, message, changes, output_difference }
}

/// Names the metrics, numeric errors and outputs that only one side reported.
fn uncompared(before: &[SideRun], after: &[SideRun]) -> Option<String> {
    let [before, after] = [before, after].map(|side| {
        let reported = |run: &'_ SideRun| {
            let names = run.metrics.keys().chain(run.errors.keys()).cloned();
            names.chain(run.sketch.is_some().then(|| "its output".to_owned())).collect::<Vec<_>>()
        };
        side.iter().flat_map(reported).collect::<BTreeSet<String>>()
    });
    let only = |side: &BTreeSet<String>, other: &BTreeSet<String>, name: &str| {
        let names: Vec<&str> = side.difference(other).map(String::as_str).collect();
        let (shown, more) = names.split_at_checked(MAX_NAMED).unwrap_or((names.as_slice(), &[]));
        let more =
            if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        (!names.is_empty()).then(|| format!("only {name}: {}{more}", shown.join(", ")))
    };
    let parts = [only(&before, &after, "before"), only(&after, &before, "after")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("not compared, reported {}", parts.join("; ")))
}

/// Unit of a numeric error among the changes.
const ERROR_UNIT: &str = "error";

/// How large a change is, in either direction.
fn size(change: &Change) -> f64 {
    change.judgement.change.map_or(f64::INFINITY, |ratio| ratio.abs().ln().abs())
}

/// Metrics and errors that changed beyond the limits, or may have: with too few runs, those whose
/// medians differ by more than the limit.
fn changes(before: &[SideRun], after: &[SideRun]) -> Vec<Change> {
    let mut changes = Vec::new();
    let names: BTreeSet<&String> = before.iter().flat_map(|run| run.metrics.keys()).collect();
    for name in names {
        let of = |side: &[SideRun]| -> Vec<Value> {
            side.iter().filter_map(|run| run.metrics.get(name).cloned()).collect()
        };
        let (from, to) = (of(before), of(after));
        let Some(Value { unit, better, .. }) = from.first().cloned() else { continue };
        let limits = Limits::of(Kind::of_unit(&unit));
        let medians = |side: &[Value]| side.iter().map(|value| value.median).collect::<Vec<_>>();
        let judgement = compare(&medians(&from), &medians(&to), Some(better), limits);
        if counts(&judgement, limits) {
            changes.push(Change { metric: name.clone(), unit, judgement });
        }
    }
    let names: BTreeSet<&String> = before.iter().flat_map(|run| run.errors.keys()).collect();
    let limits = Limits::of(Kind::NumericError);
    for name in names {
        let of = |side: &[SideRun]| -> Vec<f64> {
            side.iter().filter_map(|run| run.errors.get(name).copied()).collect()
        };
        let judgement = compare(&of(before), &of(after), Some(Better::Lower), limits);
        // An error is computed, not measured: one run shows it. Improvements are not listed.
        let grew = median(&of(before)).zip(median(&of(after)));
        if grew.is_some_and(|(from, to)| to - from > limits.change * from.abs()) {
            changes.push(Change { metric: name.clone(), unit: ERROR_UNIT.to_owned(), judgement });
        }
    }
    changes
}

fn counts(judgement: &Judgement, limits: Limits) -> bool {
    match judgement.verdict {
        Verdict::InsufficientData => {
            let sides = judgement.before.zip(judgement.after);
            sides.is_some_and(|(from, to)| (to - from).abs() > limits.change * from.abs())
        }
        Verdict::Confirmed => true,
        _ => false,
    }
}

/// The smallest distance of an output after from one before, relative to that before: other differences
/// are those between equal runs. Outputs of different shapes are infinitely apart.
fn output_difference(before: &[SideRun], after: &[SideRun]) -> Option<f64> {
    let sketches =
        |side: &'_ [SideRun]| side.iter().filter_map(|run| run.sketch.clone()).collect::<Vec<_>>();
    let (before, after) = (sketches(before), sketches(after));
    let pairs = before.iter().flat_map(|from| after.iter().map(move |to| from.distance(to)));
    pairs.min_by(f64::total_cmp)
}

impl Sketch {
    /// Distance to another sketch, relative to the size of this one.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        if self.shape != other.shape || self.values.len() != other.values.len() {
            return f64::INFINITY;
        }
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let size = norm(&mut self.values.iter().copied());
        let pairs = self.values.iter().zip(&other.values);
        match norm(&mut pairs.map(|(from, to)| to - from)) {
            0.0 => 0.0,
            difference => difference / size,
        }
    }
}

/// Whether another round may change the verdict: results that differ need `CONFIRMING` rounds, a
/// change of a metric the number of values that a verdict needs.
#[must_use]
pub fn wants_round(before: &[SideRun], after: &[SideRun], dtype: Option<&str>) -> bool {
    let rounds = before.len().min(after.len());
    let Outcome { effect, changes, .. } = judge(before, after, dtype);
    match effect {
        Effect::Broken | Effect::Fixed => rounds < CONFIRMING,
        // Another round does not make the other side report what it never reported.
        Effect::Unclear => !changes.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ending: Ending) -> SideRun {
        SideRun {
            ending,
            flaky: false,
            metrics: BTreeMap::new(),
            errors: BTreeMap::new(),
            sketch: None,
        }
    }

    fn passed() -> SideRun {
        run(Ending::Passed)
    }

    fn failed() -> SideRun {
        run(Ending::Failed("wrong".into()))
    }

    fn absent() -> SideRun {
        run(Ending::NotRun("cannot install".into()))
    }

    fn taking(seconds: f64) -> SideRun {
        let value = Value { median: seconds, unit: "seconds".into(), better: Better::Lower };
        SideRun { metrics: [("latency_seconds".to_owned(), value)].into(), ..passed() }
    }

    fn with_output(values: &[f64]) -> SideRun {
        let sketch = Sketch { shape: vec![1, 8], values: values.to_vec() };
        SideRun { sketch: Some(sketch), ..passed() }
    }

    #[test]
    fn results_of_both_sides_give_the_verdict() {
        let flaky = SideRun { flaky: true, ..passed() };
        for (before, after, effect) in [
            (vec![passed()], vec![failed()], Effect::Broken),
            (vec![failed()], vec![failed()], Effect::BrokenBefore),
            (vec![failed()], vec![passed()], Effect::Fixed),
            (vec![passed()], vec![passed()], Effect::Same),
            (vec![passed()], vec![absent()], Effect::NotRun),
            (vec![absent()], vec![failed()], Effect::NotRun),
            (vec![], vec![passed()], Effect::NotRun),
            (vec![passed(), failed()], vec![failed(), failed()], Effect::Flaky),
            (vec![passed(), passed()], vec![failed(), passed()], Effect::Flaky),
            (vec![passed()], vec![flaky], Effect::Flaky),
            // A side that ran once has a result.
            (vec![passed(), absent()], vec![failed(), failed()], Effect::Broken),
        ] {
            assert_eq!(judge(&before, &after, None).effect, effect, "{before:?} {after:?}");
        }
        let reason = judge(&[passed()], &[absent()], None).message;
        assert_eq!(reason.as_deref(), Some("after: cannot install"));
    }

    #[test]
    fn a_change_is_unclear_until_there_are_enough_rounds() {
        let rounds = |count, seconds: f64| vec![taking(seconds); count];
        let effect = |count, after| judge(&rounds(count, 1.0), &rounds(count, after), None).effect;
        assert_eq!(effect(1, 1.02), Effect::Same);
        assert_eq!(
            [effect(1, 1.2), effect(4, 1.2), effect(5, 1.2)],
            [Effect::Unclear, Effect::Unclear, Effect::Worse]
        );
        assert_eq!(effect(5, 0.8), Effect::Better);
        assert!(wants_round(&rounds(4, 1.0), &rounds(4, 1.2), None));
        assert!(!wants_round(&rounds(5, 1.0), &rounds(5, 1.2), None));
        assert!(wants_round(&[passed()], &[failed()], None));
        assert!(!wants_round(&[failed()], &[failed()], None));
    }

    #[test]
    fn outputs_and_errors_are_compared_with_the_side_before() {
        let before = with_output(&[3.0, 4.0]);
        let effect = |after: &SideRun, dtype| {
            judge(std::slice::from_ref(&before), std::slice::from_ref(after), dtype)
        };
        assert_eq!(effect(&before, None).effect, Effect::Same);
        let near = with_output(&[3.0, 4.001]);
        assert_eq!(effect(&near, Some("fp32")).effect, Effect::Different);
        assert_eq!(effect(&near, Some("fp16")).effect, Effect::Same);
        let difference = effect(&near, None).output_difference.expect("outputs");
        assert!((difference - 2e-4).abs() < 1e-9, "{difference}");
        let other = SideRun {
            sketch: Some(Sketch { shape: vec![2, 4], values: vec![3.0, 4.0] }),
            ..passed()
        };
        assert_eq!(effect(&other, Some("bf16")).output_difference, Some(f64::INFINITY));
        let error = |size| SideRun {
            errors: [("reference.rms_ratio".to_owned(), size)].into(),
            ..passed()
        };
        let grown = judge(&[error(1e-7)], &[error(1e-6)], None);
        assert_eq!((grown.effect, grown.changes.len()), (Effect::Different, 1));
        assert_eq!(judge(&[error(1e-6)], &[error(2e-6)], None).effect, Effect::Same);
        assert_eq!(judge(&[error(1e-6)], &[error(1e-7)], None).effect, Effect::Same);
        let from_zero = judge(&[error(0.0)], &[error(0.1)], None);
        assert_eq!((from_zero.effect, from_zero.changes.len()), (Effect::Different, 1));
        assert_eq!(judge(&[error(0.0)], &[error(0.0)], None).effect, Effect::Same);
    }

    #[test]
    fn what_only_one_side_reports_is_not_compared() {
        let error = || SideRun { errors: [("reference.rms".to_owned(), 1e-7)].into(), ..passed() };
        for (before, after, reported) in [
            (taking(1.0), passed(), "only before: latency_seconds"),
            (passed(), taking(1.0), "only after: latency_seconds"),
            (error(), passed(), "only before: reference.rms"),
            (with_output(&[1.0]), error(), "only before: its output; only after: reference.rms"),
        ] {
            let (before, after) = ([before], [after]);
            let outcome = judge(&before, &after, None);
            assert_eq!(outcome.effect, Effect::Unclear, "{reported}");
            let message = outcome.message.expect(reported);
            assert_eq!(message, format!("not compared, reported {reported}"));
            assert!(!wants_round(&before, &after, None), "{reported}");
        }
        // A regression that is known is not hidden by it.
        let slower = SideRun { errors: error().errors, ..taking(1.2) };
        let outcome = judge(&vec![taking(1.0); 5], &vec![slower; 5], None);
        assert_eq!(outcome.effect, Effect::Worse);
    }
}
