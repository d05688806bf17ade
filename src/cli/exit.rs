//! Exit codes: one table, documented in `dtf --help` and README.md.

use crate::api::v1::reports::Totals;
use crate::domain::outcome::{Class, Outcome};
use crate::sys::shutdown::Signal;
use std::process::ExitCode;

pub const PASSED: u8 = 0;
/// dtf itself failed.
pub const FAILED: u8 = 1;
pub const USAGE: u8 = 2;
pub const AUTHENTICATION: u8 = 4;
/// A filter or plan that names no test, or a run in which nothing ran.
pub const NO_TEST: u8 = 5;
/// Not done when the wait timed out.
pub const PENDING: u8 = 8;
pub const TESTS_FAILED: u8 = 100;
/// No test failed by itself, but some never got to a verdict: infrastructure errors, tests that
/// were cancelled, and those that waited for too long.
pub const INFRASTRUCTURE: u8 = 101;
/// Some tests found no worker that can run them; nothing else is wrong.
pub const UNSCHEDULABLE: u8 = 102;
/// By ctrl-c: 128 and the number of SIGINT.
pub const INTERRUPTED: u8 = 130;
/// By SIGTERM, as from `kill` or a CI system that cancels.
pub const TERMINATED: u8 = 143;

/// The exit code of a command that a signal ended.
#[must_use]
pub fn of_signal(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => INTERRUPTED,
        Signal::Terminate => TERMINATED,
    }
}

/// What a finished run means for the exit code. Flaky tests count as passed, or as failed.
#[must_use]
pub fn of_run(totals: &Totals, fail_on_flaky: bool) -> u8 {
    let count = |outcome| totals.outcomes.get(&outcome).copied().unwrap_or(0);
    let set_up = totals.errors.get(&Class::SetUp).copied().unwrap_or(0);
    let own = count(Outcome::Failed)
        + count(Outcome::TimedOut)
        + count(Outcome::Error).saturating_sub(set_up);
    let infrastructure =
        set_up + count(Outcome::WorkerLost) + count(Outcome::Expired) + count(Outcome::Cancelled);
    if own > 0 || (fail_on_flaky && totals.flaky > 0) {
        TESTS_FAILED
    } else if infrastructure > 0 {
        INFRASTRUCTURE
    } else if count(Outcome::Skipped) > totals.all_skipped {
        UNSCHEDULABLE
    } else if totals.tests == totals.all_skipped {
        NO_TEST
    } else {
        PASSED
    }
}

pub fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            of_run(&totals(&[&[passed], more].concat(), set_up), false)
        };
        assert_eq!(of(&[], 0), PASSED);
        assert_eq!(of(&[(Outcome::Skipped, 2)], 0), UNSCHEDULABLE);
        assert_eq!(of(&[(Outcome::Error, 1), (Outcome::Skipped, 2)], 1), INFRASTRUCTURE);
        assert_eq!(of(&[(Outcome::Error, 2)], 1), TESTS_FAILED);
        assert_eq!(of(&[(Outcome::WorkerLost, 1)], 0), INFRASTRUCTURE);
        // Tests whose own cases were all skipped are no trouble, unless there is nothing else.
        let all_skipped = |outcomes: &[_], all_skipped| {
            of_run(&Totals { all_skipped, ..totals(outcomes, 0) }, false)
        };
        assert_eq!(all_skipped(&[passed, (Outcome::Skipped, 2)], 2), PASSED);
        assert_eq!(all_skipped(&[passed, (Outcome::Skipped, 3)], 2), UNSCHEDULABLE);
        assert_eq!(all_skipped(&[(Outcome::Failed, 1), (Outcome::Skipped, 2)], 2), TESTS_FAILED);
        assert_eq!(all_skipped(&[(Outcome::Skipped, 2)], 2), NO_TEST);
        assert_eq!(of(&[(Outcome::Cancelled, 1)], 0), INFRASTRUCTURE);
        assert_eq!(of_run(&Totals::default(), true), NO_TEST);
        let flaky = Totals { flaky: 1, ..totals(&[passed], 0) };
        assert_eq!([false, true].map(|fails| of_run(&flaky, fails)), [PASSED, TESTS_FAILED]);
    }
}
