//! Finds the test that a user names: `logs` and `why` take an id, a name, or a part of a name.
//!
//! A name is searched in the newest runs first. A part of a name must match one test of its run.
//! Limits: [`MAX_RUNS`] runs are searched, [`MAX_LISTED`] names shown.

use crate::api::v1::test_views::TestView;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::stored::Source;
use crate::domain::id::{AttemptId, TestId};
use crate::results::render::words::plain;

/// Maximum number of runs that are searched for a name.
pub const MAX_RUNS: u32 = 50;
/// Maximum number of names in an error message.
const MAX_LISTED: usize = 10;
const NAME_CHARS: usize = 120;

/// The test or attempt that a user named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Attempt(AttemptId),
    Test(TestId),
}

/// Reads an id, or finds the test with this name.
pub async fn find(source: &Source, wanted: &str) -> Result<What, CliError> {
    if let Ok(attempt) = wanted.parse() {
        return Ok(What::Attempt(attempt));
    }
    if let Ok(test) = wanted.parse() {
        return Ok(What::Test(test));
    }
    if wanted.trim().is_empty() {
        return Err(CliError::usage("the name of the test is empty").hint(HINT));
    }
    let mut parts = Vec::new();
    for run in source.newest_runs(MAX_RUNS).await? {
        let tests = source.tests_named(run, wanted).await?;
        if let Some(test) = tests.iter().find(|test| test.name == wanted) {
            return Ok(What::Test(test.test));
        }
        if parts.is_empty() {
            parts = tests;
        }
    }
    only(wanted, &parts).map(What::Test)
}

const HINT: &str = "dtf report lists the tests with their ids and names";

/// Returns the only test in `found`, which are the tests of a run whose names contain `wanted`.
fn only(wanted: &str, tests: &[TestView]) -> Result<TestId, CliError> {
    match tests {
        [test] => Ok(test.test),
        [] => {
            let wanted = plain(wanted, NAME_CHARS);
            let message = format!("no test of the newest runs has {wanted:?} in its name");
            Err(CliError::new(message).with_exit(Exit::NoTest).hint(HINT))
        }
        several => {
            let mut listed: Vec<String> = several
                .iter()
                .take(MAX_LISTED)
                .map(|test| format!("\n  {} {}", test.test, plain(&test.name, NAME_CHARS)))
                .collect();
            if several.len() > MAX_LISTED {
                listed.push("\n  and more".to_owned());
            }
            let wanted = plain(wanted, NAME_CHARS);
            Err(CliError::usage(format!(
                "several tests have {wanted:?} in their names:{}",
                listed.concat()
            ))
            .hint("give more of the name, or the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(index: u32, name: &str) -> TestView {
        serde_json::from_value(serde_json::json!({
            "test": format!("r3.t{index}"), "name": name, "phase": "done", "attempts": 1,
            "labels": {},
        }))
        .expect("a test")
    }

    #[test]
    fn a_part_of_a_name_must_mean_one_test() {
        let one = [test(4, "bert/cpu/load")];
        assert_eq!(only("load", &one).expect("one").to_string(), "r3.t4");
        let none = only("lod", &[]).expect_err("none");
        assert_eq!(none.exit, Exit::NoTest);
        let many: Vec<_> = (0..12).map(|n| test(n, &format!("bert/\u{1b}cpu/b{n}"))).collect();
        let several = only("bert", &many).expect_err("several");
        assert!(several.message.contains("\n  r3.t0 bert/\\u{1b}cpu/b0\n"), "{several:?}");
        assert!(several.message.ends_with("and more"), "{several:?}");
    }
}
