//! Exit codes: one table, documented in `dtf --help` and README.md.

use crate::api::v1::reports::Totals;
use crate::api::v1::upgrades::{UpgradeTest, UpgradeView};
use crate::domain::outcome::{Class, Outcome};
use crate::sys::shutdown::Signal;
use crate::trends::upgrade::Effect;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// How a command ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Passed = 0,
    /// dtf itself failed.
    Failed = 1,
    Usage = 2,
    Authentication = 4,
    /// A filter or a plan matched no test, no test of a run ran, or there is no object with the given id.
    NoTest = 5,
    /// The run was not finished when the wait timed out.
    Pending = 8,
    TestsFailed = 100,
    /// No test failed, but some have no verdict: infrastructure errors, cancelled tests, and
    /// tests that expired while they waited.
    Infrastructure = 101,
    /// No worker can run some of the tests; everything else passed.
    Unschedulable = 102,
    /// Ended by Ctrl-C: 128 and the number of SIGINT.
    Interrupted = 130,
    /// Ended by SIGTERM, as `kill` or a CI system that cancels sends it.
    Terminated = 143,
}

impl Exit {
    /// The exit code of a command that a signal ended.
    #[must_use]
    pub fn of_signal(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::Interrupted,
            Signal::Terminate => Self::Terminated,
        }
    }

    /// The exit code of a command that wrote files with the report: a missing file is a failure of dtf,
    /// unless the results have their own code, which a CI system must see.
    #[must_use]
    pub fn with_files(self, is_complete: bool) -> Self {
        match self {
            Self::Passed if !is_complete => Self::Failed,
            other => other,
        }
    }

    /// The exit code for an upgrade: success only if it is safe. That of failed tests if something became
    /// worse, that of a missing verdict if a test did not run, is flaky or unclear, and that of no test
    /// if nothing that counts ran on both sides.
    #[must_use]
    pub fn of_upgrade(view: &UpgradeView) -> Self {
        let counted = || view.tests.iter().filter(|row| !row.is_quarantined);
        let ran = |row: &UpgradeTest| row.runs.iter().all(|runs| *runs > 0);
        if view.is_safe {
            Self::Passed
        } else if counted().any(|row| matches!(row.effect, Effect::Broken | Effect::Worse)) {
            Self::TestsFailed
        } else if counted().any(ran) {
            Self::Infrastructure
        } else {
            Self::NoTest
        }
    }

    /// The exit code for the results of a finished run. Flaky tests count as passed unless
    /// `fail_on_flaky` is set. Tests in quarantine do not count, unless no test ran.
    #[must_use]
    pub fn of_run(totals: &Totals, fail_on_flaky: bool) -> Self {
        let exempt = &totals.quarantined;
        let count = |outcome| {
            let of = |counts: &BTreeMap<_, u64>| counts.get(&outcome).copied().unwrap_or(0);
            of(&totals.outcomes).saturating_sub(of(&exempt.outcomes))
        };
        let set_up = |errors: &BTreeMap<_, u64>| errors.get(&Class::SetUp).copied().unwrap_or(0);
        let set_up = set_up(&totals.errors).saturating_sub(set_up(&exempt.errors));
        let all_skipped = totals.all_skipped.saturating_sub(exempt.all_skipped);
        let flaky = totals.flaky.saturating_sub(exempt.flaky);
        let own = count(Outcome::Failed)
            + count(Outcome::ReducedPrecision)
            + count(Outcome::TimedOut)
            + count(Outcome::Error).saturating_sub(set_up);
        let infrastructure = set_up
            + count(Outcome::WorkerLost)
            + count(Outcome::Expired)
            + count(Outcome::Cancelled);
        if own > 0 || (fail_on_flaky && flaky > 0) {
            Self::TestsFailed
        } else if infrastructure > 0 {
            Self::Infrastructure
        } else if count(Outcome::Skipped) > all_skipped {
            Self::Unschedulable
        } else if totals.tests == totals.all_skipped {
            Self::NoTest
        } else {
            Self::Passed
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::marks::QuarantinedTotals;

    fn totals(outcomes: &[(Outcome, u64)], set_up: u64) -> Totals {
        Totals {
            tests: outcomes.iter().map(|(_, count)| count).sum(),
            outcomes: outcomes.iter().copied().collect(),
            errors: [(Class::SetUp, set_up)].into(),
            ..Totals::default()
        }
    }

    #[test]
    fn the_worst_decides() {
        let passed = (Outcome::Passed, 3);
        let of = |more: &[(Outcome, u64)], set_up| {
            Exit::of_run(&totals(&[&[passed], more].concat(), set_up), false)
        };
        assert_eq!(of(&[], 0), Exit::Passed);
        assert_eq!(of(&[(Outcome::Skipped, 2)], 0), Exit::Unschedulable);
        assert_eq!(of(&[(Outcome::ReducedPrecision, 1)], 0), Exit::TestsFailed);
        assert_eq!(of(&[(Outcome::Error, 1), (Outcome::Skipped, 2)], 1), Exit::Infrastructure);
        assert_eq!(of(&[(Outcome::Error, 2)], 1), Exit::TestsFailed);
        assert_eq!(of(&[(Outcome::WorkerLost, 1)], 0), Exit::Infrastructure);
        // Tests whose cases were all skipped do not count, unless there are no other tests.
        let all_skipped = |outcomes: &[_], all_skipped| {
            Exit::of_run(&Totals { all_skipped, ..totals(outcomes, 0) }, false)
        };
        assert_eq!(all_skipped(&[passed, (Outcome::Skipped, 2)], 2), Exit::Passed);
        assert_eq!(all_skipped(&[passed, (Outcome::Skipped, 3)], 2), Exit::Unschedulable);
        assert_eq!(
            all_skipped(&[(Outcome::Failed, 1), (Outcome::Skipped, 2)], 2),
            Exit::TestsFailed
        );
        assert_eq!(all_skipped(&[(Outcome::Skipped, 2)], 2), Exit::NoTest);
        assert_eq!(Exit::Passed.with_files(false), Exit::Failed);
        assert_eq!(Exit::TestsFailed.with_files(false), Exit::TestsFailed);
        assert_eq!(Exit::Passed.with_files(true), Exit::Passed);
        assert_eq!(of(&[(Outcome::Cancelled, 1)], 0), Exit::Infrastructure);
        assert_eq!(Exit::of_run(&Totals::default(), true), Exit::NoTest);
        // Tests in quarantine do not count, in whichever way they ended.
        let every = [
            passed,
            (Outcome::Failed, 1),
            (Outcome::Error, 2),
            (Outcome::WorkerLost, 1),
            (Outcome::Skipped, 2),
        ];
        let quarantined = QuarantinedTotals {
            tests: 6,
            outcomes: every[1..].iter().copied().collect(),
            errors: [(Class::SetUp, 1)].into(),
            flaky: 1,
            all_skipped: 1,
        };
        let all = Totals { flaky: 1, all_skipped: 1, quarantined, ..totals(&every, 1) };
        assert_eq!(Exit::of_run(&all, true), Exit::Passed);
        let mut more = all.clone();
        more.outcomes.insert(Outcome::WorkerLost, 2);
        assert_eq!(Exit::of_run(&more, true), Exit::Infrastructure, "one of them counts");
        more.outcomes.insert(Outcome::Failed, 2);
        assert_eq!(Exit::of_run(&more, true), Exit::TestsFailed, "one of them counts");
        let flaky = Totals { flaky: 1, ..totals(&[passed], 0) };
        assert_eq!(
            [false, true].map(|fails| Exit::of_run(&flaky, fails)),
            [Exit::Passed, Exit::TestsFailed]
        );
    }
    #[test]
    fn success_is_that_of_an_upgrade_that_is_safe() {
        let view = |is_safe: bool, tests: &[(&str, bool, [usize; 2])]| -> UpgradeView {
            let row = |(effect, is_quarantined, runs): &(&str, bool, [usize; 2])| {
                serde_json::json!({ "test": "a", "model": "a", "backend": "cpu", "effect": effect,
                    "is_quarantined": is_quarantined, "runs": runs, "newest": [null, null] })
            };
            let side = serde_json::json!({ "pins": "", "runs": [], "packages": {} });
            let tests: Vec<_> = tests.iter().map(row).collect();
            let view = serde_json::json!({ "schema": 1, "before": side, "after": side, "left_out": 0,
                "is_safe": is_safe, "totals": {}, "cells": [], "tests": tests });
            serde_json::from_value(view).expect("a view")
        };
        let ran = [1, 1];
        for (is_safe, tests, exit) in [
            (true, vec![("same", false, ran)], Exit::Passed),
            (false, vec![("same", false, ran), ("broken", false, ran)], Exit::TestsFailed),
            (false, vec![("not_run", false, [1, 0]), ("worse", false, ran)], Exit::TestsFailed),
            (false, vec![("same", false, ran), ("not_run", false, [0, 0])], Exit::Infrastructure),
            (false, vec![("flaky", false, ran)], Exit::Infrastructure),
            (false, vec![("unclear", false, ran), ("broken", true, ran)], Exit::Infrastructure),
            (false, vec![("not_run", false, [1, 0]), ("same", true, ran)], Exit::NoTest),
            (false, vec![], Exit::NoTest),
        ] {
            assert_eq!(Exit::of_upgrade(&view(is_safe, &tests)), exit, "{tests:?}");
        }
    }
}
