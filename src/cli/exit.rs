//! Exit codes: one table, documented in `dtf --help` and README.md.

use crate::api::v1::runs::RunCounts;
use crate::domain::outcome::Outcome;
use crate::sys::shutdown::Signal;
use std::process::ExitCode;

pub const PASSED: u8 = 0;
/// dtf itself failed.
pub const FAILED: u8 = 1;
pub const USAGE: u8 = 2;
pub const AUTHENTICATION: u8 = 4;
/// A filter or plan that names no test.
pub const NO_TEST: u8 = 5;
/// Not done when the wait timed out.
pub const PENDING: u8 = 8;
pub const TESTS_FAILED: u8 = 100;
/// No test failed by itself, but some never got to a verdict.
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

/// What a finished run means for the exit code. `set_up` are tests with outcome `error`
/// whose class is `set_up`, `unschedulable` those that no worker could run.
#[must_use]
pub fn of_run(counts: &RunCounts, set_up: u32, unschedulable: u32) -> u8 {
    let count = |outcome| counts.done.get(&outcome).copied().unwrap_or(0);
    let own = count(Outcome::Failed)
        + count(Outcome::TimedOut)
        + count(Outcome::Error).saturating_sub(set_up);
    let infrastructure =
        set_up + count(Outcome::WorkerLost) + count(Outcome::Expired) + count(Outcome::Cancelled);
    if own > 0 {
        TESTS_FAILED
    } else if infrastructure > 0 {
        INFRASTRUCTURE
    } else if unschedulable > 0 {
        UNSCHEDULABLE
    } else if counts.total == 0 {
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

    fn counts(done: &[(Outcome, u32)]) -> RunCounts {
        let total = done.iter().map(|(_, count)| count).sum();
        RunCounts { total, done: done.iter().copied().collect(), ..RunCounts::default() }
    }

    #[test]
    fn the_worst_decides() {
        let passed = (Outcome::Passed, 3);
        assert_eq!(of_run(&counts(&[passed]), 0, 0), PASSED);
        assert_eq!(of_run(&counts(&[passed, (Outcome::Skipped, 2)]), 0, 2), UNSCHEDULABLE);
        assert_eq!(of_run(&counts(&[passed, (Outcome::Error, 1)]), 1, 2), INFRASTRUCTURE);
        assert_eq!(of_run(&counts(&[passed, (Outcome::Error, 2)]), 1, 0), TESTS_FAILED);
        assert_eq!(of_run(&counts(&[passed, (Outcome::WorkerLost, 1)]), 0, 0), INFRASTRUCTURE);
        assert_eq!(of_run(&counts(&[]), 0, 0), NO_TEST);
    }
}
